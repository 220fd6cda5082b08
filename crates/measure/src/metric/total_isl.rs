//! **total_isl** = Σ input_sequence_length.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "total_isl",
    label: "Σ input tokens",
    aiperf: Some("Total Input Sequence Length"),
    unit: Unit::Tokens,
    better: Better::Neither,
    formula: "Σ input_sequence_length",
    needs: "ISL",
    source: "AIPerf 0.13 total_isl",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.input_tokens.map(|n| n as f64)
}
