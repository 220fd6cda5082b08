//! `profile_export_aiperf.json`, schema 1.4: AIPerf's own shape, key for key and in its order.
//!
//! Source: aiperf 0.13.0, `exporters/metrics_json_exporter.py` and `common/models/export_models.py`; a file it wrote lies
//! in `tests/golden/`. Two differences, both on purpose: times are UTC (AIPerf writes local time without saying so), and
//! `metadata` names the program that measured, since `aiperf_version` only tells the shape.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokmark_base::Micros;
use tokmark_measure::aiperf::{AiperfError, AiperfMetric};
use tokmark_measure::{Analysis, Summary};
use tokmark_record::RunHeader;

use super::{AIPERF_VERSION, benchmark_id, input_config};

/// The metrics that AIPerf writes before `input_config`, in its order; all others follow at the end.
const NAMED: [&str; 25] = [
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
    "goodput",
    "good_request_count",
    "output_token_count",
    "reasoning_token_count",
    "min_request_timestamp",
    "max_response_timestamp",
    "inter_chunk_latency",
    "total_output_tokens",
    "total_reasoning_tokens",
    "benchmark_duration",
    "total_isl",
    "total_osl",
    "error_request_count",
    "error_isl",
    "total_error_isl",
];

/// The document.
pub fn document(analysis: &Analysis, header: &RunHeader) -> Value {
    let Analysis { summary, aiperf } = analysis;
    let mut top = Map::new();
    let mut put = |key: &str, value: Value| top.insert(key.to_owned(), value);
    put("schema_version", "1.4".into());
    put("aiperf_version", AIPERF_VERSION.into());
    put("benchmark_id", benchmark_id(header).into());
    for metric in NAMED.iter().filter_map(|tag| aiperf.metric(tag)) {
        put(&metric.tag, statistics(metric));
    }
    put("input_config", input_config::document(header));
    put("run_info", run_info(header));
    put("was_cancelled", aiperf.was_cancelled.into());
    put("is_complete", summary.complete.into());
    if !summary.complete {
        put("incomplete_reason", "the run was killed; rebuilt from the records on disk".into());
    }
    put("error_summary", aiperf.error_summary.iter().map(error).collect());
    for (key, at) in [("start_time", aiperf.start_us), ("end_time", aiperf.end_us)] {
        if let Some(at) = at {
            put(key, wall_time(header, at).into());
        }
    }
    for metric in aiperf.metrics.iter().filter(|m| !NAMED.contains(&m.tag.as_str())) {
        put(&metric.tag, statistics(metric));
    }
    put("metadata", metadata(summary, header));
    Value::Object(top)
}

/// `{unit, avg, p1 … p99, min, max, std, count, sum}`; what is not known or not finite is left out.
fn statistics(metric: &AiperfMetric) -> Value {
    let mut out = Map::new();
    out.insert("unit".to_owned(), metric.unit.clone().into());
    for (key, value) in metric.stats.named() {
        if key == "sum"
            && let Some(count) = metric.stats.count
        {
            out.insert("count".to_owned(), count.into());
        }
        if let Some(value) = value.filter(|v| v.is_finite()) {
            out.insert(key.to_owned(), value.into());
        }
    }
    Value::Object(out)
}

fn error(error: &AiperfError) -> Value {
    let mut details = Map::new();
    if let Some(code) = error.code {
        details.insert("code".to_owned(), code.into());
    }
    details.insert("type".to_owned(), error.kind.clone().into());
    details.insert("message".to_owned(), error.message.clone().into());
    json!({ "error_details": details, "count": error.count })
}

fn run_info(header: &RunHeader) -> Value {
    json!({
        "benchmark_id": benchmark_id(header),
        "random_seed": header.seed,
        "trial": 0,
        "cli_command": header.command.join(" "),
    })
}

fn metadata(summary: &Summary, header: &RunHeader) -> Value {
    json!({
        "tool": "tokmark",
        "tool_version": header.tool_version,
        "run_id": header.run_id,
        "plan_digest": header.plan_digest,
        "simulated": header.simulated,
        "verdict": summary.verdict.state,
    })
}

/// Python's `isoformat` of a moment on the run's time line.
fn wall_time(header: &RunHeader, at: Micros) -> String {
    let us = header.anchor_unix_ns.div_euclid(1_000).saturating_add(at.0);
    let time = Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
    let format = if us.rem_euclid(1_000_000) == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S.%6f" };
    time.strftime(format).to_string()
}
