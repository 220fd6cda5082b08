//! **output_token_throughput_per_user** = 1 / inter_token_latency.

use super::{Attempt, Better, Kind, Metric, Unit, Value, inter_token_latency};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "output_token_throughput_per_user",
    label: "Decode speed per user",
    aiperf: Some("Output Token Throughput Per User"),
    unit: Unit::TokensPerSecondPerUser,
    better: Better::Higher,
    formula: "1 / inter_token_latency",
    needs: "as inter_token_latency",
    source: "AIPerf 0.13 output_token_throughput_per_user",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    inter_token_latency::value(a)?.rate(1e6)
}
