//! Any worker, each as likely as the other.

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random;

impl Policy for Random {
    fn pick(&mut self, _: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize {
        draws.below(candidates.len() as u64) as usize
    }
}
