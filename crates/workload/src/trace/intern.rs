//! Ids of 64 bits as numbers without holes, in the order of their first appearance.

use std::hash::{BuildHasherDefault, Hasher};

/// No number: also how many there may be.
pub const NONE: u32 = u32::MAX;

/// Gives every id its number.
///
/// Ids that are small for how many there are, as in Mooncake's own traces, are looked up in a list; the others in a table by their
/// hash.
#[derive(Debug, Default)]
pub struct Interner {
    near: Vec<u32>,
    far: Far,
    count: u32,
}

/// Ids below this many are always near.
const NEAR: u64 = 1 << 16;

impl Interner {
    /// The number of `id`, and whether it is a new one. `None` beyond four thousand million.
    #[inline]
    pub fn number(&mut self, id: u64) -> Option<(u32, bool)> {
        if let Some(slot) = self.near.get_mut(id as usize)
            && *slot != NONE
        {
            return Some((*slot, false));
        }
        self.first_or_far(id)
    }

    fn first_or_far(&mut self, id: u64) -> Option<(u32, bool)> {
        let next = self.count;
        if id >= NEAR + 4 * u64::from(next) {
            let number = self.far.number(id, next);
            return if number == next { self.one_more() } else { Some((number, false)) };
        }
        // It may have been put with the far ones, before it was near.
        if let Some(number) = self.far.get(id) {
            return Some((number, false));
        }
        if id as usize >= self.near.len() {
            self.near.resize((id as usize + 1).next_power_of_two(), NONE);
        }
        self.near[id as usize] = next;
        self.one_more()
    }

    fn one_more(&mut self) -> Option<(u32, bool)> {
        let number = self.count;
        self.count = number.checked_add(1)?;
        Some((number, true))
    }

    /// Has the places of `ids` brought into the processor's cache, all at once rather than one after another; changes nothing.
    pub fn expect(&self, ids: &[u64]) {
        if !self.far.slots.is_empty() {
            std::hint::black_box(ids.iter().fold(0, |all, id| all ^ self.far.slots[self.far.place(*id)].0));
        }
    }

    /// How many ids have a number.
    pub fn count(&self) -> u32 {
        self.count
    }
}

/// A table by hash, its entries side by side: of a hundred million look-ups each is one trip to memory, not two or three.
#[derive(Debug, Default)]
struct Far {
    /// Ids and numbers; [`NONE`]: free. A power of two of them, at least a quarter free, or none at all.
    slots: Vec<(u64, u32)>,
    held: usize,
}

impl Far {
    /// Where `id` is looked for first. There must be slots.
    #[inline]
    fn place(&self, id: u64) -> usize {
        mixed(id) as usize & (self.slots.len() - 1)
    }

    /// The slot of `id`, or the free one that it gets.
    #[inline]
    fn slot(&self, id: u64) -> usize {
        let mut at = self.place(id);
        while self.slots[at].1 != NONE && self.slots[at].0 != id {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    fn get(&self, id: u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        Some(self.slots[self.slot(id)].1).filter(|number| *number != NONE)
    }

    /// Its number: `new` if it has none yet.
    fn number(&mut self, id: u64, new: u32) -> u32 {
        if self.held * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let at = self.slot(id);
        if self.slots[at].1 == NONE && new != NONE {
            self.slots[at] = (id, new);
            self.held += 1;
        }
        self.slots[at].1
    }

    fn grow(&mut self) {
        let wanted = (self.slots.len() * 2).max(1 << 10);
        let old = std::mem::replace(&mut self.slots, vec![(0, NONE); wanted]);
        for (id, number) in old.into_iter().filter(|(_, number)| *number != NONE) {
            let at = self.slot(id);
            self.slots[at] = (id, number);
        }
    }
}

/// Multiplies and folds (the constant is 2⁶⁴ divided by the golden ratio).
#[inline]
fn mixed(n: u64) -> u64 {
    let wide = u128::from(n ^ 0x5851_f42d_4c95_7f2d) * 0x9e37_79b9_7f4a_7c15_u128;
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// For maps of numbers: their order is never looked at, so a quick hash will do.
pub type Mixed = BuildHasherDefault<Mix>;

/// The quick hash of a map of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.0 = mixed(self.0 ^ n);
    }
}
