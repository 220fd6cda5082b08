//! **time_to_second_token** = second content event − first content event.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "time_to_second_token",
    label: "Time to 2nd token",
    aiperf: Some("Time to Second Token"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "second content event − first content event",
    needs: "streaming, two content events",
    source: "AIPerf 0.13 time_to_second_token",
    kind: Kind::Latency(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::between(a.first()?, a.second()?))
}
