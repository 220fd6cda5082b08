//! The load's part of a spec: when requests go. [`LoadSpec`] is what was asked, [`Load`] the same without contradictions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::Micros;

use crate::arrival::{Arrival, ArrivalKind, Burst, Closed, Constant, Gamma, Poisson};
use crate::quantity::{Count, Duration, Extent, Warmup};

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
    /// Linear ramp at the start of the run: concurrency 1 → target, or rate 0 → target.
    pub ramp: Option<Duration>,
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
            ramp: None,
            warmup: None,
            cooldown: None,
            grace: Duration(Micros(30_000_000)),
            max_concurrency: None,
        }
    }
}

/// A load without contradictions: what [`crate::Pacer`] and [`crate::Schedule`] take.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How requests arrive.
    pub arrival: Arrival,
    /// The measured part ends with this many starts. At least one of `requests` and `duration` is set.
    pub requests: Option<u64>,
    /// The measured part ends this long after it began.
    pub duration: Option<Micros>,
    /// Length of the linear ramp; zero: none.
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
        if requests.is_none() && (self.duration.is_none() || self.burst) {
            requests = Some(DEFAULT_REQUESTS);
        }
        let warmup = match self.warmup {
            Some(Warmup::Phase(extent)) => Some(phased("load.warmup", extent)?),
            Some(Warmup::Auto) | None => None,
        };
        Ok(Load {
            arrival,
            requests,
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
        let Some(rate) = self.rate else {
            let concurrency = self.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
            return Arrival::Closed(Closed { concurrency });
        };
        match self.arrival.unwrap_or_default() {
            ArrivalKind::Poisson => Arrival::Poisson(Poisson { rate }),
            ArrivalKind::Constant => Arrival::Constant(Constant { rate }),
            ArrivalKind::Gamma => Arrival::Gamma(Gamma { rate, burstiness: self.burstiness.unwrap_or(1.0) }),
        }
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
                self.arrival.is_some() && self.rate.is_none(),
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
        match self.cap {
            Some(cap) => format!("{arrival}, at most {cap} in flight"),
            None => arrival,
        }
    }

    /// Whether starts are wanted at times of their own (everything but a closed loop).
    pub fn is_open(&self) -> bool {
        self.arrival.concurrency().is_none()
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

fn at_least_one(key: &'static str, n: u64) -> Result<u64, LoadError> {
    if n == 0 {
        return Err(LoadError::Range { key, value: "0".to_owned(), must: "at least 1" });
    }
    Ok(n)
}

#[cfg(test)]
mod tests;
