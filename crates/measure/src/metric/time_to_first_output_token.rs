//! **time_to_first_output_token** = first content event that is not reasoning − first byte sent.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "time_to_first_output_token",
    label: "Time to 1st output",
    aiperf: Some("Time to First Output Token"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first content event that is not reasoning − first byte sent",
    needs: "streaming, a content event that is not reasoning",
    source: "AIPerf 0.13 time_to_first_output_token",
    kind: Kind::Latency(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    Some(Value::since(a.sent()?, a.first_output()?))
}
