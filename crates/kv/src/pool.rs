//! A worker's KV blocks: who holds them, what is in them, and which go first when room is needed.
//!
//! The rules are those of vLLM's block pool (version 0.32, `v1/core/block_pool.py`): every block that nobody holds is free,
//! whether its content can still be reused or not. Free blocks without content are taken first, the latest freed first; then
//! those with content, the longest free first. Blocks of one sequence are freed from its end, so its tail is lost before its
//! head. Equal blocks computed twice stay two blocks of one name, of which the earliest named is found.
//!
//! Where Dynamo 1.6.1's model of it differs it is followed: what changed is told by name, not by copy, so a name is `Stored` with
//! its first copy and `Removed` with its last; and every block can be used (vLLM keeps its block 0 for itself).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use crate::{Chain, KvEvent, SequenceHash, Tier};

/// One block of a [`BlockPool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(u32);

/// See the module.
///
/// Invariant: [`Self::used`] + [`Self::free`] = [`Self::total`]; a block is in the free list exactly if nobody holds it.
#[derive(Debug)]
pub struct BlockPool {
    total: u32,
    reuse: bool,
    /// Blocks that were ever taken. The rest up to `total` has never been touched, and has no entry.
    blocks: Vec<Block>,
    /// First and last of the free list.
    first: u32,
    last: u32,
    /// Length of the free list.
    listed: u32,
    by_name: HashMap<SequenceHash, u32, BuildHasherDefault<Uniform>>,
    told: Option<Vec<KvEvent>>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    name: SequenceHash,
    named: bool,
    holders: u32,
    /// Neighbours in the free list.
    before: u32,
    after: u32,
    /// Neighbours in the ring of blocks of the same name, in the order in which they got it.
    earlier: u32,
    later: u32,
}

/// No block.
const NONE: u32 = u32::MAX;

impl BlockPool {
    /// A pool of `total` free blocks without content. Without `reuse` no block ever gets a name.
    pub fn new(total: u32, reuse: bool) -> Self {
        Self {
            total,
            reuse,
            blocks: Vec::new(),
            first: NONE,
            last: NONE,
            listed: 0,
            by_name: HashMap::default(),
            told: None,
        }
    }

    /// Blocks there are.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// Blocks that nobody holds.
    pub fn free(&self) -> u32 {
        self.listed + self.untouched()
    }

    /// Blocks that somebody holds.
    pub fn used(&self) -> u32 {
        self.total - self.free()
    }

    /// Whether blocks keep their content when they are freed.
    pub fn reuses(&self) -> bool {
        self.reuse
    }

    /// How many blocks, up to `most`, can be taken before one goes whose content another block has too. Until then, what is found
    /// of anything only becomes less, and so does how much of it is held.
    pub fn free_of_copies(&self, most: u32) -> u32 {
        let listed = std::iter::successors(self.blocks.get(self.first as usize), |block| {
            self.blocks.get(block.after as usize)
        });
        let mut untouched = self.untouched();
        let mut count = 0;
        for block in listed {
            if block.named {
                // Untouched blocks go before those with content.
                count += std::mem::take(&mut untouched);
            }
            let is_copied = block.named && self.blocks[block.earlier as usize].later != block.earlier;
            if is_copied || count >= most {
                return count.min(most);
            }
            count += 1;
        }
        (count + untouched).min(most)
    }

    fn untouched(&self) -> u32 {
        self.total - self.blocks.len() as u32
    }

    /// Puts the blocks that hold the longest run of `names`, from the first on, into `found`, and says how many of them somebody
    /// holds. Changes nothing in the pool.
    pub fn find(&self, names: &[SequenceHash], found: &mut Vec<BlockId>) -> u32 {
        found.clear();
        let mut held = 0;
        for name in names {
            let Some(&block) = self.by_name.get(name) else {
                break;
            };
            held += u32::from(self.blocks[block as usize].holders > 0);
            found.push(BlockId(block));
        }
        held
    }

    /// Takes hold of `found` (just found) and of `fresh` blocks without content, in this order into `into`. If there are too few,
    /// nothing changes and the answer is `false`.
    pub fn take(&mut self, found: &[BlockId], fresh: u32, into: &mut Vec<BlockId>) -> bool {
        let unheld = found.iter().filter(|block| self.blocks[block.0 as usize].holders == 0).count() as u32;
        if u64::from(fresh) + u64::from(unheld) > u64::from(self.free()) {
            return false;
        }
        for &BlockId(block) in found {
            if self.blocks[block as usize].holders == 0 {
                self.unlist(block);
            }
            self.blocks[block as usize].holders += 1;
            into.push(BlockId(block));
        }
        let told = self.told.is_some();
        let mut removed = Vec::new();
        for _ in 0..fresh {
            let (block, gone) = self.empty();
            if told {
                removed.extend(gone);
            }
            into.push(BlockId(block));
        }
        if !removed.is_empty() {
            self.tell(KvEvent::Removed { tier: Tier::Device, blocks: removed });
        }
        true
    }

    /// Takes one block that nobody holds and forgets its content, if it has any. There must be one.
    fn empty(&mut self) -> (u32, Option<SequenceHash>) {
        // Blocks with content stand behind all without, so the head tells whether there are any without.
        let head_is_named = self.first == NONE || self.blocks[self.first as usize].named;
        if head_is_named && self.untouched() > 0 {
            let block = self.blocks.len() as u32;
            self.blocks.push(Block {
                name: SequenceHash(0),
                named: false,
                holders: 1,
                before: NONE,
                after: NONE,
                earlier: NONE,
                later: NONE,
            });
            return (block, None);
        }
        let block = self.first;
        self.unlist(block);
        let gone = self.forget(block);
        self.blocks[block as usize].holders = 1;
        (block, gone)
    }

    /// The content of `blocks[range]` is that of the same blocks of `chain` from now on, to be found by others. Blocks that have
    /// a name keep it.
    pub fn store(&mut self, chain: &Chain, blocks: &[BlockId], range: Range<usize>) {
        if !self.reuse {
            return;
        }
        let names = chain.names();
        let mut since = None;
        for index in range.clone() {
            let is_new = self.name(blocks[index].0, names[index]);
            match (is_new, since) {
                (true, None) => since = Some(index),
                (false, Some(from)) => {
                    self.stored(chain, from..index);
                    since = None;
                }
                _ => {}
            }
        }
        if let Some(from) = since {
            self.stored(chain, from..range.end);
        }
    }

    /// Names a block. Whether the name is new to the pool.
    fn name(&mut self, block: u32, name: SequenceHash) -> bool {
        if self.blocks[block as usize].named {
            return false;
        }
        let mut is_new = false;
        let head = *self.by_name.entry(name).or_insert_with(|| {
            is_new = true;
            block
        });
        let last = if is_new { block } else { self.blocks[head as usize].earlier };
        let entry = &mut self.blocks[block as usize];
        (entry.name, entry.named) = (name, true);
        (entry.earlier, entry.later) = (last, head);
        self.blocks[last as usize].later = block;
        self.blocks[head as usize].earlier = block;
        is_new
    }

    /// Takes a block its name away; the name, if no other block has it.
    fn forget(&mut self, block: u32) -> Option<SequenceHash> {
        let Block { name, named, earlier, later, .. } = self.blocks[block as usize];
        if !named {
            return None;
        }
        self.blocks[block as usize].named = false;
        if later == block {
            self.by_name.remove(&name);
            return Some(name);
        }
        self.blocks[earlier as usize].later = later;
        self.blocks[later as usize].earlier = earlier;
        if let Some(head) = self.by_name.get_mut(&name)
            && *head == block
        {
            *head = later;
        }
        None
    }

    /// One holder of `blocks` lets go of them all, the last one first. `blocks` is empty afterwards.
    pub fn give_back(&mut self, blocks: &mut Vec<BlockId>) {
        while let Some(BlockId(block)) = blocks.pop() {
            let entry = &mut self.blocks[block as usize];
            entry.holders -= 1;
            if entry.holders == 0 {
                self.list(block);
            }
        }
    }

    /// Everything is gone: content, holders, all.
    pub fn reset(&mut self) {
        self.blocks.clear();
        self.by_name.clear();
        (self.first, self.last, self.listed) = (NONE, NONE, 0);
        self.tell(KvEvent::Cleared);
    }

    /// Into the free list: at its end if there is something to reuse, else at its head.
    fn list(&mut self, block: u32) {
        let named = self.blocks[block as usize].named;
        let (before, after) = if named { (self.last, NONE) } else { (NONE, self.first) };
        let entry = &mut self.blocks[block as usize];
        (entry.before, entry.after) = (before, after);
        self.link(before, after, block, block);
        self.listed += 1;
    }

    fn unlist(&mut self, block: u32) {
        let Block { before, after, .. } = self.blocks[block as usize];
        self.link(before, after, after, before);
        self.listed -= 1;
    }

    /// `next` comes after `before`, `previous` before `after`.
    fn link(&mut self, before: u32, after: u32, next: u32, previous: u32) {
        match self.blocks.get_mut(before as usize) {
            Some(entry) => entry.after = next,
            None => self.first = next,
        }
        match self.blocks.get_mut(after as usize) {
            Some(entry) => entry.before = previous,
            None => self.last = previous,
        }
    }

    fn stored(&mut self, chain: &Chain, range: Range<usize>) {
        if self.told.is_none() {
            return;
        }
        let parent = range.start.checked_sub(1).map(|index| chain.names()[index]);
        let names = chain.names()[range.clone()].iter().copied();
        let blocks = names.zip(chain.locals()[range].iter().copied()).collect();
        self.tell(KvEvent::Stored { tier: Tier::Device, parent, blocks });
    }

    fn tell(&mut self, event: KvEvent) {
        if let Some(told) = &mut self.told {
            told.push(event);
        }
    }

    /// Whether somebody wants [`Self::events`]. What changed before is not told.
    pub fn tell_events(&mut self, wanted: bool) {
        if wanted != self.told.is_some() {
            self.told = wanted.then(Vec::new);
        }
    }

    /// What changed since the last call, in order.
    pub fn events(&mut self) -> impl Iterator<Item = KvEvent> + '_ {
        self.told.iter_mut().flat_map(|told| told.drain(..))
    }
}

/// Names are hashes: uniform already.
#[derive(Clone, Copy, Debug, Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

#[cfg(test)]
mod tests;
