//! The virtual-time driver: records worked out by hand, and an account of every request.

use proptest::prelude::*;
use tokmark_base::Seed;
use tokmark_perf::Constant;
use tokmark_record::sink::Kept;
use tokmark_record::{Count, CountSource, Read, Usage};
use tokmark_workload::quantity::{Count as HowMany, Duration};
use tokmark_workload::{LoadSpec, PlannedRequest};

use super::*;
use crate::{Lifecycle, Slots};

/// Every request has ten tokens of prompt and wants `osl` of reply.
struct Same {
    osl: Option<u32>,
}

impl Requests for Same {
    fn request(&self, index: u64) -> PlannedRequest {
        PlannedRequest { index, isl: Some(10), osl: self.osl, ..PlannedRequest::default() }
    }
}

fn engine(slots: usize) -> Slots {
    Slots::new(Constant::new(Micros(100_000), Micros(10_000)).unwrap(), slots).unwrap()
}

fn requests(n: u64) -> LoadSpec {
    LoadSpec { requests: Some(HowMany::Exactly(n)), ..LoadSpec::default() }
}

fn run(
    load: &LoadSpec,
    osl: Option<u32>,
    engine: &mut Slots,
) -> (Vec<Record>, Result<Census, SimulateError>) {
    let mut pacer = Pacer::new(&load.resolve().unwrap(), Seed(42), 0, 1);
    let mut kept = Kept::default();
    let played = simulate(
        &mut pacer,
        &Same { osl },
        engine,
        Limits { timed: load.duration.is_some(), ..Limits::default() },
        &mut kept,
        &|| false,
    );
    let census = played.map(|played| played.census);
    (kept.records, census)
}

fn stamps(record: &Record) -> (u64, Option<i64>, Option<i64>, Vec<i64>, Option<i64>) {
    let reads = record.reads.0.iter().map(|read| read.user.0).collect();
    let us = |stamp: Option<Micros>| stamp.map(|stamp| stamp.0);
    (record.request, us(record.intended_us), us(record.sent_us), reads, us(record.ended_us))
}

/// Two streams over two slots, three requests of three tokens: the third starts the moment the first two end, in the slot the
/// first one held.
#[test]
fn a_closed_loop_by_hand() {
    let load = LoadSpec { concurrency: Some(2), ..requests(3) };
    let (records, census) = run(&load, Some(3), &mut engine(2));
    let seen: Vec<_> = records.iter().map(stamps).collect();
    assert_eq!(
        seen,
        [
            (0, None, Some(0), vec![100_000, 110_000, 120_000], Some(120_000)),
            (1, None, Some(0), vec![100_000, 110_000, 120_000], Some(120_000)),
            (2, None, Some(120_000), vec![220_000, 230_000, 240_000], Some(240_000)),
        ]
    );
    let census = census.unwrap();
    assert_eq!((census.finished, census.tokens_finished), (3, 9));
}

/// Ten starts a second at one slot that holds each request for 110 ms: the queue grows by 10 ms a request.
#[test]
fn an_open_loop_by_hand() {
    let load =
        LoadSpec { rate: Some(10.0), arrival: Some(tokmark_workload::ArrivalKind::Constant), ..requests(3) };
    let (records, _) = run(&load, Some(2), &mut engine(1));
    let first = records[0].intended_us.unwrap().0;
    let seen: Vec<_> = records.iter().map(stamps).collect();
    let expected: Vec<_> = (0..3)
        .map(|i| {
            let due = first + 100_000 * i;
            let token = first + 110_000 * i + 100_000;
            (i as u64, Some(due), Some(due), vec![token, token + 10_000], Some(token + 10_000))
        })
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_record_holds_what_an_ideal_client_would_have_seen() {
    let (records, _) = run(&requests(1), Some(2), &mut engine(1));
    let read = |at: i64| Read {
        user: Micros(at),
        kernel: Some(Micros(at)),
        open: Micros(at),
        bytes: 0,
        events: 1,
        content: 1,
        tail: true,
    };
    let count = |tokens| Some(Count { tokens, source: CountSource::Server });
    let now = Some(Micros(0));
    assert_eq!(
        records,
        [Record {
            asked: Asked { isl: Some(10), osl: Some(2) },
            released_us: now,
            acted_us: now,
            sent_us: now,
            sent_end_us: now,
            ended_us: Some(Micros(110_000)),
            streamed: true,
            reads: tokmark_record::Reads(vec![read(100_000), read(110_000)]),
            first_output: Some(0),
            finish_reason: Some("length".to_owned()),
            usage: Some(Usage { prompt: Some(10), completion: Some(2), ..Usage::default() }),
            input: count(10),
            output: count(2),
            outcome: Outcome::Success,
            ..Record::default()
        }]
    );
}

#[test]
fn a_reply_of_no_asked_length_stops_by_itself() {
    let mut engine = engine(1).natural_output(4).unwrap();
    let (records, _) = run(&requests(1), None, &mut engine);
    assert_eq!(records[0].finish_reason.as_deref(), Some("stop"));
    assert_eq!(records[0].output.map(|count| count.tokens), Some(4));
}

#[test]
fn a_refusal_is_a_failed_attempt() {
    let load = LoadSpec { burst: true, ..requests(4) };
    let (records, census) = run(&load, Some(1), &mut engine(1).queue_limit(2));
    let failed = records.iter().find(|record| !record.outcome.is_success()).unwrap();
    assert_eq!((failed.request, failed.status, failed.ended_us), (3, Some(503), Some(Micros(0))));
    let Outcome::Failed(failure) = &failed.outcome else {
        panic!("not a failure: {:?}", failed.outcome);
    };
    assert_eq!(failure.kind, FailureKind::HttpServerError);
    assert!(failure.message.contains("queue is full"));
    let census = census.unwrap();
    assert_eq!((records.len(), census.finished, census.rejected), (4, 3, 1));
}

/// A start every 10 ms for 50 ms, one in flight for 100 ms: the first goes, the others never do.
#[test]
fn what_a_cap_kept_back_is_recorded_as_not_sent() {
    let load = LoadSpec {
        rate: Some(100.0),
        arrival: Some(tokmark_workload::ArrivalKind::Constant),
        duration: Some(Duration(Micros(50_000))),
        max_concurrency: Some(1),
        ..LoadSpec::default()
    };
    let (records, census) = run(&load, Some(1), &mut engine(4));
    assert_eq!(census.unwrap().arrived, 1);
    assert!(records.len() > 2 && records[0].outcome.is_success());
    for record in &records[1..] {
        assert_eq!(record.outcome, Outcome::NotSent);
        assert_eq!((record.released_us, record.sent_us), (None, None));
        assert!(record.intended_us.unwrap() <= Micros(50_000));
    }
}

#[test]
fn a_loop_in_place_is_ended_with_its_reason() {
    let load =
        LoadSpec { concurrency: Some(2), duration: Some(Duration(Micros(1_000_000))), ..LoadSpec::default() };
    let (_, ended) = run(&load, Some(1), &mut engine(1).queue_limit(0));
    assert_eq!(ended, Err(SimulateError::InPlace { at: Micros(0) }));
}

#[test]
fn engines_that_take_no_time_do_not_hold_it_up() {
    use crate::router::RouterSpec;
    use crate::spec::EngineKind;
    for kind in [EngineKind::Vllm, EngineKind::Sglang, EngineKind::Trtllm] {
        let mut engine = crate::cluster::build(
            &crate::EngineSpec { kind: Some(kind), ..Default::default() },
            &tokmark_perf::Deployment::default(),
            &RouterSpec::default(),
            std::sync::Arc::new(Constant::new(Micros::ZERO, Micros::ZERO).unwrap()),
            &[],
            Seed(1),
        )
        .unwrap();
        let timed = LoadSpec {
            concurrency: Some(8),
            duration: Some(Duration(Micros(1_000_000))),
            ..LoadSpec::default()
        };
        let mut pacer = Pacer::new(&timed.resolve().unwrap(), Seed(42), 0, 1);
        let limits = Limits { timed: true, ..Limits::default() };
        let requests = Same { osl: Some(5) };
        let ended = simulate(&mut pacer, &requests, &mut engine, limits, &mut Kept::default(), &|| false)
            .unwrap_err();
        assert_eq!(ended, SimulateError::InPlace { at: Micros(0) }, "{kind}");
    }
}

#[test]
fn a_model_may_end_a_reply_by_itself() {
    let mut pacer = Pacer::new(&requests(2).resolve().unwrap(), Seed(42), 0, 1);
    let mut kept = Kept::default();
    let mut slots = engine(1).natural_output(3).unwrap();
    let limits = Limits { own_end: true, ..Limits::default() };
    simulate(&mut pacer, &Same { osl: Some(9) }, &mut slots, limits, &mut kept, &|| false).unwrap();
    let ends: Vec<_> =
        kept.records.iter().map(|r| (r.output.unwrap().tokens, r.finish_reason.as_deref())).collect();
    assert_eq!(ends, [(3, Some("stop")), (3, Some("stop"))]);
}

#[test]
fn a_whole_reply_is_one_event_at_its_end() {
    let mut pacer = Pacer::new(&requests(1).resolve().unwrap(), Seed(42), 0, 1);
    let mut kept = Kept::default();
    let limits = Limits { whole: true, ..Limits::default() };
    simulate(&mut pacer, &Same { osl: Some(4) }, &mut engine(1), limits, &mut kept, &|| false).unwrap();
    let record = &kept.records[0];
    let reads: Vec<i64> = record.reads.0.iter().map(|read| read.user.0).collect();
    assert_eq!((reads, record.streamed, record.output.unwrap().tokens), (vec![130_000], false, 4));
}

#[test]
fn slots_draw_where_the_model_has_a_deviation() {
    let spec: tokmark_perf::TimingSpec = serde_json::from_str(
        r#"{"model": "constant", "ttft": "100ms", "ttft_stddev": "10ms", "itl": "10ms"}"#,
    )
    .unwrap();
    let timing = spec.build(None, Seed(1)).unwrap();
    let ttfts = |noise: bool| -> Vec<i64> {
        let mut slots = Slots::new(std::sync::Arc::clone(&timing), 1).unwrap();
        if noise {
            slots = slots.noise(Seed(7).stream("noise", 0));
        }
        let load = LoadSpec { concurrency: Some(1), ..requests(200) };
        let (records, _) = run(&load, Some(1), &mut slots);
        records.iter().map(|r| r.reads.0[0].user.0 - r.sent_us.unwrap().0).collect()
    };
    assert!(ttfts(false).iter().all(|ttft| *ttft == 100_000));
    let drawn = ttfts(true);
    let n = drawn.len() as f64;
    let mean = drawn.iter().sum::<i64>() as f64 / n;
    let deviation = (drawn.iter().map(|x| (*x as f64 - mean).powi(2)).sum::<f64>() / n).sqrt();
    // 200 draws: the mean within 3 standard errors, the deviation within 20 %.
    assert!(
        (mean - 100_000.0).abs() < 2_200.0 && (8_000.0..12_000.0).contains(&deviation),
        "{mean} {deviation}"
    );
}

/// Takes requests in and never does anything about them.
struct Hole(Census);

impl Engine for Hole {
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        self.0.arrived += 1;
        self.0.routing += 1;
        out.push(now, arrival.id, Lifecycle::Queued);
    }

    fn cancel(&mut self, _: Micros, _: RequestId, _: &mut Out) {}

    fn advance(&mut self, _: Micros, _: &mut Out) {}

    fn next_due(&self) -> Option<Micros> {
        None
    }

    fn census(&self) -> Census {
        self.0
    }

    fn reserve(&mut self, _: Micros, _: Arrival, _: &mut Out) {}

    fn release(&mut self, _: Micros, _: RequestId, _: &mut Out) {}

    fn stall(&mut self, _: Micros, _: Micros, _: &mut Out) {}

    fn crash(&mut self, _: Micros, _: &mut Vec<Arrival>, _: &mut Out) {}
}

#[test]
fn an_engine_that_starves_its_requests_is_named() {
    let load = LoadSpec { concurrency: Some(2), ..requests(5) };
    let mut pacer = Pacer::new(&load.resolve().unwrap(), Seed(42), 0, 1);
    let mut engine = Hole(Census::default());
    let limits = Limits::default();
    let ended =
        simulate(&mut pacer, &Same { osl: None }, &mut engine, limits, &mut Kept::default(), &|| false);
    let starved =
        SimulateError::Starved { at: Micros(0), waiting: 0, running: 0, routing: 2, transferring: 0 };
    let text = starved.to_string();
    assert_eq!(ended, Err(starved));
    assert!(text.contains("2 are with the router"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Every planned request becomes exactly one record, whatever the load, and no stamp goes back.
    #[test]
    fn every_request_is_accounted_for(
        n in 1_u64..40,
        open in proptest::option::of(1.0_f64..200.0),
        cap in proptest::option::of(1_u32..6),
        slots in 1_usize..6,
        queue in 1_usize..6,
        osl in 1_u32..5,
    ) {
        let load = LoadSpec {
            rate: open,
            concurrency: if open.is_none() { cap } else { None },
            max_concurrency: if open.is_some() { cap } else { None },
            ..requests(n)
        };
        let (mut records, census) = run(&load, Some(osl), &mut engine(slots).queue_limit(queue + 10));
        let census = census.unwrap();
        prop_assert_eq!(census.in_flight(), 0);
        records.sort_by_key(|record| record.request);
        let indices: Vec<u64> = records.iter().map(|record| record.request).collect();
        prop_assert_eq!(indices, (0..n).collect::<Vec<_>>());
        prop_assert_eq!(records.iter().filter(|r| r.outcome.is_success()).count() as u64, census.finished);
        for record in &records {
            let mut last = record.sent_us.unwrap();
            prop_assert!(record.intended_us.is_none_or(|due| due <= last));
            for event in record.reads.content_events() {
                prop_assert!(event.after <= event.at && last <= event.at);
                last = event.at;
            }
            prop_assert!(record.ended_us.unwrap() >= last);
        }
    }

    /// The same seed gives the same records.
    #[test]
    fn a_run_repeats_itself(rate in 1.0_f64..100.0, slots in 1_usize..4) {
        let load = LoadSpec { rate: Some(rate), ..requests(20) };
        prop_assert_eq!(run(&load, Some(3), &mut engine(slots)).0, run(&load, Some(3), &mut engine(slots)).0);
    }
}
