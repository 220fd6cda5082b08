//! All values of one metric, the exact ones apart from those known only as bounds.

use crate::metric::{Grain, Pooled, Value};
use crate::tally::{Ranked, Tally};

/// Which face of a bounded value is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// By the stamps themselves (AIPerf's population).
    At,
    /// The pessimistic bound: the headline.
    Worst,
    /// The optimistic bound.
    Best,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    exact: Tally,
    at: Tally,
    worst: Tally,
    best: Tally,
}

impl Pool {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: Value, grain: Grain) {
        if value.is_exact() {
            self.exact.add(key(value.at, grain));
        } else {
            self.at.add(key(value.at, grain));
            self.worst.add(key(value.worst, grain));
            self.best.add(key(value.best, grain));
        }
    }

    /// Adds the values that a pooled metric has of an attempt.
    pub(crate) fn add_pooled(&mut self, values: &Pooled, grain: Grain) {
        for n in values.whole() {
            // A whole number is its own key.
            self.exact.add(if grain == Grain::Whole { *n } else { key(*n as f64, grain) });
        }
        for value in values.mixed() {
            self.add(*value, grain);
        }
    }

    /// How many values are known only as bounds.
    pub(crate) fn bounded(&self) -> u64 {
        self.at.len()
    }

    fn counts(&mut self, side: Side, grain: Grain, out: &mut Vec<(f64, u64)>) {
        let touched = match side {
            Side::At => &mut self.at,
            Side::Worst => &mut self.worst,
            Side::Best => &mut self.best,
        };
        out.extend(self.exact.counts().chain(touched.counts()).map(|(k, n)| (number(k, grain), n)));
    }

    /// The values of several pools, ranked.
    pub(crate) fn ranked<'a>(
        pools: impl IntoIterator<Item = &'a mut Self>,
        side: Side,
        grain: Grain,
    ) -> Ranked {
        let mut counts = Vec::new();
        for pool in pools {
            pool.counts(side, grain, &mut counts);
        }
        Ranked::new(counts)
    }
}

const SIGN: u64 = 1 << 63;

/// Whole numbers are their own key; others the bits of the float, turned so that keys sort as the numbers do.
fn key(x: f64, grain: Grain) -> u64 {
    match grain {
        Grain::Whole => x.max(0.0) as u64,
        Grain::Real => {
            let bits = x.to_bits();
            if bits & SIGN == 0 { bits | SIGN } else { !bits }
        }
    }
}

fn number(key: u64, grain: Grain) -> f64 {
    match grain {
        Grain::Whole => key as f64,
        Grain::Real if key & SIGN == 0 => f64::from_bits(!key),
        Grain::Real => f64::from_bits(key & !SIGN),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_sort_as_numbers(a in -1e9..1e9_f64, b in -1e9..1e9_f64) {
            prop_assert_eq!(number(key(a, Grain::Real), Grain::Real).to_bits(), a.to_bits());
            prop_assert_eq!(key(a, Grain::Real) < key(b, Grain::Real), a < b);
        }
    }
}
