//! Dynamo's earlier KV-aware cost, in blocks; the lowest wins: weight · (tokens to prefill there + those of the prompt that are not
//! cached there) / block + active blocks there + those the request would add. Source: shared facts, Dynamo before the credit of
//! `kv`; blocks of lower tiers count as much as their weights say.

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};
use crate::router::pick;
use crate::router::spec::RouterSpec;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct KvV1 {
    weight: f64,
    temperature: f64,
    prefill: bool,
    costs: Vec<f64>,
}

impl KvV1 {
    pub(super) fn new(spec: &RouterSpec) -> Self {
        Self {
            weight: spec.overlap_score_weight,
            temperature: spec.temperature,
            prefill: spec.track_prefill_tokens,
            costs: Vec::new(),
        }
    }

    pub(super) fn cost(&self, ask: Ask, candidate: &Candidate) -> f64 {
        let load = candidate.load;
        let new = ask.input.saturating_sub(candidate.cached);
        let tokens = if self.prefill { load.prefill_tokens + new } else { 0 };
        self.weight * (tokens as f64 / f64::from(ask.block_tokens)) + load.potential_blocks() as f64
    }
}

impl Policy for KvV1 {
    fn pick(&mut self, ask: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize {
        let mut costs = std::mem::take(&mut self.costs);
        costs.clear();
        costs.extend(candidates.iter().map(|candidate| self.cost(ask, candidate)));
        let picked = pick::softmax(&costs, self.temperature, draws);
        self.costs = costs;
        picked
    }
}
