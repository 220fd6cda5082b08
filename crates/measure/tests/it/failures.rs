//! Failures never vanish.

use tokmark_base::Micros;
use tokmark_measure::summary::Amount;
use tokmark_measure::verdict::{Code, Severity, State};
use tokmark_measure::{RunFacts, Summary};
use tokmark_record::{Cut, FailureKind, Outcome, Record, Usage};

use crate::build::{MS, facts, failed, not_sent, run, success, two_streams};

/// Twenty successes, two 503, one cut, one never sent.
fn records() -> Vec<Record> {
    let mut records = two_streams();
    records.push(failed(20, 300 * MS, FailureKind::HttpServerError, Some(503), "overloaded"));
    records.push(failed(21, 500 * MS, FailureKind::HttpServerError, Some(503), "overloaded"));
    let mut cut = success(22, 700 * MS, &[800 * MS]);
    cut.outcome = Outcome::Cut { by: Cut::Grace };
    cut.ended_us = Some(Micros(2_500 * MS));
    records.push(cut);
    records.push(not_sent(23, None));
    records
}

fn warning(s: &Summary, code: Code) -> Option<Severity> {
    s.verdict.warnings.iter().find(|w| w.code == code).map(|w| w.severity)
}

#[test]
fn the_adjusted_twin_is_the_headline() {
    let s = run(&records(), &facts()).summary;
    let c = s.counts;
    assert_eq!((c.succeeded, c.failed, c.cut, c.not_sent), (20, 2, 1, 1));
    assert_eq!((c.recorded, c.issued, c.lost), (23, 23, 0));
    let ttft = s.metric("time_to_first_token").unwrap();
    assert_eq!(ttft.values.as_ref().unwrap().n, 20);
    let adjusted = ttft.headline().unwrap();
    assert_eq!((adjusted.n, adjusted.infinite), (24, 4));
    assert_eq!(adjusted.percentile(50.0).unwrap().value, Amount(100.0));
    // Rank ⌈0.9 · 24⌉ = 22 of which 20 are finite.
    assert_eq!(adjusted.percentile(90.0).unwrap().value, Amount::INFINITE);
    assert_eq!(adjusted.max, Some(Amount::INFINITE));
    // Throughputs and lengths have no twin.
    assert_eq!(s.metric("output_token_throughput_per_user").unwrap().adjusted, None);
    assert!((s.error_share().unwrap() - 4.0 / 24.0).abs() < 1e-12);
    assert_eq!(s.metric("error_request_count").unwrap().value, Some(4.0));
    assert_eq!(warning(&s, Code::ErrorRate), Some(Severity::Degraded));
}

#[test]
fn the_error_table_tells_kinds_and_messages_apart() {
    let s = run(&records(), &facts()).summary;
    let rows: Vec<_> =
        s.failures.iter().map(|r| (r.kind.as_str(), r.status, r.message.as_str(), r.count)).collect();
    assert_eq!(
        rows,
        [
            ("http_server_error", Some(503), "overloaded", 2),
            ("cut", Some(200), "still running when the grace period ended", 1),
            ("not_sent", None, "due, but the run had stopped", 1),
        ]
    );
}

#[test]
fn messages_without_end_do_not_fill_the_memory() {
    let records: Vec<_> = (0..1_000)
        .map(|i| failed(i, i as i64 * MS, FailureKind::HttpClientError, Some(400), &format!("request {i}")))
        .collect();
    let s = run(&records, &facts()).summary;
    assert_eq!(s.failures.iter().map(|r| r.count).sum::<u64>(), 1_000);
    assert_eq!((s.failures.len(), s.failures[0].count), (201, 800));
    assert_eq!(warning(&s, Code::NoSuccess), Some(Severity::Invalid));
}

#[test]
fn lost_records_make_the_run_invalid() {
    let full_queue = RunFacts { issued: Some(25), ..facts() };
    let s = run(&records(), &full_queue).summary;
    assert_eq!(s.counts.lost, 2);
    assert_eq!(s.verdict.state, State::Invalid);
    assert_eq!(s.verdict.warnings[0].code, Code::RecordsLost);
}

#[test]
fn a_killed_run_says_so_and_loses_no_more_than_it_must() {
    let s = run(&two_streams(), &RunFacts::default()).summary;
    assert_eq!((s.complete, s.counts.lost), (false, 0));
    assert_eq!(warning(&s, Code::Incomplete), Some(Severity::Degraded));
}

#[test]
fn tokens_without_text_are_a_success_without_a_first_token() {
    let mut silent = success(0, 0, &[]);
    silent.ended_us = Some(Micros(200 * MS));
    silent.usage = Some(Usage { completion: Some(5), ..Usage::default() });
    silent.output = Some(crate::build::count(5));
    let a = run(&[silent, success(1, 0, &[100 * MS, 200 * MS])], &facts());
    assert_eq!(a.summary.counts.succeeded, 2);
    assert_eq!(a.summary.metric("time_to_first_token").unwrap().values.as_ref().unwrap().n, 1);
    assert_eq!(a.summary.metric("output_sequence_length").unwrap().values.as_ref().unwrap().n, 2);
    // AIPerf calls a reply without content an error.
    assert_eq!(a.aiperf.metric("request_count").unwrap().stats.avg, Some(1.0));
    assert_eq!(a.aiperf.error_summary[0].kind, "no_content");
}

#[test]
fn an_empty_run_is_invalid_and_nothing_more() {
    let a = run(&[], &facts());
    assert_eq!(a.summary.verdict.state, State::Invalid);
    assert!(a.summary.metrics.iter().all(|m| m.values.is_none()));
}
