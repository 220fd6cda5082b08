//! Where the window begins and whom it holds.

use tokmark_base::Micros;
use tokmark_measure::RunFacts;
use tokmark_measure::summary::{LoadKind, WindowRule};
use tokmark_record::Record;

use crate::build::{MS, facts, not_sent, run, schedule, success};

/// One stream: `slow` requests of a second, then `fast` ones of 100 ms, back to back, each due `late` before it left.
fn settling(slow: usize, fast: usize, late: i64) -> Vec<Record> {
    let mut sent = 0;
    (0..slow + fast)
        .map(|i| {
            let ttft = if i < slow { 1_000 } else { 100 + (i % 3) as i64 };
            let events = schedule(sent, ttft, 0, 1);
            let mut record = success(i as u64, sent, &events);
            record.intended_us = (late > 0).then(|| Micros(sent - late));
            sent = events[0];
            record
        })
        .collect()
}

#[test]
fn the_ramp_begins_with_the_run_and_not_with_the_window() {
    // Two streams from 10 s on, one before; the ramp asked is 10 s and the window opens at 20 s.
    let mut records: Vec<_> = (0..40)
        .map(|i| success(i, i as i64 * 1_000 * MS, &schedule(i as i64 * 1_000 * MS, 1_000, 0, 1)))
        .collect();
    records.extend((20..30).map(|i| {
        let sent = i as i64 * 1_000 * MS;
        success(100 + i, sent, &schedule(sent, 1_000, 0, 1))
    }));
    for record in &mut records {
        if record.acted_us < Some(Micros(20_000 * MS)) {
            record.phase = tokmark_base::Phase::Warmup;
        }
    }
    let asked = RunFacts { ramp_us: Some(Micros(10_000 * MS)), load: LoadKind::Closed, ..facts() };
    let s = run(&records, &asked).summary;
    assert_eq!((s.window.start_us, s.window.end_us), (Micros(20_000 * MS), Micros(39_000 * MS)));
    // Ten of nineteen seconds with two in flight, the rest with one.
    assert!((s.load.achieved_concurrency.unwrap() - 29.0 / 19.0).abs() < 1e-9, "{:?}", s.load);
    // A ramp that reaches into the window is left out of the mean.
    let asked = RunFacts { ramp_us: Some(Micros(30_000 * MS)), ..asked };
    assert_eq!(run(&records, &asked).summary.load.achieved_concurrency, Some(1.0));
}

#[test]
fn a_cut_that_leaves_no_window_leaves_the_whole_run() {
    // Sixty requests, the last twenty at once: behind the cut nothing spans a latency.
    let mut records = settling(40, 0, 0);
    let last = 40_000 * MS;
    records.extend((0..60).map(|i| success(40 + i, last, &schedule(last, 100, 0, 1))));
    let auto = RunFacts { warmup_auto: true, ..facts() };
    let s = run(&records, &auto).summary;
    assert_eq!(s.window.rule, WindowRule::Whole);
    assert_eq!((s.window.start_us, s.window.end_us), (Micros(0), Micros(last + 100 * MS)));
    assert_eq!((s.window.truncated_attempts, s.window.steady), (0, Some(false)));
    assert_eq!(s.counts.succeeded, 100);
}

#[test]
fn an_attempt_belongs_to_the_window_it_was_due_in() {
    // Each left 250 ms after it was due: the window opens when the first kept one was due.
    let mut records = settling(40, 360, 250 * MS);
    let opens = 40_000 * MS - 250 * MS;
    records.push(not_sent(900, Some(opens - 1)));
    records.push(not_sent(901, Some(opens)));
    // Due in the start-up, queued into the window.
    let mut queued = success(902, opens + 300 * MS, &[opens + 400 * MS]);
    queued.intended_us = Some(Micros(opens - 2));
    queued.outcome = tokmark_record::Outcome::Cut { by: tokmark_record::Cut::Grace };
    records.push(queued);
    let auto = RunFacts { warmup_auto: true, load: LoadKind::Open, ..facts() };
    let s = run(&records, &auto).summary;
    assert_eq!(s.window.start_us, Micros(opens));
    assert_eq!((s.counts.succeeded, s.counts.not_sent, s.counts.cut), (360, 1, 0));
    // Without a cut all of them count, whenever they were due.
    let s = run(&records, &RunFacts { warmup_auto: false, ..auto }).summary;
    assert_eq!((s.counts.succeeded, s.counts.not_sent, s.counts.cut), (400, 2, 1));
}
