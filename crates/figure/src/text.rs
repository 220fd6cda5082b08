//! How wide a text is, and its outlines: from one embedded font (`font/README.md` says which), so that no picture
//! depends on what is installed.

use ttf_parser::{Face, OutlineBuilder};

const BYTES: &[u8] = include_bytes!("../font/DejaVuSans-subset.ttf");
/// What an SVG asks for: the font that was measured, then its likes, then narrower ones.
pub(crate) const FAMILY: &str = "'DejaVu Sans',Verdana,Arial,sans-serif";
/// Height of a line over its size.
pub(crate) const LINE: f64 = 1.35;

/// The embedded font.
pub(crate) struct Font {
    face: Face<'static>,
}

impl Font {
    pub(crate) fn new() -> Self {
        Self { face: Face::parse(BYTES, 0).expect("the embedded font is one: the tests below read it") }
    }

    /// Width of a text, pixels. A character that the font lacks counts as wide as it is high.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        let em = f64::from(self.face.units_per_em());
        let units = |c: char| {
            self.face
                .glyph_index(c)
                .and_then(|glyph| self.face.glyph_hor_advance(glyph))
                .map_or(em, f64::from)
        };
        text.chars().map(units).sum::<f64>() / em * size
    }

    /// Outlines of a text for a pen; `place` tells it where a glyph begins, in pixels from the first, and pixels a unit.
    pub(crate) fn outline<P: OutlineBuilder>(
        &self,
        text: &str,
        size: f64,
        pen: &mut P,
        place: impl Fn(&mut P, f64, f64),
    ) {
        let scale = size / f64::from(self.face.units_per_em());
        let mut x = 0.0;
        for c in text.chars() {
            place(pen, x, scale);
            self.face.outline_glyph(self.face.glyph_index(c).unwrap_or_default(), pen);
            x += self.width(c.encode_utf8(&mut [0; 4]), size);
        }
    }

    /// The text in lines of at most `width` pixels, broken at spaces; a word that is wider is cut and ends in `…`.
    pub(crate) fn wrap(&self, text: &str, size: f64, width: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let word = self.cut(word, size, width);
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), size) <= width => {
                    line.push(' ');
                    line.push_str(&word);
                }
                _ => lines.push(word),
            }
        }
        lines
    }

    /// The text, or as much of its beginning as fits, with `…`.
    pub(crate) fn cut(&self, text: &str, size: f64, width: f64) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
            if self.width(&shorter, size) <= width {
                return shorter;
            }
        }
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_what_pictures_say() {
        let font = Font::new();
        for c in "AZaz09 .,:;–—…µμσλ×·≤≥∞±√ΣΔ⁰¹²³⁴⁵⁶⁷⁸⁹⁻→▲äöüßéñ°%€²".chars()
        {
            assert!(font.face.glyph_index(c).is_some(), "{c}");
        }
        // 1303 units of 2048 is the width of a digit in DejaVu Sans.
        assert!((font.width("00", 20.48) - 26.06).abs() < 1e-9);
    }

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_no_word() {
        let font = Font::new();
        let text = "time to first token against the share of the prompt that was seen before";
        for width in [60.0, 100.0, 250.0] {
            let lines = font.wrap(text, 12.0, width);
            assert!(lines.iter().all(|line| font.width(line, 12.0) <= width));
            assert_eq!(lines.join(" "), text);
        }
        let cut = font.wrap("incomprehensibilities", 12.0, 50.0);
        assert_eq!(cut.len(), 1);
        assert!(cut[0].ends_with('…') && font.width(&cut[0], 12.0) <= 50.0);
    }
}
