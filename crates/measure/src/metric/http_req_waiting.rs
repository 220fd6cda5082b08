//! **http_req_waiting** = last byte sent → response head complete.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_waiting",
    label: "Waiting for headers",
    aiperf: Some("HTTP Waiting (TTFB)"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "last byte sent → response head complete",
    needs: "a response head",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let (from, to) = (a.record.sent_end_us?, a.record.headers_us?);
    Some(Value::exact((to - from).0.max(0) as f64))
}
