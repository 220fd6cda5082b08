use super::*;

const W: WorkerId = WorkerId(0);
const FACTS: WorkerFacts = WorkerFacts { blocks: 100, batch_tokens: Some(1_000) };

fn busy(change: impl FnOnce(&mut RouterSpec)) -> Busy {
    let mut spec = RouterSpec::default();
    change(&mut spec);
    Busy::of(&spec, 2).expect("a threshold is given")
}

/// Whether worker 0 is too busy after each observation.
fn latch(observations: &[(Source, u64)]) -> Vec<bool> {
    let mut busy = busy(|spec| spec.busy_decode_blocks = Some(0.8));
    observations
        .iter()
        .map(|(source, active)| {
            busy.observe(W, *source, *active, &FACTS);
            assert!(!busy.is_busy(WorkerId(1), u64::MAX, &FACTS));
            busy.is_busy(W, 0, &FACTS)
        })
        .collect()
}

#[test]
fn exactly_the_threshold_is_not_above_it() {
    use Source::{Reported, Tracked};
    assert_eq!(latch(&[(Tracked, 80), (Tracked, 81), (Tracked, 80)]), [false, true, false]);
    assert_eq!(latch(&[(Reported, 80), (Reported, 81)]), [false, true]);
}

#[test]
fn the_latch_opens_only_after_both_have_been_seen_below() {
    use Source::{Reported, Tracked};
    let steps = [
        (Reported, 10, false),
        // The router's count sets it; that the engine was below before does not count.
        (Tracked, 90, true),
        (Tracked, 40, true),
        (Reported, 50, false),
        // The engine's count sets it; the router's must be seen below too.
        (Reported, 95, true),
        (Reported, 70, true),
        (Tracked, 60, false),
        // Set by one, then above by the other too: each has to come down.
        (Tracked, 81, true),
        (Reported, 99, true),
        (Tracked, 80, true),
        (Reported, 81, true),
        (Tracked, 82, true),
        (Reported, 80, true),
        (Tracked, 80, false),
    ];
    let observations: Vec<(Source, u64)> =
        steps.iter().map(|(source, active, _)| (*source, *active)).collect();
    assert_eq!(latch(&observations), steps.map(|(.., busy)| busy));
}

#[test]
fn an_engine_that_never_reports_is_not_waited_for() {
    use Source::Tracked;
    assert_eq!(latch(&[(Tracked, 90), (Tracked, 85), (Tracked, 79)]), [true, true, false]);
}

#[test]
fn tokens_to_prefill_count_as_they_are() {
    let absolute = busy(|spec| spec.busy_prefill_tokens = Some(500));
    assert_eq!([500, 501].map(|tokens| absolute.is_busy(W, tokens, &FACTS)), [false, true]);
    let share = busy(|spec| spec.busy_prefill_tokens_frac = Some(1.5));
    assert_eq!([1_500, 1_501].map(|tokens| share.is_busy(W, tokens, &FACTS)), [false, true]);
    let both = busy(|spec| {
        spec.busy_prefill_tokens = Some(2_000);
        spec.busy_prefill_tokens_frac = Some(0.0);
    });
    assert_eq!([0, 1].map(|tokens| both.is_busy(W, tokens, &FACTS)), [false, true]);
    assert!(Busy::of(&RouterSpec::default(), 2).is_none());
}

#[test]
fn a_worker_that_starts_anew_is_not_busy() {
    let mut busy = busy(|spec| spec.busy_decode_blocks = Some(0.5));
    busy.observe(W, Source::Tracked, 51, &FACTS);
    assert!(busy.is_busy(W, 0, &FACTS));
    busy.forget(W);
    assert!(!busy.is_busy(W, 0, &FACTS));
}
