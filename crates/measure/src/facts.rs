//! What the driver alone knows about a run, handed over when it ends.

use serde::{Deserialize, Serialize};
use tokmark_base::Micros;

use crate::summary::LoadKind;

/// End-of-run facts. A run rebuilt from its records after a kill has the default, with what the header's spec tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunFacts {
    /// Whether the driver came to its own end (false: killed and rebuilt).
    pub complete: bool,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// Shape of the load.
    pub load: LoadKind,
    /// Requests of the measured phase in the plan, if it is a number: not if a duration may end the phase before.
    pub planned: Option<u64>,
    /// Attempts started, all phases; `None`: as the last health sample says, else the number of records.
    pub issued: Option<u64>,
    /// Records dropped by a full queue; `None`: as the last health sample says.
    pub lost: Option<u64>,
    /// Rate asked for, requests per second.
    pub asked_rate_per_s: Option<f64>,
    /// Concurrency asked for (closed loop) or the cap (open loop).
    pub asked_concurrency: Option<u64>,
    /// Length of the asked linear ramp, from the start of the run (t = 0).
    pub ramp_us: Option<Micros>,
    /// Whether `--warmup auto` was asked for.
    pub warmup_auto: bool,
    /// The capacity `tokmark calibrate` measured on this machine, if it has.
    pub calibrated: Option<Calibrated>,
}

/// This machine's rated capacity: the load at which the p99 error against a known schedule stays under the larger of
/// 1 ms and 1 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// Content events per second.
    pub events_per_s: f64,
    /// Streams open at once.
    pub streams: u64,
}
