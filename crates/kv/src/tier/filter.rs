//! KVBM's frequency filter: which blocks are seen often enough to be worth writing.

use tokmark_base::Micros;

use super::FilterParams;
use crate::SequenceHash;
use crate::index::NameMap;

/// Counts blocks: 1 at the first sighting, twice as much with each further one, 1 less with each flush; at 0 a block is
/// forgotten. It passes while its count is at least the minimum.
///
/// Flushes come once in a window, the first one window after moment 0. If more blocks are counted than allowed, there is
/// one at once, and the next comes a whole window later. Source: `block_manager/offload/filter.rs` of
/// `dynamo-llm` 1.6.1, where that happens a moment later, on another thread.
#[derive(Clone, Debug)]
pub struct FrequencyFilter {
    params: FilterParams,
    counts: NameMap<SequenceHash, u64>,
    next_flush: Micros,
}

impl FrequencyFilter {
    /// A filter that has seen nothing.
    pub fn new(params: FilterParams) -> Self {
        Self { params, counts: NameMap::default(), next_flush: params.window }
    }

    /// A block is seen; whether it passes.
    pub fn sees(&mut self, now: Micros, block: SequenceHash) -> bool {
        self.flush(now);
        let count =
            self.counts.entry(block).and_modify(|count| *count = count.saturating_mul(2)).or_insert(1);
        let passes = *count >= u64::from(self.params.min);
        if self.counts.len() > self.params.entries {
            // Only a block that is new makes them too many, and it has 1: one round is always enough.
            self.lower(1);
            self.next_flush = now + self.params.window;
        }
        passes
    }

    /// The count of a block, 0 if it is not counted.
    pub fn count(&self, block: SequenceHash) -> u64 {
        self.counts.get(&block).copied().unwrap_or(0)
    }

    /// Blocks counted.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no block is counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Flushes as often as is due at `now`.
    fn flush(&mut self, now: Micros) {
        if now < self.next_flush {
            return;
        }
        let window = self.params.window.0.max(1);
        let flushes = (now - self.next_flush).0 / window + 1;
        self.lower(flushes as u64);
        self.next_flush = Micros(self.next_flush.0.saturating_add(flushes.saturating_mul(window)));
    }

    fn lower(&mut self, by: u64) {
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(by);
            *count > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SequenceHash = SequenceHash(1);
    const B: SequenceHash = SequenceHash(2);
    const C: SequenceHash = SequenceHash(3);

    fn filter(min: u32, window_s: i64, entries: usize) -> FrequencyFilter {
        FrequencyFilter::new(FilterParams { min, window: Micros(window_s * 1_000_000), entries })
    }

    const fn s(seconds: i64) -> Micros {
        Micros(seconds * 1_000_000)
    }

    #[test]
    fn the_defaults_let_a_block_pass_at_its_second_sighting() {
        let mut filter = FrequencyFilter::new(FilterParams::default());
        assert_eq!([A, A, A].map(|block| filter.sees(s(1), block)), [false, true, true]);
        assert_eq!([B, C].map(|block| filter.sees(s(2), block)), [false, false]);
        assert_eq!([A, B, C].map(|block| filter.count(block)), [4, 1, 1]);
    }

    #[test]
    fn counts_double_and_go_down_by_one_a_flush() {
        let mut filter = filter(4, 600, 100);
        assert_eq!([0, 1, 2, 3].map(|at| filter.sees(s(at), A)), [false, false, true, true]);
        assert_eq!(filter.count(A), 8);
        // Flushes at 600 s, 1,200 s and 1,800 s: 8 − 3 = 5, then 10.
        assert!(filter.sees(s(1_800), A));
        assert_eq!(filter.count(A), 10);
        // B is seen at 2,000 s, and gone with the flush at 2,400 s: it starts again.
        assert!(!filter.sees(s(2_000), B));
        assert_eq!(filter.count(B), 1);
        assert!(!filter.sees(s(2_400), B));
        assert_eq!((filter.count(B), filter.count(A)), (1, 9));
        // Nine flushes later A is gone too.
        assert!(!filter.sees(s(2_400 + 9 * 600), C));
        assert_eq!((filter.len(), filter.count(C)), (1, 1));
    }

    #[test]
    fn a_flush_is_due_at_its_very_moment_and_not_before() {
        let mut filter = filter(2, 600, 100);
        filter.sees(s(0), A);
        assert!(filter.sees(Micros(599_999_999), A));
        filter.sees(s(0), B);
        assert!(!filter.sees(s(600), B));
    }

    /// The sequence of KVBM's own test of the decay, with two entries at most.
    #[test]
    fn too_many_blocks_bring_all_counts_down_until_few_are_left() {
        let mut filter = filter(4, 3_600, 2);
        let seen = [A, A, B, B, A, C].map(|block| filter.sees(s(10), block));
        assert_eq!(seen, [false, false, false, false, true, false]);
        // A 4, B 2, C 1 lose 1: two are left.
        assert_eq!([A, B, C].map(|block| filter.count(block)), [3, 1, 0]);
        assert!(!filter.sees(s(10), B));
        // The prune at 10 s put the next flush off from 3,600 s to 3,610 s.
        filter.sees(Micros(3_609_999_999), B);
        assert_eq!([A, B].map(|block| filter.count(block)), [3, 4]);
        filter.sees(s(3_610), B);
        assert_eq!([A, B].map(|block| filter.count(block)), [2, 6]);
    }

    #[test]
    fn a_full_filter_forgets_newcomers_and_wears_down_the_others() {
        let mut filter = filter(8, 3_600, 1);
        (0..3).for_each(|_| assert!(!filter.sees(s(1), A)));
        for left in (1..4).rev() {
            assert!(!filter.sees(s(1), B));
            assert_eq!((filter.count(A), filter.count(B)), (left, 0));
        }
        filter.sees(s(1), B);
        assert!(filter.is_empty());
    }
}
