//! What one tier holds, and which of it goes first when room is needed.

use crate::index::NameMap;
use crate::{LocalHash, SequenceHash};

/// A block as a tier knows it: its name, and what a router must hear with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub name: SequenceHash,
    /// The hash of what is in it alone.
    pub local: LocalHash,
    /// The name of the block in front of it.
    pub parent: Option<SequenceHash>,
}

/// The blocks of one tier, the longest unused first to go. A block on its way in has its place already, and neither it nor one
/// that is being read can go.
///
/// Invariant: [`Self::used`] + [`Self::free`] = [`Self::total`].
#[derive(Clone, Debug)]
pub(super) struct TierPool {
    total: u32,
    slots: Vec<Slot>,
    vacant: Vec<u32>,
    by_name: NameMap<SequenceHash, u32>,
    /// First and last of those that may go.
    first: u32,
    last: u32,
    /// How many they are.
    idle: u32,
    coming: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    block: Block,
    here: bool,
    readers: u32,
    /// Neighbours in the list of those that may go.
    before: u32,
    after: u32,
}

/// Everything in a tier is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// No block.
const NONE: u32 = u32::MAX;

impl TierPool {
    /// An empty tier of `total` blocks.
    pub(super) fn new(total: u32) -> Self {
        Self {
            total,
            slots: Vec::new(),
            vacant: Vec::new(),
            by_name: NameMap::default(),
            first: NONE,
            last: NONE,
            idle: 0,
            coming: 0,
        }
    }

    /// Blocks it can hold.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Places taken, those of blocks on their way in included.
    pub(super) fn used(&self) -> u32 {
        self.by_name.len() as u32
    }

    /// Places free.
    pub(super) fn free(&self) -> u32 {
        self.total - self.used()
    }

    /// Places of blocks that are on their way in.
    pub(super) fn coming(&self) -> u32 {
        self.coming
    }

    /// Whether the block is there to be read.
    pub(super) fn holds(&self, name: SequenceHash) -> bool {
        self.slot(name).is_some_and(|slot| slot.here)
    }

    /// Whether the block is there or on its way in.
    pub(super) fn has(&self, name: SequenceHash) -> bool {
        self.by_name.contains_key(&name)
    }

    fn slot(&self, name: SequenceHash) -> Option<&Slot> {
        self.by_name.get(&name).map(|index| &self.slots[*index as usize])
    }

    /// Takes a place for a block that the tier does not have, and says which block had to go for it, if any.
    pub(super) fn take(&mut self, block: Block) -> Result<Option<SequenceHash>, Full> {
        let mut gone = None;
        if self.free() == 0 {
            if self.first == NONE {
                return Err(Full);
            }
            let index = self.first;
            let name = self.slots[index as usize].block.name;
            self.unlist(index);
            self.vacate(name, index);
            gone = Some(name);
        }
        let slot = Slot { block, here: false, readers: 0, before: NONE, after: NONE };
        let index = self.vacant.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(index as usize) {
            Some(vacant) => *vacant = slot,
            None => self.slots.push(slot),
        }
        let had = self.by_name.insert(block.name, index);
        debug_assert_eq!(had, None, "a block has one place in a tier");
        self.coming += 1;
        Ok(gone)
    }

    /// A block has arrived in its place.
    pub(super) fn arrive(&mut self, name: SequenceHash) {
        if let Some(&index) = self.by_name.get(&name)
            && !self.slots[index as usize].here
        {
            self.slots[index as usize].here = true;
            self.coming -= 1;
            self.list(index);
        }
    }

    /// Somebody reads a block; whether it is there.
    pub(super) fn read(&mut self, name: SequenceHash) -> bool {
        let Some(&index) = self.by_name.get(&name).filter(|index| self.slots[**index as usize].here) else {
            return false;
        };
        if self.slots[index as usize].readers == 0 {
            self.unlist(index);
        }
        self.slots[index as usize].readers += 1;
        true
    }

    /// Somebody who read a block is done with it. Whom nobody reads is the last to go.
    pub(super) fn let_go(&mut self, name: SequenceHash) {
        if let Some(&index) = self.by_name.get(&name)
            && self.slots[index as usize].readers > 0
        {
            self.slots[index as usize].readers -= 1;
            if self.slots[index as usize].readers == 0 {
                self.list(index);
            }
        }
    }

    /// A block was asked for: if nobody reads it, it is the last to go from now on.
    pub(super) fn touch(&mut self, name: SequenceHash) {
        if let Some(&index) = self.by_name.get(&name)
            && self.slots[index as usize].here
            && self.slots[index as usize].readers == 0
        {
            self.unlist(index);
            self.list(index);
        }
    }

    /// Everything is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.total);
    }

    /// Whether the lists and the counts agree.
    pub(super) fn is_sound(&self) -> bool {
        let (mut listed, mut index, mut before) = (0, self.first, NONE);
        while let Some(slot) = self.slots.get(index as usize) {
            if !slot.here || slot.readers > 0 || slot.before != before || !self.has(slot.block.name) {
                return false;
            }
            (before, index) = (index, slot.after);
            listed += 1;
        }
        let held = self.by_name.values().map(|index| &self.slots[*index as usize]);
        let (coming, read) = held.fold((0, 0), |(coming, read), slot| {
            (coming + u32::from(!slot.here), read + u32::from(slot.readers > 0))
        });
        before == self.last
            && listed == self.idle
            && coming == self.coming
            && self.used() == listed + coming + read
            && self.used() <= self.total
            && self.slots.len() == self.by_name.len() + self.vacant.len()
    }

    fn vacate(&mut self, name: SequenceHash, index: u32) {
        self.by_name.remove(&name);
        self.vacant.push(index);
    }

    /// To the end of those that may go.
    fn list(&mut self, index: u32) {
        let before = self.last;
        (self.slots[index as usize].before, self.slots[index as usize].after) = (before, NONE);
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.after = index,
            None => self.first = index,
        }
        self.last = index;
        self.idle += 1;
    }

    fn unlist(&mut self, index: u32) {
        let Slot { before, after, .. } = self.slots[index as usize];
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.after = after,
            None => self.first = after,
        }
        match self.slots.get_mut(after as usize) {
            Some(slot) => slot.before = before,
            None => self.last = before,
        }
        self.idle -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(n: u64) -> Block {
        Block { name: SequenceHash(n), local: LocalHash(n), parent: None }
    }

    fn filled(total: u32, blocks: &[u64]) -> TierPool {
        let mut pool = TierPool::new(total);
        for n in blocks {
            assert_eq!(pool.take(block(*n)), Ok(None));
            pool.arrive(SequenceHash(*n));
        }
        pool
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let mut pool = filled(3, &[1, 2, 3]);
        pool.touch(SequenceHash(1));
        assert_eq!(pool.take(block(4)), Ok(Some(SequenceHash(2))));
        assert!(pool.read(SequenceHash(3)));
        assert_eq!(pool.take(block(5)), Ok(Some(SequenceHash(1))));
        // 3 is being read, 4 and 5 are on their way in: nothing may go.
        assert_eq!((pool.take(block(6)), pool.used(), pool.coming()), (Err(Full), 3, 2));
        assert!(!pool.holds(SequenceHash(4)) && pool.has(SequenceHash(4)));
        pool.let_go(SequenceHash(3));
        pool.arrive(SequenceHash(5));
        assert_eq!(pool.take(block(6)), Ok(Some(SequenceHash(3))));
        assert!(pool.is_sound());
    }

    #[test]
    fn a_block_read_twice_stays_until_both_are_done() {
        let mut pool = filled(1, &[1]);
        assert!(pool.read(SequenceHash(1)) && pool.read(SequenceHash(1)));
        pool.let_go(SequenceHash(1));
        assert_eq!(pool.take(block(2)), Err(Full));
        pool.let_go(SequenceHash(1));
        assert_eq!(pool.take(block(2)), Ok(Some(SequenceHash(1))));
        assert!(!pool.read(SequenceHash(2)), "it has not arrived");
        assert!(pool.is_sound());
        pool.clear();
        assert_eq!((pool.used(), pool.free(), pool.is_sound()), (0, 1, true));
    }
}
