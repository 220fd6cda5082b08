//! KV-aware routing: what caches hold, as told and as guessed.

use tokmark_workload::quantity::Duration;

use super::*;

fn kv(change: impl FnOnce(&mut RouterSpec)) -> Box<dyn Router> {
    router(2, |spec| {
        spec.policy = PolicyKind::Kv;
        change(spec);
    })
}

fn arrive(router: &mut dyn Router, at: i64, id: u64, family: u64, blocks: u32) -> Verdict {
    router.arrive(ms(at), query(id, family, blocks * BLOCK))
}

#[test]
fn a_warm_worker_is_worth_as_much_as_its_blocks() {
    let mut router = kv(|_| {});
    let warm = query(0, 1, 8 * BLOCK);
    router.observe_kv(ms(0), WorkerId(1), stored(Tier::Device, &warm));
    // Costs of a warm request: 8 + 8 on worker 0; 8 − 8 + 8 on worker 1.
    assert_eq!(arrive(&mut *router, 1, 1, 1, 8), to(1));
    // Nothing is left to prefill there, and its blocks are active already, so that another one costs 0 + 8 there.
    assert_eq!(arrive(&mut *router, 2, 2, 1, 8), to(1));
    // A cold one: 6 + 6 on worker 0; 6 + 8 + 6 on worker 1.
    assert_eq!(arrive(&mut *router, 3, 3, 2, 6), to(0));
    // The next warm one: 8 + 6 + 6 + 8 on worker 0, 8 on worker 1. A cold one of 1 block: 1 + 6 + 6 + 1 = 14 against 1 + 8 + 1 = 10.
    assert_eq!(arrive(&mut *router, 4, 4, 1, 8), to(1));
    assert_eq!(arrive(&mut *router, 5, 5, 3, 1), to(1));
    // Worker 0 has prefilled its 6 blocks: 1 + 6 + 1 = 8 against 1 + 1 + 9 + 1 = 12.
    assert_eq!(prefilled(&mut *router, 6, 3), []);
    assert_eq!(arrive(&mut *router, 6, 6, 4, 1), to(0));
    // The cache was cleared, the requests go on: 8 + 1 + 7 + 8 = 24 on worker 0, 8 + 1 + 9 = 18 on worker 1.
    router.observe_kv(ms(7), WorkerId(1), KvEvent::Cleared);
    assert_eq!(arrive(&mut *router, 7, 7, 1, 8), to(1));
}

#[test]
fn the_last_part_of_a_block_is_no_block_but_is_to_be_prefilled() {
    // 24 tokens: one block to decode and one and a half to prefill. Worker 0 gets the first or worker 1; the other one the second.
    let mut router = kv(|_| {});
    let first = router.arrive(ms(0), query(1, 1, 24));
    let second = router.arrive(ms(0), query(2, 2, 24));
    assert!(first != second && matches!((first, second), (Verdict::To(_), Verdict::To(_))));
    // The first one is prefilled: 1 block there against 1 + 1.5. A prompt of 23 tokens costs one there (1.4375 + 1 + 1 against
    // 1.4375 + 1.5 + 1 + 1).
    prefilled(&mut *router, 1, 1);
    assert_eq!(router.arrive(ms(1), query(3, 3, 23)), first);
}

#[test]
fn tokens_whose_content_is_not_known_are_shared_with_nobody() {
    let mut router = kv(|_| {});
    // 8 blocks, of which only the first 4 are known; the same twice.
    let partly = |id| Query { input: 8 * BLOCK, ..query(id, 1, 4 * BLOCK) };
    let first = router.arrive(ms(0), partly(1));
    prefilled(&mut *router, 0, 1);
    // 8 + 8 on the idle worker; 8 + 8 + 4 on the other one.
    let second = router.arrive(ms(1), partly(2));
    assert_ne!(first, second);
}

#[test]
fn lower_tiers_count_as_much_as_their_weights() {
    let warm = query(1, 1, 8 * BLOCK);
    for (tier, other, goes) in
        [(Tier::Host, 5, 0), (Tier::Host, 7, 1), (Tier::Disk, 1, 0), (Tier::Object, 3, 1)]
    {
        let mut router = kv(|_| {});
        // Worker 0 has all 8 blocks in a lower tier: 6 or 2 of credit. Worker 1 has `other` on the device.
        router.observe_kv(ms(0), WorkerId(0), stored(tier, &warm));
        router.observe_kv(ms(0), WorkerId(1), stored(Tier::Device, &query(0, 1, other * BLOCK)));
        assert_eq!(router.arrive(ms(1), warm.clone()), to(goes), "{tier:?} {other}");
    }
}

#[test]
fn what_is_cached_is_not_to_be_prefilled() {
    // Worker 0 holds 6 of 8 blocks on the host: 4.5 blocks of credit, 72 of 128 tokens, so that 56 are to be prefilled.
    let mut router = kv(|spec| spec.queue_threshold = Some(0.056));
    let warm = query(1, 1, 8 * BLOCK);
    router.observe_kv(ms(0), WorkerId(0), stored(Tier::Host, &query(0, 1, 6 * BLOCK)));
    router.down(ms(0), WorkerId(1));
    assert_eq!(router.arrive(ms(1), warm.clone()), to(0));
    // 56 tokens are not more than 0.056 · 1,000: the next one may go, and then there are 112, so that the third waits.
    assert_eq!(router.arrive(ms(2), Query { id: RequestId(2), ..warm.clone() }), to(0));
    assert_eq!(router.arrive(ms(3), Query { id: RequestId(3), ..warm }), Verdict::Queued);
    assert_eq!(prefilled(&mut *router, 4, 1), [(3, 0)]);
}

#[test]
fn an_event_is_known_only_after_the_lag() {
    // Worker 0 has one block more active, so that only the cache speaks for it.
    let first = |at| {
        let mut router = kv(|spec| spec.event_lag = Duration(ms(50)));
        router.down(ms(0), WorkerId(1));
        assert_eq!(arrive(&mut *router, 0, 1, 2, 1), to(0));
        assert_eq!(placed(|placed| router.up(ms(0), WorkerId(1), FACTS, placed)), []);
        router.observe_kv(ms(100), WorkerId(0), stored(Tier::Device, &query(0, 1, 8 * BLOCK)));
        router.arrive(at, query(2, 1, 8 * BLOCK))
    };
    assert_eq!(first(Micros(149_999)), to(1));
    assert_eq!(first(Micros(150_000)), to(0));
}

#[test]
fn a_guess_lasts_for_its_time_to_live() {
    // Routed at 10 ms with 1 s to live: known until 1.1 s.
    let second = |at| {
        let mut router = kv(|spec| {
            spec.kv_events = false;
            spec.ttl = Duration(ms(1_000));
        });
        router.down(ms(0), WorkerId(1));
        assert_eq!(arrive(&mut *router, 10, 1, 1, 8), to(0));
        // It is over, but one block of another one is active there.
        gone(&mut *router, 20, 1);
        assert_eq!(arrive(&mut *router, 20, 2, 2, 1), to(0));
        assert_eq!(placed(|placed| router.up(ms(20), WorkerId(1), FACTS, placed)), []);
        router.arrive(at, query(3, 1, 8 * BLOCK))
    };
    assert_eq!(second(Micros(1_099_999)), to(0));
    assert_eq!(second(Micros(1_100_000)), to(1));
}

#[test]
fn a_worker_that_comes_back_has_forgotten_everything() {
    let mut router = kv(|_| {});
    router.observe_kv(ms(0), WorkerId(0), stored(Tier::Device, &query(0, 1, 8 * BLOCK)));
    router.observe_kv(ms(0), WorkerId(1), stored(Tier::Device, &query(0, 1, 2 * BLOCK)));
    assert_eq!(arrive(&mut *router, 1, 1, 1, 8), to(0));
    router.down(ms(2), WorkerId(0));
    assert_eq!(gone(&mut *router, 2, 1), []);
    assert_eq!(arrive(&mut *router, 3, 2, 1, 8), to(1));
    gone(&mut *router, 4, 2);
    assert_eq!(placed(|placed| router.up(ms(5), WorkerId(0), FACTS, placed)), []);
    assert_eq!(arrive(&mut *router, 6, 3, 1, 8), to(1));
}

#[test]
fn before_a_decode_pool_only_active_blocks_count() {
    let mut spec = RouterSpec { policy: PolicyKind::Kv, ..RouterSpec::default() };
    spec = spec.for_decode();
    let mut router = build(&spec, &[FACTS; 2], BLOCK, Seed(1)).expect("the spec is good");
    router.observe_kv(ms(0), WorkerId(0), stored(Tier::Device, &query(0, 1, 8 * BLOCK)));
    let first = arrive(&mut *router, 1, 1, 1, 8);
    let second = arrive(&mut *router, 2, 2, 1, 8);
    // Neither the cache nor the active blocks of the first one are shared.
    assert_ne!(first, second);
    assert!(spec.check().is_ok());
}

#[test]
fn a_positive_credit_before_a_decode_pool_counts_against_active_blocks() {
    let spec = RouterSpec { policy: PolicyKind::Kv, ..RouterSpec::default() };
    let spec = RouterSpec { overlap_score_credit: 1.0, ..spec.for_decode() };
    let mut router = build(&spec, &[FACTS; 2], BLOCK, Seed(1)).expect("the spec is good");
    router.observe_kv(ms(0), WorkerId(0), stored(Tier::Device, &query(0, 1, 8 * BLOCK)));
    // 8 − 8 = 0 against 8; then 8 + 7 against 7.
    assert_eq!(arrive(&mut *router, 1, 1, 1, 8), to(0));
    assert_eq!(arrive(&mut *router, 2, 2, 2, 7), to(1));
}
