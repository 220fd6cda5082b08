//! **input_token_throughput** = input tokens whose first content event lies in the window / its length.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "input_token_throughput",
    label: "Input throughput",
    aiperf: Some("Input Token Throughput"),
    unit: Unit::TokensPerSecond,
    better: Better::Higher,
    formula: "input tokens whose first content event lies in the window / its length",
    needs: "ISL",
    source: "AIPerf 0.13 input_token_throughput",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_second(t.input_flow?)
}
