//! **input_sequence_length** = input tokens by the source of --count-tokens.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "input_sequence_length",
    label: "Input length (ISL)",
    aiperf: Some("Input Sequence Length"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "input tokens by the source of --count-tokens",
    needs: "a count by that source",
    source: "AIPerf 0.13 input_sequence_length",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    a.isl().map(|n| Value::exact(f64::from(n)))
}
