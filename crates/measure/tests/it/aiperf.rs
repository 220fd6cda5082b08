//! AIPerf's formulas over AIPerf's population, on records small enough for paper.

use tokmark_measure::aiperf::{RecordValue, error_type, record_metrics};
use tokmark_record::{Count, CountSource, Cut, FailureKind, Outcome};

use crate::build::{MS, count, facts, failed, run, success};

/// Three requests: TTFT 100, 200, 300 ms; gaps 10, 20, 30 ms; 3 tokens each; sent at 0, 100, 200 ms.
fn three() -> Vec<tokmark_record::Record> {
    (1..=3)
        .map(|i| {
            let sent = (i - 1) * 100 * MS;
            let first = sent + i * 100 * MS;
            let gap = i * 10 * MS;
            let mut r = success(i as u64, sent, &[first, first + gap, first + 2 * gap]);
            r.reasoning = Some(Count { tokens: 1, source: CountSource::Server });
            r.input = Some(count(10 * i as u32));
            r
        })
        .collect()
}

#[test]
fn statistics_are_numpys() {
    let a = run(&three(), &facts()).aiperf;
    let stats = |tag: &str| a.metric(tag).unwrap_or_else(|| panic!("{tag}")).stats;
    let ttft = stats("time_to_first_token");
    assert_eq!(ttft.avg, Some(200.0));
    assert_eq!((ttft.min, ttft.max, ttft.sum), (Some(100.0), Some(300.0), Some(600.0)));
    assert_eq!((ttft.p25, ttft.p50, ttft.p75), (Some(150.0), Some(200.0), Some(250.0)));
    assert!((ttft.p99.unwrap() - 298.0).abs() < 1e-9 && (ttft.p1.unwrap() - 102.0).abs() < 1e-9);
    // √((100² + 0 + 100²) / 3): ddof 0.
    assert!((ttft.std.unwrap() - (20_000.0_f64 / 3.0).sqrt()).abs() < 1e-9);
    assert_eq!(ttft.count, Some(3));
    for (tag, avg) in [
        ("time_to_second_token", 20.0),
        ("time_to_first_output_token", 200.0),
        ("request_latency", 240.0),
        ("decode_duration", 40.0),
        ("inter_token_latency", 20.0),
        ("inter_chunk_latency", 20.0),
        ("output_sequence_length", 3.0),
        ("output_token_count", 2.0),
        ("reasoning_token_count", 1.0),
        ("input_sequence_length", 20.0),
        // (1000/10 + 1000/20 + 1000/30) / 3
        ("output_token_throughput_per_user", (100.0 + 50.0 + 100.0 / 3.0) / 3.0),
        // 10/0.1, 20/0.2, 30/0.3
        ("prefill_throughput_per_user", 100.0),
        // First start 0, last content 560 ms.
        ("benchmark_duration", 0.56),
        ("request_count", 3.0),
        ("completed_request_count", 3.0),
        ("request_throughput", 3.0 / 0.56),
        ("output_token_throughput", 9.0 / 0.56),
        ("input_token_throughput", 60.0 / 0.56),
        ("total_token_throughput", 69.0 / 0.56),
        ("total_isl", 60.0),
        ("total_osl", 9.0),
        ("total_output_tokens", 6.0),
        ("total_reasoning_tokens", 3.0),
        ("request_error_rate", 0.0),
    ] {
        assert!((stats(tag).avg.unwrap() - avg).abs() < 1e-9, "{tag}: {:?}", stats(tag).avg);
    }
    assert_eq!(stats("inter_chunk_latency").count, Some(6));
    assert!(stats("request_throughput").is_scalar());
    assert_eq!(a.metric("error_request_count"), None);
    assert_eq!(a.metric("adj_time_to_first_token"), None);
    assert_eq!(a.metrics[0].tag, "request_throughput");
    assert_eq!(a.metric("request_throughput").unwrap().unit, "requests/sec");
}

#[test]
fn failures_get_a_twin_and_infinite_keys_are_left_out() {
    let mut records = three();
    records.push(failed(4, 0, FailureKind::HttpServerError, Some(503), "no"));
    let mut cut = success(5, 0, &[MS]);
    cut.outcome = Outcome::Cut { by: Cut::Interrupt };
    records.push(cut);
    let a = run(&records, &facts()).aiperf;
    let adj = a.metric("adj_time_to_first_token").unwrap().stats;
    // Five values, two at ∞: rank ⌈0.5 · 5⌉ = 3 is the last finite one.
    assert_eq!((adj.count, adj.min, adj.p50), (Some(5), Some(100.0), Some(300.0)));
    assert_eq!((adj.p75, adj.p99, adj.max, adj.avg, adj.sum, adj.std), (None, None, None, None, None, None));
    assert_eq!(a.metric("error_request_count").unwrap().stats.avg, Some(2.0));
    assert_eq!(a.metric("request_error_rate").unwrap().stats.avg, Some(40.0));
    // Successes are as before.
    assert_eq!(a.metric("time_to_first_token").unwrap().stats.count, Some(3));
    let errors: Vec<_> = a.error_summary.iter().map(|e| (e.code, e.kind.as_str(), e.count)).collect();
    assert_eq!(errors, [(Some(499), "cut", 1), (Some(503), "Service Unavailable", 1)]);
}

#[test]
fn one_records_metrics() {
    let records = three();
    let metrics = record_metrics(&records[1]);
    let get = |tag: &str| metrics.iter().find(|m| m.tag == tag).map(|m| (m.value.clone(), m.unit));
    assert_eq!(get("time_to_first_token"), Some((RecordValue::One(200.0), "ms")));
    assert_eq!(get("inter_chunk_latency"), Some((RecordValue::Many(vec![20.0, 20.0]), "ms")));
    assert_eq!(get("output_sequence_length"), Some((RecordValue::One(3.0), "tokens")));
    assert!(record_metrics(&failed(0, 0, FailureKind::Timeout, None, "")).is_empty());
}

#[test]
fn without_streaming_there_is_no_first_token() {
    let mut record = success(0, 0, &[200 * MS]);
    record.streamed = false;
    record.output = Some(count(20));
    let a = run(&[record], &facts());
    for tag in ["time_to_first_token", "inter_token_latency", "inter_chunk_latency", "decode_duration"] {
        assert_eq!(a.aiperf.metric(tag), None, "{tag}");
        assert_eq!(a.summary.metric(tag), None, "{tag}");
    }
    assert_eq!(a.aiperf.metric("request_latency").unwrap().stats.avg, Some(200.0));
    assert_eq!(a.aiperf.metric("e2e_output_token_throughput").unwrap().stats.avg, Some(100.0));
}

#[test]
fn a_refusal_is_named_by_its_reason_phrase() {
    for (kind, status, want) in [
        (FailureKind::HttpClientError, Some(429), "Too Many Requests"),
        (FailureKind::HttpServerError, Some(500), "Internal Server Error"),
        (FailureKind::Redirect, Some(307), "Temporary Redirect"),
        // No phrase is agreed on: our own word.
        (FailureKind::HttpServerError, Some(599), "http_server_error"),
        // The status was good; what went wrong came after it.
        (FailureKind::CutShort, Some(200), "cut_short"),
        (FailureKind::Timeout, None, "timeout"),
    ] {
        assert_eq!(error_type(kind, status), want);
        let a = run(&[failed(0, 0, kind, status, "no")], &facts()).aiperf;
        assert_eq!((a.error_summary[0].code, a.error_summary[0].kind.as_str()), (status, want));
    }
}
