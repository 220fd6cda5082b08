//! Dynamo 1.6.1's KV-aware cost, in blocks; the lowest wins. Source: shared facts on `scheduling/selector/reference.rs` of
//! `dynamo-kv-router` 1.6.1.
//!
//! cost = scale · max(0, (tokens to prefill there + prompt) / block − credit) + decode blocks + weight · requests, where
//! credit = c · decay · device blocks + host weight · host blocks + disk weight · disk blocks,
//! decay = 1 / (1 + k · excess), excess = (tokens to prefill there − the least of all) / block / blocks of the prompt, and
//! decode blocks = active blocks there + those the request would add.

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};
use crate::router::pick;
use crate::router::spec::RouterSpec;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Kv {
    credit: f64,
    decay: f64,
    scale: f64,
    host: f64,
    disk: f64,
    request: f64,
    temperature: f64,
    prefill: bool,
    decode_pool: bool,
    costs: Vec<f64>,
}

impl Kv {
    pub(super) fn new(spec: &RouterSpec) -> Self {
        Self {
            credit: spec.overlap_score_credit,
            decay: spec.overlap_score_credit_decay,
            scale: spec.prefill_load_scale,
            host: spec.host_weight,
            disk: spec.disk_weight,
            request: spec.active_request_weight,
            temperature: spec.temperature,
            prefill: spec.track_prefill_tokens,
            decode_pool: spec.decode_pool,
            costs: Vec::new(),
        }
    }

    /// The cost of a candidate. `least`: the fewest tokens to prefill on any candidate.
    fn cost(&self, ask: Ask, candidate: &Candidate, least: u64) -> f64 {
        let block = f64::from(ask.block_tokens);
        let Candidate { overlap, cached, load, .. } = candidate;
        let decay = if self.prefill && self.decay > 0.0 {
            let excess = (load.prefill_tokens - least) as f64 / block / ask.blocks().max(1) as f64;
            1.0 / (1.0 + self.decay * excess)
        } else {
            1.0
        };
        let credit = self.credit * decay * f64::from(overlap.device)
            + self.host * f64::from(overlap.host)
            + self.disk * f64::from(overlap.disk);
        let decode = load.potential_blocks() as f64;
        let requests = self.request * load.requests as f64;
        if self.decode_pool && !self.prefill && self.credit > 0.0 {
            return (decode - credit).max(0.0) + requests;
        }
        // Weights above 1 can make the estimate of what is cached longer than the prompt; it then counts as the prompt.
        let tokens = if self.prefill { load.prefill_tokens + ask.input.max(*cached) } else { 0 };
        self.scale * (tokens as f64 / block - credit).max(0.0) + decode + requests
    }
}

impl Policy for Kv {
    fn pick(&mut self, ask: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize {
        let least = candidates.iter().map(|candidate| candidate.load.prefill_tokens).min().unwrap_or(0);
        let mut costs = std::mem::take(&mut self.costs);
        costs.clear();
        costs.extend(candidates.iter().map(|candidate| self.cost(ask, candidate, least)));
        let picked = pick::softmax(&costs, self.temperature, draws);
        self.costs = costs;
        picked
    }
}

#[cfg(test)]
mod tests;
