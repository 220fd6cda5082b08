//! **total_reasoning_tokens** = Σ reasoning_token_count.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "total_reasoning_tokens",
    label: "Σ reasoning tokens",
    aiperf: Some("Total Reasoning Tokens"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "Σ reasoning_token_count",
    needs: "a reasoning count",
    source: "AIPerf 0.13 total_reasoning_tokens",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.reasoning_tokens.map(|n| n as f64)
}
