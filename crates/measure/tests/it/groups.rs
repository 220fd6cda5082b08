//! Classes and turns: the same metrics over parts of the attempts.

use tokmark_base::Phase;
use tokmark_measure::Summary;
use tokmark_measure::summary::{Amount, GroupSummary};
use tokmark_record::{Cut, FailureKind, Outcome, Record, RunHeader, SessionTurn, Usage};

use crate::build::{MS, facts, failed, run, run_with, schedule, success, two_streams};

fn classed(records: &[Record]) -> Summary {
    let classes = vec!["paid".to_owned(), "free".to_owned()];
    run_with(records, &[], &facts(), &RunHeader { classes, ..RunHeader::default() }).summary
}

/// Two streams of ten; every second one is free, and takes 150 ms to the first token instead of 100.
fn two_classes() -> Vec<Record> {
    let slow = |i: u64, sent: i64| success(i, sent, &schedule(sent, 150, 10, 6));
    (0..20_u64)
        .map(|i| {
            let sent = (i as i64 / 2) * 200 * MS;
            let record =
                if i % 2 == 0 { success(i, sent, &schedule(sent, 100, 10, 11)) } else { slow(i, sent) };
            Record { class: Some((i % 2) as u16), ..record }
        })
        .collect()
}

fn p50(group: &GroupSummary, tag: &str) -> Option<Amount> {
    Some(group.metric(tag)?.headline()?.percentile(50.0)?.value)
}

fn value(group: &GroupSummary, tag: &str) -> f64 {
    group.metric(tag).and_then(|metric| metric.value).unwrap_or(f64::NAN)
}

#[test]
fn a_run_without_classes_and_sessions_has_no_groups() {
    let summary = run(&two_streams(), &facts()).summary;
    assert_eq!((summary.classes.len(), summary.turns.len()), (0, 0));
    let text = serde_json::to_string(&summary).unwrap();
    assert!(!text.contains("classes") && !text.contains("turns"), "{text}");
}

#[test]
fn each_class_has_its_own_values_and_together_they_are_the_whole() {
    let summary = classed(&two_classes());
    let [paid, free] = &summary.classes[..] else { panic!("{:?}", summary.classes) };
    assert_eq!((paid.name.as_str(), paid.succeeded, paid.failed), ("paid", 10, 0));
    assert_eq!((free.name.as_str(), free.succeeded, free.failed), ("free", 10, 0));
    assert_eq!(p50(paid, "time_to_first_token"), Some(Amount(100.0)));
    assert_eq!(p50(free, "time_to_first_token"), Some(Amount(150.0)));
    assert_eq!(p50(paid, "request_latency"), Some(Amount(200.0)));
    assert_eq!(p50(free, "inter_token_latency"), Some(Amount(10.0)));
    for tag in ["request_throughput", "output_token_throughput"] {
        let whole = summary.metric(tag).unwrap().value.unwrap();
        assert!((value(paid, tag) + value(free, tag) - whole).abs() < 1e-9, "{tag}");
        assert!(value(paid, tag) > 0.0 && value(free, tag) > 0.0);
    }
    assert_eq!(paid.cached_input_ratio, None, "nobody said what was cached");
}

#[test]
fn a_class_s_failures_are_its_own_and_planned_goers_are_nobodys() {
    let mut records = two_classes();
    for i in 0..3 {
        let lost = failed(20 + i, 300 * MS, FailureKind::HttpServerError, Some(503), "busy");
        records.push(Record { class: Some(1), ..lost });
    }
    let gone = success(30, 300 * MS, &[400 * MS]);
    records.push(Record { class: Some(0), outcome: Outcome::Cut { by: Cut::Plan }, ..gone });
    // A warm-up is in no group, and a class the header does not know in none either.
    records.push(Record { class: Some(1), phase: Phase::Warmup, ..success(31, 0, &[50 * MS]) });
    records.push(Record { class: Some(7), ..success(32, 300 * MS, &[400 * MS]) });
    let summary = classed(&records);
    let [paid, free] = &summary.classes[..] else { panic!("{:?}", summary.classes) };
    assert_eq!((paid.succeeded, paid.failed, paid.cancelled), (10, 0, 1));
    assert_eq!((free.succeeded, free.failed, free.cancelled), (10, 3, 0));
    let ttft = free.metric("time_to_first_token").unwrap();
    assert_eq!((ttft.values.as_ref().unwrap().n, ttft.adjusted.as_ref().unwrap().infinite), (10, 3));
    assert_eq!(paid.metric("time_to_first_token").unwrap().adjusted, None);
}

/// Five sessions of five turns; turn t has 100 tokens more in front of it, all of them cached, and 10 ms more to its first token.
#[test]
fn turns_have_their_times_and_their_share_of_the_cache() {
    let records: Vec<Record> = (0..25_u64)
        .map(|i| {
            let (session, turn) = (i / 5, (i % 5) as u32);
            let sent = i as i64 * 300 * MS;
            let prompt = 100 + 100 * turn;
            Record {
                session: Some(SessionTurn { id: session, turn, of: 5 }),
                usage: Some(Usage { prompt: Some(prompt), cached: Some(100 * turn), ..Usage::default() }),
                ..success(i, sent, &schedule(sent, 100 + 10 * i64::from(turn), 10, 5))
            }
        })
        .collect();
    let summary = run(&records, &facts()).summary;
    let seen: Vec<_> = summary
        .turns
        .iter()
        .map(|g| (g.name.as_str(), g.succeeded, p50(g, "time_to_first_token"), g.cached_input_ratio))
        .collect();
    let ttft = |ms: f64| Some(Amount(ms));
    assert_eq!(
        seen,
        [
            ("0", 5, ttft(100.0), Some(0.0)),
            ("1", 5, ttft(110.0), Some(0.5)),
            ("2", 5, ttft(120.0), Some(2.0 / 3.0)),
            ("3 and later", 10, ttft(130.0), Some(700.0 / 900.0)),
        ]
    );
    assert!(summary.classes.is_empty());
    let text = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap().turns.len(), 4);
}

#[test]
fn sessions_of_one_turn_are_single_requests() {
    let single = |(i, record)| Record { session: Some(SessionTurn { id: i, turn: 0, of: 1 }), ..record };
    let records: Vec<Record> = (0..).zip(two_streams()).map(single).collect();
    assert!(run(&records, &facts()).summary.turns.is_empty());
}
