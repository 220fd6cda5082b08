//! **prefill_throughput_per_user** = ISL / time_to_first_token.

use super::{Attempt, Better, Kind, Metric, Unit, Value, time_to_first_token};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "prefill_throughput_per_user",
    label: "Prefill speed per user",
    aiperf: Some("Prefill Throughput Per User"),
    unit: Unit::TokensPerSecondPerUser,
    better: Better::Higher,
    formula: "ISL / time_to_first_token",
    needs: "streaming, ISL",
    source: "AIPerf 0.13 prefill_throughput_per_user",
    kind: Kind::Each(value),
};

fn value(a: &Attempt<'_>) -> Option<Value> {
    time_to_first_token::value(a)?.rate(1e6 * f64::from(a.isl()?))
}
