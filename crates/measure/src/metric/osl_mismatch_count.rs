//! **osl_mismatch_count** = attempts with |OSL − asked| > min(5 % of asked, 50 tokens).

use super::{Attempt, Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "osl_mismatch_count",
    label: "OSL mismatches",
    aiperf: Some("OSL Mismatch Count"),
    unit: Unit::Requests,
    better: Better::Lower,
    formula: "attempts with |OSL − asked| > min(5 % of asked, 50 tokens)",
    needs: "an asked output length, OSL",
    source: "AIPerf 0.13 osl_mismatch_count",
    kind: Kind::Total(total),
};

/// Whether an attempt’s output is longer or shorter than asked; `None` if no length was asked or it is unknown.
pub(crate) fn mismatch(a: &Attempt<'_>) -> Option<bool> {
    let asked = f64::from(a.record.asked.osl.filter(|n| *n > 0)?);
    let off = (f64::from(a.osl()?) - asked).abs();
    Some(off > (0.05 * asked).min(50.0))
}

fn total(t: &Totals) -> Option<f64> {
    t.mismatched.map(|n| n as f64)
}
