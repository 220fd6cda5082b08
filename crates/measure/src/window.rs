//! The first pass: which part of the run is measured, what load it saw.

use tokmark_base::{Micros, Phase};
use tokmark_record::{Outcome, Record};

use crate::attempt::Scratch;
use crate::facts::RunFacts;
use crate::metric::{request_latency, time_to_first_token};
use crate::steady;
use crate::summary::{Load, LoadKind, Window, WindowRule};

/// A stretch of the time line, microseconds, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// First moment.
    pub(crate) start: i64,
    /// Last moment.
    pub(crate) end: i64,
}

impl Frame {
    /// Whether a moment lies in it.
    pub(crate) fn contains(self, at: i64) -> bool {
        (self.start..=self.end).contains(&at)
    }

    /// Its length.
    pub(crate) fn length_s(self) -> f64 {
        (self.end - self.start).max(0) as f64 / 1e6
    }
}

/// A smallest and a largest moment.
#[derive(Clone, Copy, Debug, Default)]
struct Extent(Option<(i64, i64)>);

impl Extent {
    fn add(&mut self, at: i64) {
        self.0 = Some(self.0.map_or((at, at), |(a, b)| (a.min(at), b.max(at))));
    }
}

/// What the first pass collects.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// First action of every started attempt, any phase …
    acted: Vec<i64>,
    /// … and their ends, each list in its own order: clipped residence needs no pairs.
    ended: Vec<i64>,
    /// When they were due, and TTFT (latency without streaming), of measured successes.
    series: Vec<(i64, i64)>,
    starts: Extent,
    intended: Extent,
    intended_count: u64,
    started_count: u64,
    last_end: i64,
    latency_sum_us: f64,
    latency_count: u64,
}

impl Survey {
    /// Takes one record.
    pub(crate) fn add(&mut self, record: &Record, scratch: &mut Scratch) {
        if let Some(acted) = record.acted_us {
            self.acted.push(acted.0);
            // An attempt whose end is unknown never left.
            self.ended.push(record.ended_us.map_or(i64::MAX, |t| t.0));
        }
        if record.phase != Phase::Profiling {
            return;
        }
        if let Some(intended) = record.intended_us {
            self.intended.add(intended.0);
            self.intended_count += 1;
        }
        let Some(acted) = record.acted_us else { return };
        self.started_count += 1;
        self.starts.add(acted.0);
        self.last_end = self.last_end.max(record.ended_us.map_or(acted.0, |t| t.0)).max(acted.0);
        if !matches!(record.outcome, Outcome::Success) {
            return;
        }
        let attempt = scratch.view(record);
        let latency = request_latency::value(&attempt);
        if let Some(latency) = latency {
            self.latency_sum_us += latency.at;
            self.latency_count += 1;
        }
        if let Some(value) = time_to_first_token::value(&attempt).or(latency) {
            self.series.push((attempt.due().unwrap_or(acted.0), value.at as i64));
        }
    }

    /// Finds the window.
    pub(crate) fn window(&mut self, facts: &RunFacts) -> (Frame, Window) {
        let Some((first, last)) = self.starts.0 else {
            return (Frame::default(), Window::default());
        };
        self.series.sort_unstable();
        let mean_latency_us =
            (self.latency_count > 0).then(|| self.latency_sum_us / self.latency_count as f64);
        let mut frame = Frame { start: first, end: last };
        let mut rule = WindowRule::Phases;
        let mut steady = None;
        let mut truncated = 0;
        if facts.warmup_auto {
            let values: Vec<f64> = self.series.iter().map(|s| s.1 as f64).collect();
            match steady::mser5(&values) {
                Some(cut) if cut < self.series.len() => {
                    rule = WindowRule::Auto;
                    truncated = cut;
                    // Whom the window holds is told by when each was due.
                    frame.start = if cut == 0 { first } else { self.series[cut].0 };
                }
                _ => steady = Some(false),
            }
        }
        // Starts closer together than one latency span no window: what is left is the whole run.
        if ((frame.end - frame.start) as f64) < mean_latency_us.unwrap_or(1.0) {
            rule = WindowRule::Whole;
            frame = Frame { start: first, end: self.last_end };
            // The steady part that was found is too short to be one.
            steady = if truncated > 0 { Some(false) } else { steady };
            truncated = 0;
        }
        let spans = mean_latency_us.filter(|m| *m > 0.0).map(|m| (frame.end - frame.start) as f64 / m);
        if steady.is_none() && spans.is_some_and(|s| s >= 20.0) {
            let inside: Vec<f64> = self.series[truncated..].iter().map(|s| s.1 as f64).collect();
            steady = steady::drifts(&inside).map(|d| !d);
        }
        let window = Window {
            start_us: Micros(frame.start),
            end_us: Micros(frame.end),
            duration_s: frame.length_s(),
            drain_s: (self.last_end - frame.end).max(0) as f64 / 1e6,
            rule,
            truncated_attempts: truncated as u64,
            mean_latencies: spans,
            steady,
        };
        (frame, window)
    }

    /// Attempts started, all phases.
    pub(crate) fn started(&self) -> u64 {
        self.acted.len() as u64
    }

    /// Asked against achieved, over the window. Consumes the survey: nothing else needs its columns.
    pub(crate) fn load(mut self, frame: Frame, facts: &RunFacts) -> Load {
        // The ramp begins with the run, at t = 0, and may end before the window opens.
        let ramp_end = facts.ramp_us.map_or(0, |r| r.0);
        let after_ramp = Frame { start: frame.start.max(ramp_end).min(frame.end), end: frame.end };
        let realised = self.intended.0.and_then(|(a, b)| rate(self.intended_count, b - a));
        let achieved = self.starts.0.and_then(|(first, last)| {
            // Against the plan's own span, stretched by whatever the last start came late.
            let (from, to) = self.intended.0.map_or((first, last), |(a, b)| (a, b.max(last)));
            rate(self.started_count, to - from)
        });
        Load {
            kind: facts.load,
            asked_rate_per_s: facts.asked_rate_per_s,
            realised_rate_per_s: realised.filter(|_| facts.load == LoadKind::Open),
            achieved_rate_per_s: achieved,
            asked_concurrency: facts.asked_concurrency,
            achieved_concurrency: mean_in_flight(&self.acted, &self.ended, after_ramp),
            max_concurrency: Some(most_in_flight(&mut self.acted, &mut self.ended, frame)).filter(|n| *n > 0),
        }
    }
}

/// `n` starts span `n − 1` distances.
fn rate(n: u64, span_us: i64) -> Option<f64> {
    (n > 1 && span_us > 0).then(|| (n - 1) as f64 * 1e6 / span_us as f64)
}

/// Mean attempts in flight: Σ residence clipped to the frame / its length. Clipping each end alone is the same sum, so
/// the two lists need no common order.
pub(crate) fn mean_in_flight(starts: &[i64], ends: &[i64], frame: Frame) -> Option<f64> {
    let length = frame.end - frame.start;
    if length <= 0 {
        return None;
    }
    let clipped = |at: &i64| i128::from((*at).clamp(frame.start, frame.end) - frame.start);
    let residence: i128 = ends.iter().map(clipped).sum::<i128>() - starts.iter().map(clipped).sum::<i128>();
    Some(residence as f64 / length as f64)
}

/// The most attempts in flight at one moment of the frame; an attempt is gone at its end. Sorts both lists.
pub(crate) fn most_in_flight(starts: &mut [i64], ends: &mut [i64], frame: Frame) -> u64 {
    starts.sort_unstable();
    ends.sort_unstable();
    let mut gone = 0;
    let mut most = 0;
    for (begun, start) in starts.iter().enumerate().take_while(|(_, s)| **s <= frame.end) {
        while gone < ends.len() && ends[gone] <= *start {
            gone += 1;
        }
        if *start >= frame.start {
            most = most.max((begun + 1).saturating_sub(gone));
        }
    }
    // Those already there when the frame opens.
    let at_open = starts
        .partition_point(|s| *s <= frame.start)
        .saturating_sub(ends.partition_point(|e| *e <= frame.start));
    most.max(at_open) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// N = λ·W with residence clipped to the window is an identity, and both equal a sum over every microsecond.
        #[test]
        fn the_sweep_agrees_with_brute_force(
            spans in prop::collection::vec((0_i64..100, 0_i64..60), 0..30),
            start in 0_i64..80,
            length in 1_i64..60,
        ) {
            let frame = Frame { start, end: start + length };
            let mut starts: Vec<i64> = spans.iter().map(|s| s.0).collect();
            let mut ends: Vec<i64> = spans.iter().map(|s| s.0 + s.1).collect();
            // By brute force: in flight at each microsecond.
            let at = |t: i64| spans.iter().filter(|(a, d)| *a <= t && t < a + d).count();
            let area: usize = (frame.start..frame.end).map(at).sum();
            let mean = mean_in_flight(&starts, &ends, frame).unwrap();
            prop_assert!((mean - area as f64 / length as f64).abs() < 1e-9);
            // Little: λ (attempts present per time) times W (their mean clipped residence).
            let clipped: Vec<i64> = spans
                .iter()
                .map(|(a, d)| ((a + d).min(frame.end) - (*a).max(frame.start)).max(0))
                .filter(|r| *r > 0)
                .collect();
            if !clipped.is_empty() {
                let lambda = clipped.len() as f64 / length as f64;
                let w = clipped.iter().sum::<i64>() as f64 / clipped.len() as f64;
                prop_assert!((mean - lambda * w).abs() < 1e-9);
            }
            // Zero-length attempts are never in flight; drop them for the maximum.
            let most = (frame.start..=frame.end).map(at).max().unwrap_or(0);
            let lasting: Vec<_> = spans.iter().filter(|s| s.1 > 0).collect();
            starts = lasting.iter().map(|s| s.0).collect();
            ends = lasting.iter().map(|s| s.0 + s.1).collect();
            prop_assert_eq!(most_in_flight(&mut starts, &mut ends, frame), most as u64);
        }
    }
}
