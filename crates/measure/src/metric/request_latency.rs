//! **request_latency** = last content event − first byte sent.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "request_latency",
    label: "Request latency",
    aiperf: Some("Request Latency"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "last content event − first byte sent",
    needs: "a content event",
    source: "AIPerf 0.13 request_latency; without connect time",
    kind: Kind::Latency(value),
};

/// One attempt's value.
pub(crate) fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::since(a.sent()?, a.last()?))
}
