//! **error_request_count** = attempts that failed, were cut or never sent.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "error_request_count",
    label: "Failed requests",
    aiperf: Some("Error Request Count"),
    unit: Unit::Requests,
    better: Better::Lower,
    formula: "attempts that failed, were cut or never sent",
    needs: "–",
    source: "AIPerf 0.13 error_request_count; AIPerf does not know unsent ones",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    Some(t.failures as f64)
}
