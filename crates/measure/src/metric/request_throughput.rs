//! **request_throughput** = successful attempts whose last content event lies in the window / its length.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "request_throughput",
    label: "Request throughput",
    aiperf: Some("Request Throughput"),
    unit: Unit::RequestsPerSecond,
    better: Better::Higher,
    formula: "successful attempts whose last content event lies in the window / its length",
    needs: "a window",
    source: "AIPerf 0.13 request_throughput",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    t.per_second(t.ended as f64)
}
