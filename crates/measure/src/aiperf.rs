//! AIPerf's own population: every valid attempt of the profiling phase, duration from first start to last content,
//! linear percentiles, std with ddof 0. Never mixed with the window's numbers in one file.
//!
//! Source: the installed package AIPerf 0.13.0; what differs from ours is in docs/aiperf.md.

use serde::{Deserialize, Serialize};
use tokmark_base::Micros;
use tokmark_base::units::parse_duration;
use tokmark_record::{FailureKind, Record, RunHeader};

use crate::attempt::Scratch;
use crate::catalogue::METRICS;
use crate::failures::kind_name;
use crate::metric::{Kind, Metric, Pooled, Unit, Value};
use crate::pool::Side;
use crate::population::{Populations, Which};
use crate::tally::Ranked;

/// What `profile_export_aiperf.json` and `.csv` hold of the measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AiperfPopulation {
    /// Metrics in AIPerf's order (headline fields first). A tag appears once.
    pub metrics: Vec<AiperfMetric>,
    /// Errors by code, type and message, most frequent first.
    pub error_summary: Vec<AiperfError>,
    /// First start among valid attempts, on the run's time line.
    pub start_us: Option<Micros>,
    /// Last content among valid attempts.
    pub end_us: Option<Micros>,
    /// Whether Ctrl-C ended the run.
    pub was_cancelled: bool,
}

impl AiperfPopulation {
    /// The metric with this tag.
    pub fn metric(&self, tag: &str) -> Option<&AiperfMetric> {
        self.metrics.iter().find(|m| m.tag == tag)
    }
}

/// One metric as AIPerf writes it. An absent statistic is an absent key; single numbers have only `avg`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AiperfMetric {
    /// AIPerf's tag, the key in the JSON.
    pub tag: String,
    /// AIPerf's display header, the first column of the CSV (without the unit).
    pub header: String,
    /// AIPerf's unit.
    pub unit: String,
    /// The statistics.
    pub stats: AiperfStats,
}

/// AIPerf's statistics; `None` is an omitted key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are AIPerf's own keys
pub struct AiperfStats {
    pub avg: Option<f64>,
    pub p1: Option<f64>,
    pub p5: Option<f64>,
    pub p10: Option<f64>,
    pub p25: Option<f64>,
    pub p50: Option<f64>,
    pub p75: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub std: Option<f64>,
    pub count: Option<u64>,
    pub sum: Option<f64>,
}

impl AiperfStats {
    /// Whether it is a single number (the CSV's second section).
    pub fn is_scalar(&self) -> bool {
        self.count.is_none()
    }

    /// The statistics by AIPerf's keys, in AIPerf's order, `count` left out.
    pub fn named(&self) -> [(&'static str, Option<f64>); 14] {
        [
            ("avg", self.avg),
            ("p1", self.p1),
            ("p5", self.p5),
            ("p10", self.p10),
            ("p25", self.p25),
            ("p50", self.p50),
            ("p75", self.p75),
            ("p90", self.p90),
            ("p95", self.p95),
            ("p99", self.p99),
            ("min", self.min),
            ("max", self.max),
            ("std", self.std),
            ("sum", self.sum),
        ]
    }
}

/// One entry of `error_summary`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiperfError {
    /// HTTP status; 499 for cancelled requests.
    pub code: Option<u16>,
    /// The reason phrase of a reply that is no success, else our kind of failure.
    #[serde(rename = "type")]
    pub kind: String,
    /// The server's or system's own words.
    pub message: String,
    /// How many attempts.
    pub count: u64,
}

/// One metric of one attempt, for a line of `profile_export.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordMetric {
    /// AIPerf's tag.
    pub tag: &'static str,
    /// AIPerf's unit.
    pub unit: &'static str,
    /// Its value or values.
    pub value: RecordValue,
}

/// A number, or the list `inter_chunk_latency` carries.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RecordValue {
    /// One value.
    One(f64),
    /// One per gap.
    Many(Vec<f64>),
}

/// Tags AIPerf writes first, in its order; the rest follow in the catalogue's.
const HEADLINE: [&str; 11] = [
    "request_throughput",
    "request_latency",
    "request_count",
    "time_to_first_token",
    "time_to_second_token",
    "inter_token_latency",
    "output_token_throughput",
    "output_token_throughput_per_user",
    "output_sequence_length",
    "input_sequence_length",
    "output_token_count",
];

/// Metrics that have an `adj_` twin as soon as one attempt failed.
const ADJUSTED: [&str; 4] =
    ["time_to_first_token", "request_latency", "inter_token_latency", "decode_duration"];

/// AIPerf's per-record metrics of one attempt, in AIPerf's units. Empty for attempts AIPerf calls invalid.
pub fn record_metrics(record: &Record) -> Vec<RecordMetric> {
    let mut scratch = Scratch::default();
    let attempt = scratch.view(record);
    if !attempt.valid_for_aiperf() {
        return Vec::new();
    }
    let one = |metric: &Metric| -> Option<RecordValue> {
        let shown = |v: Value| v.at / metric.unit.divisor();
        match metric.kind {
            Kind::Latency(value) | Kind::Each(value) => value(&attempt).map(|v| RecordValue::One(shown(v))),
            Kind::Pooled(values) => {
                let mut pooled = Pooled::default();
                values(&attempt, &mut pooled);
                let all: Vec<f64> = pooled.at().map(|at| at / metric.unit.divisor()).collect();
                (!all.is_empty()).then_some(RecordValue::Many(all))
            }
            Kind::Started(_) | Kind::Total(_) => None,
        }
    };
    METRICS
        .iter()
        .filter(|m| m.aiperf.is_some())
        .filter_map(|m| Some(RecordMetric { tag: m.tag, unit: m.unit.aiperf(), value: one(m)? }))
        .collect()
}

/// Builds the population's file from the second pass.
pub(crate) fn population(
    populations: &mut Populations,
    header: &RunHeader,
    was_cancelled: bool,
) -> AiperfPopulation {
    let totals = populations.aiperf_totals(header.gpus);
    let mut metrics: Vec<AiperfMetric> = Vec::new();
    for (index, metric) in METRICS.iter().enumerate() {
        let Some(title) = metric.aiperf else { continue };
        let named = |tag: &str, title: &str, stats| AiperfMetric {
            tag: tag.to_owned(),
            header: title.to_owned(),
            unit: metric.unit.aiperf().to_owned(),
            stats,
        };
        if let Kind::Total(total) = metric.kind {
            // AIPerf leaves the count of errors out where there are none.
            let value = total(&totals).filter(|x| metric.tag != "error_request_count" || *x > 0.0);
            metrics.extend(value.map(|x| named(metric.tag, title, scalar(x))));
            continue;
        }
        let ranked = populations.ranked(index, Which::Aiperf, Side::At);
        if ranked.n() > 0 {
            metrics.push(named(metric.tag, title, stats(&ranked, metric.unit)));
        }
        if totals.failures > 0 && ADJUSTED.contains(&metric.tag) {
            metrics.push(named(
                &format!("adj_{}", metric.tag),
                &format!("{title} (error-adjusted)"),
                adjusted(&ranked, totals.failures, metric.unit),
            ));
        }
    }
    let place = |m: &AiperfMetric| HEADLINE.iter().position(|tag| *tag == m.tag).unwrap_or(HEADLINE.len());
    metrics.sort_by_key(place);
    let extent = populations.aiperf_extent();
    AiperfPopulation {
        metrics,
        error_summary: populations
            .aiperf_failure_rows()
            .into_iter()
            .map(|row| AiperfError {
                code: row.status,
                message: if row.kind == CANCELLED { cancelled_message(header) } else { row.message },
                kind: refusal(&row.kind, row.status).map_or(row.kind, str::to_owned),
                count: row.count,
            })
            .collect(),
        start_us: extent.map(|e| Micros(e.0)),
        end_us: extent.map(|e| Micros(e.1)),
        was_cancelled,
    }
}

/// What AIPerf calls a request that its client gave up as planned (its `transports/aiohttp_client.py`).
pub const CANCELLED: &str = "RequestCancellationError";

/// The code AIPerf gives requests that were not allowed to end.
pub const CANCELLED_CODE: u16 = 499;

/// AIPerf's message for a request given up as planned: it names the delay that was asked for.
pub fn cancelled_message(header: &RunHeader) -> String {
    let after = header.spec.pointer("/workload/cancel/after").and_then(serde_json::Value::as_str);
    match after.and_then(|after| parse_duration(after).ok()) {
        Some(after) => format!("Request cancelled {:.3}s after being sent", after.as_secs_f64()),
        None => "Request cancelled after being sent".to_owned(),
    }
}

/// What AIPerf's files call a failure: the reason phrase of a reply that is no success (AIPerf takes it from the status
/// line), else our own kind.
pub fn error_type(kind: FailureKind, status: Option<u16>) -> String {
    let kind = kind_name(kind);
    refusal(&kind, status).map_or(kind, str::to_owned)
}

/// The reason phrase (RFC 9110 §15, RFC 6585) where the status is what failed.
fn refusal(kind: &str, status: Option<u16>) -> Option<&'static str> {
    let status = status.filter(|_| kind.starts_with("http_") || kind == "redirect")?;
    REASONS.iter().find(|(code, _)| *code == status).map(|(_, reason)| *reason)
}

const REASONS: [(u16, &str); 23] = [
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (413, "Content Too Large"),
    (415, "Unsupported Media Type"),
    (422, "Unprocessable Entity"),
    (424, "Failed Dependency"),
    (429, "Too Many Requests"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
];

fn scalar(x: f64) -> AiperfStats {
    AiperfStats { avg: Some(x), ..AiperfStats::default() }
}

/// Linear percentiles, std with ddof 0.
fn stats(values: &Ranked, unit: Unit) -> AiperfStats {
    let shown = |x: f64| x / unit.divisor();
    let p = |q: f64| values.linear(q).map(shown);
    AiperfStats {
        avg: values.mean().map(shown),
        p1: p(0.01),
        p5: p(0.05),
        p10: p(0.10),
        p25: p(0.25),
        p50: p(0.50),
        p75: p(0.75),
        p90: p(0.90),
        p95: p(0.95),
        p99: p(0.99),
        min: values.min().map(shown),
        max: values.max().map(shown),
        std: values.std(0).map(shown),
        count: Some(values.n()),
        sum: Some(shown(values.sum())),
    }
}

/// Each failure at +∞, nearest rank; what is infinite is an omitted key.
fn adjusted(values: &Ranked, failures: u64, unit: Unit) -> AiperfStats {
    let p = |q: f64| values.nearest(q, failures).filter(|x| x.is_finite()).map(|x| x / unit.divisor());
    AiperfStats {
        p1: p(0.01),
        p5: p(0.05),
        p10: p(0.10),
        p25: p(0.25),
        p50: p(0.50),
        p75: p(0.75),
        p90: p(0.90),
        p95: p(0.95),
        p99: p(0.99),
        min: values.min().map(|x| x / unit.divisor()),
        count: Some(values.n() + failures),
        ..AiperfStats::default()
    }
}
