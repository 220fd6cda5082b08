//! One after the other, over the workers that are up and not too busy.

use tokmark_base::Stream;

use super::{Ask, Candidate, Policy};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundRobin {
    placed: u64,
}

impl Policy for RoundRobin {
    fn pick(&mut self, _: Ask, candidates: &[Candidate], _: &mut Stream) -> usize {
        let turn = self.placed % candidates.len() as u64;
        self.placed += 1;
        turn as usize
    }
}
