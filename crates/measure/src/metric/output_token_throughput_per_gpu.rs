//! **output_token_throughput_per_gpu** = output_token_throughput / GPUs.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "output_token_throughput_per_gpu",
    label: "Output per GPU",
    aiperf: Some("Output Token Throughput Per GPU"),
    unit: Unit::TokensPerSecondPerGpu,
    better: Better::Higher,
    formula: "output_token_throughput / GPUs",
    needs: "OSL, the GPU count",
    source: "METHOD",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_gpu(t.per_second(t.output_flow?)?)
}
