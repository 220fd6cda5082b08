//! `router:` of a spec: how requests are spread over the workers of a pool. Names follow Dynamo's own flags where there is one.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::{Micros, Seed};
use tokmark_workload::quantity::Duration;

use super::dispatcher::Dispatcher;
use super::{Router, WorkerFacts};

/// How a router scores and picks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// One after the other.
    #[default]
    RoundRobin,
    /// Any.
    Random,
    /// Two at random, then the one with fewer requests.
    PowerOfTwo,
    /// The one with fewest requests.
    LeastLoaded,
    /// The one with the least work left to do for this request, counting what its cache holds (Dynamo 1.6.1).
    Kv,
    /// The earlier formula of the same: weight times blocks to prefill, plus active blocks.
    KvV1,
    /// The one whose cache holds most of the prompt, unless the load is out of balance.
    TwoTier,
}

impl PolicyKind {
    /// Its word in a spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::PowerOfTwo => "power_of_two",
            Self::LeastLoaded => "least_loaded",
            Self::Kv => "kv",
            Self::KvV1 => "kv_v1",
            Self::TwoTier => "two_tier",
        }
    }

    /// Whether it asks what the workers' caches hold.
    pub(super) fn asks_caches(self) -> bool {
        matches!(self, Self::Kv | Self::KvV1 | Self::TwoTier)
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which waiting request goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueuePolicy {
    /// The one that came first.
    #[default]
    Fcfs,
    /// The one that came last.
    Lcfs,
    /// The one with the fewest tokens to prefill on the worker that holds most of it (Smith's rule).
    Wspt,
}

/// Whether the requests of a conversation stay together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Affinity {
    /// No.
    #[default]
    None,
    /// On the worker of the request before; if that one is too busy, the conversation moves with its next request.
    Soft,
    /// On the worker of the request before; if that one is too busy, the request is refused and the conversation starts anew.
    Hard,
}

/// `router:` of a spec. Empty: round robin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)] // five independent switches, named as in Dynamo
pub struct RouterSpec {
    /// How workers are scored and picked.
    pub policy: PolicyKind,
    /// Policies `kv` and `kv_v1`: 0 takes the lowest cost; above, workers are drawn with probability
    /// ∝ exp(−(cost − min) / ((max − min) · temperature)) (`router_temperature`).
    #[schemars(range(min = 0))]
    pub temperature: f64,
    /// Policy `kv`: blocks of cost that a block in the device's memory saves.
    #[schemars(range(min = 0))]
    pub overlap_score_credit: f64,
    /// Policy `kv`: how fast that credit fades as a worker's prefill backlog exceeds the least one; 0: not at all.
    #[schemars(range(min = 0))]
    pub overlap_score_credit_decay: f64,
    /// Policy `kv`: cost of a block to prefill, in blocks to decode.
    #[schemars(range(min = 0))]
    pub prefill_load_scale: f64,
    /// Policies `kv` and `kv_v1`: credit of a block in host memory (`host_cache_hit_weight`).
    #[schemars(range(min = 0))]
    pub host_weight: f64,
    /// The same for a block on disk or in an object store (`disk_cache_hit_weight`).
    #[schemars(range(min = 0))]
    pub disk_weight: f64,
    /// Policy `kv`: cost of each active request, in blocks (`decode_active_request_weight`).
    #[schemars(range(min = 0))]
    pub active_request_weight: f64,
    /// Policy `kv_v1`: weight of blocks to prefill against active blocks.
    #[schemars(range(min = 0))]
    pub overlap_score_weight: f64,
    /// Policy `two_tier`: load is out of balance if the most loaded worker has more than this many requests more than the least
    /// loaded one, and …
    pub balance_abs_threshold: u32,
    /// … more than this times as many.
    #[schemars(range(min = 1))]
    pub balance_rel_threshold: f64,
    /// Policy `two_tier`: the cache decides if it holds more than this share of the prompt's blocks.
    #[schemars(range(min = 0, max = 1))]
    pub cache_threshold: f64,
    /// Whether active requests with equal prefixes are taken to share blocks (`router_assume_kv_reuse`).
    pub assume_kv_reuse: bool,
    /// Whether active blocks count (`router_track_active_blocks`).
    pub track_active_blocks: bool,
    /// Whether tokens to prefill count (`router_track_prefill_tokens`).
    pub track_prefill_tokens: bool,
    /// The workers only decode: without prefill tracking, policy `kv` sets its credit against active blocks. Set by a cluster with
    /// pools.
    #[serde(skip)]
    pub decode_pool: bool,
    /// Whether workers tell what their caches hold. If not, the router guesses it from where requests went (`ttl`).
    pub kv_events: bool,
    /// How long after a change in a cache the router learns of it.
    pub event_lag: Duration,
    /// Without `kv_events`: how long a block is taken to be on a worker after a request with it went there, rounded up to 100 ms
    /// (`router_ttl_secs`).
    pub ttl: Duration,
    /// Requests wait in the router while every worker has more tokens to prefill than this times its largest batch
    /// (`router_queue_threshold`). Unset: they never wait.
    #[schemars(range(min = 0))]
    pub queue_threshold: Option<f64>,
    /// Which waiting request goes first, among those of equal priority (`router_queue_policy`).
    pub queue_policy: QueuePolicy,
    /// A worker is too busy while more than this share of its KV blocks is active (`active_decode_blocks_threshold`).
    #[schemars(range(min = 0, max = 1))]
    pub busy_decode_blocks: Option<f64>,
    /// A worker is too busy while more than so many tokens are to prefill (`active_prefill_tokens_threshold`).
    pub busy_prefill_tokens: Option<u64>,
    /// The same, times its largest batch (`active_prefill_tokens_threshold_frac`).
    #[schemars(range(min = 0))]
    pub busy_prefill_tokens_frac: Option<f64>,
    /// HTTP status of a refusal because every worker is too busy.
    #[schemars(range(min = 400, max = 599))]
    pub busy_status: u16,
    /// Whether the requests of a conversation stay on one worker.
    pub affinity: Affinity,
    /// How long after its last request a conversation is remembered (`session_affinity_ttl`).
    pub affinity_ttl: Duration,
    /// Seed of the router's draws; unset: the run's.
    pub seed: Option<u64>,
}

impl Default for RouterSpec {
    fn default() -> Self {
        Self {
            policy: PolicyKind::default(),
            temperature: 0.0,
            overlap_score_credit: 1.0,
            overlap_score_credit_decay: 0.0,
            prefill_load_scale: 1.0,
            host_weight: 0.75,
            disk_weight: 0.25,
            active_request_weight: 0.0,
            overlap_score_weight: 1.0,
            balance_abs_threshold: 32,
            balance_rel_threshold: 1.1,
            cache_threshold: 0.5,
            assume_kv_reuse: true,
            track_active_blocks: true,
            track_prefill_tokens: true,
            decode_pool: false,
            kv_events: true,
            event_lag: Duration(Micros::ZERO),
            ttl: Duration(Micros(120_000_000)),
            queue_threshold: None,
            queue_policy: QueuePolicy::default(),
            busy_decode_blocks: None,
            busy_prefill_tokens: None,
            busy_prefill_tokens_frac: None,
            busy_status: 529,
            affinity: Affinity::default(),
            affinity_ttl: Duration(Micros(3_600_000_000)),
            seed: None,
        }
    }
}

/// Why a router cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RouterError {
    /// A number out of its range.
    #[error("router.{key} is {value}\nhint: give {wanted}")]
    Range {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What can be given.
        wanted: &'static str,
    },
    /// A key that does nothing here.
    #[error("router.{key} is given, but {why}\nhint: {fix}")]
    Idle {
        /// The key.
        key: &'static str,
        /// Why it would do nothing.
        why: String,
        /// What to do.
        fix: &'static str,
    },
    /// No workers.
    #[error("there is no worker to route to\nhint: ask for at least one worker")]
    NoWorkers,
    /// Blocks of no tokens.
    #[error("a block of the workers' cache holds 0 tokens\nhint: give a block size of at least 1")]
    NoBlockTokens,
    /// A share of nothing.
    #[error(
        "router.busy_decode_blocks is a share of the KV blocks, but worker {worker} has none\nhint: leave router.busy_decode_blocks out, or give the worker a KV cache"
    )]
    NoBlocks {
        /// The worker's number.
        worker: usize,
    },
    /// A multiple of an unlimited batch.
    #[error(
        "router.{key} is a multiple of a worker's largest batch, but worker {worker} has no limit\nhint: limit the tokens of its batch, or leave router.{key} out"
    )]
    NoBatchLimit {
        /// The key.
        key: &'static str,
        /// The worker's number.
        worker: usize,
    },
}

impl RouterSpec {
    /// The same router before a pool that only decodes, as Dynamo routes there: by active blocks alone, none of them shared.
    #[must_use]
    pub fn for_decode(&self) -> Self {
        let mut spec = Self {
            assume_kv_reuse: false,
            track_prefill_tokens: false,
            decode_pool: true,
            queue_threshold: None,
            queue_policy: QueuePolicy::Fcfs,
            busy_prefill_tokens: None,
            busy_prefill_tokens_frac: None,
            ..self.clone()
        };
        if self.policy == PolicyKind::Kv {
            spec.overlap_score_credit = 0.0;
        }
        spec
    }

    /// Whether every number is in its range and every key that was given does something.
    pub fn check(&self) -> Result<(), RouterError> {
        self.check_ranges()?;
        self.check_idle()
    }

    fn check_ranges(&self) -> Result<(), RouterError> {
        let floats = [
            ("temperature", Some(self.temperature)),
            ("overlap_score_credit", Some(self.overlap_score_credit)),
            ("overlap_score_credit_decay", Some(self.overlap_score_credit_decay)),
            ("prefill_load_scale", Some(self.prefill_load_scale)),
            ("host_weight", Some(self.host_weight)),
            ("disk_weight", Some(self.disk_weight)),
            ("active_request_weight", Some(self.active_request_weight)),
            ("overlap_score_weight", Some(self.overlap_score_weight)),
            ("queue_threshold", self.queue_threshold),
            ("busy_prefill_tokens_frac", self.busy_prefill_tokens_frac),
        ];
        let bad = |key, value: String, wanted| Err(RouterError::Range { key, value, wanted });
        for (key, value) in floats {
            if let Some(value) = value.filter(|value| !(0.0..=1e9).contains(value)) {
                return bad(key, value.to_string(), "a number from 0 to 1e9");
            }
        }
        let shares = [
            ("cache_threshold", Some(self.cache_threshold)),
            ("busy_decode_blocks", self.busy_decode_blocks),
        ];
        for (key, value) in shares {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                return bad(key, value.to_string(), "a share from 0 to 1");
            }
        }
        let ratio = self.balance_rel_threshold;
        if !(ratio.is_finite() && ratio >= 1.0) {
            return bad("balance_rel_threshold", ratio.to_string(), "a ratio of at least 1");
        }
        if !(400..600).contains(&self.busy_status) {
            return bad(
                "busy_status",
                self.busy_status.to_string(),
                "an HTTP status of an error (529 as Dynamo, or 503)",
            );
        }
        if self.affinity_ttl.0 <= Micros::ZERO {
            return bad("affinity_ttl", self.affinity_ttl.to_string(), "a time above 0");
        }
        Ok(())
    }

    fn check_idle(&self) -> Result<(), RouterError> {
        self.check_policy()?;
        let plain = Self::default();
        let idle = |key, why: &str, fix| Err(RouterError::Idle { key, why: why.to_owned(), fix });
        if self.event_lag != plain.event_lag && !self.kv_events {
            return idle("event_lag", "router.kv_events is off", "turn kv_events on, or leave event_lag out");
        }
        if self.ttl != plain.ttl && self.kv_events {
            return idle("ttl", "router.kv_events is on", "turn kv_events off, or leave ttl out");
        }
        if self.queue_policy != plain.queue_policy && self.queue_threshold.is_none() {
            return idle(
                "queue_policy",
                "nothing ever waits in the router",
                "give router.queue_threshold too",
            );
        }
        if self.affinity_ttl != plain.affinity_ttl && self.affinity == Affinity::None {
            return idle("affinity_ttl", "router.affinity is none", "set affinity to soft or hard");
        }
        let tokens = [
            ("queue_threshold", self.queue_threshold.is_some()),
            ("busy_prefill_tokens", self.busy_prefill_tokens.is_some()),
            ("busy_prefill_tokens_frac", self.busy_prefill_tokens_frac.is_some()),
        ];
        match tokens.iter().find(|(_, given)| *given && !self.track_prefill_tokens) {
            Some((key, _)) => idle(key, "router.track_prefill_tokens is off", "turn track_prefill_tokens on"),
            None => Ok(()),
        }
    }

    /// Whether the policy uses every key that was given for one.
    fn check_policy(&self) -> Result<(), RouterError> {
        let plain = Self::default();
        let policy = self.policy;
        let kv = policy == PolicyKind::Kv;
        let v1 = policy == PolicyKind::KvV1;
        let tiers = policy == PolicyKind::TwoTier;
        let differs = |of: fn(&Self) -> f64| of(self).to_bits() != of(&plain).to_bits();
        let given: [(&'static str, bool, bool); 13] = [
            ("temperature", differs(|spec| spec.temperature), kv || v1),
            ("overlap_score_credit", differs(|spec| spec.overlap_score_credit), kv),
            ("overlap_score_credit_decay", differs(|spec| spec.overlap_score_credit_decay), kv),
            ("prefill_load_scale", differs(|spec| spec.prefill_load_scale), kv),
            ("host_weight", differs(|spec| spec.host_weight), kv || v1),
            ("disk_weight", differs(|spec| spec.disk_weight), kv || v1),
            ("active_request_weight", differs(|spec| spec.active_request_weight), kv),
            ("overlap_score_weight", differs(|spec| spec.overlap_score_weight), v1),
            ("balance_abs_threshold", differs(|spec| f64::from(spec.balance_abs_threshold)), tiers),
            ("balance_rel_threshold", differs(|spec| spec.balance_rel_threshold), tiers),
            ("cache_threshold", differs(|spec| spec.cache_threshold), tiers),
            ("kv_events", !self.kv_events, policy.asks_caches()),
            ("event_lag", self.event_lag != plain.event_lag, policy.asks_caches()),
        ];
        match given.iter().find(|(_, given, used)| *given && !*used) {
            Some((key, ..)) => Err(RouterError::Idle {
                key,
                why: format!("router.policy {policy} does not use it"),
                fix: "leave it out, or choose another policy (kv uses most of them)",
            }),
            None => Ok(()),
        }
    }

    /// Whether load is to be tracked at all: by a policy that looks at it, or a threshold.
    pub(super) fn asks_load(&self) -> bool {
        !matches!(self.policy, PolicyKind::RoundRobin | PolicyKind::Random)
            || self.queue_threshold.is_some()
            || self.busy_decode_blocks.is_some()
            || self.busy_prefill_tokens.is_some()
            || self.busy_prefill_tokens_frac.is_some()
    }
}

/// The router that `spec` asks for, before workers numbered as in `workers`, whose cache has blocks of `block_tokens` tokens. All of
/// them are up.
pub fn build(
    spec: &RouterSpec,
    workers: &[WorkerFacts],
    block_tokens: u32,
    seed: Seed,
) -> Result<Box<dyn Router>, RouterError> {
    spec.check()?;
    if workers.is_empty() {
        return Err(RouterError::NoWorkers);
    }
    if block_tokens == 0 {
        return Err(RouterError::NoBlockTokens);
    }
    let blockless = || workers.iter().position(|facts| facts.blocks == 0);
    if spec.busy_decode_blocks.is_some()
        && let Some(worker) = blockless()
    {
        return Err(RouterError::NoBlocks { worker });
    }
    let unlimited = || workers.iter().position(|facts| facts.batch_tokens.is_none());
    let multiples = [
        ("queue_threshold", spec.queue_threshold.is_some()),
        ("busy_prefill_tokens_frac", spec.busy_prefill_tokens_frac.is_some()),
    ];
    for (key, _) in multiples.iter().filter(|(_, given)| *given) {
        if let Some(worker) = unlimited() {
            return Err(RouterError::NoBatchLimit { key, worker });
        }
    }
    let draws = spec.seed.map_or(seed, Seed).stream("router", 0);
    Ok(Box::new(Dispatcher::new(spec, workers, block_tokens, draws)))
}

#[cfg(test)]
mod tests;
