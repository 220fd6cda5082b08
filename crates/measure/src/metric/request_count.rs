//! **request_count** = attempts that ended well.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "request_count",
    label: "Successful requests",
    aiperf: Some("Request Count"),
    unit: Unit::Requests,
    better: Better::Higher,
    formula: "attempts that ended well",
    needs: "–",
    source: "AIPerf 0.13 request_count",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    Some(t.successes as f64)
}
