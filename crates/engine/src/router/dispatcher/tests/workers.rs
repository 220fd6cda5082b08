//! Policies that look at requests alone, and workers that come and go.

use super::*;

/// Where the next requests go.
fn next(router: &mut dyn Router, ids: std::ops::Range<u64>) -> Vec<Verdict> {
    ids.map(|id| router.arrive(ms(id as i64), query(id, id, 32))).collect()
}

fn down(router: &mut dyn Router, worker: u32) {
    router.down(ms(0), WorkerId(worker));
}

fn up(router: &mut dyn Router, worker: u32) {
    assert_eq!(placed(|placed| router.up(ms(0), WorkerId(worker), FACTS, placed)), []);
}

#[test]
fn round_robin_takes_turns_over_the_workers_that_are_up() {
    let mut router = router(3, |_| {});
    assert_eq!(next(&mut *router, 0..4), [to(0), to(1), to(2), to(0)]);
    down(&mut *router, 1);
    // The fifth and sixth turn of workers 0 and 2.
    assert_eq!(next(&mut *router, 4..7), [to(0), to(2), to(0)]);
    up(&mut *router, 1);
    // The eighth turn of three.
    assert_eq!(next(&mut *router, 7..9), [to(1), to(2)]);
    // A worker that was not there from the start.
    up(&mut *router, 4);
    assert_eq!(next(&mut *router, 9..13), [to(1), to(2), to(4), to(0)]);
    for worker in 0..5 {
        down(&mut *router, worker);
    }
    assert_eq!(next(&mut *router, 13..14), [Verdict::Refused(Rejection::NoWorker)]);
}

#[test]
fn round_robin_asks_for_nothing_to_be_collected() {
    let plain = router(2, |_| {});
    assert!(!plain.wants_kv() && !plain.wants_load() && !plain.wants_tokens() && plain.next_due().is_none());
    let kv = router(2, |spec| spec.policy = PolicyKind::Kv);
    assert!(kv.wants_kv() && !kv.wants_load());
    let guessing = router(2, |spec| {
        spec.policy = PolicyKind::Kv;
        spec.kv_events = false;
    });
    assert!(!guessing.wants_kv());
    assert!(router(2, |spec| spec.busy_decode_blocks = Some(0.9)).wants_load());
}

#[test]
fn random_is_even_and_the_same_for_the_same_seed() {
    let picks = |seed| {
        let mut router = router(4, |spec| {
            spec.policy = PolicyKind::Random;
            spec.seed = seed;
        });
        next(&mut *router, 0..8_000)
    };
    let a = picks(Some(3));
    for worker in 0..4 {
        let count = a.iter().filter(|verdict| **verdict == to(worker)).count();
        assert!((1_850..2_150).contains(&count), "{worker}: {count}");
    }
    assert_eq!(a, picks(Some(3)));
    assert_ne!(a, picks(None));
    // Unset, the run's seed counts, which is 42 here.
    assert_eq!(picks(Some(42)), picks(None));
}

#[test]
fn least_loaded_levels_the_requests() {
    let mut router = router(3, |spec| spec.policy = PolicyKind::LeastLoaded);
    let mut first = next(&mut *router, 0..3);
    first.sort_by_key(|verdict| format!("{verdict:?}"));
    assert_eq!(first, [to(0), to(1), to(2)]);
    // Two more for whoever lost two.
    next(&mut *router, 3..6);
    down(&mut *router, 2);
    up(&mut *router, 2);
    assert_eq!(next(&mut *router, 6..8), [to(2), to(2)]);
}

#[test]
fn power_of_two_never_takes_the_fullest_of_all() {
    let mut router = router(3, |spec| spec.policy = PolicyKind::PowerOfTwo);
    down(&mut *router, 1);
    down(&mut *router, 2);
    assert_eq!(next(&mut *router, 0..5), [to(0); 5]);
    up(&mut *router, 1);
    up(&mut *router, 2);
    // Any two of the three hold one with fewer than five requests, until all have five.
    let later = next(&mut *router, 5..13);
    assert!(!later.contains(&to(0)), "{later:?}");
    assert!(later.contains(&to(1)) && later.contains(&to(2)), "{later:?}");
}

#[test]
fn two_tier_asks_caches_only_while_the_load_is_level() {
    let mut router = router(2, |spec| {
        spec.policy = PolicyKind::TwoTier;
        spec.balance_abs_threshold = 2;
        spec.balance_rel_threshold = 1.5;
    });
    let warm = |id| query(id, 1, 8 * BLOCK);
    down(&mut *router, 0);
    assert_eq!(router.arrive(ms(0), query(100, 2, 16)), to(1));
    up(&mut *router, 0);
    // Worker 1 holds 4 of 8 blocks: not more than half, so that the one with fewer requests gets it.
    router.observe_kv(ms(0), WorkerId(1), stored(Tier::Device, &query(0, 1, 4 * BLOCK)));
    assert_eq!(router.arrive(ms(1), warm(0)), to(0));
    // Five of eight, counted over all tiers, are more than half, for as long as the load is level: 1 and 4 requests are not.
    router.observe_kv(ms(1), WorkerId(1), stored(Tier::Host, &query(0, 1, 5 * BLOCK)));
    let later: Vec<Verdict> = (1..6).map(|id| router.arrive(ms(2), warm(id))).collect();
    assert_eq!(later, [to(1), to(1), to(1), to(0), to(1)]);
}
