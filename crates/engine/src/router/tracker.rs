//! What each worker has to do, as far as the router can know: the requests it sent there and has not seen the end of.
//!
//! A request counts from the moment it is placed; its tokens to prefill until its first token is out; its prompt's blocks until it
//! is gone. Blocks that several requests of a worker share count once. Source: shared facts on the active sequences of
//! `dynamo-kv-router` 1.6.1.

use std::collections::HashMap;

use tokmark_kv::SequenceHash;
use tokmark_kv::index::NameMap;

use super::WorkerId;
use crate::RequestId;

/// What a worker has to do, seen by one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Tokens of prompts not prefilled yet.
    pub(super) prefill_tokens: u64,
    /// Different blocks of active prompts.
    pub(super) active_blocks: u64,
    /// Blocks the request would add to those.
    pub(super) additional_blocks: u64,
    /// Requests.
    pub(super) requests: u64,
}

impl Load {
    /// Active blocks if the request came here (Dynamo's `potential_decode_blocks`).
    pub(super) fn potential_blocks(self) -> u64 {
        self.active_blocks + self.additional_blocks
    }
}

/// The blocks of a request's prompt, as far as they count.
#[derive(Clone, Debug, Default)]
pub(super) struct Footprint {
    /// Those that may be shared.
    pub(super) names: Vec<SequenceHash>,
    /// Those that are shared with nobody.
    pub(super) own: u64,
}

/// One worker's.
#[derive(Debug, Default)]
struct Active {
    /// How many blocks follow a block directly, plus how many prompts end with it. A block is active as long as that is above 0, so
    /// the active blocks of a prompt are always its first ones.
    blocks: NameMap<SequenceHash, u32>,
    own: u64,
    prefill_tokens: u64,
    requests: u64,
}

/// A request that was placed.
#[derive(Debug)]
struct Booked {
    worker: WorkerId,
    footprint: Footprint,
    prefill_tokens: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tracker {
    workers: Vec<Active>,
    booked: HashMap<RequestId, Booked>,
}

impl Active {
    /// How many blocks of a prompt are active already.
    fn depth(&self, names: &[SequenceHash]) -> usize {
        names.partition_point(|name| self.blocks.contains_key(name))
    }

    fn active_blocks(&self) -> u64 {
        self.blocks.len() as u64 + self.own
    }

    fn acquire(&mut self, footprint: &Footprint) {
        let depth = self.depth(&footprint.names);
        self.blocks.extend(footprint.names[depth..].iter().map(|name| (*name, 1)));
        if let Some(last) = depth.checked_sub(1) {
            *self.blocks.entry(footprint.names[last]).or_default() += 1;
        }
        self.own += footprint.own;
    }

    fn release(&mut self, footprint: &Footprint) {
        self.own -= footprint.own;
        for name in footprint.names.iter().rev() {
            match self.blocks.get_mut(name) {
                Some(1) => self.blocks.remove(name),
                Some(uses) => {
                    *uses -= 1;
                    return;
                }
                None => return,
            };
        }
    }
}

impl Tracker {
    pub(super) fn new(workers: usize) -> Self {
        let mut tracker = Self { workers: Vec::new(), booked: HashMap::new() };
        tracker.grow(workers);
        tracker
    }

    /// There are so many workers now.
    pub(super) fn grow(&mut self, workers: usize) {
        self.workers.resize_with(workers, Active::default);
    }

    /// What `worker` has to do, seen by a request with this footprint.
    pub(super) fn load(&self, worker: WorkerId, footprint: &Footprint) -> Load {
        let active = &self.workers[worker.0 as usize];
        let depth = active.depth(&footprint.names);
        Load {
            prefill_tokens: active.prefill_tokens,
            active_blocks: active.active_blocks(),
            additional_blocks: (footprint.names.len() - depth) as u64 + footprint.own,
            requests: active.requests,
        }
    }

    /// Tokens of prompts not prefilled yet on `worker`.
    pub(super) fn prefill_tokens(&self, worker: WorkerId) -> u64 {
        self.workers[worker.0 as usize].prefill_tokens
    }

    /// Different blocks of active prompts on `worker`.
    pub(super) fn active_blocks(&self, worker: WorkerId) -> u64 {
        self.workers[worker.0 as usize].active_blocks()
    }

    /// A request goes to `worker`, which has so many tokens of it to prefill. One that is there already goes on as it was.
    pub(super) fn add(&mut self, request: RequestId, worker: WorkerId, footprint: Footprint, prefill: u64) {
        if self.booked.contains_key(&request) {
            return;
        }
        let active = &mut self.workers[worker.0 as usize];
        active.acquire(&footprint);
        active.prefill_tokens += prefill;
        active.requests += 1;
        self.booked.insert(request, Booked { worker, footprint, prefill_tokens: prefill });
    }

    /// The first token of a request is out. The worker it is on, if it is known.
    pub(super) fn prefilled(&mut self, request: RequestId) -> Option<WorkerId> {
        let booked = self.booked.get_mut(&request)?;
        self.workers[booked.worker.0 as usize].prefill_tokens -= std::mem::take(&mut booked.prefill_tokens);
        Some(booked.worker)
    }

    /// A request is gone. The worker it was on, if it was known.
    pub(super) fn remove(&mut self, request: RequestId) -> Option<WorkerId> {
        let booked = self.booked.remove(&request)?;
        let active = &mut self.workers[booked.worker.0 as usize];
        active.release(&booked.footprint);
        active.prefill_tokens -= booked.prefill_tokens;
        active.requests -= 1;
        Some(booked.worker)
    }

    /// A worker is gone, with all that was there.
    pub(super) fn forget(&mut self, worker: WorkerId) {
        self.booked.retain(|_, booked| booked.worker != worker);
        self.workers[worker.0 as usize] = Active::default();
    }
}

#[cfg(test)]
mod tests;
