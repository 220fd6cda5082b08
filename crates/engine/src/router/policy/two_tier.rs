//! Balance first, then caches: the least loaded worker if the load is out of balance (most − least > 32 requests and
//! most > 1.1 · least), else the worker that holds most of the prompt if that is more than half of its blocks, else the least
//! loaded. Source: shared facts on `dynamo-custom-policy-builtin` 1.6.1.

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};
use crate::router::pick;
use crate::router::spec::RouterSpec;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct TwoTier {
    spread: u64,
    ratio: f64,
    share: f64,
    costs: Vec<f64>,
}

impl TwoTier {
    pub(super) fn new(spec: &RouterSpec) -> Self {
        Self {
            spread: u64::from(spec.balance_abs_threshold),
            ratio: spec.balance_rel_threshold,
            share: spec.cache_threshold,
            costs: Vec::new(),
        }
    }

    /// Whether the caches decide.
    fn by_cache(&self, ask: Ask, candidates: &[Candidate]) -> bool {
        let requests = |candidate: &Candidate| candidate.load.requests;
        let least = candidates.iter().map(requests).min().unwrap_or(0);
        let most = candidates.iter().map(requests).max().unwrap_or(0);
        if most - least > self.spread && most as f64 > self.ratio * least as f64 {
            return false;
        }
        let held = candidates.iter().map(|candidate| candidate.overlap.blocks()).max().unwrap_or(0);
        f64::from(held) > self.share * ask.blocks() as f64
    }
}

impl Policy for TwoTier {
    fn pick(&mut self, ask: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize {
        let by_cache = self.by_cache(ask, candidates);
        self.costs.clear();
        self.costs.extend(candidates.iter().map(|candidate| {
            if by_cache { -f64::from(candidate.overlap.blocks()) } else { candidate.load.requests as f64 }
        }));
        pick::lowest(&self.costs, draws)
    }
}
