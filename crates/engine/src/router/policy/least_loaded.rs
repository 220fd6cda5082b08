//! The worker with fewest requests; among equals any.

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};
use crate::router::pick;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct LeastLoaded {
    costs: Vec<f64>,
}

impl Policy for LeastLoaded {
    fn pick(&mut self, _: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize {
        self.costs.clear();
        self.costs.extend(candidates.iter().map(|candidate| candidate.load.requests as f64));
        pick::lowest(&self.costs, draws)
    }
}
