//! **normalized_time_per_output_token** = request_latency / OSL.

use super::{Attempt, Better, Kind, Metric, Unit, Value, request_latency};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "normalized_time_per_output_token",
    label: "Latency per token",
    aiperf: None,
    unit: Unit::MillisReal,
    better: Better::Lower,
    formula: "request_latency / OSL",
    needs: "a content event, OSL > 0",
    source: "normalized latency of the Orca and vLLM papers; genai-bench, inference-perf NTPOT",
    kind: Kind::Latency(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    let osl = a.osl().filter(|n| *n > 0)?;
    Some(request_latency::value(a)?.per(f64::from(osl)))
}
