//! Ids of 64 bits as numbers without holes, in the order of their first appearance.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// No number: also how many there may be.
pub const NONE: u32 = u32::MAX;

/// Gives every id its number.
///
/// Ids that are small for how many there are, as in Mooncake's own traces, are looked up in a list; the others by hashing.
#[derive(Debug, Default)]
pub struct Interner {
    near: Vec<u32>,
    far: HashMap<u64, u32, Mixed>,
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
        // An id may have become near after it was put with the far ones.
        if let Some(number) = self.far.get(&id) {
            return Some((*number, false));
        }
        let number = self.count;
        if number == NONE {
            return None;
        }
        self.count += 1;
        if id < NEAR + 4 * u64::from(number) {
            if id as usize >= self.near.len() {
                let wanted = (id as usize + 1).next_power_of_two();
                self.near.resize(wanted, NONE);
            }
            self.near[id as usize] = number;
        } else {
            self.far.insert(id, number);
        }
        Some((number, true))
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
