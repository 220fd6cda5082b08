//! **total_token_throughput_per_gpu** = total_token_throughput / GPUs.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "total_token_throughput_per_gpu",
    label: "Total per GPU",
    aiperf: None,
    unit: Unit::TokensPerSecondPerGpu,
    better: Better::Higher,
    formula: "total_token_throughput / GPUs",
    needs: "ISL, OSL, the GPU count",
    source: "METHOD",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_gpu(t.per_second(t.input_flow? + t.output_flow?)?)
}
