//! Open loop: the queue is measured from the intended start, and a late client is told apart from a slow server.

use tokmark_base::Micros;
use tokmark_measure::RunFacts;
use tokmark_measure::summary::{Amount, LoadKind, Summary};
use tokmark_measure::verdict::{Code, Severity, State};
use tokmark_record::Record;

use crate::build::{MS, facts, not_sent, run, success};

fn open() -> RunFacts {
    RunFacts { load: LoadKind::Open, asked_rate_per_s: Some(100.0), ..facts() }
}

/// A start every 10 ms into a server that takes 20 ms for each in turn; the client is `late_us` late.
fn queueing(n: i64, late_us: i64) -> Vec<Record> {
    (0..n)
        .map(|i| {
            let intended = i * 10 * MS;
            let sent = intended + late_us;
            let mut record = success(i as u64, sent, &[20 * MS * (i + 1) + late_us]);
            record.intended_us = Some(Micros(intended));
            record.released_us = Some(Micros(intended));
            record
        })
        .collect()
}

fn p(s: &Summary, tag: &str, p: f64) -> Option<Amount> {
    Some(s.metric(tag)?.headline()?.percentile(p)?.value)
}

fn codes(s: &Summary) -> Vec<Code> {
    s.verdict.warnings.iter().map(|w| w.code).collect()
}

#[test]
fn the_queue_is_in_the_response_time() {
    let s = run(&queueing(100, 0), &open()).summary;
    // Request i waits 10·i ms and is served in 20 ms.
    assert_eq!(p(&s, "response_time_to_first_token", 50.0), Some(Amount(510.0)));
    assert_eq!(p(&s, "time_to_first_token", 99.0), Some(Amount(1_000.0)));
    assert_eq!(p(&s, "dispatch_delay", 99.0), Some(Amount(0.0)));
    assert_eq!(s.load.realised_rate_per_s, Some(100.0));
    assert_eq!(s.load.achieved_rate_per_s, Some(100.0));
    assert_eq!(s.counts.missed_starts, 0);
}

#[test]
fn a_late_client_is_named() {
    let s = run(&queueing(100, 7 * MS), &open()).summary;
    // From intended 7 ms more than from sent; the allowance is 1 % of the median TTFT (510 ms).
    assert_eq!(p(&s, "response_time_to_first_token", 50.0), Some(Amount(517.0)));
    assert_eq!(p(&s, "time_to_first_token", 50.0), Some(Amount(510.0)));
    assert_eq!(p(&s, "dispatch_delay", 50.0), Some(Amount(7.0)));
    assert_eq!(s.counts.missed_starts, 100);
    let warning = s.verdict.warnings.iter().find(|w| w.code == Code::DispatchDelay).unwrap();
    assert_eq!((warning.seen, warning.severity), (7.0, Severity::Degraded));
    assert!((warning.threshold - 5.1).abs() < 1e-9);
    assert!(!codes(&s).contains(&Code::RateNotReached));
}

#[test]
fn a_client_that_is_hopelessly_late_is_invalid() {
    let s = run(&queueing(100, 200 * MS), &open()).summary;
    assert_eq!(s.verdict.state, State::Invalid);
    assert_eq!(s.verdict.warnings[0].code, Code::DispatchDelay);
}

#[test]
fn behind_a_cap_late_starts_are_missed_starts_and_not_the_clients_fault() {
    let capped = RunFacts { asked_concurrency: Some(1), ..open() };
    // One at a time: request i is let go when its predecessor ends.
    let records: Vec<_> = (0..100)
        .map(|i| {
            let sent = i * 20 * MS;
            let mut record = success(i as u64, sent, &[sent + 20 * MS]);
            record.intended_us = Some(Micros(i * 10 * MS));
            record
        })
        .collect();
    let s = run(&records, &capped).summary;
    assert_eq!(s.counts.missed_starts, 99);
    assert!(codes(&s).contains(&Code::MissedStarts));
    assert!(!codes(&s).contains(&Code::DispatchDelay));
    // 100 starts planned over 0.99 s took 1.98 s.
    assert_eq!(s.load.achieved_rate_per_s, Some(50.0));
    assert!(codes(&s).contains(&Code::RateNotReached));
    assert_eq!(p(&s, "response_latency", 50.0), Some(Amount(510.0)));
    assert_eq!(p(&s, "request_latency", 50.0), Some(Amount(20.0)));
}

#[test]
fn what_was_never_sent_counts_against_the_rate_and_the_percentiles() {
    let mut records = queueing(80, 0);
    records.extend((80..100).map(|i| not_sent(i as u64, Some(i * 10 * MS))));
    let s = run(&records, &open()).summary;
    assert_eq!(s.counts.not_sent, 20);
    assert_eq!(p(&s, "response_latency", 90.0), Some(Amount::INFINITE));
    assert!(s.load.achieved_rate_per_s.unwrap() < 80.0);
    assert!(codes(&s).contains(&Code::RateNotReached));
}
