//! Exact multisets in little memory, and ranks over them.
//!
//! A million attempts have far fewer distinct values than values: keys are kept sorted as variable-length differences
//! with their counts, a few bytes a distinct value, and every percentile stays exact.

use tokmark_base::quantile;

/// A multiset of `u64` keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Sorted distinct keys as (difference, count), each a LEB128.
    packed: Vec<u8>,
    distinct: usize,
    total: u64,
    pending: Vec<u64>,
    /// How often each small key came since the last merge, by the key itself; empty while there are few of any.
    small: Vec<u64>,
}

/// Values collected before they are merged: enough to make merging rare, little enough not to matter.
const PENDING: usize = 1024;
/// From so many values on, small keys have a counter each …
const MANY: u64 = 1 << 16;
/// … if they are below this: a megabyte of counters, and gaps between tokens up to 131 ms in microseconds.
const SMALL: u64 = 1 << 17;

impl Tally {
    /// Adds one key.
    #[inline]
    pub(crate) fn add(&mut self, key: u64) {
        self.total += 1;
        if let Some(count) = usize::try_from(key).ok().and_then(|key| self.small.get_mut(key)) {
            *count += 1;
        } else {
            self.add_large(key);
        }
    }

    fn add_large(&mut self, key: u64) {
        if key < SMALL && self.total > MANY {
            self.small.resize((key as usize + 1).next_power_of_two(), 0);
            self.small[key as usize] += 1;
            return;
        }
        self.pending.push(key);
        // A share of what is packed keeps the total work proportional to n log n, and the buffer small beside it.
        if self.pending.len() >= PENDING.max(self.distinct / 4) {
            self.merge_pending();
        }
    }

    /// How many keys were added.
    pub(crate) fn len(&self) -> u64 {
        self.total
    }

    /// Keys and counts, ascending.
    pub(crate) fn counts(&mut self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.merge_pending();
        let small = std::mem::take(&mut self.small);
        if !small.is_empty() {
            self.merge((0..).zip(small).filter(|(_, n)| *n > 0), 0);
        }
        Unpack { bytes: &self.packed, key: 0 }
    }

    fn merge_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable();
        self.merge(pending.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)), pending.len());
        pending.clear();
        self.pending = pending;
    }

    /// Adds keys with counts, ascending, `about` so many.
    fn merge(&mut self, counts: impl Iterator<Item = (u64, u64)>, about: usize) {
        let old = std::mem::take(&mut self.packed);
        let mut out = Pack { bytes: Vec::with_capacity(old.len() + about * 2), last: 0, distinct: 0 };
        let mut left = Unpack { bytes: &old, key: 0 };
        let mut kept = left.next();
        for (key, count) in counts {
            let mut count = count;
            while let Some((before, n)) = kept.filter(|(before, _)| *before <= key) {
                if before == key {
                    count += n;
                } else {
                    out.push(before, n);
                }
                kept = left.next();
            }
            out.push(key, count);
        }
        while let Some((key, n)) = kept {
            out.push(key, n);
            kept = left.next();
        }
        self.distinct = out.distinct;
        self.packed = out.bytes;
        self.packed.shrink_to_fit();
    }
}

struct Pack {
    bytes: Vec<u8>,
    last: u64,
    distinct: usize,
}

impl Pack {
    fn push(&mut self, key: u64, count: u64) {
        for mut n in [key - self.last, count] {
            while n >= 0x80 {
                self.bytes.push(n as u8 | 0x80);
                n >>= 7;
            }
            self.bytes.push(n as u8);
        }
        self.last = key;
        self.distinct += 1;
    }
}

struct Unpack<'a> {
    bytes: &'a [u8],
    key: u64,
}

impl Unpack<'_> {
    fn number(&mut self) -> Option<u64> {
        // Most differences and nearly all counts are one byte.
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let mut n = u64::from(first & 0x7f);
        if first < 0x80 {
            return Some(n);
        }
        let mut shift = 7;
        loop {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(n);
            }
            shift += 7;
        }
    }
}

impl Iterator for Unpack<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        self.key += self.number()?;
        let count = self.number()?;
        Some((self.key, count))
    }
}

/// A sorted multiset of numbers, for statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ranked {
    /// Distinct values ascending, each with the number of values up to and including it.
    steps: Vec<(f64, u64)>,
}

impl Ranked {
    /// From values with counts, in any order.
    pub(crate) fn new(mut counts: Vec<(f64, u64)>) -> Self {
        counts.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        counts.dedup_by(|later, earlier| {
            let same = later.0.to_bits() == earlier.0.to_bits();
            if same {
                earlier.1 += later.1;
            }
            same
        });
        let mut total = 0;
        for step in &mut counts {
            total += step.1;
            step.1 = total;
        }
        Self { steps: counts }
    }

    /// How many values.
    pub(crate) fn n(&self) -> u64 {
        self.steps.last().map_or(0, |s| s.1)
    }

    /// The value at zero-based rank `i`, ascending.
    pub(crate) fn at(&self, i: u64) -> Option<f64> {
        let step = self.steps.partition_point(|s| s.1 <= i);
        self.steps.get(step).map(|s| s.0)
    }

    /// Nearest rank among these values and `infinite` more at +∞.
    pub(crate) fn nearest(&self, q: f64, infinite: u64) -> Option<f64> {
        let i = quantile::rank((self.n() + infinite) as usize, q)? as u64;
        Some(self.at(i).unwrap_or(f64::INFINITY))
    }

    /// Linear interpolation between closest ranks (AIPerf's population).
    pub(crate) fn linear(&self, q: f64) -> Option<f64> {
        let last = self.n().checked_sub(1)?;
        let place = q * last as f64;
        let low = place.floor() as u64;
        let pair = [self.at(low)?, self.at((low + 1).min(last))?];
        quantile::linear(&pair, place - low as f64)
    }

    /// How many values are larger than `x`.
    pub(crate) fn above(&self, x: f64) -> u64 {
        let step = self.steps.partition_point(|s| s.0 <= x);
        let upto = step.checked_sub(1).map_or(0, |i| self.steps[i].1);
        self.n() - upto
    }

    /// Smallest.
    pub(crate) fn min(&self) -> Option<f64> {
        self.steps.first().map(|s| s.0)
    }

    /// Largest.
    pub(crate) fn max(&self) -> Option<f64> {
        self.steps.last().map(|s| s.0)
    }

    /// Sum.
    pub(crate) fn sum(&self) -> f64 {
        self.weighted(|x| x)
    }

    /// Mean.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n() > 0).then(|| self.sum() / self.n() as f64)
    }

    /// Standard deviation with n − `ddof`; `None` if that is not positive.
    pub(crate) fn std(&self, ddof: u64) -> Option<f64> {
        let mean = self.mean()?;
        let n = self.n().checked_sub(ddof).filter(|n| *n > 0)?;
        Some((self.weighted(|x| (x - mean) * (x - mean)) / n as f64).sqrt())
    }

    fn weighted(&self, of: impl Fn(f64) -> f64) -> f64 {
        let mut before = 0;
        self.steps
            .iter()
            .map(|(x, upto)| {
                let count = upto - before;
                before = *upto;
                of(*x) * count as f64
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tally_is_the_sorted_list(keys in prop::collection::vec(prop_oneof![0_u64..50, any::<u64>()], 0..3_000)) {
            let mut tally = Tally::default();
            for key in &keys {
                tally.add(*key);
            }
            let got: Vec<u64> = tally
                .counts()
                .flat_map(|(k, n)| std::iter::repeat_n(k, n as usize))
                .collect();
            let mut want = keys;
            want.sort_unstable();
            prop_assert_eq!(tally.len(), want.len() as u64);
            prop_assert_eq!(got, want);
        }

        #[test]
        fn ranks_are_those_of_the_sorted_list(
            values in prop::collection::vec(0_u32..40, 1..200),
            q in 0.0..=1.0_f64,
            infinite in 0_u64..5,
        ) {
            let ranked = Ranked::new(values.iter().map(|v| (f64::from(*v), 1)).collect());
            let mut sorted: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(ranked.linear(q), quantile::linear(&sorted, q));
            let n = sorted.len() as f64;
            let mean = sorted.iter().sum::<f64>() / n;
            prop_assert!((ranked.mean().unwrap() - mean).abs() < 1e-9);
            let var = sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            prop_assert!((ranked.std(0).unwrap() - var.sqrt()).abs() < 1e-9);
            sorted.extend((0..infinite).map(|_| f64::INFINITY));
            prop_assert_eq!(ranked.nearest(q, infinite), quantile::nearest_rank(&sorted, q));
        }
    }

    /// From some number of values on, small keys are counted one by one; asking in between changes nothing.
    #[test]
    fn small_keys_among_many_are_counted_as_before() {
        let mut tally = Tally::default();
        let mut want = BTreeMap::new();
        for i in 0..3 * MANY {
            let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            // Around the limit, often the same, and far beyond it.
            let key = match i % 4 {
                0 => mixed % 300,
                1 => mixed % (2 * SMALL),
                2 => [SMALL - 1, SMALL, 0][mixed as usize % 3],
                _ => mixed << 20,
            };
            tally.add(key);
            *want.entry(key).or_insert(0) += 1;
            if i % 50_000 == 49_999 {
                assert!(tally.counts().eq(want.clone()), "after {i}");
            }
        }
        assert!(tally.counts().eq(want));
        assert_eq!(tally.len(), 3 * MANY);
    }

    #[test]
    fn a_million_values_take_little_room() {
        let mut tally = Tally::default();
        for i in 0..200_000_u64 {
            tally.add(i.wrapping_mul(2_654_435_761) % 60_000_000);
        }
        assert_eq!(tally.counts().count(), 200_000);
        assert!(tally.packed.len() <= 200_000 * 4, "{} bytes", tally.packed.len());
    }
}
