//! **total_output_tokens** = Σ output_token_count.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "total_output_tokens",
    label: "Σ output, no reasoning",
    aiperf: Some("Total Output Tokens"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "Σ output_token_count",
    needs: "OSL",
    source: "AIPerf 0.13 total_output_tokens",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.output_tokens.map(|n| n as f64)
}
