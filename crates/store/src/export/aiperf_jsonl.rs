//! `profile_export.jsonl`: one object per request, warm-up included, as AIPerf writes it.
//!
//! Source: aiperf 0.13.0, `profile_export.jsonl` of a run (`tests/golden/`). Every `_ns` is wall clock.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokmark_base::{Micros, Phase};
use tokmark_measure::aiperf::{
    CANCELLED, CANCELLED_CODE, RecordMetric, RecordValue, cancelled_message, error_type,
};
use tokmark_record::{Cut, Outcome, Record, RunHeader};

/// One line. `metrics` are the record's own, in AIPerf's names and units.
pub fn line(record: &Record, header: &RunHeader, metrics: &[RecordMetric]) -> Value {
    // Keys are strings and numbers are finite: a line is always JSON.
    serde_json::to_value(Line::new(record, warmups(header), header, metrics)).unwrap_or_default()
}

/// One line, to be written without a document in between. The keys and their order are AIPerf's.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    metadata: Metadata<'a>,
    metrics: Metrics<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
}

impl<'a> Line<'a> {
    /// `warmups` as [`warmups`] has them of the header.
    pub(crate) fn new(
        record: &'a Record,
        warmups: u32,
        header: &'a RunHeader,
        metrics: &'a [RecordMetric],
    ) -> Self {
        Self {
            metadata: Metadata::new(record, warmups, header),
            metrics: Metrics(metrics),
            error: Error::of(record, header),
        }
    }
}

#[derive(Serialize)]
struct Metadata<'a> {
    session_num: u64,
    #[serde(rename = "x_request_id")]
    request_id: RequestId<'a>,
    #[serde(rename = "x_correlation_id")]
    correlation_id: RequestId<'a>,
    conversation_id: String,
    turn_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_issued_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_start_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_ack_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_end_ns: Option<i64>,
    worker_id: &'static str,
    record_processor_id: &'static str,
    benchmark_phase: &'static str,
    phase_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    profiling_index: Option<u32>,
    phase_name: &'static str,
    phase_kind: &'static str,
    was_cancelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_time_ns: Option<i64>,
    context_overflow_skip: bool,
    agent_depth: u32,
    root_correlation_id: RequestId<'a>,
}

/// The run and the request: written three times in each line.
#[derive(Clone, Copy)]
struct RequestId<'a> {
    run: &'a str,
    request: u64,
}

impl Serialize for RequestId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}-{}", self.run, self.request))
    }
}

impl<'a> Metadata<'a> {
    fn new(record: &Record, warmups: u32, header: &'a RunHeader) -> Self {
        let stamp = |at: Option<Micros>| {
            at.map(|at| header.anchor_unix_ns.saturating_add(at.0.saturating_mul(1_000)))
        };
        let (phase, phase_index) = match record.phase {
            Phase::Warmup => ("warmup", 0),
            Phase::Profiling => ("profiling", warmups),
            Phase::Cooldown => ("cooldown", warmups + 1),
        };
        let request_id = RequestId { run: &header.run_id, request: record.request };
        // A request that stands for itself is a session of one turn.
        let conversation = record.session.map_or(record.request, |place| place.id);
        let correlation_id = RequestId { run: &header.run_id, request: conversation };
        let was_cancelled = matches!(record.outcome, Outcome::Cut { .. });
        Self {
            session_num: record.request,
            request_id,
            correlation_id,
            conversation_id: format!("session_{conversation:06}"),
            turn_index: record.session.map_or(0, |place| place.turn),
            credit_issued_ns: stamp(record.intended_us.or(record.released_us)),
            request_start_ns: stamp(record.sent_us),
            request_ack_ns: stamp(record.headers_us.filter(|_| record.outcome.is_success())),
            request_end_ns: stamp(record.ended_us),
            worker_id: "tokmark",
            record_processor_id: "tokmark",
            benchmark_phase: phase,
            phase_index,
            profiling_index: (record.phase == Phase::Profiling).then_some(0),
            phase_name: phase,
            phase_kind: phase,
            was_cancelled,
            cancellation_time_ns: stamp(record.ended_us.filter(|_| was_cancelled)),
            context_overflow_skip: false,
            agent_depth: 0,
            root_correlation_id: correlation_id,
        }
    }
}

struct Metrics<'a>(&'a [RecordMetric]);

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            value: Shown<'a>,
            unit: &'static str,
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for metric in self.0 {
            map.serialize_entry(metric.tag, &Entry { value: Shown::of(metric), unit: metric.unit })?;
        }
        map.end()
    }
}

/// Tokens, counts and yes-or-no are whole numbers in AIPerf's file, everything else has a point.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Whole(i64),
    Plain(&'a RecordValue),
}

impl<'a> Shown<'a> {
    fn of(metric: &'a RecordMetric) -> Self {
        match metric.value {
            RecordValue::One(n)
                if n.fract() == 0.0 && matches!(metric.unit, "tokens" | "count" | "ratio") =>
            {
                Self::Whole(n as i64)
            }
            _ => Self::Plain(&metric.value),
        }
    }
}

/// Phases before the measured one.
pub(crate) fn warmups(header: &RunHeader) -> u32 {
    let warmup = header.spec.pointer("/load/warmup").and_then(Value::as_str);
    u32::from(warmup.is_some_and(|w| w != "auto"))
}

/// `{code, type, message}`, absent on success.
#[derive(Serialize)]
struct Error<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    message: Cow<'a, str>,
}

impl<'a> Error<'a> {
    fn of(record: &'a Record, header: &RunHeader) -> Option<Self> {
        Some(match &record.outcome {
            Outcome::Success => return None,
            Outcome::NotSent => Self {
                code: None,
                kind: Cow::Borrowed("not_sent"),
                message: Cow::Borrowed("never started before the run's stop"),
            },
            Outcome::Cut { by } => Self {
                code: Some(CANCELLED_CODE),
                kind: Cow::Borrowed(if *by == Cut::Plan { CANCELLED } else { "cut" }),
                message: match by {
                    Cut::Grace => Cow::Borrowed("cut at the end of the grace period"),
                    Cut::Interrupt => Cow::Borrowed("cut by an interrupt"),
                    Cut::Plan => Cow::Owned(cancelled_message(header)),
                },
            },
            Outcome::Failed(failure) => Self {
                code: record.status,
                kind: Cow::Owned(error_type(failure.kind, record.status)),
                message: Cow::Borrowed(&failure.message),
            },
        })
    }
}
