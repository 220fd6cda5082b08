//! **http_req_connecting** = connect(2) called → TCP, and TLS if any, ready.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "http_req_connecting",
    label: "Connect",
    aiperf: Some("HTTP Connecting"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "connect(2) called → TCP, and TLS if any, ready",
    needs: "the attempt opened its own connection",
    source: "AIPerf 0.13 http_req_* (the phases of k6)",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let connect = a.record.connect?;
    let end = connect.tls_end_us.or(connect.end_us)?;
    Some(Value::exact((end - connect.start_us).0.max(0) as f64))
}
