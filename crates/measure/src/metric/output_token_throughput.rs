//! **output_token_throughput** = output tokens that arrived in the window / its length; OSL spread evenly over an attempt’s content events.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "output_token_throughput",
    label: "Output throughput",
    aiperf: Some("Output Token Throughput"),
    unit: Unit::TokensPerSecond,
    better: Better::Higher,
    formula: "output tokens that arrived in the window / its length; OSL spread evenly over an attempt’s content events",
    needs: "OSL",
    source: "AIPerf 0.13 output_token_throughput",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_second(t.output_flow?)
}
