//! What servers say of their own work.

use tokmark_base::Micros;
use tokmark_measure::summary::Amount;
use tokmark_record::{FailureKind, Record, ServerSaid, Usage};

use crate::build::{MS, facts, failed, run, schedule, success};

/// Ten requests, one after the other; request i waited i ms in the queue and had its first token 20 ms later.
fn told() -> Vec<Record> {
    let one = |i: u32| {
        let (sent, queue) = (i64::from(i) * 300 * MS, i64::from(i) * MS);
        let server = ServerSaid {
            queue_us: Some(Micros(queue)),
            prefill_us: Some(Micros(20 * MS)),
            first_token_us: Some(Micros(queue + 20 * MS)),
            drafted: Some(10 * i),
            accepted: Some(6 * i),
            ..ServerSaid::default()
        };
        Record { server: Some(server), ..success(u64::from(i), sent, &schedule(sent, 100, 10, 5)) }
    };
    (0..10).map(one).collect()
}

#[test]
fn times_that_servers_say_are_distributions_of_their_own() {
    let summary = run(&told(), &facts()).summary;
    let p50 = |tag: &str| {
        let metric = summary.metric(tag).unwrap();
        assert_eq!((metric.unit.as_str(), metric.adjusted.is_none()), ("ms", true), "{tag}");
        metric.values.as_ref().unwrap().percentile(50.0).unwrap().value
    };
    // Nearest rank of 0, 1, …, 9.
    assert_eq!(p50("server_queue_time"), Amount(4.0));
    assert_eq!(p50("server_prefill_time"), Amount(20.0));
    assert_eq!(p50("server_time_to_first_token"), Amount(24.0));
    // It is not the client's.
    let ttft = summary.metric("time_to_first_token").unwrap();
    assert_eq!(ttft.headline().unwrap().percentile(50.0).unwrap().value, Amount(100.0));
    assert_eq!(summary.metric("draft_acceptance_rate").unwrap().value, Some(60.0));
    assert!(summary.metric("cached_input_share").is_none());
}

#[test]
fn what_no_reply_says_is_not_there() {
    let mut records = told();
    for record in &mut records {
        record.server = None;
    }
    // Nothing drafted is no rate, and a failure's figures are nobody's.
    records[0].server = Some(ServerSaid { drafted: Some(0), accepted: Some(0), ..ServerSaid::default() });
    let lost = failed(20, 300 * MS, FailureKind::HttpServerError, Some(503), "busy");
    let said = ServerSaid {
        queue_us: Some(Micros(5)),
        drafted: Some(9),
        accepted: Some(9),
        ..ServerSaid::default()
    };
    records.push(Record { server: Some(said), ..lost });
    let summary = run(&records, &facts()).summary;
    for tag in
        ["server_queue_time", "server_prefill_time", "server_time_to_first_token", "draft_acceptance_rate"]
    {
        assert!(summary.metric(tag).is_none(), "{tag}");
    }
}

#[test]
fn the_cached_share_is_over_tokens_and_only_over_replies_that_say_it() {
    let mut records = told();
    let usage = |prompt, cached| Some(Usage { prompt, cached, ..Usage::default() });
    records[0].usage = usage(Some(100), Some(80));
    records[1].usage = usage(Some(300), Some(0));
    records[2].usage = usage(Some(900), None);
    // llama.cpp's figure stands beside usage; without a prompt count there, our own of 50 tokens stands in.
    let cached = Some(ServerSaid { cached: Some(10), ..ServerSaid::default() });
    records[3].server = cached;
    records[4].server = cached;
    records[4].usage = usage(Some(50), Some(30));
    let summary = run(&records, &facts()).summary;
    // (80 + 0 + 10 + 30) of (100 + 300 + 50 + 50).
    assert_eq!(summary.metric("cached_input_share").unwrap().value, Some(24.0));
}
