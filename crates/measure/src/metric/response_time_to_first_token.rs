//! **response_time_to_first_token** = first content event − intended start.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "response_time_to_first_token",
    label: "TTFT from intended",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first content event − intended start",
    needs: "open loop, streaming, a content event",
    source: "METHOD; as wrk2 corrects for coordinated omission",
    kind: Kind::Latency(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::since(a.intended()?, a.first()?))
}
