//! **read_lag** = user stamp − kernel receive stamp, pooled over reads.

use tokmark_record::Read;

use super::{Attempt, Better, Kind, Metric, Pooled, Unit};

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

fn values(a: &Attempt<'_>, out: &mut Pooled) {
    let lag = |read: &Read| read.kernel.map(|kernel| (read.user - kernel).0);
    out.exact(a.record.reads.0.iter().filter_map(lag));
}
