//! **http_req_total** = first action → end, connect included.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_total",
    label: "HTTP total",
    aiperf: Some("HTTP Total Time"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first action → end, connect included",
    needs: "an action and an end",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let (from, to) = (a.record.acted_us?, a.record.ended_us?);
    Some(Value::exact((to - from).0.max(0) as f64))
}
