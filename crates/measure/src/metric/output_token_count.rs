//! **output_token_count** = output tokens without reasoning, never below 0.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "output_token_count",
    label: "Output tokens",
    aiperf: Some("Output Token Count"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "output tokens without reasoning, never below 0",
    needs: "OSL; reasoning counts as 0 where its source does not tell it",
    source: "AIPerf 0.13 output_token_count",
    kind: Kind::Each(value),
};

/// Output tokens of an attempt, reasoning left out.
pub(crate) fn tokens(a: &Attempt<'_>) -> Option<u32> {
    Some(a.osl()?.saturating_sub(a.record.reasoning.map_or(0, |c| c.tokens)))
}

fn value(a: &Attempt<'_>) -> Option<Value> {
    tokens(a).map(|n| Value::exact(f64::from(n)))
}
