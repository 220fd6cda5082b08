//! **draft_acceptance_rate** = 100 · Σ draft tokens accepted / Σ draft tokens proposed.

use super::{Attempt, Better, Kind, Metric, Totals, Unit};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "draft_acceptance_rate",
    label: "Draft acceptance",
    aiperf: None,
    unit: Unit::Percent,
    better: Better::Higher,
    formula: "100 · Σ draft tokens accepted / Σ draft tokens proposed",
    needs: "replies that say both",
    source: "vLLM metrics.speculative_decoding, SGLang meta_info.spec_num_*, llama.cpp timings.draft_n*",
    kind: Kind::Total(total),
};

/// Draft tokens of an attempt that were accepted, and those proposed.
pub(crate) fn tokens(a: &Attempt<'_>) -> Option<[u32; 2]> {
    let said = a.record.server?;
    Some([said.accepted?, said.drafted?])
}

fn total(t: &Totals) -> Option<f64> {
    t.drafts.and_then(super::percent)
}
