//! **benchmark_duration** = length of the window (AIPerf: first start → last content).

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "benchmark_duration",
    label: "Duration",
    aiperf: Some("Benchmark Duration"),
    unit: Unit::Seconds,
    better: Better::Neither,
    formula: "length of the window (AIPerf: first start → last content)",
    needs: "–",
    source: "AIPerf 0.13 benchmark_duration",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    Some(t.duration_s).filter(|s| *s > 0.0)
}
