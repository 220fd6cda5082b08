//! Two different workers at random, then the one with fewer requests (the first drawn if they have as many).

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct PowerOfTwo;

impl Policy for PowerOfTwo {
    fn pick(&mut self, _: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize {
        let count = candidates.len() as u64;
        let first = draws.below(count) as usize;
        if count < 2 {
            return first;
        }
        // One of the others: those from the first on are one further.
        let other = draws.below(count - 1) as usize;
        let second = other + usize::from(other >= first);
        if candidates[second].load.requests < candidates[first].load.requests { second } else { first }
    }
}
