//! **total_osl** = Σ output_sequence_length.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "total_osl",
    label: "Σ output tokens",
    aiperf: Some("Total Output Sequence Length"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "Σ output_sequence_length",
    needs: "OSL",
    source: "AIPerf 0.13 total_osl",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.all_output_tokens.map(|n| n as f64)
}
