use proptest::collection::vec;
use proptest::prelude::*;
use tokmark_base::Micros;

use super::super::lru::Lru;
use super::super::{Analysis, Analyzer, Arrivals, Spread, TraceRow};
use super::row;

fn analysis(rows: &[TraceRow], block_size: u32, caches: &[u64]) -> Analysis {
    let mut analyzer = Analyzer::new(block_size, caches);
    for row in rows {
        analyzer.add(row).unwrap();
    }
    analyzer.finish()
}

/// The example of the README of Dynamo's data generator: blocks of one token.
#[test]
fn the_example_of_the_field() {
    let rows = [
        row(0, 4, 1, &[0, 1, 2, 3]),
        row(0, 2, 1, &[0, 1]),
        row(0, 3, 1, &[0, 1, 2]),
        row(0, 3, 1, &[0, 4, 5]),
    ];
    let found = analysis(&rows, 1, &[]);
    assert_eq!(found.context_length, Spread::of_counts([3, 2, 3, 1]));
    assert_eq!(found.unique_prompt_length, Spread::of_counts([1, 0, 0, 2]));
    assert_eq!(found.hit_rate, Spread::of(vec![0.0, 1.0, 1.0, 1.0 / 3.0]));
    assert_eq!(found.hit_rate_of_blocks, Some(6.0 / 12.0));
    assert_eq!((found.blocks, found.unique_blocks), (12, 6));
}

#[test]
fn the_last_block_counts_as_far_as_it_is_filled() {
    let rows = [row(0, 130, 5, &[7, 8, 9]), row(10, 130, 5, &[7, 8, 9]), row(30, 128, 5, &[7, 8])];
    let found = analysis(&rows, 64, &[2]);
    assert_eq!(found.context_length, Spread::of_counts([130, 130, 128]));
    assert_eq!(found.hit_rate_of_tokens, Some(258.0 / 388.0));
    // Of three blocks the cache of two keeps the first two.
    assert_eq!(found.caches[0].hit_rate, Spread::of(vec![0.0, 2.0 / 3.0, 1.0]));
    assert_eq!(found.caches[0].hit_rate_of_tokens, Some(256.0 / 388.0));
}

#[test]
fn rows_without_ids_share_nothing_and_have_no_hit_rate() {
    let found = analysis(&[row(0, 100, 1, &[]), row(0, 10, 1, &[1]), row(0, 10, 1, &[1])], 512, &[9]);
    assert_eq!(found.rows_without_ids, 1);
    assert_eq!(found.hit_rate.map(|rate| (rate.n, rate.mean)), Some((2, 0.5)));
    assert_eq!(found.context_length, Spread::of_counts([0, 10, 10]));
    assert_eq!(found.hit_rate_of_tokens, Some(0.5));
    let none = analysis(&[row(0, 100, 1, &[])], 512, &[9]);
    assert_eq!((none.hit_rate, none.hit_rate_of_blocks, none.caches[0].hit_rate), (None, None, None));
}

#[test]
fn a_row_longer_than_its_blocks_is_refused() {
    let unfit = Analyzer::new(512, &[]).add(&row(0, 1_025, 1, &[1, 2])).unwrap_err();
    assert!(unfit.what.contains("1024") && unfit.hint.contains("--block-size"), "{unfit:?}");
    assert_eq!(Analyzer::new(512, &[]).add(&TraceRow::default()).unwrap_err().field, "input_length");
}

#[test]
fn arrivals_by_hand() {
    let ms = |times: &[i64]| Arrivals::of(times.iter().copied().map(Micros::from_millis).collect());
    let found = ms(&[100, 200, 400]).unwrap();
    // Gaps 100 and 200: mean 150, deviation 50.
    assert_eq!((found.n, found.first_ms, found.span_s, found.out_of_order), (3, 100.0, 0.3, 0));
    assert!((found.rate_per_s.unwrap() - 2.0 / 0.3).abs() < 1e-12);
    assert!((found.gap_cv.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    let shuffled = ms(&[400, 100, 200]).unwrap();
    assert_eq!((shuffled.gap_cv, shuffled.out_of_order), (found.gap_cv, 1));
    let together = ms(&[5, 5]).unwrap();
    assert_eq!((together.rate_per_s, together.gap_mean_ms, together.gap_cv), (None, Some(0.0), None));
    assert_eq!(ms(&[]), None);
}

#[test]
fn a_spread_by_hand() {
    let spread = Spread::of_counts([4, 1, 3, 2]).unwrap();
    assert_eq!((spread.n, spread.mean, spread.min, spread.max), (4, 2.5, 1.0, 4.0));
    assert_eq!((spread.p25, spread.median, spread.p75), (1.75, 2.5, 3.25));
    assert!((spread.std - 1.25_f64.sqrt()).abs() < 1e-12);
    assert_eq!(Spread::of(Vec::new()), None);
}

/// Rows of few ids, so that they meet often and at several places.
fn few_ids() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let id = prop_oneof![0..6_u64, Just(u64::MAX), Just(1 << 40)];
    vec(vec(id, 0..6), 1..20)
}

/// The cache of the module's words, without any cleverness: a list, the most recently used first.
fn slow_lru(rows: &[Vec<u64>], most: usize) -> Vec<usize> {
    let mut cache: Vec<u64> = Vec::new();
    rows.iter()
        .map(|ids| {
            let found = ids.iter().take_while(|id| cache.contains(id)).count();
            // Held blocks of the row come to the front first, so that they are not what makes room.
            cache.sort_by_key(|id| !ids.contains(id));
            let mut front: Vec<u64> = Vec::new();
            for id in ids {
                if !front.contains(id) {
                    front.push(*id);
                }
            }
            cache.retain(|id| !ids.contains(id));
            cache.splice(0..0, front);
            cache.truncate(most);
            found
        })
        .collect()
}

proptest! {
    #[test]
    fn analysis_is_what_brute_force_finds(ids in few_ids(), most in 0..9_u64) {
        let block = 4;
        let rows: Vec<TraceRow> =
            ids.iter().map(|ids| row(0, (ids.len() as u32 * block).saturating_sub(1), 1, ids)).collect();
        let found = analysis(&rows, block, &[most, 1_000]);

        let shared = |r: usize, place: usize| {
            ids.iter().enumerate().any(|(other, row)| other != r && row.get(place) == Some(&ids[r][place]))
        };
        let context = (0..ids.len()).map(|r| {
            (0..ids[r].len()).filter(|place| shared(r, *place)).map(|place| {
                if place + 1 == ids[r].len() { block - 1 } else { block }
            }).sum()
        });
        prop_assert_eq!(found.context_length, Spread::of_counts(context));

        let endless: Vec<f64> = ids.iter().enumerate().filter(|(_, row)| !row.is_empty()).map(|(r, row)| {
            let seen = row.iter().take_while(|id| ids[..r].iter().flatten().any(|old| old == *id)).count();
            seen as f64 / row.len() as f64
        }).collect();
        prop_assert_eq!(found.hit_rate, Spread::of(endless));

        let held = slow_lru(&ids, most as usize);
        let rates = held.iter().zip(&ids).filter(|(_, row)| !row.is_empty());
        let rates = rates.map(|(n, row)| *n as f64 / row.len() as f64).collect();
        prop_assert_eq!(found.caches[0].hit_rate, Spread::of(rates));
        // A cache with room for everything is an endless one.
        prop_assert_eq!(found.caches[1].hit_rate, found.hit_rate);
    }

    #[test]
    fn a_cache_never_holds_more_than_it_may(rows in vec(vec(0..12_u32, 0..8), 1..30), most in 0..10_u64) {
        let mut lru = Lru::new(12, most);
        for blocks in &rows {
            prop_assert!(lru.row(blocks) as u64 <= blocks.len() as u64);
            let mut all: Vec<u32> = (0..12).collect();
            all.retain(|block| lru.holds(*block));
            prop_assert!(all.len() as u64 <= most);
        }
    }
}
