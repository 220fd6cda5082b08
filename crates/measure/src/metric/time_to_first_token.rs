//! **time_to_first_token** = first content event − first byte sent.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "time_to_first_token",
    label: "TTFT",
    aiperf: Some("Time to First Token"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first content event − first byte sent",
    needs: "streaming, a content event",
    source: "AIPerf 0.13 time_to_first_token; without connect time",
    kind: Kind::Latency(value),
};

/// One attempt's value.
pub(crate) fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::since(a.sent()?, a.first()?))
}
