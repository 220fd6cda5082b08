//! The load's part of a spec: when requests go. [`LoadSpec`] is what was asked (`load/spec.rs`), [`Load`] the same without
//! contradictions (`load/check.rs` has the rules, `load/resolve.rs` the way from the one to the other).

use tokmark_base::Micros;

use crate::arrival::Arrival;
use crate::rate::Rate;

mod check;
mod error;
mod resolve;
mod spec;
mod streams;

pub use error::LoadError;
pub use spec::{
    DEFAULT_CONCURRENCY, DEFAULT_REQUESTS, LoadSpec, OnOffSpec, RampShape, ReplaySpec, SeriesSpec, StageSpec,
    WaveSpec,
};
pub use streams::Streams;

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
    /// trace, which ends by itself, and for stages and a series behind a warm-up of a count ([`Load::end`]).
    pub requests: Option<u64>,
    /// The measured part ends with this many sessions.
    pub sessions: Option<u64>,
    /// The measured part ends this long after it began.
    pub duration: Option<Micros>,
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

impl Load {
    /// In words: `Poisson, 12 req/s, at most 64 in flight`.
    pub fn describe(&self) -> String {
        let arrival = self.streams.describe().unwrap_or_else(|| self.arrival.process().describe());
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

    /// Coefficient of variation of the gaps between starts; `None` where there are no gaps to speak of, or no closed form. Exact for
    /// a steady rate and for pauses ([`crate::rate::on_off`]); otherwise in the limit of a rate that changes slowly against the
    /// gaps ([`crate::rate::Shape::gap_cv`]).
    pub fn gap_cv(&self) -> Option<f64> {
        self.rate.as_ref()?.shape().gap_cv(self.arrival.process())
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

    /// The moment of the run at which it ends by itself, if it does: with its last stage, or the last point of its series. The
    /// measured part may end earlier. A trace ends with its last row, which a load does not know.
    pub fn end(&self) -> Option<Micros> {
        let end = self.rate.as_ref().and_then(|rate| rate.shape().end()).map(Micros::from_secs_f64);
        end.or_else(|| self.streams.end())
    }

    /// The most attempts in flight at once over all lanes; `None` if nothing but the service bounds them. Says how many file
    /// descriptors a run can need.
    pub fn most_in_flight(&self) -> Option<u64> {
        let users = match self.arrival {
            Arrival::Users(users) => Some(users.users),
            _ => None,
        };
        let bound = self.arrival.concurrency().or(users).or(self.cap).map(u64::from);
        match (bound, self.starts()) {
            (Some(bound), Some(starts)) => Some(bound.min(starts)),
            // At a rate, a count bounds the run and not what is open at once: a hundred thousand requests are no hundred
            // thousand connections.
            (None, Some(starts)) => matches!(self.arrival, Arrival::Burst(_)).then_some(starts),
            (bound, None) => bound,
        }
    }

    /// Starts over all phases, requests of sessions counted one by one; `None` if a phase ends by time, or with its sessions. A
    /// rate that ends may end earlier.
    pub fn starts(&self) -> Option<u64> {
        let phase = |extent: Option<Phased>| match extent {
            None => Some(0),
            Some(Phased::Requests(n)) => Some(n),
            Some(Phased::For(_)) => None,
        };
        Some(phase(self.warmup)?.saturating_add(self.requests?).saturating_add(phase(self.cooldown)?))
    }
}

#[cfg(test)]
mod tests;
