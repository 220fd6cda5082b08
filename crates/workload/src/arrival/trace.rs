//! Replay: starts as a trace has them, counted from its first, sped up or slowed down, long gaps capped if asked.

use tokmark_base::{Micros, Stream};

use super::{Process, Step};

/// Replay of a trace's own times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace {
    /// Times pass this many times as fast: 2 halves every gap.
    pub speed: f64,
    /// A gap between two starts longer than this (in the trace's own time) is cut to it.
    pub idle_cap: Option<Micros>,
}

/// Turns a trace's times, in order, into times of the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clockwork {
    /// The last time of the trace.
    last: Micros,
    /// What the caps have cut away until then.
    cut: Micros,
}

impl Trace {
    /// When a start that the trace had at `at` is wanted. To be asked in the order of times.
    pub fn wanted(&self, clockwork: &mut Clockwork, at: Micros) -> Micros {
        let gap = at - clockwork.last;
        if let Some(cap) = self.idle_cap.filter(|cap| gap > *cap) {
            clockwork.cut = clockwork.cut + (gap - cap);
        }
        clockwork.last = at;
        self.scaled(at - clockwork.cut)
    }

    /// A stretch of the trace's time in the run's.
    pub fn scaled(&self, time: Micros) -> Micros {
        Micros::from_secs_f64(time.as_secs_f64() / self.speed)
    }
}

impl Process for Trace {
    fn describe(&self) -> String {
        let speed = if self.speed == 1.0 { String::new() } else { format!(", {} x as fast", self.speed) };
        let cap = self.idle_cap.map_or_else(String::new, |cap| format!(", gaps up to {cap}"));
        format!("the trace's own times{speed}{cap}")
    }

    fn gap_cv(&self) -> Option<f64> {
        None
    }

    fn step(&self, _position: f64, _stream: &mut Stream) -> Option<Step> {
        None
    }

    fn canonical(&self) -> String {
        format!("trace speed={:?} idle_cap_us={:?}", self.speed, self.idle_cap.map(|cap| cap.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_scaled_and_capped() {
        let wanted = |trace: Trace| {
            let mut clockwork = Clockwork::default();
            [0, 1_000, 51_000, 52_000].map(|at| trace.wanted(&mut clockwork, Micros(at)).0)
        };
        assert_eq!(wanted(Trace { speed: 1.0, idle_cap: None }), [0, 1_000, 51_000, 52_000]);
        assert_eq!(wanted(Trace { speed: 2.0, idle_cap: None }), [0, 500, 25_500, 26_000]);
        assert_eq!(wanted(Trace { speed: 1.0, idle_cap: Some(Micros(10_000)) }), [0, 1_000, 11_000, 12_000]);
        assert_eq!(wanted(Trace { speed: 0.5, idle_cap: Some(Micros(10_000)) }), [0, 2_000, 22_000, 24_000]);
    }
}
