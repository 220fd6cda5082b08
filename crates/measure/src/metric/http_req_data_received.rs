//! **http_req_data_received** = bytes of the reply, head included.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_data_received",
    label: "Data received",
    aiperf: Some("HTTP Data Received"),
    unit: Unit::Kilobytes,
    better: Better::Neither,
    formula: "bytes of the reply, head included",
    needs: "–",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::exact(a.record.bytes_received as f64))
}
