//! **reasoning_token_count** = reasoning tokens by the source of --count-tokens.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "reasoning_token_count",
    label: "Reasoning tokens",
    aiperf: Some("Reasoning Token Count"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "reasoning tokens by the source of --count-tokens",
    needs: "a count by that source",
    source: "AIPerf 0.13 reasoning_token_count",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    a.record.reasoning.map(|c| Value::exact(f64::from(c.tokens)))
}
