//! **request_error_rate** = 100 · error_request_count / completed_request_count.

use super::{Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "request_error_rate",
    label: "Error rate",
    aiperf: Some("Request Error Rate"),
    unit: Unit::Percent,
    better: Better::Lower,
    formula: "100 · error_request_count / completed_request_count",
    needs: "an attempt",
    source: "AIPerf 0.13 request_error_rate",
    kind: Kind::Total(total),
};

fn total(t: &Totals) -> Option<f64> {
    let all = t.successes + t.failures;
    (all > 0).then(|| 100.0 * t.failures as f64 / all as f64)
}
