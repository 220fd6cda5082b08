//! A closed loop whose every number is known.

use tokmark_base::{Micros, Phase};
use tokmark_measure::summary::{Amount, WindowRule};
use tokmark_measure::verdict::State;
use tokmark_measure::{RunFacts, Summary};
use tokmark_record::{Outcome, RunHeader};

use crate::build::{MS, facts, run, run_with, schedule, success, two_streams};

fn value(s: &Summary, tag: &str) -> f64 {
    s.metric(tag).and_then(|m| m.value).unwrap_or(f64::NAN)
}

fn p(s: &Summary, tag: &str, p: f64) -> Option<Amount> {
    Some(s.metric(tag)?.headline()?.percentile(p)?.value)
}

#[test]
fn every_number_is_the_one_worked_out_by_hand() {
    let closed = RunFacts { asked_concurrency: Some(2), planned: Some(20), ..facts() };
    let header = RunHeader { gpus: Some(4), ..RunHeader::default() };
    let s = run_with(&two_streams(), &[], &closed, &header).summary;
    for (tag, want) in [
        ("time_to_first_token", 100.0),
        ("time_to_first_output_token", 100.0),
        ("time_to_second_token", 10.0),
        ("inter_token_latency", 10.0),
        ("inter_chunk_latency", 10.0),
        ("request_latency", 200.0),
        ("decode_duration", 100.0),
        ("normalized_time_per_output_token", 200.0 / 11.0),
        ("output_token_throughput_per_user", 100.0),
        ("e2e_output_token_throughput", 55.0),
        ("prefill_throughput_per_user", 500.0),
        ("input_sequence_length", 50.0),
        ("output_sequence_length", 11.0),
        ("output_token_count", 11.0),
        ("osl_mismatch_diff_pct", 0.0),
        ("http_req_duration", 200.0),
    ] {
        let d = s.metric(tag).unwrap().values.as_ref().unwrap();
        assert!((p(&s, tag, 50.0).unwrap().0 - want).abs() < 1e-9, "{tag}");
        assert_eq!((d.min, d.max), (d.percentiles[0].value.into(), Some(d.percentiles[4].value)));
        assert!((d.mean.unwrap().0 - want).abs() < 1e-9 && d.std.unwrap() < 1e-9, "{tag}");
        assert_eq!(d.n, if tag == "inter_chunk_latency" { 200 } else { 20 }, "{tag}");
        assert_eq!(s.metric(tag).unwrap().adjusted, None);
    }
    // The window is first to last start, 1.8 s; 18 of the 20 requests end in it, 198 tokens arrive in it.
    assert_eq!((s.window.start_us, s.window.end_us), (Micros(0), Micros(1_800 * MS)));
    assert_eq!((s.window.drain_s, s.window.mean_latencies), (0.2, Some(9.0)));
    for (tag, want) in [
        ("request_throughput", 10.0),
        ("output_token_throughput", 110.0),
        ("input_token_throughput", 500.0),
        ("total_token_throughput", 610.0),
        ("output_token_throughput_per_gpu", 27.5),
        ("request_throughput_per_gpu", 2.5),
        ("total_token_throughput_per_gpu", 152.5),
        ("request_count", 20.0),
        ("completed_request_count", 20.0),
        ("request_error_rate", 0.0),
        ("benchmark_duration", 1.8),
        ("total_isl", 1_000.0),
        ("total_osl", 220.0),
        ("osl_mismatch_count", 0.0),
    ] {
        assert!((value(&s, tag) - want).abs() < 1e-9, "{tag}: {}", value(&s, tag));
    }
    assert_eq!(s.load.achieved_concurrency, Some(2.0));
    assert_eq!(s.load.max_concurrency, Some(2));
    assert_eq!(s.finish_reasons.get("length"), Some(&20));
    assert_eq!((s.verdict.state, s.verdict.warnings.len()), (State::Valid, 0), "{:?}", s.verdict);
    let p99 = s.metric("request_latency").unwrap().values.as_ref().unwrap();
    assert_eq!(p99.percentile(99.0).unwrap().missing_n, 348);
    assert_eq!(p99.percentile(50.0).unwrap().missing_n, 0);
}

#[test]
fn without_gpus_there_is_no_number_per_gpu() {
    let s = run(&two_streams(), &facts()).summary;
    assert_eq!(s.metric("output_token_throughput_per_gpu"), None);
}

#[test]
fn warmup_is_outside_but_its_tokens_in_the_window_are_not() {
    let mut records = two_streams();
    // A warm-up request from −100 ms: its first token comes at 0, its 11th at 100 ms.
    let mut warm = success(20, -100 * MS, &schedule(-100 * MS, 100, 10, 11));
    warm.phase = Phase::Warmup;
    records.insert(0, warm);
    let s = run(&records, &facts()).summary;
    assert_eq!((s.counts.warmup, s.counts.succeeded, s.counts.recorded), (1, 20, 21));
    assert_eq!(s.metric("request_latency").unwrap().values.as_ref().unwrap().n, 20);
    assert!((value(&s, "output_token_throughput") - 209.0 / 1.8).abs() < 1e-9);
    assert!((value(&s, "request_throughput") - 19.0 / 1.8).abs() < 1e-9);
}

#[test]
fn everything_at_once_is_measured_as_a_whole() {
    let records: Vec<_> = (0..4).map(|i| success(i, 0, &schedule(0, 100, 10, 11))).collect();
    let s = run(&records, &facts()).summary;
    assert_eq!(s.window.rule, WindowRule::Whole);
    assert_eq!(s.window.end_us, Micros(200 * MS));
    assert!((value(&s, "request_throughput") - 20.0).abs() < 1e-9);
}

#[test]
fn tokens_are_spread_evenly_over_events() {
    // Ten tokens in five events: three events lie in the window of the other two starts, so six tokens do.
    let mut a = success(0, 0, &schedule(0, 100, 100, 5));
    a.output = Some(crate::build::count(10));
    let b = success(1, 350 * MS, &[]);
    let mut b = b;
    b.outcome = Outcome::Failed(tokmark_record::Failure {
        kind: tokmark_record::FailureKind::EmptyReply,
        message: String::new(),
    });
    // Its latency (500 ms) is longer than the window (350 ms): add a short one, so that the window stands.
    let c = success(2, 0, &[MS]);
    let s = run(&[a, b, c], &facts()).summary;
    assert_eq!(s.window.rule, WindowRule::Phases);
    assert!((value(&s, "output_token_throughput") - 7.0 / 0.35).abs() < 1e-9);
    assert_eq!(s.metric("inter_token_latency").unwrap().values.as_ref().unwrap().n, 1);
    // (500 − 100) / (10 − 1)
    assert_eq!(p(&s, "inter_token_latency", 90.0), Some(Amount::INFINITE));
    let itl = s.metric("inter_token_latency").unwrap().values.as_ref().unwrap();
    assert_eq!(itl.mean, Some(Amount(400.0 / 9.0)));
}

#[test]
fn usage_per_chunk_takes_the_first_events_tokens_out() {
    let mut a = success(0, 0, &schedule(0, 100, 100, 5));
    a.output = Some(crate::build::count(20));
    a.first_event_tokens = Some(4);
    let s = run(&[a], &facts()).summary;
    assert_eq!(p(&s, "inter_token_latency", 50.0), Some(Amount(25.0)));
}

#[test]
fn auto_warmup_cuts_the_slow_start() {
    // One stream; the first 40 requests take ten times as long to their first token.
    let mut sent = 0;
    let records: Vec<_> = (0..400)
        .map(|i| {
            let ttft = if i < 40 { 1_000 } else { 100 + i % 3 };
            let events = schedule(sent, ttft, 10, 2);
            let record = success(i as u64, sent, &events);
            sent = events[1];
            record
        })
        .collect();
    let auto = RunFacts { warmup_auto: true, ..facts() };
    let s = run(&records, &auto).summary;
    assert_eq!(s.window.rule, WindowRule::Auto);
    assert_eq!(s.window.truncated_attempts, 40);
    assert_eq!(s.window.start_us, Micros(40 * 1_010 * MS));
    assert_eq!(s.window.steady, Some(true));
    assert_eq!(s.counts.succeeded, 360);
    let all = run(&records, &facts());
    assert_eq!(all.summary.window.steady, Some(false));
    // AIPerf's population keeps them all.
    let auto = run(&records, &auto);
    assert_eq!(auto.aiperf.metric("request_count").unwrap().stats.avg, Some(400.0));
    assert_eq!(auto.aiperf, all.aiperf);
}
