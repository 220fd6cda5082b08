//! Random runs against the same numbers by brute force.

use proptest::prelude::*;
use tokmark_base::quantile;
use tokmark_measure::summary::Amount;
use tokmark_record::{FailureKind, Record};

use crate::build::{facts, failed, run, success};

fn arbitrary_run() -> impl Strategy<Value = Vec<Record>> {
    let attempt =
        (0_i64..2_000_000, prop::collection::vec(1_i64..200_000, 1..12), prop::bool::weighted(0.15));
    prop::collection::vec(attempt, 2..40).prop_map(|attempts| {
        attempts
            .into_iter()
            .enumerate()
            .map(|(i, (sent, gaps, fails))| {
                if fails {
                    return failed(i as u64, sent, FailureKind::Timeout, None, "");
                }
                let mut at = sent;
                let events: Vec<i64> = gaps
                    .iter()
                    .map(|g| {
                        at += g;
                        at
                    })
                    .collect();
                let mut record = success(i as u64, sent, &events);
                record.output = Some(crate::build::count(2 * events.len() as u32 + 1));
                record
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn throughput_counts_what_arrived_in_the_window(records in arbitrary_run()) {
        let s = run(&records, &facts()).summary;
        let (from, to) = (s.window.start_us, s.window.end_us);
        let inside = |t: tokmark_base::Micros| t >= from && t <= to;
        let mut tokens = 0.0;
        let mut requests = 0;
        for r in records.iter().filter(|r| r.outcome.is_success()) {
            let events: Vec<_> = r.reads.content_events().map(|e| e.at).collect();
            let each = f64::from(r.output.unwrap().tokens) / events.len() as f64;
            tokens += events.iter().filter(|t| inside(**t)).map(|_| each).sum::<f64>();
            requests += u32::from(inside(*events.last().unwrap()));
        }
        let seconds = (to - from).as_secs_f64();
        if seconds > 0.0 && s.any_success() {
            let value = |tag: &str| s.metric(tag).and_then(|m| m.value).unwrap();
            prop_assert!((value("output_token_throughput") - tokens / seconds).abs() < 1e-6);
            prop_assert!((value("request_throughput") - f64::from(requests) / seconds).abs() < 1e-9);
        }
    }

    #[test]
    fn percentiles_are_the_sorted_lists(records in arbitrary_run()) {
        let s = run(&records, &facts()).summary;
        let mut latencies: Vec<f64> = records
            .iter()
            .filter(|r| r.outcome.is_success())
            .map(|r| (r.ended_us.unwrap() - r.sent_us.unwrap()).0 as f64 / 1e3)
            .collect();
        latencies.sort_by(f64::total_cmp);
        let Some(metric) = s.metric("request_latency") else {
            prop_assert!(latencies.is_empty());
            return Ok(());
        };
        let plain = metric.values.as_ref().unwrap();
        for p in &plain.percentiles {
            prop_assert_eq!(Some(p.value.0), quantile::nearest_rank(&latencies, p.p / 100.0));
        }
        let failures = records.len() - latencies.len();
        latencies.extend(std::iter::repeat_n(f64::INFINITY, failures));
        for p in &metric.headline().unwrap().percentiles {
            prop_assert_eq!(Some(p.value.0), quantile::nearest_rank(&latencies, p.p / 100.0));
        }
        prop_assert_eq!(metric.adjusted.is_some(), failures > 0);
        prop_assert_eq!(metric.headline().unwrap().max, latencies.last().map(|x| Amount(*x)));
    }

    #[test]
    fn the_order_of_records_does_not_matter(records in arbitrary_run()) {
        let forward = run(&records, &facts());
        let mut backward = records;
        backward.reverse();
        let backward = run(&backward, &facts());
        prop_assert_eq!(&forward.summary.verdict, &backward.summary.verdict);
        prop_assert_eq!(forward.summary.window, backward.summary.window);
        prop_assert_eq!(
            forward.summary.metric("request_latency"),
            backward.summary.metric("request_latency")
        );
    }
}

fn stamp() -> impl Strategy<Value = Option<tokmark_base::Micros>> {
    prop::option::of((-5_000_000_i64..5_000_000).prop_map(tokmark_base::Micros))
}

prop_compose! {
    /// A record no driver would write: stamps in any order, or missing.
    fn strange()(
        stamps in prop::array::uniform7(stamp()),
        reads in prop::collection::vec((-5_000_000_i64..5_000_000, 0_u32..4, any::<bool>(), stamp()), 0..6),
        first_output in prop::option::of(0_u32..10),
        tokens in prop::option::of(0_u32..5),
        streamed in any::<bool>(),
        end in 0_u8..4,
        phase in 0_u8..3,
    ) -> Record {
        use tokmark_record::{Connect, Cut, Failure, Outcome, Phase, Read, Reads};
        let [intended_us, released_us, acted_us, sent_us, sent_end_us, headers_us, ended_us] = stamps;
        Record {
            intended_us,
            released_us,
            acted_us,
            sent_us,
            sent_end_us,
            headers_us,
            ended_us,
            connect: sent_us.map(|start_us| Connect { start_us, end_us: headers_us, tls_end_us: ended_us }),
            reads: Reads(reads.into_iter().map(|(at, content, tail, kernel)| Read {
                user: tokmark_base::Micros(at),
                kernel,
                open: tokmark_base::Micros(at - 2_000),
                bytes: 1,
                events: content,
                content,
                tail,
            }).collect()),
            first_output,
            first_event_tokens: tokens,
            output: tokens.map(crate::build::count),
            input: tokens.map(crate::build::count),
            streamed,
            phase: [Phase::Warmup, Phase::Profiling, Phase::Cooldown][usize::from(phase)],
            outcome: match end {
                0 => Outcome::Success,
                1 => Outcome::NotSent,
                2 => Outcome::Cut { by: Cut::Grace },
                _ => Outcome::Failed(Failure { kind: FailureKind::Tls, message: String::new() }),
            },
            ..Record::default()
        }
    }
}

proptest! {
    #[test]
    fn any_record_is_analysed_and_no_number_is_nan(
        records in prop::collection::vec(strange(), 0..20),
        auto in any::<bool>(),
    ) {
        let facts = tokmark_measure::RunFacts { warmup_auto: auto, ..facts() };
        let analysis = run(&records, &facts);
        let text = serde_json::to_string(&analysis.summary).unwrap();
        prop_assert!(!text.contains("null"), "{}", text);
        for metric in &analysis.summary.metrics {
            let numbers = [metric.values.as_ref(), metric.adjusted.as_ref()]
                .into_iter()
                .flatten()
                .flat_map(|d| [d.mean, d.min, d.max].into_iter().flatten().chain(d.percentiles.iter().map(|p| p.value)));
            for x in numbers.map(|x| x.0).chain(metric.value) {
                prop_assert!(!x.is_nan(), "{}", metric.tag);
            }
        }
        for metric in &analysis.aiperf.metrics {
            let finite = metric.stats.named().iter().all(|(_, x)| x.is_none_or(f64::is_finite));
            prop_assert!(finite, "{:?}", metric);
        }
    }
}
