//! How many streams a closed loop has open, over time. The clock is the run's.

use tokmark_base::Micros;
use tokmark_base::units::format_duration;

/// So many stages are told one by one.
const MOST_TOLD: usize = 4;

/// How many streams a closed loop has open, over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// The most there ever are.
    pub most: u32,
    /// They open one after another over this time (a stagger): stream j of C at ramp · j / (C − 1), so that one is open at 0 and
    /// all are at the ramp's end.
    pub ramp: Micros,
    /// In place of the ramp: so many streams up to this moment, one stage after another. The run ends with the last one. A stream
    /// that is too many is given up when its request ends, or its session.
    pub stages: Vec<(u32, Micros)>,
}

impl Streams {
    /// Streams that may be open at `t`.
    pub fn at(&self, t: Micros) -> u32 {
        if !self.stages.is_empty() {
            return self.stage(t).map_or(0, |(streams, _)| *streams);
        }
        // Stream j opens at ⌊ramp · j / (C − 1)⌋ ≤ t.
        let (others, ramp) = (i128::from(self.most) - 1, i128::from(self.ramp.0));
        if others <= 0 || ramp <= 0 || t >= self.ramp {
            return self.most;
        }
        let open = ((i128::from(t.0) + 1) * others + ramp - 1) / ramp;
        open.clamp(0, i128::from(self.most)) as u32
    }

    /// When stream `j` opens under the ramp.
    pub fn opens(&self, j: u64) -> Micros {
        let others = i128::from(self.most) - 1;
        if others <= 0 {
            return Micros::ZERO;
        }
        Micros((i128::from(self.ramp.0) * i128::from(j) / others) as i64)
    }

    /// When the stage that `t` lies in ends.
    pub fn changes_after(&self, t: Micros) -> Option<Micros> {
        self.stage(t).map(|(_, until)| *until)
    }

    /// When the last stage ends, if there are stages.
    pub fn end(&self) -> Option<Micros> {
        self.stages.last().map(|(_, until)| *until)
    }

    fn stage(&self, t: Micros) -> Option<&(u32, Micros)> {
        self.stages.get(self.stages.partition_point(|(_, until)| *until <= t))
    }

    /// The stages in words, if there are any.
    pub(super) fn describe(&self) -> Option<String> {
        if self.stages.is_empty() {
            return None;
        }
        if self.stages.len() > MOST_TOLD {
            let streams = || self.stages.iter().map(|(streams, _)| *streams);
            let least = streams().min().unwrap_or(0);
            return Some(format!(
                "closed loop, {} stages, {least} to {} streams",
                self.stages.len(),
                self.most
            ));
        }
        let mut from = Micros::ZERO;
        let told = self.stages.iter().map(|(streams, until)| {
            let length = format_duration(*until - std::mem::replace(&mut from, *until));
            format!("{streams} stream{} for {length}", if *streams == 1 { "" } else { "s" })
        });
        Some(format!("closed loop, {}", told.collect::<Vec<_>>().join(", then ")))
    }

    pub(super) fn canonical(&self) -> String {
        let all = [format!("streams={} ramp_us={}", self.most, self.ramp.0)];
        let stages = self.stages.iter().map(|(streams, until)| format!("{streams}until{}us", until.0));
        all.into_iter().chain(stages).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_opens_one_after_another() {
        let streams = Streams { most: 5, ramp: Micros(10), stages: Vec::new() };
        let opens: Vec<i64> = (0..5).map(|j| streams.opens(j).0).collect();
        assert_eq!(opens, [0, 2, 5, 7, 10]);
        for t in 0..20 {
            let open = opens.iter().filter(|at| **at <= t).count() as u32;
            assert_eq!(streams.at(Micros(t)), open, "at {t}");
        }
        assert_eq!((streams.end(), streams.changes_after(Micros(3))), (None, None));
        assert_eq!(Streams { most: 3, ..Streams::default() }.at(Micros::ZERO), 3);
    }

    #[test]
    fn stages_follow_each_other_and_end() {
        let streams = Streams {
            most: 8,
            ramp: Micros::ZERO,
            stages: vec![(2, Micros(10)), (8, Micros(30)), (1, Micros(31))],
        };
        assert_eq!([0, 9, 10, 29, 30, 31].map(|t| streams.at(Micros(t))), [2, 2, 8, 8, 1, 0]);
        assert_eq!(
            [0, 10, 30, 31].map(|t| streams.changes_after(Micros(t)).map(|t| t.0)),
            [Some(10), Some(30), Some(31), None]
        );
        assert_eq!(streams.end(), Some(Micros(31)));
    }
}
