//! **e2e_output_token_throughput** = OSL / request_latency.

use super::{Attempt, Better, Kind, Metric, Unit, Value, request_latency};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "e2e_output_token_throughput",
    label: "Tokens/s per request",
    aiperf: Some("E2E Output Token Throughput"),
    unit: Unit::TokensPerSecondPerUser,
    better: Better::Higher,
    formula: "OSL / request_latency",
    needs: "a content event, OSL",
    source: "AIPerf 0.13 e2e_output_token_throughput",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    request_latency::value(a)?.rate(1e6 * f64::from(a.osl()?))
}
