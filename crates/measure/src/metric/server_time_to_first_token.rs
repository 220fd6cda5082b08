//! **server_time_to_first_token** = time from the request's arrival at the server to its first token, as the server's reply says.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "server_time_to_first_token",
    label: "Server TTFT",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "time from the request's arrival at the server to its first token, as the server's reply says",
    needs: "a server that says it in its replies",
    source: "vLLM metrics.queue_time_ms + time_to_first_token_ms, Dynamo nvext.timing.ttft_ms, SGLang meta_info.first_token_latency",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let said = a.record.server?.first_token_us?;
    Some(Value::exact(said.0.max(0) as f64))
}
