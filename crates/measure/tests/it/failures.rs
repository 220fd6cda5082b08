//! Failures never vanish.

use serde_json::json;
use tokmark_base::Micros;
use tokmark_measure::summary::Amount;
use tokmark_measure::verdict::{Code, Severity, State};
use tokmark_measure::{RunFacts, Summary};
use tokmark_record::{Cut, FailureKind, Outcome, Record, RunHeader, Usage};

use crate::build::{MS, facts, failed, not_sent, run, run_with, success, two_streams};

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
fn what_the_plan_cancels_is_nobodys_failure() {
    let mut records = two_streams();
    for i in 0..5 {
        let mut gone = success(20 + i, 300 * MS, &[350 * MS]);
        gone.outcome = Outcome::Cut { by: Cut::Plan };
        gone.ended_us = Some(Micros(800 * MS));
        records.push(gone);
    }
    let header =
        RunHeader { spec: json!({"workload": {"cancel": {"after": "500ms"}}}), ..RunHeader::default() };
    let a = run_with(&records, &[], &facts(), &header);
    let (s, plain) = (&a.summary, run(&two_streams(), &facts()).summary);
    let c = s.counts;
    assert_eq!((c.succeeded, c.failed, c.cut, c.not_sent, c.cancelled), (20, 0, 0, 0, 5));
    assert_eq!((c.issued, c.recorded, c.lost), (25, 25, 0));
    assert_eq!((s.error_share(), s.failures.len()), (Some(0.0), 0));
    assert_eq!(warning(s, Code::ErrorRate), None);
    // Not a value of theirs is anywhere, and nothing became infinite.
    for tag in ["time_to_first_token", "request_latency", "output_token_throughput", "request_throughput"] {
        assert_eq!(s.metric(tag), plain.metric(tag), "{tag}");
    }
    assert!(s.metrics.iter().all(|m| m.adjusted.is_none()));
    // AIPerf counts them as errors, with a type, a code and words of its own.
    assert_eq!(a.aiperf.metric("request_count").unwrap().stats.avg, Some(20.0));
    assert_eq!(a.aiperf.metric("error_request_count").unwrap().stats.avg, Some(5.0));
    let error = &a.aiperf.error_summary[0];
    assert_eq!((error.code, error.kind.as_str(), error.count), (Some(499), "RequestCancellationError", 5));
    assert_eq!(error.message, "Request cancelled 0.500s after being sent");
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
