//! Requests that wait in the router.

use super::*;

/// One worker that takes more only while it has at most 100 tokens to prefill, with a request of 101 on it.
fn full(policy: QueuePolicy) -> Box<dyn Router> {
    let mut router = router(1, |spec| {
        spec.policy = PolicyKind::Kv;
        spec.queue_threshold = Some(0.1);
        spec.queue_policy = policy;
    });
    assert_eq!(router.arrive(ms(0), query(0, 900, 101)), to(0));
    router
}

/// Requests of (id, tokens, priority) arrive a millisecond apart and wait; one after the other is let go by prefilling what is there.
fn order(router: &mut dyn Router, requests: &[(u64, u32, i32)]) -> Vec<u64> {
    for (at, (id, tokens, priority)) in (1..).zip(requests) {
        let query = Query { priority: *priority, ..query(*id, *id, *tokens) };
        assert_eq!(router.arrive(ms(at), query), Verdict::Queued);
    }
    let mut order = vec![0];
    for at in 100..100 + requests.len() as i64 {
        let next = prefilled(router, at, order[order.len() - 1]);
        assert_eq!(next.len(), 1, "{next:?} after {order:?}");
        order.push(next[0].0);
    }
    order.split_off(1)
}

#[test]
fn first_come_first_served() {
    let requests = [(1, 400, 0), (2, 200, 0), (3, 300, 0)];
    assert_eq!(order(&mut *full(QueuePolicy::Fcfs), &requests), [1, 2, 3]);
}

#[test]
fn last_come_first_served() {
    let requests = [(1, 400, 0), (2, 200, 0), (3, 300, 0)];
    assert_eq!(order(&mut *full(QueuePolicy::Lcfs), &requests), [3, 2, 1]);
}

#[test]
fn shortest_first_counts_what_is_not_cached() {
    let mut router = full(QueuePolicy::Wspt);
    router.observe_kv(ms(0), WorkerId(0), stored(Tier::Device, &query(0, 1, 256)));
    let requests = [(2, 300, 0), (1, 400, 0), (3, 200, 0), (5, 120, 0), (6, 120, 0)];
    // 1 has 400 − 256 = 144 to prefill; 5 came before 6, which is as long.
    assert_eq!(order(&mut *router, &requests), [5, 6, 1, 3, 2]);
}

#[test]
fn a_smaller_priority_goes_before_any_order_of_the_queue() {
    let requests = [(1, 500, 0), (2, 400, -1), (3, 300, 1), (4, 200, -1)];
    assert_eq!(order(&mut *full(QueuePolicy::Fcfs), &requests), [2, 4, 1, 3]);
    assert_eq!(order(&mut *full(QueuePolicy::Lcfs), &requests), [4, 2, 1, 3]);
    assert_eq!(order(&mut *full(QueuePolicy::Wspt), &requests), [4, 2, 1, 3]);
}

#[test]
fn as_many_go_as_there_is_room_for() {
    let mut router = full(QueuePolicy::Fcfs);
    for id in 1..=5 {
        assert_eq!(router.arrive(ms(1), query(id, id, 40)), Verdict::Queued);
    }
    // After two of them there are 80 tokens, which is not above 100; after three there are 120, which is.
    assert_eq!(prefilled(&mut *router, 2, 0), [(1, 0), (2, 0), (3, 0)]);
    // 80 are left: 4 goes, and with 120 again 5 stays. What is gone has nothing to prefill either.
    assert_eq!(gone(&mut *router, 3, 2), [(4, 0)]);
    assert_eq!(gone(&mut *router, 4, 0), []);
    assert_eq!(prefilled(&mut *router, 5, 1), [(5, 0)]);
}

#[test]
fn nobody_waits_while_one_worker_has_room() {
    let mut router = router(2, |spec| spec.queue_threshold = Some(0.1));
    assert_eq!(router.arrive(ms(0), query(1, 1, 500)), to(0));
    assert_eq!(router.arrive(ms(0), query(2, 2, 100)), to(1));
    // Round robin does not know that worker 0 is the full one.
    assert_eq!(router.arrive(ms(0), query(3, 3, 1)), to(0));
    assert_eq!(router.arrive(ms(0), query(4, 4, 1)), to(1));
    assert_eq!(router.arrive(ms(0), query(5, 5, 1)), Verdict::Queued);
    assert_eq!(prefilled(&mut *router, 1, 4), [(5, 0)]);
}

#[test]
fn a_request_that_leaves_the_queue_is_not_placed() {
    let mut router = full(QueuePolicy::Fcfs);
    assert_eq!(router.arrive(ms(1), query(1, 1, 40)), Verdict::Queued);
    assert_eq!(router.arrive(ms(1), query(2, 2, 40)), Verdict::Queued);
    assert_eq!(gone(&mut *router, 2, 1), []);
    assert_eq!(prefilled(&mut *router, 3, 0), [(2, 0)]);
}

#[test]
fn a_new_worker_lets_them_go_and_no_worker_refuses_them() {
    let mut router = full(QueuePolicy::Fcfs);
    assert_eq!(router.arrive(ms(1), query(1, 1, 40)), Verdict::Queued);
    assert_eq!(placed(|placed| router.up(ms(2), WorkerId(1), FACTS, placed)), [(1, 1)]);
    assert_eq!(router.arrive(ms(3), query(2, 2, 61)), to(1));
    assert_eq!(router.arrive(ms(4), query(3, 3, 1)), Verdict::Queued);
    router.down(ms(5), WorkerId(1));
    assert_eq!(refused(&mut *router), []);
    router.down(ms(5), WorkerId(0));
    assert_eq!(refused(&mut *router), [(3, Rejection::NoWorker)]);
    assert_eq!(refused(&mut *router), []);
    // What was on the workers that went down is told of afterwards, and changes nothing.
    assert_eq!((gone(&mut *router, 6, 0), gone(&mut *router, 6, 1)), (vec![], vec![]));
}

#[test]
fn a_worker_that_has_room_but_is_too_busy_refuses_what_waited() {
    let mut router = router(1, |spec| {
        spec.queue_threshold = Some(0.1);
        spec.busy_decode_blocks = Some(0.05);
    });
    assert_eq!(router.arrive(ms(0), query(1, 1, 101)), to(0));
    assert_eq!(router.arrive(ms(1), query(2, 2, 40)), Verdict::Queued);
    // Prefilled, but 6 of 100 blocks are active.
    assert_eq!(prefilled(&mut *router, 2, 1), []);
    assert_eq!(refused(&mut *router), [(2, Rejection::Busy { status: 529 })]);
}
