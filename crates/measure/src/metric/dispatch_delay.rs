//! **dispatch_delay** = first action on its behalf − intended start.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "dispatch_delay",
    label: "Dispatch delay",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first action on its behalf − intended start",
    needs: "open loop; every started attempt, however it ended",
    source: "METHOD; client health",
    kind: Kind::Started(value),
};

/// One attempt's value.
pub(crate) fn value(a: &Attempt<'_>) -> Option<Value> {
    let acted = a.record.acted_us?;
    Some(Value::exact((acted.0 - a.intended()?).max(0) as f64))
}
