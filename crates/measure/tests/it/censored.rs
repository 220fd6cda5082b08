//! A stall followed by a burst must show as a stall.

use tokmark_base::Micros;
use tokmark_measure::summary::Amount;
use tokmark_record::{Read, Reads};

use crate::build::{MS, count, exact_read, facts, run, success};

/// 100 ms to the first token, 10 ms gaps; then 50 ms of silence after which one read brings the five events that had come
/// meanwhile, the last with the kernel's stamp.
fn stalled() -> tokmark_record::Record {
    let mut record = success(0, 0, &[]);
    let mut reads: Vec<Read> = (0..6).map(|i| exact_read((100 + 10 * i) * MS)).collect();
    reads.push(Read {
        user: Micros(200 * MS + 40),
        kernel: Some(Micros(200 * MS)),
        open: Micros(150 * MS),
        bytes: 500,
        events: 5,
        content: 5,
        tail: true,
    });
    record.reads = Reads(reads);
    record.output = Some(count(11));
    record.ended_us = Some(Micros(200 * MS));
    record
}

#[test]
fn the_gap_shows_and_the_zeros_do_not() {
    let s = run(&[stalled()], &facts()).summary;
    assert_eq!((s.censoring.events, s.censoring.censored), (11, 4));
    assert_eq!(s.censoring.share_ratio, Some(4.0 / 11.0));
    let gaps = s.metric("inter_chunk_latency").unwrap().values.as_ref().unwrap();
    // Five exact gaps of 10 ms; five in the burst, whose upper bounds are 50, 25, 16.667, 12.5 and 10 ms.
    assert_eq!((gaps.n, gaps.censored), (10, 5));
    let p = |q: f64| {
        let p = gaps.percentile(q).unwrap();
        (p.value, p.bound)
    };
    // Upper: 10 ×6, 12.5, 16.667, 25, 50. Lower: 0 ×4, 10 ×6 (the burst's largest gap is at least 50/5).
    assert_eq!(p(50.0), (Amount(10.0), None));
    assert_eq!(p(90.0), (Amount(25.0), Some(Amount(10.0))));
    assert_eq!(p(99.0), (Amount(50.0), Some(Amount(10.0))));
    assert_eq!(gaps.max, Some(Amount(50.0)));
    // The mean of the gaps is exact: they add up to 100 ms whatever happened inside.
    assert_eq!(gaps.mean, Some(Amount(10.0)));
    // Latencies that touch only exact events are exact.
    let latency = s.metric("request_latency").unwrap().values.as_ref().unwrap();
    assert_eq!(latency.percentile(99.0).unwrap().value, Amount(200.0));
    assert_eq!(latency.censored, 0);
}

#[test]
fn a_censored_end_bounds_everything_that_uses_it() {
    let mut record = stalled();
    if let Some(last) = record.reads.0.last_mut() {
        last.kernel = None;
        last.user = Micros(200 * MS);
    }
    let s = run(&[record], &facts()).summary;
    let p50 = |tag: &str| {
        let p = *s.metric(tag).unwrap().values.as_ref().unwrap().percentile(50.0).unwrap();
        (p.value, p.bound)
    };
    assert_eq!(p50("request_latency"), (Amount(200.0), Some(Amount(150.0))));
    assert_eq!(p50("inter_token_latency"), (Amount(10.0), Some(Amount(5.0))));
    // The pessimistic bound of a rate is the lower one.
    assert_eq!(p50("output_token_throughput_per_user"), (Amount(100.0), Some(Amount(200.0))));
    assert_eq!(p50("time_to_first_token"), (Amount(100.0), None));
}
