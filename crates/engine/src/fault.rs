//! Things that go wrong on purpose (`faults:` of a spec): a list, each with its moment or its rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_workload::Duration;

mod arrivals;
mod drag;

pub(crate) use arrivals::{Fate, Fates, cut};
pub(crate) use drag::{Drag, Dragged};

/// Which pool of a disaggregated deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolName {
    /// The prefill workers.
    Prefill,
    /// The decode workers.
    Decode,
}

/// Whom a fault strikes: a pool (or both) and a worker of it (or all).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Victim {
    pub(crate) pool: Option<PoolName>,
    pub(crate) worker: Option<u32>,
}

/// One thing that goes wrong. Times count from the start of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultSpec {
    /// A worker dies: its cache and its batch are gone.
    Crash {
        /// Pool of a disaggregated deployment; unset: both.
        #[serde(default)]
        pool: Option<PoolName>,
        /// Number of the worker in its pool, from 0; unset: all of them.
        #[serde(default)]
        worker: Option<u32>,
        /// When.
        at: Duration,
        /// It is started again so long after; then it takes its start-up delay. Unset: never.
        #[serde(default)]
        restart: Option<Duration>,
    },
    /// A worker comes up late: it serves only after this delay, in the place of `engine.startup_delay`.
    ColdStart {
        /// Pool of a disaggregated deployment; unset: both.
        #[serde(default)]
        pool: Option<PoolName>,
        /// Number of the worker in its pool, from 0; unset: all of them.
        #[serde(default)]
        worker: Option<u32>,
        /// Its start-up delay.
        delay: Duration,
    },
    /// A worker's passes take longer.
    Slow {
        /// Pool of a disaggregated deployment; unset: both.
        #[serde(default)]
        pool: Option<PoolName>,
        /// Number of the worker in its pool, from 0; unset: all of them.
        #[serde(default)]
        worker: Option<u32>,
        /// Passes that begin from here on…
        #[serde(default)]
        from: Duration,
        /// …and before here; unset: to the end.
        #[serde(default)]
        to: Option<Duration>,
        /// So many times as long.
        #[schemars(range(min = 0))]
        factor: f64,
    },
    /// A worker stands still: no pass of it begins or ends, the one in flight takes so much longer.
    Stall {
        /// Pool of a disaggregated deployment; unset: both.
        #[serde(default)]
        pool: Option<PoolName>,
        /// Number of the worker in its pool, from 0; unset: all of them.
        #[serde(default)]
        worker: Option<u32>,
        /// From here on…
        from: Duration,
        /// …until here.
        to: Duration,
    },
    /// Arrivals are refused.
    Reject {
        /// Share of the arrivals, 0 to 1; unset: all of them.
        #[serde(default)]
        #[schemars(range(min = 0, max = 1))]
        rate: Option<f64>,
        /// HTTP status; unset: 503.
        #[serde(default)]
        #[schemars(range(min = 400, max = 599))]
        status: Option<u16>,
        /// Arrivals from here on…
        #[serde(default)]
        from: Duration,
        /// …and before here; unset: to the end.
        #[serde(default)]
        to: Option<Duration>,
    },
    /// Arrivals are answered with an error.
    Error {
        /// Share of the arrivals, 0 to 1.
        #[schemars(range(min = 0, max = 1))]
        rate: f64,
        /// Which errors, equally likely; unset: all types.
        #[serde(default)]
        types: Vec<ErrorType>,
        /// Arrivals from here on…
        #[serde(default)]
        from: Duration,
        /// …and before here; unset: to the end.
        #[serde(default)]
        to: Option<Duration>,
    },
    /// Streams break off without an end.
    Cut {
        /// Share of the streams, 0 to 1.
        #[schemars(range(min = 0, max = 1))]
        rate: f64,
        /// Behind so many tokens; a shorter reply is not cut.
        #[schemars(range(min = 1))]
        after_tokens: u32,
        /// Arrivals from here on…
        #[serde(default)]
        from: Duration,
        /// …and before here; unset: to the end.
        #[serde(default)]
        to: Option<Duration>,
    },
}

/// An injected error, in llm-d's words (`--failure-types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// 429.
    RateLimit,
    /// 401.
    InvalidApiKey,
    /// 400.
    ContextLength,
    /// 500.
    ServerError,
    /// 400.
    InvalidRequest,
    /// 404.
    ModelNotFound,
}

impl ErrorType {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::RateLimit,
        Self::InvalidApiKey,
        Self::ContextLength,
        Self::ServerError,
        Self::InvalidRequest,
        Self::ModelNotFound,
    ];

    /// Its HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::RateLimit => 429,
            Self::InvalidApiKey => 401,
            Self::ContextLength | Self::InvalidRequest => 400,
            Self::ServerError => 500,
            Self::ModelNotFound => 404,
        }
    }
}

/// What is wrong with `faults:`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// A worker that is not there.
    #[error(
        "faults[{index}] strikes worker {worker}, and the pool has {workers}\nhint: workers count from 0"
    )]
    NoSuchWorker {
        /// Which fault, from 0.
        index: usize,
        /// The worker asked for.
        worker: u32,
        /// How many there are.
        workers: u32,
    },
    /// A pool that is not there.
    #[error(
        "faults[{index}] strikes the {pool} pool, and the deployment has no pools\nhint: leave pool out, or set deployment.mode to disagg"
    )]
    NoSuchPool {
        /// Which fault, from 0.
        index: usize,
        /// The pool asked for.
        pool: &'static str,
    },
    /// A number out of range.
    #[error("faults[{index}].{key} is {value}\nhint: it must be {must}")]
    Range {
        /// Which fault, from 0.
        index: usize,
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

impl PoolName {
    /// As a spec writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
        }
    }
}

impl FaultSpec {
    /// Whom it strikes, if it strikes workers.
    pub(crate) fn victim(&self) -> Option<Victim> {
        match *self {
            Self::Crash { pool, worker, .. }
            | Self::ColdStart { pool, worker, .. }
            | Self::Slow { pool, worker, .. }
            | Self::Stall { pool, worker, .. } => Some(Victim { pool, worker }),
            Self::Reject { .. } | Self::Error { .. } | Self::Cut { .. } => None,
        }
    }

    /// Refuses what cannot be. `index` is its place in the list.
    pub fn check(&self, index: usize) -> Result<(), FaultError> {
        let bad = |key, value: String, must| Err(FaultError::Range { index, key, value, must });
        let share = |rate: f64| (0.0..=1.0).contains(&rate);
        let (from, to) = match *self {
            Self::Slow { from, to, .. }
            | Self::Reject { from, to, .. }
            | Self::Error { from, to, .. }
            | Self::Cut { from, to, .. } => (from, to),
            Self::Stall { from, to, .. } => (from, Some(to)),
            Self::Crash { .. } | Self::ColdStart { .. } => return Ok(()),
        };
        if let Some(to) = to.filter(|to| *to <= from) {
            return bad("to", to.to_string(), "later than from");
        }
        match *self {
            Self::Slow { factor, .. } if !(factor.is_finite() && factor > 0.0 && factor <= 1e6) => {
                bad("factor", factor.to_string(), "above 0 and at most 1000000; 2 is twice as slow")
            }
            Self::Reject { rate: Some(rate), .. } | Self::Error { rate, .. } | Self::Cut { rate, .. }
                if !share(rate) =>
            {
                bad("rate", rate.to_string(), "a share from 0 to 1")
            }
            Self::Reject { status: Some(status), .. } if !(400..600).contains(&status) => {
                bad("status", status.to_string(), "an HTTP status of a failure, 400 to 599")
            }
            Self::Cut { after_tokens: 0, .. } => bad("after_tokens", "0".to_owned(), "1 or more"),
            _ => Ok(()),
        }
    }
}
