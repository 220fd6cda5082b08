//! **http_req_data_sent** = bytes of the request, head included.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_data_sent",
    label: "Data sent",
    aiperf: Some("HTTP Data Sent"),
    unit: Unit::Kilobytes,
    better: Better::Neither,
    formula: "bytes of the request, head included",
    needs: "–",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::exact(a.record.bytes_sent as f64))
}
