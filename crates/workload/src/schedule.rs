//! The schedule of an open loop: every start of the run, in order, with its phase and time. Pure: it knows nothing of lanes,
//! caps or what the service does.
//!
//! An arrival gives positions with a mean of one start a unit, a rate turns position into time. A trace has its times, and needs
//! neither.
//!
//! Every phase draws its gaps from a stream of its own, from where the last one ended, so that the measured starts do not depend
//! on how many starts a warm-up had.

use std::sync::Arc;

use tokmark_base::{Micros, Phase, Seed, Stream};

use crate::arrival::trace::Clockwork;
use crate::arrival::{Arrival, Constant};
use crate::course::{Course, Independent, Numbering};
use crate::load::{Load, Phased};
use crate::rate::Rate;

/// One start of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Part of the run.
    pub phase: Phase,
    /// The item that starts: number within its phase.
    pub n: u64,
    /// When it is wanted.
    pub at: Micros,
}

impl Start {
    /// Index in the plan of the item's (first) request.
    pub const fn request(&self, numbering: Numbering) -> u64 {
        numbering.index(self.phase, self.n, 0)
    }
}

/// The starts, in order. Without end where the last phase has none.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrival: Arrival,
    rate: Option<Rate>,
    course: Arc<dyn Course>,
    clockwork: Clockwork,
    seed: Seed,
    phases: Vec<Part>,
    current: usize,
    /// Starts of the current phase so far.
    n: u64,
    /// When the current phase began.
    began: Micros,
    /// When the last start was wanted.
    last: Micros,
    /// When the rate ends, if it does.
    end: Option<Micros>,
    position: f64,
    gaps: Stream,
}

/// A phase and what ends it, whichever comes first.
#[derive(Clone, Copy, Debug)]
struct Part {
    phase: Phase,
    starts: Option<u64>,
    length: Option<Micros>,
}

impl Part {
    fn of(phase: Phase, extent: Phased) -> Self {
        let (starts, length) = match extent {
            Phased::Requests(n) => (Some(n), None),
            Phased::For(length) => (None, Some(length)),
        };
        Self { phase, starts, length }
    }
}

/// What a plan really asks for: the drawn starts, not the mean they were drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realised {
    /// Measured starts.
    pub starts: u64,
    /// When the measured part begins.
    pub from: Micros,
    /// When it ends: its duration over, or its last start made.
    pub to: Micros,
}

impl Realised {
    /// Starts a second; `None` if all start at once.
    pub fn rate(&self) -> Option<f64> {
        let seconds = (self.to - self.from).as_secs_f64();
        (seconds > 0.0).then(|| self.starts as f64 / seconds)
    }
}

impl Schedule {
    /// The starts of `load`; `None` in a closed loop and with users, which have none.
    pub fn new(load: &Load, seed: Seed, course: &Arc<dyn Course>) -> Option<Self> {
        if !load.has_schedule() {
            return None;
        }
        // A session's first turn is one of several requests: how many sessions that many requests are, only the run can tell.
        let starts = match course.numbering() {
            Numbering::Single => [load.requests, load.sessions].into_iter().flatten().min(),
            Numbering::Turns => load.sessions,
        };
        let measured = Part { phase: Phase::Profiling, starts, length: load.duration };
        let before = load.warmup.map(|extent| Part::of(Phase::Warmup, extent));
        let after = load.cooldown.map(|extent| Part::of(Phase::Cooldown, extent));
        let phases: Vec<Part> = before.into_iter().chain([measured]).chain(after).collect();
        let gaps = gaps(seed, phases[0].phase);
        let clockwork = match load.arrival {
            Arrival::Trace(trace) => trace.clockwork(times(course.as_ref())),
            _ => Clockwork::default(),
        };
        Some(Self {
            arrival: load.arrival,
            rate: load.rate.clone(),
            course: Arc::clone(course),
            clockwork,
            seed,
            phases,
            current: 0,
            n: 0,
            began: Micros::ZERO,
            last: Micros::ZERO,
            end: load.rate.as_ref().and_then(|rate| rate.shape().end()).map(Micros::from_secs_f64),
            position: 0.0,
            gaps,
        })
    }

    /// The measured starts as drawn; `None` in a closed loop, and where sessions alone end the turns of users. Where items are
    /// sessions, a start is that of a session, but with users, whose every turn is wanted at a time of its own.
    pub fn realised(load: &Load, seed: Seed, course: &Arc<dyn Course>) -> Option<Realised> {
        let mut load = Load { cooldown: None, ..load.clone() };
        let mut course = Arc::clone(course);
        if let Arrival::Users(_) = load.arrival {
            if course.numbering() == Numbering::Turns {
                load.sessions = None;
            }
            if load.requests.or(load.sessions).is_none() && load.duration.is_none() {
                return None;
            }
            // All users together come round at equal gaps.
            load.arrival = Arrival::Constant(Constant);
            course = Arc::new(Independent);
        }
        let mut schedule = Self::new(&load, seed, &course)?;
        let (mut starts, mut from) = (0, None);
        while let Some(start) = schedule.next() {
            if start.phase == Phase::Profiling {
                starts += 1;
                from = from.or(Some(schedule.began));
            }
        }
        // Past the last phase, the next one would begin where it ended.
        let to = schedule.began;
        let from = from.unwrap_or_else(|| to - load.duration.unwrap_or(Micros::ZERO));
        Some(Realised { starts, from, to })
    }

    /// The phase the last start lies in and when it ends, if its length ends it.
    pub fn phase_end(&self) -> Option<(Phase, Micros)> {
        let part = self.phases.get(self.current)?;
        Some((part.phase, self.end_of(part)?))
    }

    fn end_of(&self, part: &Part) -> Option<Micros> {
        part.length.map(|length| self.began + length).into_iter().chain(self.end).min()
    }

    /// The trace's times as times of the run.
    pub(crate) fn clockwork(&self) -> &Clockwork {
        &self.clockwork
    }

    /// Time of a position; `None` if it is never reached.
    fn time(&self, position: f64) -> Option<Micros> {
        // Without a rate everything is at the origin.
        match &self.rate {
            None => Some(Micros::ZERO),
            Some(rate) => rate.shape().time_of(position).map(Micros::from_secs_f64),
        }
    }

    /// Position of a time, the inverse of [`Schedule::time`].
    fn position_at(&self, time: Micros) -> f64 {
        self.rate.as_ref().map_or(0.0, |rate| rate.shape().before(time.as_secs_f64()))
    }

    /// Ends the phase the last start lies in, if it is `phase`: the next one begins here.
    pub fn end_phase(&mut self, phase: Phase) {
        if self.phases.get(self.current).is_some_and(|part| part.phase == phase) {
            self.enter_next(None);
        }
    }

    /// The start after the last one, and the position after it.
    fn following(&mut self) -> Option<(Micros, f64)> {
        if let Arrival::Trace(_) = self.arrival {
            if self.n >= self.course.timed_items()? {
                return None;
            }
            let request = self.course.numbering().index(Phase::Profiling, self.n, 0);
            let at = self.course.at(request)?;
            return Some((self.clockwork.wanted(at), 0.0));
        }
        let step = self.arrival.process().step(self.position, &mut self.gaps)?;
        Some((self.time(step.at)?, step.next))
    }

    /// Goes to the next phase, which begins at `at`, or where the last start left off.
    fn enter_next(&mut self, at: Option<Micros>) {
        if let Some(at) = at {
            self.position = self.position_at(at);
        }
        // A trace has no position; where a rate never comes to one, it has ended before.
        let left_off =
            || if self.rate.is_some() { self.time(self.position).or(self.end) } else { Some(self.last) };
        self.began = at.or_else(left_off).unwrap_or(self.last);
        self.current += 1;
        self.n = 0;
        if let Some(part) = self.phases.get(self.current) {
            self.gaps = gaps(self.seed, part.phase);
        }
    }
}

/// All times a trace has, those of later turns included, in no order.
fn times(course: &dyn Course) -> impl Iterator<Item = Micros> + '_ {
    let numbering = course.numbering();
    (0..course.timed_items().unwrap_or(0)).flat_map(move |item| {
        let first = numbering.index(Phase::Profiling, item, 0);
        (first..first + u64::from(course.turns(first))).filter_map(|request| course.at(request))
    })
}

fn gaps(seed: Seed, phase: Phase) -> Stream {
    seed.stream("arrival", phase as u64)
}

impl Iterator for Schedule {
    type Item = Start;

    fn next(&mut self) -> Option<Start> {
        loop {
            let part = *self.phases.get(self.current)?;
            if part.starts.is_some_and(|most| self.n >= most) {
                self.enter_next(None);
                continue;
            }
            let Some((at, next)) = self.following() else {
                // Nothing more is ever wanted in this phase: a trace is through, a rate has ended.
                self.current = self.phases.len();
                self.began = self.end.unwrap_or(self.last);
                return None;
            };
            let end = self.end_of(&part);
            if end.is_some_and(|end| at >= end) {
                self.enter_next(end);
                continue;
            }
            self.position = next;
            self.last = at;
            self.n += 1;
            let n = self.n - 1;
            return Some(Start { phase: part.phase, n, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::index_of;
    use crate::load::LoadSpec;

    fn load(json: &str) -> Load {
        serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap()
    }

    fn independent() -> Arc<dyn Course> {
        Arc::new(Independent)
    }

    fn starts(json: &str) -> Vec<Start> {
        Schedule::new(&load(json), Seed(42), &independent()).unwrap().take(100_000).collect()
    }

    fn times(starts: &[Start], phase: Phase) -> Vec<i64> {
        starts.iter().filter(|s| s.phase == phase).map(|s| s.at.0).collect()
    }

    #[test]
    fn equal_gaps_run_through_all_phases() {
        for warmup in [r#""3""#, r#""300ms""#] {
            let json = format!(
                r#"{{"rate": 10, "arrival": "constant", "requests": 4, "warmup": {warmup}, "cooldown": 2}}"#
            );
            let all = starts(&json);
            let at: Vec<i64> = all.iter().map(|s| s.at.0).collect();
            assert_eq!(at, (0..9).map(|i| i * 100_000).collect::<Vec<_>>(), "{warmup}");
            assert_eq!(all[3], Start { phase: Phase::Profiling, n: 0, at: Micros(300_000) });
            assert_eq!(all[7].request(Numbering::Single), index_of(Phase::Cooldown, 0));
        }
    }

    #[test]
    fn a_duration_counts_from_the_start_of_the_measured_part() {
        let all = starts(r#"{"rate": 10, "arrival": "constant", "duration": "1s", "warmup": "2s"}"#);
        let measured = times(&all, Phase::Profiling);
        assert_eq!((measured.len(), measured[0], measured[9]), (10, 2_000_000, 2_900_000));
        let json = r#"{"rate": 10, "arrival": "constant", "duration": "1s", "requests": 3}"#;
        assert_eq!(starts(json).len(), 3);
    }

    #[test]
    fn measured_starts_are_the_same_behind_any_warm_up() {
        for arrival in ["poisson", "gamma"] {
            let relative = |warmup: &str| {
                let json = format!(r#"{{"rate": 50, "arrival": "{arrival}", "requests": 500 {warmup}}}"#);
                let load = load(&json);
                let from = Schedule::realised(&load, Seed(42), &independent()).unwrap().from;
                times(&starts(&json), Phase::Profiling).iter().map(|at| at - from.0).collect::<Vec<_>>()
            };
            let without = relative("");
            for warmup in [r#", "warmup": 77"#, r#", "warmup": "3s""#] {
                // Positions are sums in floating point: the last microsecond may round otherwise.
                let with = relative(warmup);
                assert!(with.iter().zip(&without).all(|(a, b)| (a - b).abs() <= 1), "{arrival} {warmup}");
            }
        }
    }

    #[test]
    fn under_a_ramp_the_starts_before_t_grow_with_its_square() {
        let all = starts(r#"{"rate": 100, "arrival": "constant", "requests": 2000, "ramp": "10s"}"#);
        let before = |t: i64| all.iter().filter(|s| s.at.0 < t * 1_000_000).count() as i64;
        assert_eq!((before(2), before(5), before(10)), (20, 125, 500));
        assert_eq!((before(11), before(12)), (600, 700));
        assert!(all.is_sorted_by_key(|s| s.at));
    }

    #[test]
    fn the_realised_rate_is_that_of_the_drawn_starts() {
        let even = Schedule::realised(
            &load(r#"{"rate": 8, "arrival": "constant", "requests": 80}"#),
            Seed(1),
            &independent(),
        );
        assert_eq!(even.unwrap().rate(), Some(8.0));
        let load = load(r#"{"rate": 20, "duration": "200s", "warmup": "10s"}"#);
        let drawn = Schedule::realised(&load, Seed(42), &independent()).unwrap();
        assert_eq!((drawn.from.0, drawn.to.0), (10_000_000, 210_000_000));
        // 4,000 ± 63 starts.
        assert!((3_800..4_200).contains(&drawn.starts), "{drawn:?}");
        let closed = LoadSpec::default().resolve().unwrap();
        assert_eq!(Schedule::realised(&closed, Seed(1), &independent()), None);
    }

    /// A trace with a start every second.
    #[derive(Debug)]
    struct Seconds(u64);

    impl Course for Seconds {
        fn at(&self, request: u64) -> Option<Micros> {
            Some(Micros::from_millis(request as i64 * 1_000))
        }

        fn timed_items(&self) -> Option<u64> {
            Some(self.0)
        }
    }

    #[test]
    fn a_realised_part_ends_where_its_last_start_or_its_rate_or_its_duration_does() {
        let of = |json: &str, course: &Arc<dyn Course>| {
            let realised = Schedule::realised(&load(json), Seed(1), course).unwrap();
            (realised.starts, realised.from.0, realised.to.0)
        };
        let trace: Arc<dyn Course> = Arc::new(Seconds(11));
        assert_eq!(of(r#"{"arrival": "trace"}"#, &trace), (11, 0, 10_000_000));
        assert_eq!(of(r#"{"arrival": "trace", "requests": 4}"#, &trace), (4, 0, 3_000_000));
        assert_eq!(of(r#"{"arrival": "trace", "duration": "4500ms"}"#, &trace), (5, 0, 4_500_000));
        let steps = |more: &str| {
            let json = r#"{"arrival": "constant", "stages": [{"rate": 2, "duration": "3s"}, {"rate": 4, "duration": "1s"}]"#;
            of(&format!("{json}{more}}}"), &independent())
        };
        assert_eq!(steps(""), (10, 0, 4_000_000));
        assert_eq!(steps(r#", "warmup": "1s""#), (8, 1_000_000, 4_000_000));
        assert_eq!(steps(r#", "warmup": 3"#), (7, 1_500_000, 4_000_000));
        assert_eq!(steps(r#", "requests": 4"#), (4, 0, 2_000_000));
        let users = |more: &str| of(&format!(r#"{{"rate": 4, "users": 3{more}}}"#), &independent());
        assert_eq!(users(r#", "requests": 40"#), (40, 0, 10_000_000));
        assert_eq!(users(r#", "duration": "5s", "warmup": 2"#), (20, 500_000, 5_500_000));
    }

    #[test]
    fn a_burst_is_all_at_zero() {
        let all = starts(r#"{"burst": true, "requests": 30}"#);
        assert!(all.len() == 30 && all.iter().all(|s| s.at == Micros::ZERO));
        let burst = Schedule::realised(&load(r#"{"burst": true}"#), Seed(1), &independent()).unwrap();
        assert_eq!((burst.starts, burst.rate()), (200, None));
        // A duration beside it does not end a burst before it began.
        assert_eq!(starts(r#"{"burst": true, "requests": 3, "duration": "1s"}"#).len(), 3);
    }

    #[test]
    fn the_same_seed_gives_the_same_starts() {
        // Pinned: one seed gives these microseconds on every machine. A change here is a new GENERATOR_VERSION.
        let first = |json| starts(json).iter().take(4).map(|s| s.at.0).collect::<Vec<_>>();
        assert_eq!(first(r#"{"rate": 10}"#), [198_537, 458_442, 503_178, 561_671]);
        assert_eq!(
            first(r#"{"rate": 10, "arrival": "gamma", "burstiness": 0.5}"#),
            [269_228, 284_851, 766_523, 834_127]
        );
        assert_eq!(first(r#"{"rate": 10, "ramp": "5s"}"#), [1_409_031, 2_141_125, 2_243_162, 2_369_961]);
    }
}
