//! What the workers probably hold, guessed from where requests went, for engines that do not tell.

use std::collections::BTreeMap;

use tokmark_base::Micros;

use super::{NameMap, Overlap, PrefixIndex};
use crate::event::Tier;
use crate::hash::SequenceHash;

/// Expiries are rounded up to multiples of this, so that a block may stay known for up to so much longer (Dynamo 1.6.1).
pub const EXPIRY_BUCKET: Micros = Micros(100_000);

/// A [`PrefixIndex`] fed by routing decisions: a block is taken to be on a worker for a while after a request with it went there.
#[derive(Clone, Debug)]
pub struct ApproximateIndex {
    index: PrefixIndex,
    ttl: Micros,
    expiries: NameMap<(u32, SequenceHash), Micros>,
    buckets: BTreeMap<Micros, Vec<(u32, SequenceHash)>>,
}

impl ApproximateIndex {
    /// An empty index of `workers` workers whose entries live for `ttl`, measured from moment 0 in buckets.
    pub fn new(workers: usize, ttl: Micros) -> Self {
        Self { index: PrefixIndex::new(workers), ttl, expiries: NameMap::default(), buckets: BTreeMap::new() }
    }

    /// A request with these blocks went to `worker`. Known blocks live on from now.
    pub fn routed(&mut self, now: Micros, worker: u32, names: &[SequenceHash]) {
        let expiry = self.expiry(now);
        let bucket = self.buckets.entry(expiry).or_default();
        for name in names {
            let key = (worker, *name);
            if self.expiries.insert(key, expiry) != Some(expiry) {
                bucket.push(key);
                self.index.store(worker, Tier::Device, *name);
            }
        }
    }

    fn expiry(&self, now: Micros) -> Micros {
        let at = now.0.saturating_add(self.ttl.0);
        if self.ttl.0 == 0 {
            return now;
        }
        let over = at.rem_euclid(EXPIRY_BUCKET.0);
        Micros(if over == 0 { at } else { at.saturating_add(EXPIRY_BUCKET.0 - over) })
    }

    /// Forgets what expires at `now` or before.
    pub fn advance(&mut self, now: Micros) {
        while let Some(bucket) = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now) {
            let (expiry, keys) = bucket.remove_entry();
            for key in keys {
                // A block routed again since lives in a later bucket.
                if self.expiries.get(&key) == Some(&expiry) {
                    self.expiries.remove(&key);
                    self.index.remove(key.0, Tier::Device, key.1);
                }
            }
        }
    }

    /// `worker` has nothing any more.
    pub fn forget(&mut self, worker: u32) {
        self.index.forget(worker);
        self.expiries.retain(|key, _| key.0 != worker);
    }

    /// How much of a sequence each worker probably holds; see [`PrefixIndex::overlaps`].
    pub fn overlaps(&mut self, now: Micros, names: &[SequenceHash], into: &mut Vec<Overlap>) {
        self.advance(now);
        self.index.overlaps(names, into);
    }

    /// Blocks that `worker` is taken to hold.
    pub fn blocks(&self, worker: u32) -> u64 {
        self.index.blocks(worker, Tier::Device)
    }
}
