//! **http_req_receiving** = response head complete → end.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_receiving",
    label: "Receiving",
    aiperf: Some("HTTP Receiving"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "response head complete → end",
    needs: "a response head and an end",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let (from, to) = (a.record.headers_us?, a.record.ended_us?);
    Some(Value::exact((to - from).0.max(0) as f64))
}
