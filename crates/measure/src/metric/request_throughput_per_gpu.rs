//! **request_throughput_per_gpu** = request_throughput / GPUs.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "request_throughput_per_gpu",
    label: "Requests per GPU",
    aiperf: None,
    unit: Unit::RequestsPerSecondPerGpu,
    better: Better::Higher,
    formula: "request_throughput / GPUs",
    needs: "the GPU count",
    source: "METHOD",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_gpu(t.per_second(t.ended as f64)?)
}
