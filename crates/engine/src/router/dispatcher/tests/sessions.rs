//! Conversations that stay where they are.

use tokmark_workload::quantity::Duration;

use super::*;

fn sticky(affinity: Affinity) -> Box<dyn Router> {
    router(3, |spec| {
        spec.affinity = affinity;
        spec.affinity_ttl = Duration(ms(1_000));
        spec.busy_prefill_tokens = Some(100);
    })
}

fn say(router: &mut dyn Router, at: i64, id: u64, session: u64, tokens: u32) -> Verdict {
    router.arrive(ms(at), Query { session: Some(session), ..query(id, id, tokens) })
}

#[test]
fn a_conversation_stays_and_takes_no_turn() {
    for affinity in [Affinity::Soft, Affinity::Hard] {
        let mut router = sticky(affinity);
        assert_eq!(say(&mut *router, 0, 1, 7, 10), to(0));
        assert_eq!(say(&mut *router, 1, 2, 8, 10), to(1));
        assert_eq!(say(&mut *router, 2, 3, 7, 10), to(0));
        assert_eq!(router.arrive(ms(3), query(4, 4, 10)), to(2));
        assert_eq!(say(&mut *router, 4, 5, 8, 10), to(1));
        assert_eq!(say(&mut *router, 5, 6, 9, 10), to(0));
    }
}

#[test]
fn it_is_forgotten_a_while_after_its_last_request_ended() {
    let mut router = sticky(Affinity::Hard);
    assert_eq!(say(&mut *router, 0, 1, 7, 10), to(0));
    assert_eq!(say(&mut *router, 10, 2, 7, 10), to(0));
    gone(&mut *router, 500, 1);
    // One is still active, however long ago the other ended.
    assert_eq!(say(&mut *router, 5_000, 3, 7, 10), to(0));
    gone(&mut *router, 5_000, 2);
    gone(&mut *router, 6_000, 3);
    // Idle since 6 s, remembered until just before 7 s.
    assert_eq!(say(&mut *router, 6_999, 4, 7, 10), to(0));
    gone(&mut *router, 6_999, 4);
    assert_eq!(say(&mut *router, 7_999, 5, 7, 10), to(1));
}

#[test]
fn a_soft_one_moves_away_from_a_busy_worker_and_stays_there() {
    let mut router = sticky(Affinity::Soft);
    assert_eq!(say(&mut *router, 0, 1, 7, 101), to(0));
    // Worker 0 is out; the second turn of the other two is worker 2's.
    assert_eq!(say(&mut *router, 1, 2, 7, 10), to(2));
    prefilled(&mut *router, 2, 1);
    assert_eq!(say(&mut *router, 3, 3, 7, 10), to(2));
    // Both leases end; the memory lasts from the last one on.
    gone(&mut *router, 4, 2);
    gone(&mut *router, 5, 3);
    gone(&mut *router, 100, 1);
    assert_eq!(say(&mut *router, 1_099, 4, 7, 10), to(2));
}

#[test]
fn a_hard_one_is_refused_once_and_starts_anew() {
    let mut router = sticky(Affinity::Hard);
    assert_eq!(say(&mut *router, 0, 1, 7, 101), to(0));
    assert_eq!(say(&mut *router, 1, 2, 7, 10), Verdict::Refused(Rejection::Busy { status: 529 }));
    assert_eq!(say(&mut *router, 2, 3, 7, 10), to(2));
    // The end of the first, which belonged to the binding before, does not end this one.
    gone(&mut *router, 3, 1);
    assert_eq!(say(&mut *router, 9_000, 4, 7, 10), to(2));
}

#[test]
fn a_worker_that_is_down_takes_no_one() {
    for affinity in [Affinity::Soft, Affinity::Hard] {
        let mut router = sticky(affinity);
        assert_eq!(say(&mut *router, 0, 1, 7, 10), to(0));
        router.down(ms(1), WorkerId(0));
        gone(&mut *router, 1, 1);
        assert_eq!(say(&mut *router, 2, 2, 7, 10), to(2));
        assert_eq!(placed(|placed| router.up(ms(3), WorkerId(0), FACTS, placed)), []);
        assert_eq!(say(&mut *router, 4, 3, 7, 10), to(2));
    }
}
