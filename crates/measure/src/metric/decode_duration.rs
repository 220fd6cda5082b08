//! **decode_duration** = last content event − first content event.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "decode_duration",
    label: "Decode duration",
    aiperf: Some("Decode Duration"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "last content event − first content event",
    needs: "streaming, a content event",
    source: "AIPerf 0.13 decode_duration",
    kind: Kind::Latency(value),
};

/// One attempt's value.
pub(crate) fn value(a: &Attempt<'_>) -> Option<Value> {
    let (first, last) = (a.first()?, a.last()?);
    // One event is its own first and last: its interval cancels out.
    if a.events.len() == 1 {
        return Some(Value::exact(0.0));
    }
    Some(Value::between(first, last))
}
