//! **server_prefill_time** = time from leaving the queue to the first token, as the server's reply says.

use super::{Attempt, Better, Kind, Metric, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "server_prefill_time",
    label: "Server prefill",
    aiperf: None,
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "time from leaving the queue to the first token, as the server's reply says",
    needs: "a server that says it in its replies",
    source: "vLLM metrics.time_to_first_token_ms, Dynamo nvext.timing.prefill_time_ms, SGLang meta_info, llama.cpp timings.prompt_ms",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let said = a.record.server?.prefill_us?;
    Some(Value::exact(said.0.max(0) as f64))
}
