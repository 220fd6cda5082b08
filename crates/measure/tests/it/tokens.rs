//! Two sources of tokens, and the live view beside the exact one.

use tokmark_measure::live::Live;
use tokmark_measure::verdict::Code;
use tokmark_record::{Count, CountSource, Record, Usage};

use crate::build::{facts, run, two_streams};

fn counted(ours: u32, theirs: u32, asked: u32, prompt: u32) -> Vec<Record> {
    let mut records = two_streams();
    for r in &mut records {
        r.output = Some(Count { tokens: ours, source: CountSource::Tokenizer });
        r.asked.isl = Some(asked);
        r.asked.osl = None;
        r.usage = Some(Usage { prompt: Some(prompt), completion: Some(theirs), ..Usage::default() });
    }
    records
}

fn codes(records: &[Record]) -> Vec<Code> {
    let s = run(records, &facts()).summary;
    s.verdict.warnings.iter().map(|w| w.code).collect()
}

#[test]
fn more_than_one_percent_apart_is_named() {
    assert_eq!(codes(&counted(100, 100, 512, 512)), []);
    assert_eq!(codes(&counted(100, 99, 512, 512)), [Code::TokenCountsDiffer]);
    assert_eq!(codes(&counted(200, 199, 512, 512)), []);
    // A chat template's twenty tokens are no disagreement; a third more is.
    assert_eq!(codes(&counted(100, 100, 512, 532)), []);
    assert_eq!(codes(&counted(100, 100, 512, 700)), [Code::TokenCountsDiffer]);
    assert_eq!(codes(&counted(100, 100, 512, 490)), [Code::TokenCountsDiffer]);
}

#[test]
fn unknown_lengths_are_named() {
    let mut records = two_streams();
    for r in &mut records {
        r.output = None;
    }
    let s = run(&records, &facts()).summary;
    assert_eq!(s.tokens.output_missing, 20);
    assert_eq!(s.verdict.warnings[0].code, Code::TokenCountsMissing);
    assert_eq!(s.metric("inter_token_latency"), None);
    assert_eq!(s.metric("output_token_throughput"), None);
}

#[test]
fn lengths_other_than_asked_are_named() {
    let mut records = two_streams();
    for r in &mut records {
        r.asked.osl = Some(12);
    }
    let s = run(&records, &facts()).summary;
    assert_eq!(s.metric("osl_mismatch_count").unwrap().value, Some(20.0));
    assert_eq!(s.verdict.warnings[0].code, Code::OutputLengthMismatch);
}

#[test]
fn the_live_view_is_within_a_thousandth() {
    let mut live = Live::new();
    for r in &two_streams() {
        live.feed(r);
    }
    let now = live.snapshot();
    assert_eq!((now.succeeded, now.output_tokens, now.input_tokens), (20, 220, 1_000));
    for (seen, want) in [(now.ttft_ms_p50, 100.0), (now.itl_ms_p50, 10.0), (now.latency_ms_p99, 200.0)] {
        assert!((seen.unwrap() / want - 1.0).abs() < 1e-3, "{seen:?} for {want}");
    }
    assert_eq!(Live::new().snapshot().ttft_ms_p50, None);
}
