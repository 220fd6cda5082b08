//! `profile_export.jsonl`: one object per request, warm-up included, as AIPerf writes it.
//!
//! Source: aiperf 0.13.0, `profile_export.jsonl` of a run (`tests/golden/`). Every `_ns` is wall clock.

use serde_json::{Map, Value, json};
use tokmark_base::{Micros, Phase};
use tokmark_measure::aiperf::{RecordMetric, RecordValue, error_type};
use tokmark_record::{Cut, Outcome, Record, RunHeader};

/// One line. `metrics` are the record's own, in AIPerf's names and units.
pub fn line(record: &Record, header: &RunHeader, metrics: &[RecordMetric]) -> Value {
    let mut out = Map::new();
    out.insert("metadata".to_owned(), metadata(record, header));
    let metrics: Map<String, Value> =
        metrics.iter().map(|m| (m.tag.to_owned(), json!({ "value": value(m), "unit": m.unit }))).collect();
    out.insert("metrics".to_owned(), metrics.into());
    if let Some(error) = error(record) {
        out.insert("error".to_owned(), error);
    }
    Value::Object(out)
}

fn metadata(record: &Record, header: &RunHeader) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    let stamp =
        |at: Option<Micros>| at.map(|at| header.anchor_unix_ns.saturating_add(at.0.saturating_mul(1_000)));
    let (phase, index) = match record.phase {
        Phase::Warmup => ("warmup", 0),
        Phase::Profiling => ("profiling", warmups(header)),
        Phase::Cooldown => ("cooldown", warmups(header) + 1),
    };
    let request_id = format!("{}-{}", header.run_id, record.request);
    put("session_num", record.request.into());
    put("x_request_id", request_id.clone().into());
    put("x_correlation_id", request_id.clone().into());
    put("conversation_id", format!("session_{:06}", record.request).into());
    put("turn_index", 0.into());
    for (key, at) in [
        ("credit_issued_ns", record.intended_us.or(record.released_us)),
        ("request_start_ns", record.sent_us),
        ("request_ack_ns", record.headers_us.filter(|_| record.outcome.is_success())),
        ("request_end_ns", record.ended_us),
    ] {
        if let Some(ns) = stamp(at) {
            put(key, ns.into());
        }
    }
    put("worker_id", "tokmark".into());
    put("record_processor_id", "tokmark".into());
    put("benchmark_phase", phase.into());
    put("phase_index", index.into());
    if record.phase == Phase::Profiling {
        put("profiling_index", 0.into());
    }
    put("phase_name", phase.into());
    put("phase_kind", phase.into());
    let cut = matches!(record.outcome, Outcome::Cut { .. });
    put("was_cancelled", cut.into());
    if cut && let Some(ns) = stamp(record.ended_us) {
        put("cancellation_time_ns", ns.into());
    }
    put("context_overflow_skip", false.into());
    put("agent_depth", 0.into());
    put("root_correlation_id", request_id.into());
    Value::Object(out)
}

/// Tokens, counts and yes-or-no are whole numbers in AIPerf's file, everything else has a point.
fn value(metric: &RecordMetric) -> Value {
    match metric.value {
        RecordValue::One(n) if n.fract() == 0.0 && matches!(metric.unit, "tokens" | "count" | "ratio") => {
            (n as i64).into()
        }
        _ => json!(metric.value),
    }
}

/// Phases before the measured one.
fn warmups(header: &RunHeader) -> u32 {
    let warmup = header.spec.pointer("/load/warmup").and_then(Value::as_str);
    u32::from(warmup.is_some_and(|w| w != "auto"))
}

/// `{code, type, message}`, absent on success.
fn error(record: &Record) -> Option<Value> {
    let (code, kind, message) = match &record.outcome {
        Outcome::Success => return None,
        Outcome::NotSent => (None, json!("not_sent"), "never started before the run's stop".to_owned()),
        Outcome::Cut { by } => {
            let why = match by {
                Cut::Grace => "cut at the end of the grace period",
                Cut::Interrupt => "cut by an interrupt",
            };
            (Some(499), json!("cut"), why.to_owned())
        }
        Outcome::Failed(failure) => {
            (record.status, error_type(failure.kind, record.status).into(), failure.message.clone())
        }
    };
    let mut out = Map::new();
    if let Some(code) = code {
        out.insert("code".to_owned(), code.into());
    }
    out.insert("type".to_owned(), kind);
    out.insert("message".to_owned(), message.into());
    Some(Value::Object(out))
}
