//! **read_lag** = user stamp − kernel receive stamp, pooled over reads.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "read_lag",
    label: "Read lag",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "user stamp − kernel receive stamp, pooled over reads",
    needs: "kernel receive stamps",
    source: "METHOD; client health",
    kind: Kind::Pooled(values),
};

fn values(a: &Attempt<'_>, add: &mut dyn FnMut(Value)) {
    for read in &a.record.reads.0 {
        if let Some(kernel) = read.kernel {
            add(Value::exact((read.user - kernel).0.max(0) as f64));
        }
    }
}
