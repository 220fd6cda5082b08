//! Score and pick, one policy a file. One more is one file here, one word in [`PolicyKind`] and one line in [`of`].

mod kv;
mod kv_v1;
mod least_loaded;
mod power_of_two;
mod random;
mod round_robin;
mod two_tier;

use tokmark_base::Stream;
use tokmark_kv::index::Overlap;

use super::WorkerId;
use super::spec::{PolicyKind, RouterSpec};
use super::tracker::Load;

/// What is to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Tokens of its prompt.
    pub(super) input: u64,
    /// Tokens of a block.
    pub(super) block_tokens: u32,
}

impl Ask {
    /// Blocks of its prompt, the last one perhaps not full.
    pub(super) fn blocks(self) -> u64 {
        self.input.div_ceil(u64::from(self.block_tokens))
    }
}

/// A worker it may go to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Which.
    pub(super) worker: WorkerId,
    /// What its cache holds of the prompt; nothing if the policy does not ask.
    pub(super) overlap: Overlap,
    /// The same in tokens, a block of a lower tier counting as much as its weight says.
    pub(super) cached: u64,
    /// What it has to do already; nothing if the policy does not ask.
    pub(super) load: Load,
}

/// A way to choose among workers.
pub(super) trait Policy: Send {
    /// Index of the chosen candidate. There is at least one.
    fn pick(&mut self, ask: Ask, candidates: &[Candidate], draws: &mut Stream) -> usize;
}

/// The policy that `spec` asks for.
pub(super) fn of(spec: &RouterSpec) -> Box<dyn Policy> {
    match spec.policy {
        PolicyKind::RoundRobin => Box::new(round_robin::RoundRobin::default()),
        PolicyKind::Random => Box::new(random::Random),
        PolicyKind::PowerOfTwo => Box::new(power_of_two::PowerOfTwo),
        PolicyKind::LeastLoaded => Box::new(least_loaded::LeastLoaded::default()),
        PolicyKind::Kv => Box::new(kv::Kv::new(spec)),
        PolicyKind::KvV1 => Box::new(kv_v1::KvV1::new(spec)),
        PolicyKind::TwoTier => Box::new(two_tier::TwoTier::new(spec)),
    }
}
