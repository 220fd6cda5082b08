//! **total_token_throughput** = input_token_throughput + output_token_throughput.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "total_token_throughput",
    label: "Total throughput",
    aiperf: Some("Total Token Throughput"),
    unit: Unit::TokensPerSecond,
    better: Better::Higher,
    formula: "input_token_throughput + output_token_throughput",
    needs: "ISL and OSL",
    source: "AIPerf 0.13 total_token_throughput",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_second(t.input_flow? + t.output_flow?)
}
