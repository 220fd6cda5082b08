//! `summary.json`: what a run says, over its window. Every statistic knows its n; missing is absent, never 0.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::Micros;

pub use crate::amount::Amount;
pub use crate::verdict::{Code, Severity, State, ThresholdSource, Verdict, Warning};

/// Version of `summary.json`.
pub const SCHEMA_VERSION: u32 = 1;

/// `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Version of tokmark.
    pub tool_version: String,
    /// The run directory's name.
    pub run_id: String,
    /// UTC time of t = 0, RFC 3339.
    pub started_at: String,
    /// Whether the engine behind the target is simulated by tokmark: then no number here is about real hardware.
    pub simulated: bool,
    /// Model name sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where requests went.
    pub targets: Vec<String>,
    /// GPUs behind the targets, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// BLAKE3 of the plan: runs with different digests are not comparable.
    pub plan_digest: String,
    /// The seed.
    pub seed: u64,
    /// Can the numbers be trusted?
    pub verdict: Verdict,
    /// Whether Ctrl-C ended the run.
    pub interrupted: bool,
    /// Whether the driver's own end-of-run facts were there; false if the run was killed and rebuilt from its records.
    pub complete: bool,
    /// How many of what.
    pub counts: Counts,
    /// The part of the run that is measured.
    pub window: Window,
    /// What load was asked for and what was achieved.
    pub load: Load,
    /// Every metric that has a value, in catalogue order.
    pub metrics: Vec<MetricSummary>,
    /// The measured attempts by class, where the workload has classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<GroupSummary>,
    /// The measured attempts by turn of their session (`0`, `1`, `2`, `3 and later`), where sessions have several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<GroupSummary>,
    /// Failures by kind, status and message, most frequent first.
    pub failures: Vec<FailureRow>,
    /// Events whose arrival is known only as a wide interval.
    pub censoring: Censoring,
    /// Who counted tokens.
    pub tokens: TokenSources,
    /// Successful attempts by the server's own word for why it stopped (`none` where it gave none).
    pub finish_reasons: BTreeMap<String, u64>,
    /// How the measuring process itself fared.
    pub client: ClientHealth,
}

/// The JSON Schema of `summary.json`, as checked in at `docs/schema/summary.schema.json`.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Summary);
    // A schema is plain JSON: it always serialises.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

impl Summary {
    /// The metric with this tag, if it has a value in this run.
    pub fn metric(&self, tag: &str) -> Option<&MetricSummary> {
        self.metrics.iter().find(|m| m.tag == tag)
    }

    /// Whether at least one measured attempt succeeded.
    pub fn any_success(&self) -> bool {
        self.counts.succeeded > 0
    }

    /// Failed, cut and unsent attempts as a share of all that should have succeeded (those cancelled as planned should not). `None`
    /// if there were none.
    pub fn error_share(&self) -> Option<f64> {
        let c = &self.counts;
        let bad = c.failed + c.cut + c.not_sent;
        let all = bad + c.succeeded;
        (all > 0).then(|| bad as f64 / all as f64)
    }
}

/// Counts over the measured phase, except where said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Requests the plan holds for the measured phase; absent if it is open-ended (`--duration`) or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<u64>,
    /// Attempts started, all phases.
    pub issued: u64,
    /// Records kept, all phases, unsent ones not counted.
    pub recorded: u64,
    /// Issued − recorded: what a full writer queue dropped. Any at all makes the run INVALID.
    pub lost: u64,
    /// Measured attempts that ended well.
    pub succeeded: u64,
    /// Measured attempts that failed.
    pub failed: u64,
    /// Measured attempts ended by us (grace period, Ctrl-C).
    pub cut: u64,
    /// Due in the measured phase, never started before the stop.
    pub not_sent: u64,
    /// Measured attempts whose client went away as the plan had it: neither successes nor failures, and in no other number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: u64,
    /// Open-loop starts later than the dispatch-delay threshold.
    pub missed_starts: u64,
    /// Records of the warm-up phase.
    pub warmup: u64,
    /// Records of the cool-down phase.
    pub cooldown: u64,
}

/// The measured part of the run, on its own time line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First measured start.
    #[schemars(with = "i64")]
    pub start_us: Micros,
    /// End by event time: the last measured start, unless `rule` says the whole run.
    #[schemars(with = "i64")]
    pub end_us: Micros,
    /// Length.
    pub duration_s: f64,
    /// Time after the last start, cut from throughput.
    pub drain_s: f64,
    /// How the window was found.
    pub rule: WindowRule,
    /// Successful attempts of the measured phase that `--warmup auto` put outside.
    pub truncated_attempts: u64,
    /// Length in mean request latencies; stationarity is judged from 20 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_latencies: Option<f64>,
    /// Whether the measured part looked stationary; absent where it is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady: Option<bool>,
}

/// How the window was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowRule {
    /// First to last start of the measured phase.
    #[default]
    Phases,
    /// The same, after MSER-5 truncation (`--warmup auto`).
    Auto,
    /// First start to last end: the starts lie too close together to span a window.
    Whole,
}

/// The shape of the load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadKind {
    /// Everything at once.
    Burst,
    /// A fixed number of streams, each starting its next request when its last ended.
    #[default]
    Closed,
    /// Starts at planned moments, whatever the server does.
    Open,
}

/// Asked against achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Its shape.
    pub kind: LoadKind,
    /// Rate asked for, requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_rate_per_s: Option<f64>,
    /// Rate of the plan's own starts in the window (a Poisson draw differs from what was asked).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realised_rate_per_s: Option<f64>,
    /// Rate of requests put on the wire in the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_rate_per_s: Option<f64>,
    /// Concurrency asked for (closed loop) or the cap (open loop).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_concurrency: Option<u64>,
    /// Mean attempts in flight over the window, each clipped to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_concurrency: Option<f64>,
    /// Most attempts in flight at once in the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u64>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger is better.
    Higher,
    /// Smaller is better.
    Lower,
    /// Neither: a fact.
    Neither,
}

/// Part of the measured attempts, over the window of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSummary {
    /// Its name.
    pub name: String,
    /// Attempts that ended well.
    pub succeeded: u64,
    /// Attempts that failed, were cut or never sent.
    pub failed: u64,
    /// Attempts whose client went away as the plan had it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: u64,
    /// Prompt tokens found in the cache as a share of all, over the successes that say both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_ratio: Option<f64>,
    /// Metrics over its attempts.
    pub metrics: Vec<MetricSummary>,
}

impl GroupSummary {
    /// The metric with this tag, if it has a value in this group.
    pub fn metric(&self, tag: &str) -> Option<&MetricSummary> {
        self.metrics.iter().find(|m| m.tag == tag)
    }
}

/// One metric over the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSummary {
    /// AIPerf's tag where it means the same, ours otherwise.
    pub tag: String,
    /// What a person calls it.
    pub label: String,
    /// Unit of every number here.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// One number of the whole window, for metrics that are not distributions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The distribution over successful attempts (or over pooled events).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Distribution>,
    /// The adjusted twin: failed, cut and unsent attempts as +∞. There as soon as one exists, and then the headline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Distribution>,
}

impl MetricSummary {
    /// What to quote: the adjusted values if there are any, else the plain ones. `None` for single numbers.
    pub fn headline(&self) -> Option<&Distribution> {
        self.adjusted.as_ref().or(self.values.as_ref())
    }
}

/// Statistics of many values. Percentiles are nearest rank and pessimistic where events were censored; mean, std, min and
/// max go by the stamps, and where a censored value may lie beyond min or max, their bounds say how far: no percentile lies
/// outside of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// How many values.
    pub n: u64,
    /// How many of them are +∞ (adjusted twins only).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub infinite: u64,
    /// How many of them are known only as bounds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub censored: u64,
    /// Mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Amount>,
    /// Standard deviation with n − 1; absent below two values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// Smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Amount>,
    /// How small the smallest may be, where that is below `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bound: Option<Amount>,
    /// Largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Amount>,
    /// How large the largest may be, where that is above `max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bound: Option<Amount>,
    /// Percentiles, ascending.
    pub percentiles: Vec<Percentile>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Distribution {
    /// The percentile `p` (99.9 for p99.9).
    pub fn percentile(&self, p: f64) -> Option<&Percentile> {
        self.percentiles.iter().find(|q| (q.p - p).abs() < 1e-9)
    }
}

/// One percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Percentile {
    /// Which: 50, 99.9.
    pub p: f64,
    /// Its value; where `bound` is there, the pessimistic one of two bounds: the upper one of a latency, the lower one of a speed.
    pub value: Amount,
    /// The optimistic bound, where censored events touch this percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Amount>,
    /// How many more values this percentile needs before its order-statistic interval can reach 95 %. While it is not 0,
    /// `value` is only the rank's own value and no estimate to rely on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing_n: u64,
}

/// One line of the error table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureRow {
    /// The failure's kind (`http_server_error`, …), `cut` or `not_sent`.
    pub kind: String,
    /// HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The server's or system's own words, first 300 bytes, secrets masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How many attempts of the measured phase.
    pub count: u64,
}

/// Events known only as wide intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Censoring {
    /// Content events of successful measured attempts.
    pub events: u64,
    /// Those whose interval is wider than max(1 ms, 5 % of the attempt's median gap).
    pub censored: u64,
    /// Those of them that came alone with the end of their reply (finish reason, usage, `[DONE]`): the server closed the reply
    /// right behind its last token, which says nothing about the client.
    #[serde(default)]
    pub closing: u64,
    /// Share of the censored; absent without events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_ratio: Option<f64>,
}

/// Who counted tokens, over successful measured attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSources {
    /// Output lengths by the server's usage.
    pub output_server: u64,
    /// Output lengths by our tokenizer.
    pub output_tokenizer: u64,
    /// Output lengths by counting events (an undercount).
    pub output_events: u64,
    /// Successful attempts whose output length is unknown.
    pub output_missing: u64,
    /// Input lengths by the server's usage.
    pub input_server: u64,
    /// Input lengths by our tokenizer (the plan's own count).
    pub input_tokenizer: u64,
    /// Successful attempts whose input length is unknown.
    pub input_missing: u64,
    /// (Σ ours − Σ the server's) / Σ the server's output tokens, where both counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_difference_ratio: Option<f64>,
    /// The same for input tokens, ours being the plan's own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_difference_ratio: Option<f64>,
    /// Mean input tokens the server counts beyond the plan's count, as a chat template adds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_difference_mean_tokens: Option<f64>,
}

/// How the measuring process fared over the run. Absent is unreadable on this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientHealth {
    /// Health samples behind this.
    pub samples: u64,
    /// Busy share of each reactor's loop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loop_utilisation_ratio: Vec<f64>,
    /// Share of time each reactor was runnable but waited for a processor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runqueue_wait_ratio: Vec<f64>,
    /// Longest time the process did not run when it should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_max_ms: Option<f64>,
    /// Canary overshoots over 20 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<u64>,
    /// User stamp − kernel stamp, 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_lag_ms_p99: Option<f64>,
    /// Processor time stolen by the host, as a share of wall time of one core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_steal_ratio: Option<f64>,
    /// Time the control group was throttled by its quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_throttled_ms: Option<f64>,
    /// Share of time some task of the machine waited for a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psi_cpu_some_ratio: Option<f64>,
    /// Most records waiting for the writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_len_max: Option<u64>,
    /// Room for waiting records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_capacity: Option<u64>,
    /// Most open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_fds_max: Option<u64>,
    /// Soft limit of open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd_limit: Option<u64>,
    /// Wall-clock steps seen between anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_steps: Option<u64>,
}
