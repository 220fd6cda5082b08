//! `load:` of a spec as people write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::Micros;

use crate::arrival::ArrivalKind;
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

impl WaveSpec {
    /// Whether anything of it is given.
    pub fn is_given(&self) -> bool {
        *self != Self::default()
    }
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

impl OnOffSpec {
    /// Whether anything of it is given.
    pub fn is_given(&self) -> bool {
        *self != Self::default()
    }
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
