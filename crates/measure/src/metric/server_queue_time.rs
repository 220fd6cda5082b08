//! **server_queue_time** = time in the server's queue, as its reply says.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "server_queue_time",
    label: "Server queue",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "time in the server's queue, as its reply says",
    needs: "a server that says it in its replies",
    source: "vLLM metrics.queue_time_ms, Dynamo nvext.timing.prefill_wait_time_ms, SGLang meta_info.queue_time",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let said = a.record.server?.queue_us?;
    Some(Value::exact(said.0.max(0) as f64))
}
