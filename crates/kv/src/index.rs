//! Which worker holds which prefix: what a router asks before it places a request.
//!
//! A block is known by its [`SequenceHash`], which stands for everything before it too, so a flat map from names to workers is
//! enough: how far a worker's cache reaches into a sequence is the number of leading names it holds. Unlike Dynamo's radix tree
//! (facts on `dynamo-kv-router` 1.6.1), a block whose predecessor is not known is kept, and counts once the predecessor comes.

mod approximate;
mod lagged;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub use approximate::{ApproximateIndex, EXPIRY_BUCKET};
pub use lagged::LaggedIndex;

use crate::event::{KvEvent, Tier};
use crate::hash::SequenceHash;

/// Tiers, in the order in which a match goes on from one to the next.
const TIERS: [Tier; 4] = [Tier::Device, Tier::Host, Tier::Disk, Tier::Object];

/// How much of a sequence one worker holds, blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Leading blocks in the accelerator's memory.
    pub device: u32,
    /// Blocks behind those that host memory goes on with.
    pub host: u32,
    /// Blocks behind those that the disk goes on with, and behind those the object store.
    pub disk: u32,
}

impl Overlap {
    /// Blocks of all tiers.
    pub fn blocks(self) -> u32 {
        self.device + self.host + self.disk
    }
}

/// Names are hashes already; hashing them again buys nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = self.0.rotate_left(29) ^ n;
    }
}

/// A map whose keys are block names.
pub type NameMap<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// A set of workers: bit `w % 64` of word `w / 64`. Nearly always one word.
#[derive(Clone, Debug, Default)]
struct Holders {
    first: u64,
    rest: Box<[u64]>,
}

impl Holders {
    fn word(&self, index: usize) -> u64 {
        if index == 0 { self.first } else { self.rest.get(index - 1).copied().unwrap_or(0) }
    }

    fn word_mut(&mut self, index: usize) -> &mut u64 {
        if index == 0 {
            return &mut self.first;
        }
        if self.rest.len() < index {
            let mut longer = vec![0; index];
            longer[..self.rest.len()].copy_from_slice(&self.rest);
            self.rest = longer.into_boxed_slice();
        }
        &mut self.rest[index - 1]
    }

    fn contains(&self, worker: u32) -> bool {
        (self.word(worker as usize / 64) >> (worker % 64)) & 1 == 1
    }

    /// Whether the worker was not in yet.
    fn insert(&mut self, worker: u32) -> bool {
        let word = self.word_mut(worker as usize / 64);
        let bit = 1 << (worker % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether the worker was in.
    fn remove(&mut self, worker: u32) -> bool {
        let was = self.contains(worker);
        if was {
            *self.word_mut(worker as usize / 64) &= !(1 << (worker % 64));
        }
        was
    }

    fn is_empty(&self) -> bool {
        self.first == 0 && self.rest.iter().all(|word| *word == 0)
    }
}

/// Who holds what, exactly as the events say.
#[derive(Clone, Debug, Default)]
pub struct PrefixIndex {
    tiers: [NameMap<SequenceHash, Holders>; 4],
    /// Blocks of each worker in each tier.
    counts: Vec<[u64; 4]>,
}

impl PrefixIndex {
    /// An empty index of workers `0..workers`; it grows when it hears of another.
    pub fn new(workers: usize) -> Self {
        Self { tiers: Default::default(), counts: vec![[0; 4]; workers] }
    }

    /// Workers it knows of.
    pub fn workers(&self) -> usize {
        self.counts.len()
    }

    /// Blocks that `worker` holds in `tier`.
    pub fn blocks(&self, worker: u32, tier: Tier) -> u64 {
        self.counts.get(worker as usize).map_or(0, |counts| counts[tier as usize])
    }

    /// `worker` says so.
    pub fn apply(&mut self, worker: u32, event: &KvEvent) {
        match event {
            KvEvent::Stored { tier, blocks, .. } => {
                for (name, _) in blocks {
                    self.store(worker, *tier, *name);
                }
            }
            KvEvent::Removed { tier, blocks } => {
                for name in blocks {
                    self.remove(worker, *tier, *name);
                }
            }
            KvEvent::Cleared => self.forget(worker),
        }
    }

    /// `worker` has this block from now on. A block stored twice is there once.
    pub fn store(&mut self, worker: u32, tier: Tier, name: SequenceHash) {
        if self.counts.len() <= worker as usize {
            self.counts.resize(worker as usize + 1, [0; 4]);
        }
        if self.tiers[tier as usize].entry(name).or_default().insert(worker) {
            self.counts[worker as usize][tier as usize] += 1;
        }
    }

    /// `worker` has this block no longer. A block that is not there is not missed.
    pub fn remove(&mut self, worker: u32, tier: Tier, name: SequenceHash) {
        let map = &mut self.tiers[tier as usize];
        let Some(holders) = map.get_mut(&name) else {
            return;
        };
        if holders.remove(worker) {
            self.counts[worker as usize][tier as usize] -= 1;
            if holders.is_empty() {
                map.remove(&name);
            }
        }
    }

    /// `worker` has nothing any more.
    pub fn forget(&mut self, worker: u32) {
        let Some(counts) = self.counts.get_mut(worker as usize) else {
            return;
        };
        for (map, count) in self.tiers.iter_mut().zip(counts) {
            if *count > 0 {
                map.retain(|_, holders| !(holders.remove(worker) && holders.is_empty()));
                *count = 0;
            }
        }
    }

    /// How much of a sequence each worker holds, by its number. Device first, then each lower tier from where the one above ends,
    /// as Dynamo's continuation chain does.
    pub fn overlaps(&self, names: &[SequenceHash], into: &mut Vec<Overlap>) {
        into.clear();
        into.resize(self.workers(), Overlap::default());
        if !self.tiers[Tier::Device as usize].is_empty() {
            into.chunks_mut(64).enumerate().for_each(|(word, chunk)| self.device(names, word, chunk));
        }
        for tier in &TIERS[1..] {
            let map = &self.tiers[*tier as usize];
            if map.is_empty() {
                continue;
            }
            for (worker, overlap) in into.iter_mut().enumerate() {
                let rest = &names[overlap.blocks() as usize..];
                let held = |name: &&SequenceHash| map.get(name).is_some_and(|h| h.contains(worker as u32));
                let blocks = rest.iter().take_while(held).count() as u32;
                match tier {
                    Tier::Host => overlap.host += blocks,
                    _ => overlap.disk += blocks,
                }
            }
        }
    }

    /// The device tier for the workers of one word: stops where nobody goes on.
    fn device(&self, names: &[SequenceHash], word: usize, chunk: &mut [Overlap]) {
        let map = &self.tiers[Tier::Device as usize];
        let mut alive = u64::MAX >> (64 - chunk.len());
        for (depth, name) in names.iter().enumerate() {
            let held = map.get(name).map_or(0, |holders| holders.word(word));
            bits(alive & !held).for_each(|bit| chunk[bit].device = depth as u32);
            alive &= held;
            if alive == 0 {
                return;
            }
        }
        bits(alive).for_each(|bit| chunk[bit].device = names.len() as u32);
    }
}

/// The bits of a word, lowest first.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}
