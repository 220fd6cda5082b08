//! An index that hears of changes only after a while, as one behind a network does.

use std::collections::VecDeque;

use tokmark_base::Micros;

use super::{Overlap, PrefixIndex};
use crate::event::KvEvent;
use crate::hash::SequenceHash;

/// A [`PrefixIndex`] whose events arrive `lag` after they happened. Those of one worker must come in the order of their moments.
#[derive(Clone, Debug)]
pub struct LaggedIndex {
    index: PrefixIndex,
    lag: Micros,
    coming: Vec<VecDeque<(Micros, KvEvent)>>,
}

impl LaggedIndex {
    /// An empty index of `workers` workers.
    pub fn new(workers: usize, lag: Micros) -> Self {
        Self { index: PrefixIndex::new(workers), lag, coming: vec![VecDeque::new(); workers] }
    }

    /// Something happened in the cache of `worker` at `at`.
    pub fn observe(&mut self, at: Micros, worker: u32, event: KvEvent) {
        if self.coming.len() <= worker as usize {
            self.coming.resize(worker as usize + 1, VecDeque::new());
        }
        self.coming[worker as usize].push_back((Micros(at.0.saturating_add(self.lag.0)), event));
    }

    /// Applies what has arrived at `now`.
    pub fn advance(&mut self, now: Micros) {
        for (worker, coming) in self.coming.iter_mut().enumerate() {
            while let Some((_, event)) = coming.pop_front_if(|(due, _)| *due <= now) {
                self.index.apply(worker as u32, &event);
            }
        }
    }

    /// `worker` has nothing any more, and what it said before is void.
    pub fn forget(&mut self, worker: u32) {
        self.index.forget(worker);
        if let Some(coming) = self.coming.get_mut(worker as usize) {
            coming.clear();
        }
    }

    /// How much of a sequence each worker holds as far as is known at `now`; see [`PrefixIndex::overlaps`].
    pub fn overlaps(&mut self, now: Micros, names: &[SequenceHash], into: &mut Vec<Overlap>) {
        self.advance(now);
        self.index.overlaps(names, into);
    }

    /// What is known.
    pub fn index(&self) -> &PrefixIndex {
        &self.index
    }
}
