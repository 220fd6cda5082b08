//! **http_req_duration** = first byte sent → end, connect left out.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_duration",
    label: "HTTP duration",
    aiperf: Some("HTTP Duration (excl. conn)"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first byte sent → end, connect left out",
    needs: "a sent byte and an end",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let (from, to) = (a.record.sent_us?, a.record.ended_us?);
    Some(Value::exact((to - from).0.max(0) as f64))
}
