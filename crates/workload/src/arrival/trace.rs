//! Replay: starts as a trace has them, counted from its first, sped up or slowed down, long gaps capped if asked.

use std::sync::Arc;

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

/// A trace's times as times of the run. The same for the first turns of sessions and the later ones.
#[derive(Clone, Debug)]
pub struct Clockwork {
    speed: f64,
    /// Times of the trace behind a gap that was cut, in order, each with all that was cut away until then.
    cuts: Arc<[(Micros, Micros)]>,
}

impl Default for Clockwork {
    /// One in which times are as they are.
    fn default() -> Self {
        Self { speed: 1.0, cuts: Arc::new([]) }
    }
}

impl Trace {
    /// The clockwork of a trace with these starts, in any order, its first included.
    pub fn clockwork(&self, starts: impl Iterator<Item = Micros>) -> Clockwork {
        let mut cuts = Vec::new();
        if let Some(cap) = self.idle_cap {
            let mut starts: Vec<Micros> = starts.collect();
            starts.sort_unstable();
            let (mut last, mut cut) = (Micros::ZERO, Micros::ZERO);
            for at in starts {
                if at - last > cap {
                    cut += at - last - cap;
                    cuts.push((at, cut));
                }
                last = at;
            }
        }
        Clockwork { speed: self.speed, cuts: cuts.into() }
    }
}

impl Clockwork {
    /// When a start that the trace had at `at` is wanted.
    pub fn wanted(&self, at: Micros) -> Micros {
        let behind = self.cuts.partition_point(|(from, _)| *from <= at);
        let cut = if behind == 0 { Micros::ZERO } else { self.cuts[behind - 1].1 };
        self.scaled(at - cut)
    }

    /// A stretch of the trace's time in the run's.
    pub fn scaled(&self, time: Micros) -> Micros {
        Micros::from_secs_f64(time.as_secs_f64() / self.speed)
    }
}

impl Process for Trace {
    fn describe(&self) -> String {
        let own = (self.speed - 1.0).abs() < f64::EPSILON;
        let speed = if own { String::new() } else { format!(", {} x as fast", self.speed) };
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
        let times = [0, 1_000, 51_000, 52_000].map(Micros);
        let wanted = |trace: Trace| {
            // The order in which the starts are told is none of its business.
            let clockwork = trace.clockwork(times.into_iter().rev());
            times.map(|at| clockwork.wanted(at).0)
        };
        assert_eq!(wanted(Trace { speed: 1.0, idle_cap: None }), [0, 1_000, 51_000, 52_000]);
        assert_eq!(wanted(Trace { speed: 2.0, idle_cap: None }), [0, 500, 25_500, 26_000]);
        assert_eq!(wanted(Trace { speed: 1.0, idle_cap: Some(Micros(10_000)) }), [0, 1_000, 11_000, 12_000]);
        assert_eq!(wanted(Trace { speed: 0.5, idle_cap: Some(Micros(10_000)) }), [0, 2_000, 22_000, 24_000]);
    }
}
