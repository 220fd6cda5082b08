//! Colours. A series has one colour in every panel, and in every figure that is given the same [`Palette`].
//!
//! The colours of series differ for people with normal sight and for those without red or green receptors (a test simulates
//! both), and stand out from the ground by 3 : 1 at least. A series differs by its dashes and marker too, so that a copy in
//! grey can be read.

use crate::scene::Ink;

/// What a figure is shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white: print.
    #[default]
    Light,
    /// Light on dark.
    Dark,
    /// Light, or dark where the reader's screen is dark (SVG only; a PNG is light).
    Auto,
}

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

const LIGHT: [Rgb; 6] = [
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0x00, 0x9e, 0x73],
    [0x88, 0x22, 0x55],
    [0xcc, 0x79, 0xa7],
    [0x33, 0x33, 0x33],
];
const DARK: [Rgb; 6] = [
    [0x56, 0xb4, 0xe9],
    [0xe6, 0x9f, 0x00],
    [0x2f, 0xc0, 0x8f],
    [0xcc, 0x79, 0xa7],
    [0xf0, 0xe4, 0x42],
    [0xd5, 0xd5, 0xd5],
];
/// Steps of a surface from least to most: dark blue over grey to yellow, lighter with every step for every kind of sight (after
/// `cividis`, Nuñez, Anderton and Renslow 2018).
const RAMP: [Rgb; 6] = [
    [0x00, 0x22, 0x4e],
    [0x35, 0x45, 0x6c],
    [0x66, 0x69, 0x70],
    [0x94, 0x8e, 0x77],
    [0xc8, 0xb8, 0x66],
    [0xfe, 0xe8, 0x38],
];
/// Colours of a surface.
pub(crate) const RAMP_STEPS: usize = 24;

/// The colour of an ink; `dark` where the ground is.
pub(crate) fn colour(ink: Ink, dark: bool) -> Rgb {
    match (ink, dark) {
        (Ink::Ground, false) => [0xff, 0xff, 0xff],
        (Ink::Ground, true) => [0x16, 0x18, 0x1d],
        (Ink::Text, false) => [0x1f, 0x23, 0x28],
        (Ink::Text, true) => [0xe6, 0xe8, 0xeb],
        (Ink::Muted, false) => [0x59, 0x63, 0x6e],
        (Ink::Muted, true) => [0xa0, 0xa8, 0xb3],
        (Ink::Grid, false) => [0xd8, 0xdc, 0xe1],
        (Ink::Grid, true) => [0x3a, 0x40, 0x4a],
        (Ink::Series(i), false) => LIGHT[i % LIGHT.len()],
        (Ink::Series(i), true) => DARK[i % DARK.len()],
        (Ink::Ramp(step), _) => ramp(step),
    }
}

/// A colour between two anchors.
fn ramp(step: usize) -> Rgb {
    let at = step.min(RAMP_STEPS - 1) as f64 / (RAMP_STEPS - 1) as f64 * (RAMP.len() - 1) as f64;
    let below = (at as usize).min(RAMP.len() - 2);
    let part = at - below as f64;
    let mix = |i: usize| {
        let (a, b) = (f64::from(RAMP[below][i]), f64::from(RAMP[below + 1][i]));
        libm::round(a + (b - a) * part) as u8
    };
    [mix(0), mix(1), mix(2)]
}

/// As `#rrggbb`.
pub(crate) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Which series has which colour: give the same one to every figure of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    names: Vec<String>,
}

impl Palette {
    /// Colours for these series, in this order.
    pub fn of<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut palette = Self::default();
        for name in names {
            palette.add(&name.into());
        }
        palette
    }

    /// The place of a series; a new one gets the next.
    pub(crate) fn add(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// The place of a series that was added.
    pub(crate) fn place(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear light of one channel (IEC 61966-2-1).
    fn linear(channel: u8) -> f64 {
        let c = f64::from(channel) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let light = |[r, g, b]: Rgb| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (light(a) + 0.05, light(b) + 0.05);
        a.max(b) / a.min(b)
    }

    /// Normal sight, without red and without green receptors (Machado, Oliveira and Fernandes 2009, severity 1).
    const SIGHTS: [[[f64; 3]; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ];

    /// CIE L*a*b* as seen.
    fn seen(colour: Rgb, sight: &[[f64; 3]; 3]) -> [f64; 3] {
        let v = colour.map(linear);
        let v = sight.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0));
        let xyz = [
            (0.4124 * v[0] + 0.3576 * v[1] + 0.1805 * v[2]) / 0.950_47,
            0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2],
            (0.0193 * v[0] + 0.1192 * v[1] + 0.9505 * v[2]) / 1.088_83,
        ];
        let f = xyz.map(|t| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
        [116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])]
    }

    #[test]
    fn series_stand_out_from_the_ground_and_from_each_other_for_every_sight() {
        for dark in [false, true] {
            let ground = colour(Ink::Ground, dark);
            for ink in [Ink::Text, Ink::Muted] {
                assert!(contrast(colour(ink, dark), ground) >= 4.5, "{ink:?} {dark}");
            }
            for i in 0..LIGHT.len() {
                let one = colour(Ink::Series(i), dark);
                assert!(contrast(one, ground) >= 3.0, "series {i} {dark}");
                for (j, sight) in (0..i).flat_map(|j| SIGHTS.iter().map(move |s| (j, s))) {
                    let (a, b) = (seen(one, sight), seen(colour(Ink::Series(j), dark), sight));
                    let apart = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                    assert!(apart >= 12.0, "series {i} and {j} {dark}: {apart}");
                }
            }
        }
    }

    #[test]
    fn a_ramp_gets_lighter_with_every_step_for_every_sight() {
        for sight in &SIGHTS {
            let light: Vec<f64> =
                (0..RAMP_STEPS).map(|step| seen(colour(Ink::Ramp(step), false), sight)[0]).collect();
            assert!(light.windows(2).all(|pair| pair[1] > pair[0]), "{light:?}");
        }
    }

    #[test]
    fn a_series_keeps_its_place() {
        let mut palette = Palette::of(["kv", "round robin", "kv"]);
        assert_eq!((palette.place("kv"), palette.place("round robin"), palette.add("third")), (0, 1, 2));
    }
}
