//! **completed_request_count** = request_count + error_request_count.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "completed_request_count",
    label: "Requests",
    aiperf: Some("Completed Requests (Success + Error)"),
    unit: Unit::Requests,
    better: Better::Neither,
    formula: "request_count + error_request_count",
    needs: "–",
    source: "AIPerf 0.13 completed_request_count",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    Some((t.successes + t.failures) as f64)
}
