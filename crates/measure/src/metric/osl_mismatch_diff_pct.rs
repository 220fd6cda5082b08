//! **osl_mismatch_diff_pct** = 100 · (OSL − asked) / asked, signed.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "osl_mismatch_diff_pct",
    label: "OSL against asked",
    aiperf: Some("OSL Mismatch Diff %"),
    unit: Unit::Percent,
    better: Better::Neither,
    formula: "100 · (OSL − asked) / asked, signed",
    needs: "an asked output length, OSL",
    source: "AIPerf 0.13 osl_mismatch_diff_pct",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let asked = a.record.asked.osl.filter(|n| *n > 0)?;
    let osl = a.osl()?;
    Some(Value::exact(100.0 * (f64::from(osl) - f64::from(asked)) / f64::from(asked)))
}
