//! Disaggregation as one worker sees it.

use super::*;

fn prefilled(id: u64, parts: &[(u64, u32)], output: u32) -> Arrival {
    Arrival { carried: Carried { emitted: 0, cached: true }, ..arrival(id, parts, output) }
}

fn names(out: &mut Out) -> Vec<(i64, u64, Lifecycle)> {
    let seen = out.events.iter().map(|event| (event.at.0 / 1_000, event.request.0, event.what)).collect();
    out.clear();
    seen
}

/// A context that comes without having been waited for: blocks when it is admitted, one decode step to the first token.
#[test]
fn a_delivered_context_is_decoded_at_once() {
    let seen = play(&mut engine(&small()), &[(0, prefilled(0, &[(1, 8)], 2))]);
    assert_eq!(
        seen,
        [(0, 0, Queued), (0, 0, hit(0)), (10, 0, FirstToken), (20, 0, Tokens(1)), (20, 0, LENGTH)]
    );
    let first_out = Carried { emitted: 1, cached: true };
    let seen =
        play(&mut engine(&small()), &[(0, Arrival { carried: first_out, ..arrival(0, &[(1, 8)], 2) })]);
    assert_eq!(seen[2..], [(10, 0, Tokens(1)), (10, 0, LENGTH)]);
}

/// Its complete blocks can be found by others; a prompt that has some of them here shares them.
#[test]
fn delivered_blocks_are_shared() {
    let mut worker = engine(&small());
    let mut out = Out::default();
    worker.arrive(Micros(0), prefilled(0, &[(1, 8), (2, 3)], 9), &mut out);
    worker.arrive(Micros(0), prefilled(1, &[(1, 8), (3, 3)], 9), &mut out);
    worker.arrive(Micros(0), arrival(2, &[(1, 8), (4, 1)], 9), &mut out);
    worker.advance(Micros(0), &mut out);
    // Two shared ones, and one behind them for each.
    assert_eq!(worker.census().blocks_used, 5);
    assert_eq!(names(&mut out)[3..], [(0, 0, hit(0)), (0, 1, hit(0)), (0, 2, hit(8))]);
    assert_eq!(worker.cached(&arrival(9, &[(1, 8), (5, 1)], 1)), 8);
    assert_eq!(worker.cached(&arrival(9, &[(1, 8)], 1)), 4);
}

/// Nine blocks. Request 0 runs in 3; what is asked for meanwhile is set aside at the end of the pass, one a pass.
#[test]
fn blocks_are_set_aside_between_passes() {
    let mut worker = engine(&small());
    let mut out = Out::default();
    worker.reserve(Micros(0), prefilled(0, &[(1, 8)], 9), &mut out);
    assert_eq!(names(&mut out), [(0, 0, Lifecycle::Reserved)]);
    assert_eq!((worker.census().arrived, worker.census().blocks_used), (0, 2));
    worker.arrive(Micros(0), prefilled(0, &[(1, 8)], 9), &mut out);
    worker.advance(Micros(0), &mut out);
    for id in 1..4 {
        worker.reserve(Micros(1_000 * id as i64), prefilled(id, &[(10 + id, 9)], 9), &mut out);
    }
    assert_eq!(names(&mut out), [(0, 0, Queued), (0, 0, hit(0))]);
    worker.advance(Micros(20_000), &mut out);
    let seen = names(&mut out);
    assert_eq!(
        seen,
        [(10, 0, FirstToken), (10, 1, Lifecycle::Reserved), (20, 0, Tokens(1)), (20, 2, Lifecycle::Reserved),]
    );
    // 3 + 3 + 3 blocks: the third request waits, and so does everybody who would have to be computed here.
    worker.arrive(Micros(21_000), arrival(7, &[(7, 1)], 1), &mut out);
    worker.release(Micros(22_000), RequestId(2), &mut out);
    worker.advance(Micros(30_000), &mut out);
    assert_eq!(names(&mut out), [(21, 7, Queued), (30, 0, Tokens(1)), (30, 3, Lifecycle::Reserved)]);
    // Taken over in the middle of a pass: admitted with the next one, before who came earlier but was not asked for as early.
    worker.arrive(Micros(31_000), prefilled(1, &[(11, 9)], 9), &mut out);
    worker.advance(Micros(40_000), &mut out);
    assert_eq!(names(&mut out)[..3], [(31, 1, Queued), (40, 0, Tokens(1)), (40, 1, hit(0))]);
    assert_eq!(worker.census().check(), Ok(()));
}

/// A finished request's blocks stay until they are fetched; then its content can still be found.
#[test]
fn kept_blocks_are_in_use_until_released() {
    let mut worker = engine(&small());
    let mut out = Out::default();
    worker.arrive(Micros(0), Arrival { keep: true, ..arrival(0, &[(1, 8)], 1) }, &mut out);
    worker.advance(Micros(8_000), &mut out);
    let census = worker.census();
    assert_eq!((census.finished, census.running, census.blocks_used), (1, 0, 2));
    worker.release(Micros(9_000), RequestId(5), &mut out);
    assert_eq!(worker.census().blocks_used, 2);
    worker.release(Micros(9_000), RequestId(0), &mut out);
    assert_eq!(worker.census().blocks_used, 0);
    assert_eq!(worker.cached(&arrival(1, &[(1, 9)], 1)), 8);
}

/// What was asked for and can never be, and what was given up.
#[test]
fn reservations_end() {
    let mut worker = engine(&small());
    let mut out = Out::default();
    worker.reserve(Micros(0), prefilled(0, &[(1, 37)], 9), &mut out);
    worker.reserve(Micros(0), prefilled(1, &[(1, 36)], 9), &mut out);
    worker.reserve(Micros(0), prefilled(2, &[(2, 4)], 9), &mut out);
    worker.release(Micros(1_000), RequestId(1), &mut out);
    let why = Rejection::CacheTooSmall { needed: 37, cache: 36 };
    assert_eq!(
        names(&mut out),
        [(0, 0, Rejected(why)), (0, 1, Lifecycle::Reserved), (1, 2, Lifecycle::Reserved)]
    );
    worker.cancel(Micros(2_000), RequestId(2), &mut out);
    assert_eq!((names(&mut out), worker.census().blocks_used), (vec![], 0));
    worker.reserve(Micros(3_000), prefilled(3, &[(1, 4)], 9), &mut out);
    let mut lost = Vec::new();
    worker.crash(Micros(4_000), &mut lost, &mut out);
    assert_eq!((lost.len(), worker.census().blocks_used), (0, 0));
}
