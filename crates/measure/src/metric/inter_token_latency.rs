//! **inter_token_latency** = (request_latency − time_to_first_token) / (OSL − f), one value per attempt.

use super::{Attempt, Better, Kind, Metric, Unit, Value, decode_duration};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "inter_token_latency",
    label: "ITL",
    aiperf: Some("Inter Token Latency"),
    unit: Unit::MillisReal,
    better: Better::Lower,
    formula: "(request_latency − time_to_first_token) / (OSL − f), one value per attempt",
    needs: "streaming, OSL > f; f = tokens of the first content event if the server tells, else 1",
    source: "AIPerf 0.13 inter_token_latency, vLLM TPOT, guidellm ITL",
    kind: Kind::Latency(value),
};

/// One attempt's value.
pub(crate) fn value(a: &Attempt<'_>) -> Option<Value> {
    let after_first = a.osl()?.checked_sub(a.first_tokens()).filter(|n| *n > 0)?;
    Some(decode_duration::value(a)?.per(f64::from(after_first)))
}
