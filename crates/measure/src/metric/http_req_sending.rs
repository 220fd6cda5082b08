//! **http_req_sending** = first byte sent → last byte sent.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_sending",
    label: "Sending",
    aiperf: Some("HTTP Sending"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first byte sent → last byte sent",
    needs: "a whole request sent",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let (from, to) = (a.record.sent_us?, a.record.sent_end_us?);
    Some(Value::exact((to - from).0.max(0) as f64))
}
