//! **output_sequence_length** = output tokens, reasoning included, by the source of --count-tokens.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "output_sequence_length",
    label: "Output length (OSL)",
    aiperf: Some("Output Sequence Length"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "output tokens, reasoning included, by the source of --count-tokens",
    needs: "a count by that source",
    source: "AIPerf 0.13 output_sequence_length",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    a.osl().map(|n| Value::exact(f64::from(n)))
}
