//! What is known of one metric, and the words a table is written in.

use serde::{Deserialize, Serialize};

/// One metric of one server: one family of a scrape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// As it stands behind `# TYPE`: a counter with the suffix it really has, a histogram without `_bucket`.
    pub name: &'static str,
    /// What a scrape says of it.
    pub kind: Kind,
    /// Unit of the value, or of what a histogram observes.
    pub unit: Unit,
    /// Labels every sample of it carries, sorted (`le` of a histogram left out). An [`Kind::Info`] carries more: the ones here are
    /// those a reader may count on.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram without `+Inf`, strictly increasing. `None` for the other kinds, and for a histogram whose
    /// bounds depend on the server's configuration (the help says on what).
    pub buckets: Option<&'static [f64]>,
    /// What it tells, in our words.
    pub help: &'static str,
    /// What it measures for us; `None` if nothing here asks for it. At most one metric a [`Part`] measures a quantity.
    pub what: Option<Quantity>,
    /// Whose scrape it stands in.
    pub part: Part,
    /// The setting without which a server does not show it, or does not move it; `None` if it is there by itself.
    pub needs: Option<&'static str>,
    /// How its name, type, labels and buckets are known.
    pub source: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Only grows; starts again at 0 with the server.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations at or below each bound, their sum and their number.
    Histogram,
    /// A gauge that is always 1 and says something by its labels.
    Info,
}

impl Kind {
    /// The word behind the name in `# TYPE`. All four servers show an info as a gauge.
    pub const fn exposed(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Info => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Unit of a metric's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "a unit says itself")]
pub enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Seconds since 1970.
    UnixSeconds,
    Tokens,
    TokensPerSecond,
    Requests,
    /// KV cache blocks or pages.
    Blocks,
    Bytes,
    Megabytes,
    Gigabytes,
    GigabytesPerSecond,
    Flops,
    /// 0 to 1.
    Ratio,
    /// 0 to 100.
    Percent,
    /// 0 to 1000.
    PerMille,
    /// A quotient that may exceed 1.
    Factor,
    /// 0 or 1.
    Flag,
    /// Of the things the help names.
    Count,
}

/// Whose scrape a metric stands in. The engines have one; Dynamo's processes each have their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The engine's own HTTP server.
    Engine,
    /// Dynamo's frontend, the router within it included.
    Frontend,
    /// The system port of a Dynamo worker.
    Worker,
    /// Dynamo's block manager, on its own port.
    BlockManager,
    /// Our simulated server, beside any of the others.
    Own,
}

/// What a metric measures, whatever the server calls it. The value is in the metric's own [`Unit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Requests the engine works on now.
    RequestsRunning,
    /// Requests waiting for the engine now.
    RequestsWaiting,
    /// Requests accepted and not yet answered in full, running or waiting.
    RequestsInFlight,
    /// Requests answered, by how they ended where a label tells.
    RequestSuccess,
    /// Requests that ended in an error.
    RequestErrors,
    /// Requests cut short by the client or the server.
    RequestAborts,
    /// Requests thrown out of the running batch for want of KV cache.
    Preemptions,
    /// Part of the device's KV cache in use.
    KvCacheUsage,
    /// Part of the host's KV cache in use.
    HostCacheUsage,
    /// Capacity of the device's KV cache.
    KvBlocksTotal,
    /// Used part of the device's KV cache.
    KvBlocksUsed,
    /// Tokens in one block of it.
    KvBlockSize,
    /// Capacity of the device's KV cache in tokens.
    KvTokensTotal,
    /// Used part of the device's KV cache in tokens.
    KvTokensUsed,
    /// Looked up in the prefix cache.
    PrefixCacheQueries,
    /// Found in the prefix cache.
    PrefixCacheHits,
    /// Looked up and not found.
    PrefixCacheMisses,
    /// Found over looked up, as the server averages it.
    CacheHitRate,
    /// Prompt tokens taken in.
    PromptTokens,
    /// Tokens generated.
    GenerationTokens,
    /// Tokens generated a second, as the server averages it.
    GenerationThroughput,
    /// Prompt tokens of a request.
    PromptLength,
    /// Generated tokens of a request.
    GenerationLength,
    /// Tokens of one engine step.
    StepTokens,
    /// Duration of an engine step.
    StepTime,
    /// From arrival at the server to the first token.
    TimeToFirstToken,
    /// Between one token, or one output of several, and the next.
    InterTokenLatency,
    /// Mean time a token of one request, the first left out.
    TimePerOutputToken,
    /// From arrival to the end.
    EndToEndLatency,
    /// From arrival to the first time on the engine.
    QueueTime,
    /// From the first time on the engine to the first token.
    PrefillTime,
    /// From the first token to the last.
    DecodeTime,
    /// From the first time on the engine to the last token.
    InferenceTime,
    /// Duration of a KV transfer between workers.
    KvTransferTime,
    /// Bytes moved by KV transfers between workers.
    KvTransferBytes,
    /// Moved from the device to a lower tier.
    Offloaded,
    /// Moved from a lower tier to the device.
    Onboarded,
    /// Tokens proposed by speculation.
    DraftTokens,
    /// Proposed tokens that were accepted.
    AcceptedDraftTokens,
    /// Mean tokens a verification step yields.
    AcceptanceLength,
    /// How late our own server sent what the simulation had due.
    SchedulingLateness,
}

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        labels,
        buckets: None,
        help,
        what: None,
        part: Part::Engine,
        needs: None,
        source: "",
    }
}

pub(super) const fn counter(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(name, Kind::Counter, unit, labels, help)
}

pub(super) const fn gauge(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(name, Kind::Gauge, unit, labels, help)
}

pub(super) const fn info(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    metric(name, Kind::Info, Unit::Flag, labels, help)
}

/// A histogram whose bounds depend on the server's configuration.
pub(super) const fn configured(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    metric(name, Kind::Histogram, unit, labels, help)
}

pub(super) const fn histogram(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    buckets: &'static [f64],
    help: &'static str,
) -> Metric {
    Metric { buckets: Some(buckets), ..metric(name, Kind::Histogram, unit, labels, help) }
}

impl Metric {
    pub(super) const fn of(self, what: Quantity) -> Metric {
        Metric { what: Some(what), ..self }
    }

    pub(super) const fn needs(self, setting: &'static str) -> Metric {
        Metric { needs: Some(setting), ..self }
    }

    pub(super) const fn at(self, part: Part) -> Metric {
        Metric { part, ..self }
    }

    pub(super) const fn from(self, source: &'static str) -> Metric {
        Metric { source, ..self }
    }
}

/// Gives every metric of a table the source and the part the table states once, where its line states none.
pub(super) const fn stated<const N: usize>(
    source: &'static str,
    part: Part,
    mut table: [Metric; N],
) -> [Metric; N] {
    let mut at = 0;
    while at < N {
        if table[at].source.is_empty() {
            table[at].source = source;
        }
        if matches!(table[at].part, Part::Engine) {
            table[at].part = part;
        }
        at += 1;
    }
    table
}
