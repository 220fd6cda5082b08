//! **credit_to_start_latency** = first byte sent − release by the pacer.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "credit_to_start_latency",
    label: "Release to send",
    aiperf: Some("Credit-to-Start Latency"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "first byte sent − release by the pacer",
    needs: "a release, a sent byte",
    source: "AIPerf 0.13 credit_to_start_latency; client health",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let released = a.record.released_us?;
    Some(Value::exact((a.sent()? - released.0).max(0) as f64))
}
