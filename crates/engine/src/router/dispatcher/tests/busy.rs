//! Workers that are too busy, end to end.

use super::*;

const BUSY: Verdict = Verdict::Refused(Rejection::Busy { status: 529 });

fn reports(router: &mut dyn Router, at: i64, worker: u32, blocks_used: u64) {
    router.observe_load(ms(at), WorkerId(worker), &Gauges { blocks_used, ..Gauges::default() });
}

#[test]
fn active_blocks_latch_a_worker_out() {
    // 100 blocks each; above 50 is too busy.
    let mut router = router(2, |spec| spec.busy_decode_blocks = Some(0.5));
    let arrive = |router: &mut dyn Router, id, blocks| router.arrive(ms(0), query(id, id, blocks * BLOCK));
    assert_eq!(arrive(&mut *router, 1, 50), to(0));
    assert_eq!(arrive(&mut *router, 2, 51), to(1));
    // Worker 1 is out, worker 0 at the threshold is not.
    assert_eq!(arrive(&mut *router, 3, 1), to(0));
    assert_eq!(arrive(&mut *router, 4, 1), BUSY);
    // The engines report; worker 1's router count comes down, then its engine's.
    reports(&mut *router, 1, 1, 60);
    assert_eq!(gone(&mut *router, 2, 2), []);
    assert_eq!(arrive(&mut *router, 5, 1), BUSY);
    reports(&mut *router, 3, 1, 50);
    assert_eq!(arrive(&mut *router, 6, 1), to(1));
    // The engine alone can latch too; worker 0 opens as soon as the router's count is down, as its engine never reported.
    reports(&mut *router, 4, 1, 51);
    gone(&mut *router, 5, 3);
    assert_eq!(arrive(&mut *router, 7, 0), to(0));
    assert_eq!(arrive(&mut *router, 8, 1), to(0));
    assert_eq!(arrive(&mut *router, 9, 1), BUSY);
}

#[test]
fn tokens_to_prefill_keep_a_worker_out_until_they_are_prefilled() {
    let mut router = router(2, |spec| {
        spec.busy_prefill_tokens = Some(400);
        spec.busy_status = 503;
    });
    let busy = Verdict::Refused(Rejection::Busy { status: 503 });
    let arrive = |router: &mut dyn Router, id, tokens| router.arrive(ms(0), query(id, id, tokens));
    assert_eq!(arrive(&mut *router, 1, 401), to(0));
    assert_eq!(arrive(&mut *router, 2, 400), to(1));
    assert_eq!(arrive(&mut *router, 3, 1), to(1));
    assert_eq!(arrive(&mut *router, 4, 1), busy);
    assert_eq!(prefilled(&mut *router, 1, 1), []);
    assert_eq!(arrive(&mut *router, 5, 1), to(0));
}

#[test]
fn refused_requests_leave_no_trace() {
    let mut router = router(1, |spec| {
        spec.policy = PolicyKind::LeastLoaded;
        spec.busy_prefill_tokens_frac = Some(0.1);
        spec.affinity = Affinity::Soft;
    });
    assert_eq!(router.arrive(ms(0), query(1, 1, 101)), to(0));
    let refused = Query { session: Some(9), ..query(2, 2, 16) };
    assert_eq!(router.arrive(ms(1), refused), BUSY);
    assert_eq!(gone(&mut *router, 2, 2), []);
    assert_eq!(router.arrive(ms(3), query(3, 3, 16)), BUSY);
    assert_eq!(gone(&mut *router, 4, 1), []);
    assert_eq!(router.arrive(ms(5), query(4, 4, 16)), to(0));
}
