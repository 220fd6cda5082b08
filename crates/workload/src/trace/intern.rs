//! Ids of 64 bits as numbers without holes, in the order of their first appearance.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// No number: also how many there may be.
pub const NONE: u32 = u32::MAX;

/// Gives every id its number.
///
/// Ids that are small for how many there are, as in Mooncake's own traces, are looked up in a list. The others are looked up by
/// hashing, unless they follow the id that they followed last time: in a trace of shared beginnings they mostly do, and a look at
/// one place beside the last saves one somewhere in a large table.
#[derive(Debug, Default)]
pub struct Interner {
    near: Vec<u32>,
    far: HashMap<u64, u32, Mixed>,
    /// By number: the id, if it is a far one.
    ids: Vec<u64>,
    /// By number: the number of the far id that came after it last.
    after: Vec<u32>,
    /// The number given out last.
    last: u32,
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
            self.last = *slot;
            return Some((*slot, false));
        }
        self.first_or_far(id)
    }

    fn first_or_far(&mut self, id: u64) -> Option<(u32, bool)> {
        let guess = self.after.get(self.last as usize).copied().unwrap_or(NONE);
        if self.ids.get(guess as usize) == Some(&id) {
            self.last = guess;
            return Some((guess, false));
        }
        let next = self.count;
        if id < NEAR + 4 * u64::from(next) {
            // It may have been put with the far ones, before it was near.
            if let Some(number) = self.far.get(&id).copied() {
                self.last = number;
                return Some((number, false));
            }
            if id as usize >= self.near.len() {
                self.near.resize((id as usize + 1).next_power_of_two(), NONE);
            }
            self.near[id as usize] = next;
            self.last = next;
            return self.one_more(next);
        }
        let number = *self.far.entry(id).or_insert(next);
        self.note(number, id);
        if number == next { self.one_more(next) } else { Some((number, false)) }
    }

    fn one_more(&mut self, number: u32) -> Option<(u32, bool)> {
        self.count = number.checked_add(1)?;
        Some((number, true))
    }

    /// Notes that the far `id` of `number` came after the last one.
    fn note(&mut self, number: u32, id: u64) {
        let most = number.max(self.last) as usize;
        if most >= self.ids.len() {
            self.ids.resize(most + 1, 0);
            self.after.resize(most + 1, NONE);
        }
        self.ids[number as usize] = id;
        self.after[self.last as usize] = number;
        self.last = number;
    }

    /// How many ids have a number.
    pub fn count(&self) -> u32 {
        self.count
    }
}

/// For maps of numbers: their order is never looked at, so a quick hash will do.
pub type Mixed = BuildHasherDefault<Mix>;

/// Multiplies and folds (the constant is 2⁶⁴ divided by the golden ratio).
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
        let wide = u128::from(self.0 ^ n ^ 0x5851_f42d_4c95_7f2d) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }
}
