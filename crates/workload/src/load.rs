//! The load's part of a spec: when requests go. [`LoadSpec`] is what was asked, [`Load`] the same without contradictions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::Micros;

use crate::arrival::{Arrival, ArrivalKind, Burst, Closed, Constant, Gamma, Poisson, Trace, Users};
use crate::quantity::{Count, Duration, Extent, Warmup};
use crate::rate::{Ramp, Rate, Steady};

/// Streams of a closed loop if nothing is asked.
pub const DEFAULT_CONCURRENCY: u32 = 8;
/// Requests if neither a number nor a duration is asked.
pub const DEFAULT_REQUESTS: u64 = 200;

/// `load:` of a spec, one point of a sweep. Empty: closed loop, 8 streams, 200 requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadSpec {
    /// Closed loop: this many streams, each with one request in flight.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u32>,
    /// Open loop: mean starts a second, whatever the service does.
    #[schemars(range(min = 0))]
    pub rate: Option<f64>,
    /// Law of the open loop's starts; unset: poisson.
    pub arrival: Option<ArrivalKind>,
    /// Shape of gamma gaps: below 1 starts clump, 1 is Poisson, above 1 they even out.
    #[schemars(range(min = 0))]
    pub burstiness: Option<f64>,
    /// Everything at once.
    pub burst: bool,
    /// Measured requests: a count, or a multiple of the concurrency (`10x`). Unset: 200, or no limit with a duration.
    pub requests: Option<Count>,
    /// Length of the measured part.
    pub duration: Option<Duration>,
    /// Sessions to start, where the workload has sessions. Unset: as many as the requests need.
    pub sessions: Option<u64>,
    /// Ramp at the start of the run: concurrency 1 → target, or rate 0 (or `ramp_from`) → target.
    pub ramp: Option<Duration>,
    /// Open loop: how the rate rises along the ramp; unset: linear.
    pub ramp_shape: Option<RampShape>,
    /// Open loop: the rate at the beginning of the ramp, starts a second; unset: 0. An exponential ramp needs one.
    #[schemars(range(min = 0))]
    pub ramp_from: Option<f64>,
    /// Open loop: a rate that goes up and down as a sine does.
    pub wave: WaveSpec,
    /// Open loop: starts come in a part of each cycle only; `rate` stays the mean over whole cycles.
    pub on_off: OnOffSpec,
    /// Open loop: a rate that goes along lines from point to point, `[[seconds, rate], …]`, or a JSON file of such points.
    pub series: Option<SeriesSpec>,
    /// Parts of one run, one after another, each with a rate or a concurrency and how long it lasts.
    pub stages: Vec<StageSpec>,
    /// With `rate`: so many users, each served one turn at a time; a user's turns are wanted `users / rate` seconds apart.
    #[schemars(range(min = 1))]
    pub users: Option<u32>,
    /// With `arrival: trace`: how the trace's own times become the run's.
    pub replay: ReplaySpec,
    /// A phase before the measured one: requests (`100`, `2x`), a time (`30s`), or `auto`: no phase, the measuring side finds
    /// the steady part.
    pub warmup: Option<Warmup>,
    /// A phase after the measured one that keeps the load on: exactly this many requests, or this long, counted from the end of
    /// the measured part (its duration over, or its last start made).
    pub cooldown: Option<Extent>,
    /// How long attempts in flight may take to end once nothing more is sent. Without a duration they are all waited for,
    /// unless this is given.
    pub grace: Duration,
    /// Open loop: at most this many in flight; starts beyond wait their turn, none is dropped.
    #[schemars(range(min = 1))]
    pub max_concurrency: Option<u32>,
}

impl Default for LoadSpec {
    fn default() -> Self {
        Self {
            concurrency: None,
            rate: None,
            arrival: None,
            burstiness: None,
            burst: false,
            requests: None,
            duration: None,
            sessions: None,
            ramp: None,
            ramp_shape: None,
            ramp_from: None,
            wave: WaveSpec::default(),
            on_off: OnOffSpec::default(),
            series: None,
            stages: Vec::new(),
            users: None,
            replay: ReplaySpec::default(),
            warmup: None,
            cooldown: None,
            grace: Duration(Micros(30_000_000)),
            max_concurrency: None,
        }
    }
}

/// How a ramp rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RampShape {
    /// By equal differences.
    #[default]
    Linear,
    /// By equal ratios.
    Exponential,
}

/// `load.wave`: rate(t) = (min + max)/2 − (max − min)/2 · cos(2πt/period), which begins at the least.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaveSpec {
    /// The least rate, starts a second.
    #[schemars(range(min = 0))]
    pub min: Option<f64>,
    /// The greatest rate, starts a second.
    #[schemars(range(min = 0))]
    pub max: Option<f64>,
    /// Length of one wave.
    pub period: Option<Duration>,
}

/// `load.on_off`: starts for `on`, none for `off`, and again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnOffSpec {
    /// How long starts come.
    pub on: Option<Duration>,
    /// How long none come.
    pub off: Option<Duration>,
}

/// `load.series`: points, or the file that has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SeriesSpec {
    /// `[seconds, starts a second]`, in the order of time.
    Points(Vec<[f64; 2]>),
    /// A JSON file with such a list. Whoever resolves a spec reads it and puts the points in its place.
    File(String),
}

/// One of `load.stages`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StageSpec {
    /// Open loop: starts a second during this stage.
    #[schemars(range(min = 0))]
    pub rate: Option<f64>,
    /// Closed loop: streams during this stage.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u32>,
    /// How long it lasts.
    pub duration: Option<Duration>,
}

/// `load.replay`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplaySpec {
    /// Times pass this many times as fast; unset: 1. At 2 every gap is half as long.
    #[schemars(range(min = 0))]
    pub speed: Option<f64>,
    /// A gap between two starts that is longer than this, in the trace's own time, is cut to it.
    pub idle_cap: Option<Duration>,
}

/// A load without contradictions: what [`crate::Pacer`] and [`crate::Schedule`] take.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How requests arrive.
    pub arrival: Arrival,
    /// How the mean rate of starts goes over time; `None` where starts follow no rate (closed loop, burst, trace).
    pub rate: Option<Rate>,
    /// Closed loop: how the number of streams goes over time.
    pub streams: Streams,
    /// The measured part ends with this many starts. At least one of `requests`, `sessions` and `duration` is set, but for a
    /// trace, which ends by itself, and stages.
    pub requests: Option<u64>,
    /// The measured part ends with this many sessions.
    pub sessions: Option<u64>,
    /// The measured part ends this long after it began.
    pub duration: Option<Micros>,
    /// Length of the ramp; zero: none.
    pub ramp: Micros,
    /// Phase before the measured one.
    pub warmup: Option<Phased>,
    /// Whether the measuring side shall look for the steady part itself.
    pub warmup_auto: bool,
    /// Phase after the measured one.
    pub cooldown: Option<Phased>,
    /// How long attempts in flight may take to end once nothing more is sent.
    pub grace: Micros,
    /// Open loop: at most this many in flight.
    pub cap: Option<u32>,
}

/// How long a phase lasts, multiples worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phased {
    /// This many starts.
    Requests(u64),
    /// This long.
    For(Micros),
}

/// What is wrong with a load.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Two keys that cannot both hold.
    #[error("{key} contradicts {other}\nhint: {hint}")]
    Contradiction {
        /// The one key.
        key: &'static str,
        /// The other.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A key that only means something beside another.
    #[error("{key} needs {other}\nhint: {hint}")]
    Needs {
        /// The key given.
        key: &'static str,
        /// The key missing.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A multiple of a concurrency that is not there.
    #[error(
        "{key}: {value} is a multiple of the concurrency, and this load has none\nhint: write a count, or give load.max_concurrency (--max-concurrency)"
    )]
    NoConcurrency {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// A number out of range.
    #[error("{key} is {value}\nhint: it must be {must}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

impl LoadSpec {
    /// The load, or the first contradiction.
    pub fn resolve(&self) -> Result<Load, LoadError> {
        self.check_ranges()?;
        self.check_pairs()?;
        self.check_needs()?;
        let arrival = self.arrival();
        let multiple_of = arrival.concurrency().or(self.max_concurrency);
        let count = |key: &'static str, count: Count| {
            let n = count
                .resolve(multiple_of)
                .ok_or_else(|| LoadError::NoConcurrency { key, value: count.to_string() })?;
            at_least_one(key, n)
        };
        let phased = |key: &'static str, extent: Extent| match extent {
            Extent::Requests(n) => count(key, n).map(Phased::Requests),
            Extent::For(duration) => Ok(Phased::For(duration.0)),
        };
        let mut requests = self.requests.map(|n| count("load.requests", n)).transpose()?;
        // A burst lasts no time, so a duration alone would not end it.
        let ends_otherwise = self.duration.is_some()
            || self.sessions.is_some()
            || !self.stages.is_empty()
            || self.arrival == Some(ArrivalKind::Trace);
        if requests.is_none() && (!ends_otherwise || self.burst) {
            requests = Some(DEFAULT_REQUESTS);
        }
        let warmup = match self.warmup {
            Some(Warmup::Phase(extent)) => Some(phased("load.warmup", extent)?),
            Some(Warmup::Auto) | None => None,
        };
        Ok(Load {
            rate: self.rate(),
            streams: Streams {
                most: arrival.concurrency().unwrap_or(0),
                ramp: self.ramp.map_or(Micros::ZERO, |d| d.0),
            },
            arrival,
            requests,
            sessions: self.sessions,
            duration: self.duration.map(|d| d.0),
            ramp: self.ramp.map_or(Micros::ZERO, |d| d.0),
            warmup: warmup.filter(|extent| *extent != Phased::For(Micros::ZERO)),
            warmup_auto: self.warmup == Some(Warmup::Auto),
            cooldown: self
                .cooldown
                .map(|extent| phased("load.cooldown", extent))
                .transpose()?
                .filter(|extent| *extent != Phased::For(Micros::ZERO)),
            grace: self.grace.0,
            cap: self.max_concurrency,
        })
    }

    fn arrival(&self) -> Arrival {
        if self.burst {
            return Arrival::Burst(Burst);
        }
        if self.arrival == Some(ArrivalKind::Trace) {
            let ReplaySpec { speed, idle_cap } = &self.replay;
            return Arrival::Trace(Trace { speed: speed.unwrap_or(1.0), idle_cap: idle_cap.map(|d| d.0) });
        }
        if let Some(users) = self.users {
            return Arrival::Users(Users { users });
        }
        if self.rate.is_none() {
            let concurrency = self.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
            return Arrival::Closed(Closed { concurrency });
        }
        match self.arrival.unwrap_or_default() {
            ArrivalKind::Constant => Arrival::Constant(Constant),
            ArrivalKind::Gamma => Arrival::Gamma(Gamma { burstiness: self.burstiness.unwrap_or(1.0) }),
            ArrivalKind::Poisson | ArrivalKind::Trace => Arrival::Poisson(Poisson),
        }
    }

    fn rate(&self) -> Option<Rate> {
        let rate = self.rate?;
        Some(match self.ramp {
            Some(length) if length.0 > Micros::ZERO => Rate::Ramp(Ramp {
                from: self.ramp_from.unwrap_or(0.0),
                to: rate,
                length: length.0.as_secs_f64(),
            }),
            _ => Rate::Steady(Steady { rate }),
        })
    }

    fn check_ranges(&self) -> Result<(), LoadError> {
        for (key, value) in
            [("load.concurrency", self.concurrency), ("load.max_concurrency", self.max_concurrency)]
        {
            if let Some(n) = value {
                at_least_one(key, u64::from(n))?;
            }
        }
        for (key, value, least, must) in [
            ("load.rate", self.rate, 1e-6, "requests a second, from 0.000001 to 1000000"),
            ("load.burstiness", self.burstiness, 1e-3, "a gamma shape from 0.001 to 1000000"),
        ] {
            if let Some(x) = value
                && !(least..=1e6).contains(&x)
            {
                return Err(LoadError::Range { key, value: x.to_string(), must });
            }
        }
        if self.duration == Some(Duration(Micros::ZERO)) {
            return Err(LoadError::Range {
                key: "load.duration",
                value: "0s".to_owned(),
                must: "longer than nothing",
            });
        }
        Ok(())
    }

    /// Keys that cannot both hold.
    fn check_pairs(&self) -> Result<(), LoadError> {
        let contradictions = [
            (
                self.rate.is_some() && self.burst,
                "load.rate",
                "load.burst",
                "a burst starts everything at once: leave one of the two out",
            ),
            (
                self.concurrency.is_some() && self.rate.is_some(),
                "load.concurrency",
                "load.rate",
                "a closed loop has a concurrency, an open loop a rate; to cap an open loop use load.max_concurrency (--max-concurrency)",
            ),
            (
                self.concurrency.is_some() && self.burst,
                "load.concurrency",
                "load.burst",
                "to cap a burst use load.max_concurrency (--max-concurrency)",
            ),
            (
                self.arrival.is_some() && self.burst,
                "load.arrival",
                "load.burst",
                "a burst starts everything at once: leave one of the two out",
            ),
            (
                self.ramp.is_some() && self.burst,
                "load.ramp",
                "load.burst",
                "everything at once has no ramp: use load.rate (--rate) or load.concurrency (--concurrency)",
            ),
            (
                matches!(self.warmup, Some(Warmup::Phase(_))) && self.burst,
                "load.warmup",
                "load.burst",
                "everything at once has no phase before it: run a warm-up of its own first",
            ),
            (
                self.cooldown.is_some() && self.burst,
                "load.cooldown",
                "load.burst",
                "everything at once has no phase after it: leave one of the two out",
            ),
        ];
        match contradictions.into_iter().find(|(holds, ..)| *holds) {
            Some((_, key, other, hint)) => Err(LoadError::Contradiction { key, other, hint }),
            None => Ok(()),
        }
    }

    /// Keys that mean nothing without another.
    fn check_needs(&self) -> Result<(), LoadError> {
        let open = self.rate.is_some() || self.burst;
        let missing = [
            (
                self.arrival.is_some_and(|law| law != ArrivalKind::Trace) && self.rate.is_none(),
                "load.arrival",
                "load.rate",
                "give the mean starts a second (--rate)",
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
        ];
        match missing.into_iter().find(|(lacks, ..)| *lacks) {
            Some((_, key, other, hint)) => Err(LoadError::Needs { key, other, hint }),
            None => Ok(()),
        }
    }
}

impl Load {
    /// In words: `Poisson, 12 req/s, at most 64 in flight`.
    pub fn describe(&self) -> String {
        let arrival = self.arrival.process().describe();
        let arrival = match &self.rate {
            Some(rate) => format!("{arrival}, {}", rate.shape().describe()),
            None => arrival,
        };
        match self.cap {
            Some(cap) => format!("{arrival}, at most {cap} in flight"),
            None => arrival,
        }
    }

    /// Mean starts a second over the long run; `None` where no rate is asked.
    pub fn mean_rate(&self) -> Option<f64> {
        self.rate.as_ref().map(|rate| rate.shape().mean())
    }

    /// Coefficient of variation of the gaps between starts, in the limit of a rate that changes slowly against them; `None` where
    /// there are no gaps to speak of.
    pub fn gap_cv(&self) -> Option<f64> {
        let law = self.arrival.process().gap_cv()?;
        let rate = self.rate.as_ref()?.shape();
        Some(libm::sqrt((1.0 + law * law) * rate.mean() * rate.mean_inverse() - 1.0))
    }

    /// Everything that decides when starts are wanted, part of the plan's digest.
    pub fn canonical(&self) -> String {
        let rate = self.rate.as_ref().map_or_else(|| "none".to_owned(), |rate| rate.shape().canonical());
        format!("{} / {rate} / {}", self.arrival.process().canonical(), self.streams.canonical())
    }

    /// Whether starts are wanted at times of their own (everything but a closed loop).
    pub fn is_open(&self) -> bool {
        self.arrival.concurrency().is_none()
    }

    /// Whether all starts can be told before the run: an open loop whose starts do not wait for each other, as those of users do.
    pub fn has_schedule(&self) -> bool {
        self.is_open() && !matches!(self.arrival, Arrival::Users(_))
    }

    /// The most attempts in flight at once over all lanes; `None` if nothing but the service bounds them. Says how many file
    /// descriptors a run can need.
    pub fn most_in_flight(&self) -> Option<u64> {
        let bound = self.arrival.concurrency().or(self.cap).map(u64::from);
        match (bound, self.starts()) {
            (Some(bound), Some(starts)) => Some(bound.min(starts)),
            // At a rate, a count bounds the run and not what is open at once: a hundred thousand requests are no hundred
            // thousand connections.
            (None, Some(starts)) => matches!(self.arrival, Arrival::Burst(_)).then_some(starts),
            (bound, None) => bound,
        }
    }

    /// Starts over all phases; `None` if a phase ends by time.
    pub fn starts(&self) -> Option<u64> {
        let phase = |extent: Option<Phased>| match extent {
            None => Some(0),
            Some(Phased::Requests(n)) => Some(n),
            Some(Phased::For(_)) => None,
        };
        Some(phase(self.warmup)?.saturating_add(self.requests?).saturating_add(phase(self.cooldown)?))
    }
}

/// How many streams a closed loop has open, over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// All of them.
    pub most: u32,
    /// They open one after another over this time: stream j of C at ramp · j / (C − 1).
    pub ramp: Micros,
}

impl Streams {
    fn canonical(&self) -> String {
        format!("streams={} ramp_us={}", self.most, self.ramp.0)
    }
}

fn at_least_one(key: &'static str, n: u64) -> Result<u64, LoadError> {
    if n == 0 {
        return Err(LoadError::Range { key, value: "0".to_owned(), must: "at least 1" });
    }
    Ok(n)
}

#[cfg(test)]
mod tests;
