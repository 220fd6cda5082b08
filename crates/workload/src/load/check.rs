//! Which keys of a load go together. A list of rules a function: what is given, the two keys, the way out.

use std::fmt;

use super::{LoadError, LoadSpec, RampShape, StageSpec};
use crate::arrival::ArrivalKind;
use crate::quantity::{Count, Duration, Extent, Warmup};

/// Two keys and the way out, if the rule is broken.
type Rule = (bool, &'static str, &'static str, &'static str);

/// Rates a second that can be asked.
const LEAST_RATE: f64 = 1e-6;
/// See [`LEAST_RATE`].
const MOST_RATE: f64 = 1e6;
/// Users there can be.
const MOST_USERS: u32 = 1_000_000;

impl LoadSpec {
    /// The first thing wrong with it.
    pub(super) fn check(&self) -> Result<(), LoadError> {
        self.check_counts()?;
        self.check_numbers()?;
        self.check_times()?;
        self.check_stages()?;
        self.check_paces()?;
        for (holds, key, other, hint) in self
            .against_burst()
            .into_iter()
            .chain(self.against_rates())
            .chain(self.against_stages())
            .chain(self.against_trace())
            .chain(self.against_users())
        {
            if holds {
                return Err(LoadError::Contradiction { key, other, hint });
            }
        }
        for (lacks, key, other, hint) in self.lacking().into_iter().chain(self.lacking_for_rates()) {
            if lacks {
                return Err(LoadError::Needs { key, other, hint });
            }
        }
        Ok(())
    }

    /// Whether starts follow a rate.
    pub(super) fn has_rate(&self) -> bool {
        self.rate.is_some() || self.wave.is_given() || self.series.is_some() || self.has_stages_of_rate()
    }

    pub(super) fn has_stages_of_rate(&self) -> bool {
        self.stages.first().is_some_and(|stage| stage.rate.is_some())
    }

    fn has_stages_of_streams(&self) -> bool {
        self.stages.first().is_some_and(|stage| stage.concurrency.is_some())
    }

    pub(super) fn is_trace(&self) -> bool {
        self.arrival == Some(ArrivalKind::Trace)
    }

    fn has_law(&self) -> bool {
        self.arrival.is_some() && !self.is_trace()
    }

    fn has_warmup(&self) -> bool {
        matches!(self.warmup, Some(Warmup::Phase(_)))
    }

    fn check_counts(&self) -> Result<(), LoadError> {
        for (key, value) in [
            ("load.concurrency", self.concurrency.map(u64::from)),
            ("load.max_concurrency", self.max_concurrency.map(u64::from)),
            ("load.users", self.users.map(u64::from)),
            ("load.sessions", self.sessions),
        ] {
            if let Some(n) = value {
                at_least_one(key, n)?;
            }
        }
        match self.users.filter(|n| *n > MOST_USERS) {
            Some(n) => Err(range("load.users", &n, "from 1 to 1000000")),
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), LoadError> {
        for (key, value, least, must) in [
            ("load.rate", self.rate, LEAST_RATE, "requests a second, from 0.000001 to 1000000"),
            ("load.wave.max", self.wave.max, LEAST_RATE, "requests a second, from 0.000001 to 1000000"),
            ("load.wave.min", self.wave.min, 0.0, "requests a second, from 0 to 1000000"),
            ("load.ramp_from", self.ramp_from, 0.0, "requests a second, from 0 to 1000000"),
            ("load.burstiness", self.burstiness, 1e-3, "a gamma shape from 0.001 to 1000000"),
            ("load.replay.speed", self.replay.speed, 1e-6, "a factor from 0.000001 to 1000000"),
        ] {
            // No NaN is in a range.
            if let Some(x) = value
                && !(least..=MOST_RATE).contains(&x)
            {
                return Err(range(key, &x, must));
            }
        }
        if self.ramp_shape == Some(RampShape::Exponential)
            && let Some(from) = self.ramp_from.filter(|from| *from < LEAST_RATE)
        {
            return Err(range(
                "load.ramp_from",
                &from,
                "at least 0.000001 beside load.ramp_shape: exponential (no ratio leads away from 0)",
            ));
        }
        if let (Some(rate), Some(on), Some(off)) = (self.rate, self.on_off.on, self.on_off.off)
            && rate * (on.0 + off.0).as_secs_f64() > MOST_RATE * on.0.as_secs_f64()
            && on.0.0 > 0
        {
            return Err(range(
                "load.on_off.on",
                &on,
                "long enough that no more than 1000000 start a second in it",
            ));
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), LoadError> {
        for (key, value) in [
            ("load.duration", self.duration),
            ("load.wave.period", self.wave.period),
            ("load.on_off.on", self.on_off.on),
            ("load.on_off.off", self.on_off.off),
        ] {
            if value.is_some_and(|time| time.0.0 <= 0) {
                return Err(range(key, &"0s", "longer than nothing"));
            }
        }
        Ok(())
    }

    fn check_stages(&self) -> Result<(), LoadError> {
        for (n, stage) in self.stages.iter().enumerate() {
            if let Some(what) = fault_of(stage) {
                return Err(LoadError::Stage { n: n + 1, what });
            }
        }
        let streams = self.stages.iter().filter(|stage| stage.concurrency.is_some()).count();
        if streams > 0 && streams < self.stages.len() {
            return Err(LoadError::Contradiction {
                key: "load.stages: concurrency",
                other: "load.stages: rate",
                hint: "a run is a closed loop or an open one: give all its stages a concurrency, or all a rate",
            });
        }
        if self.has_stages_of_rate() && self.stages.iter().all(|stage| stage.rate == Some(0.0)) {
            return Err(range("load.stages", &"0 starts a second in every stage", "more in one of them"));
        }
        Ok(())
    }

    /// One thing sets the pace.
    fn check_paces(&self) -> Result<(), LoadError> {
        let paces = [
            (self.rate.is_some(), "load.rate", ""),
            (self.burst, "load.burst", "a burst starts everything at once: leave one of the two out"),
            (
                self.concurrency.is_some(),
                "load.concurrency",
                "a closed loop has a concurrency, an open loop a rate; to cap an open loop use load.max_concurrency (--max-concurrency)",
            ),
            (
                self.wave.is_given(),
                "load.wave",
                "a wave has rates of its own, its least and its greatest: leave one of the two out",
            ),
            (
                self.series.is_some(),
                "load.series",
                "a series has rates of its own, its points: leave one of the two out",
            ),
            (
                !self.stages.is_empty(),
                "load.stages",
                "each stage has a rate or a concurrency of its own: leave one of the two out",
            ),
            (
                self.is_trace(),
                "load.arrival: trace",
                "a trace has its own times, which load.replay.speed (--replay-speed) makes faster or slower: leave one of the two out",
            ),
        ];
        let mut given = paces.into_iter().filter(|(given, ..)| *given);
        match (given.next(), given.next()) {
            (Some((_, other, _)), Some((_, key, hint))) => Err(LoadError::Contradiction { key, other, hint }),
            _ => Ok(()),
        }
    }

    fn against_burst(&self) -> Vec<Rule> {
        let burst = "load.burst";
        vec![
            (
                self.burst && self.has_law(),
                "load.arrival",
                burst,
                "a burst starts everything at once: leave one of the two out",
            ),
            (
                self.burst && self.ramp.is_some(),
                "load.ramp",
                burst,
                "everything at once has no ramp: use load.rate (--rate) or load.concurrency (--concurrency)",
            ),
            (
                self.burst && self.has_warmup(),
                "load.warmup",
                burst,
                "everything at once has no phase before it: run a warm-up of its own first",
            ),
            (
                self.burst && self.cooldown.is_some(),
                "load.cooldown",
                burst,
                "everything at once has no phase after it: leave one of the two out",
            ),
        ]
    }

    /// Ramps, waves, series and pauses: one shape at a time.
    fn against_rates(&self) -> Vec<Rule> {
        let one = "the rate has one shape: leave one of the two out";
        let (ramp, on_off) = (self.ramp.is_some(), self.on_off.is_given());
        vec![
            (ramp && self.wave.is_given(), "load.ramp", "load.wave", one),
            (
                ramp && self.series.is_some(),
                "load.ramp",
                "load.series",
                "the points of a series can rise by themselves: write the ramp into them",
            ),
            (
                self.cooldown.is_some() && self.series.is_some(),
                "load.cooldown",
                "load.series",
                "the run ends with the last point: add points for what comes after, or leave the cool-down out",
            ),
            (on_off && ramp, "load.on_off", "load.ramp", one),
            (on_off && self.wave.is_given(), "load.on_off", "load.wave", one),
            (
                on_off && self.series.is_some(),
                "load.on_off",
                "load.series",
                "write the pauses into the series: two points of one time are a step",
            ),
            (
                self.wave.min.zip(self.wave.max).is_some_and(|(min, max)| min > max),
                "load.wave.min",
                "load.wave.max",
                "the least rate is above the greatest: exchange them",
            ),
        ]
    }

    fn against_stages(&self) -> Vec<Rule> {
        let stages = "load.stages";
        let given = !self.stages.is_empty();
        let of_streams = self.has_stages_of_streams();
        let ends = "stages of concurrency end by their durations alone: leave the number out";
        let counted = matches!(self.warmup, Some(Warmup::Phase(Extent::Requests(_))));
        vec![
            (
                given && self.duration.is_some(),
                "load.duration",
                stages,
                "the durations of the stages add up to the run's: leave load.duration out",
            ),
            (
                given && self.ramp.is_some(),
                "load.ramp",
                stages,
                "stages go in steps: write the ramp as short stages, or as points of load.series",
            ),
            (given && self.on_off.is_given(), "load.on_off", stages, "write the pauses as stages of rate 0"),
            (
                given && self.cooldown.is_some(),
                "load.cooldown",
                stages,
                "the run ends with the last stage: add one for what comes after, or leave the cool-down out",
            ),
            (of_streams && self.requests.is_some(), "load.requests", "load.stages: concurrency", ends),
            (of_streams && self.sessions.is_some(), "load.sessions", "load.stages: concurrency", ends),
            (
                of_streams && counted,
                "load.warmup",
                "load.stages: concurrency",
                "stages have their times, so must the warm-up: give it one, as in 30s",
            ),
            (
                of_streams && self.has_law(),
                "load.arrival",
                "load.stages: concurrency",
                "a closed loop has no law of arrivals: give the stages rates, or leave load.arrival out",
            ),
            (
                of_streams && self.max_concurrency.is_some(),
                "load.max_concurrency",
                "load.stages: concurrency",
                "a closed loop is bounded by the concurrency of its stages",
            ),
        ]
    }

    fn against_trace(&self) -> Vec<Rule> {
        let trace = "load.arrival: trace";
        let is = self.is_trace();
        let own = "a trace has its own times: leave one of the two out";
        vec![
            (
                is && self.has_warmup(),
                "load.warmup",
                trace,
                "the trace's first row is wanted first: use --warmup auto, or run a warm-up of its own first",
            ),
            (
                is && self.cooldown.is_some(),
                "load.cooldown",
                trace,
                "nothing is wanted after the trace's last row: leave one of the two out",
            ),
            (is && self.ramp.is_some(), "load.ramp", trace, own),
            (is && self.on_off.is_given(), "load.on_off", trace, own),
            (is && self.users.is_some(), "load.users", trace, own),
        ]
    }

    fn against_users(&self) -> Vec<Rule> {
        let users = "load.users";
        let is = self.users.is_some();
        let rate = "users come round at equal gaps of load.rate: leave one of the two out";
        vec![
            (
                is && self.has_law(),
                "load.arrival",
                users,
                "users come round at equal gaps: leave one of the two out",
            ),
            (
                is && self.max_concurrency.is_some(),
                "load.max_concurrency",
                users,
                "no more are in flight than there are users: leave one of the two out",
            ),
            (is && self.concurrency.is_some(), "load.concurrency", users, rate),
            (is && self.burst, "load.burst", users, rate),
            (is && self.on_off.is_given(), "load.on_off", users, rate),
            (is && self.wave.is_given(), "load.wave", users, rate),
            (is && self.series.is_some(), "load.series", users, rate),
            (is && !self.stages.is_empty(), "load.stages", users, rate),
            (
                is && self.sessions.is_some() && self.cooldown.is_some(),
                "load.cooldown",
                "load.sessions with load.users",
                "each user is through with its sessions at a time of its own: end the measured part by load.requests or load.duration",
            ),
        ]
    }

    /// Keys that mean nothing without another.
    fn lacking(&self) -> Vec<Rule> {
        let open = self.has_rate() || self.burst || self.is_trace();
        vec![
            (
                self.users.is_some() && self.rate.is_none(),
                "load.users",
                "load.rate",
                "give the mean turns a second of all users together (--rate)",
            ),
            (
                self.has_law() && !self.has_rate(),
                "load.arrival",
                "load.rate",
                "give the mean starts a second (--rate), a wave, a series or stages of rate",
            ),
            (
                self.burstiness.is_some() && self.arrival != Some(ArrivalKind::Gamma),
                "load.burstiness",
                "load.arrival: gamma",
                "only gamma gaps have a shape: add --arrival gamma, or leave the burstiness out",
            ),
            (
                self.max_concurrency.is_some() && !open,
                "load.max_concurrency",
                "load.rate or load.burst",
                "a closed loop is bounded by load.concurrency (--concurrency)",
            ),
            (
                self.replay.speed.is_some() && !self.is_trace(),
                "load.replay.speed",
                "load.arrival: trace",
                "only a trace's own times can be replayed: add --arrival trace, or leave the speed out",
            ),
            (
                self.replay.idle_cap.is_some() && !self.is_trace(),
                "load.replay.idle_cap",
                "load.arrival: trace",
                "only a trace's own times can be replayed: add --arrival trace, or leave the cap out",
            ),
        ]
    }

    fn lacking_for_rates(&self) -> Vec<Rule> {
        let (wave, on_off) = (&self.wave, &self.on_off);
        let three =
            "a wave has a least rate, a greatest and a period (--wave-min, --wave-max, --wave-period)";
        let both = "starts come for load.on_off.on (--on), then none for load.on_off.off (--off)";
        let open =
            "a closed loop's ramp opens one stream after another: only a rate has a shape and a beginning";
        vec![
            (wave.is_given() && wave.min.is_none(), "load.wave", "load.wave.min", three),
            (wave.is_given() && wave.max.is_none(), "load.wave", "load.wave.max", three),
            (wave.is_given() && wave.period.is_none(), "load.wave", "load.wave.period", three),
            (on_off.on.is_some() && on_off.off.is_none(), "load.on_off.on", "load.on_off.off", both),
            (on_off.off.is_some() && on_off.on.is_none(), "load.on_off.off", "load.on_off.on", both),
            (
                on_off.is_given() && self.rate.is_none(),
                "load.on_off",
                "load.rate",
                "give the mean starts a second over whole cycles (--rate)",
            ),
            (self.ramp_shape.is_some() && self.rate.is_none(), "load.ramp_shape", "load.rate", open),
            (self.ramp_from.is_some() && self.rate.is_none(), "load.ramp_from", "load.rate", open),
            (
                self.ramp_shape.is_some() && self.ramp.is_none(),
                "load.ramp_shape",
                "load.ramp",
                "say how long the ramp takes (--ramp)",
            ),
            (
                self.ramp_from.is_some() && self.ramp.is_none(),
                "load.ramp_from",
                "load.ramp",
                "say how long the ramp takes (--ramp)",
            ),
            (
                self.ramp_shape == Some(RampShape::Exponential) && self.ramp_from.is_none(),
                "load.ramp_shape: exponential",
                "load.ramp_from",
                "no ratio leads away from 0: say where the rate begins (--ramp-from)",
            ),
        ]
    }
}

/// What is wrong with a stage.
fn fault_of(stage: &StageSpec) -> Option<String> {
    match (stage.rate, stage.concurrency) {
        (Some(_), Some(_)) => return Some("has a rate and a concurrency".to_owned()),
        (None, None) => return Some("has neither a rate nor a concurrency".to_owned()),
        (None, Some(0)) => return Some("has a concurrency of 0".to_owned()),
        (Some(rate), None) if rate != 0.0 && !(LEAST_RATE..=MOST_RATE).contains(&rate) => {
            return Some(format!("has the rate {rate}, which must be 0 or from 0.000001 to 1000000"));
        }
        _ => {}
    }
    match stage.duration {
        None => Some("has no duration".to_owned()),
        Some(Duration(length)) if length.0 <= 0 => Some("lasts no time".to_owned()),
        Some(_) => None,
    }
}

pub(super) fn range(key: &'static str, value: &dyn fmt::Display, must: &'static str) -> LoadError {
    LoadError::Range { key, value: value.to_string(), must }
}

pub(super) fn at_least_one(key: &'static str, n: u64) -> Result<u64, LoadError> {
    if n == 0 { Err(range(key, &0, "at least 1")) } else { Ok(n) }
}

/// A count, its multiples worked out.
pub(super) fn counted(key: &'static str, count: Count, multiple_of: Option<u32>) -> Result<u64, LoadError> {
    let n = count
        .resolve(multiple_of)
        .ok_or_else(|| LoadError::NoConcurrency { key, value: count.to_string() })?;
    at_least_one(key, n)
}
