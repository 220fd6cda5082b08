//! **cached_input_share** = 100 · Σ prompt tokens found in the cache / Σ prompt tokens.

use super::{Attempt, Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "cached_input_share",
    label: "Cached input",
    aiperf: None,
    unit: Unit::Percent,
    better: Better::Higher,
    formula: "100 · Σ prompt tokens found in the cache / Σ prompt tokens",
    needs: "replies that say both; an input of our own count where only the first is said",
    source: "usage.prompt_tokens_details.cached_tokens, SGLang meta_info.cached_tokens, llama.cpp timings.cache_n",
    kind: Kind::Total(total),
};

/// Prompt tokens of an attempt that were found in the cache, and all of them.
pub(crate) fn tokens(a: &Attempt<'_>) -> Option<[u32; 2]> {
    let usage = a.record.usage.unwrap_or_default();
    let said = a.record.server.and_then(|server| server.cached);
    Some([usage.cached.or(said)?, usage.prompt.or_else(|| a.isl())?])
}

fn total(t: &Totals) -> Option<f64> {
    t.cached_input.and_then(super::percent)
}
