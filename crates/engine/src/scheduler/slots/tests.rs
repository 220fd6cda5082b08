//! The slot engine against a hand-worked timeline, and conservation over random workloads.

use proptest::prelude::*;
use tokmark_perf::Constant;

use super::*;
use crate::Event;

fn engine(ttft: i64, itl: i64, slots: usize) -> Slots {
    Slots::new(Constant::new(Micros(ttft), Micros(itl)).unwrap(), slots).unwrap()
}

fn arrival(id: u64, output: u32) -> Arrival {
    Arrival { id: RequestId(id), input: Some(512), length: Length::exactly(output), ..Arrival::default() }
}

/// Runs to the end, however the driver's steps fall.
fn run(engine: &mut Slots, arrivals: &[(i64, Arrival)]) -> Vec<Event> {
    let mut out = Out::default();
    for (at, arrival) in arrivals {
        engine.arrive(Micros(*at), arrival.clone(), &mut out);
    }
    while let Some(at) = engine.next_due() {
        engine.advance(at, &mut out);
    }
    out.events
}

fn shown(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|e| {
            format!(
                "{} r{} {}",
                e.at.0,
                e.request.0,
                format!("{:?}", e.what).replace(" { cached: None }", "")
            )
        })
        .collect()
}

/// Two slots, TTFT 100 ms, ITL 10 ms, five requests of 3, 2, 2, 1 and 3 tokens:
///
/// ```text
/// ms      0    20   40   60   80   100  120  140  160  180  200  220  240  260  280  300  320
/// r0 @0   |--------prefill--------| t t t|
/// r1 @50            |---------prefill--------| t t|
/// r2 @60            .queued......... (slot of r0 free at 120) |----prefill----| t t|
/// r3 @60            .queued............. (slot of r1 free at 160) |--------prefill--------| t|
/// r4 @230           .queued until r2 ends at 230, the same moment |---prefill---| t t t|
/// ```
#[test]
fn five_requests_by_hand() {
    let arrivals = [
        (0, arrival(0, 3)),
        (50_000, arrival(1, 2)),
        (60_000, arrival(2, 2)),
        (60_000, arrival(3, 1)),
        (230_000, arrival(4, 3)),
    ];
    let events = run(&mut engine(100_000, 10_000, 2), &arrivals);
    let expected = [
        "0 r0 Queued",
        "0 r0 Admitted",
        "50000 r1 Queued",
        "50000 r1 Admitted",
        "60000 r2 Queued",
        "60000 r3 Queued",
        "100000 r0 FirstToken",
        "110000 r0 Tokens(1)",
        "120000 r0 Tokens(1)",
        "120000 r0 Finished(Length)",
        "120000 r2 Admitted",
        "150000 r1 FirstToken",
        "160000 r1 Tokens(1)",
        "160000 r1 Finished(Length)",
        "160000 r3 Admitted",
        "220000 r2 FirstToken",
        "230000 r2 Tokens(1)",
        "230000 r2 Finished(Length)",
        "230000 r4 Queued",
        "230000 r4 Admitted",
        "260000 r3 FirstToken",
        "260000 r3 Finished(Length)",
        "330000 r4 FirstToken",
        "340000 r4 Tokens(1)",
        "350000 r4 Tokens(1)",
        "350000 r4 Finished(Length)",
    ];
    assert_eq!(shown(&events), expected);
}

#[test]
fn same_moment_is_settled_in_order_of_arrival() {
    let arrivals = [(0, arrival(7, 1)), (0, arrival(3, 1)), (0, arrival(5, 1))];
    let events = run(&mut engine(10, 1, 3), &arrivals);
    let first: Vec<u64> =
        events.iter().filter(|e| e.what == Lifecycle::FirstToken).map(|e| e.request.0).collect();
    assert_eq!(first, [7, 3, 5]);
}

#[test]
fn a_cancelled_request_gives_its_place_away() {
    let mut engine = engine(100, 10, 1);
    let mut out = Out::default();
    for id in 0..4 {
        engine.arrive(Micros(0), arrival(id, 3), &mut out);
    }
    engine.cancel(Micros(5), RequestId(1), &mut out); // waiting: its turn goes to 2
    engine.cancel(Micros(105), RequestId(0), &mut out); // running, one token out
    engine.cancel(Micros(105), RequestId(0), &mut out); // gone already: ignored
    out.events.retain(|e| matches!(e.what, Lifecycle::Cancelled | Lifecycle::Admitted { .. }));
    assert_eq!(
        shown(&out.events),
        ["0 r0 Admitted", "5 r1 Cancelled", "105 r0 Cancelled", "105 r2 Admitted"]
    );
    // The next thing to happen is 2's first token, not the second of 0, which never comes.
    assert_eq!(engine.next_due(), Some(Micros(205)));
    let census = engine.census();
    assert_eq!((census.cancelled, census.tokens_cancelled), (2, 1));
    assert_eq!(census.check(), Ok(()));
}

#[test]
fn refusals_are_counted_and_named() {
    let mut engine = engine(100, 10, 1).queue_limit(1).context(600).unwrap();
    let mut out = Out::default();
    let long = Arrival { input: Some(600), ..arrival(9, 3) };
    let all = [arrival(0, 3), arrival(0, 3), arrival(1, 3), arrival(2, 3)];
    engine.arrive(Micros(0), long, &mut out);
    engine.arrive(Micros(0), arrival(8, 0), &mut out);
    for arrival in all {
        engine.arrive(Micros(0), arrival, &mut out);
    }
    let refused: Vec<String> = out
        .events
        .iter()
        .filter_map(|e| match e.what {
            Lifecycle::Rejected(why) => Some(format!("{} {} {why}", e.request.0, why.status())),
            _ => None,
        })
        .collect();
    assert_eq!(
        refused,
        [
            "9 400 the prompt has 600 tokens, the context holds 600",
            "8 400 max_tokens must be at least 1",
            "0 400 a request of this number is already being served",
            "2 503 the waiting queue is full (1 requests)",
        ]
    );
    assert_eq!(engine.census().rejected, 4);
}

#[test]
fn the_length_of_a_reply() {
    let limits = Limits { slots: 1, queue: None, context: 1_000, natural_output: 128 };
    let asked = |max, min, ignore_eos| Length { max, min, ignore_eos };
    for (input, length, expected) in [
        (100, Length::default(), (128, FinishReason::Stop)),
        (100, asked(Some(64), 0, false), (64, FinishReason::Length)),
        (100, asked(Some(300), 0, false), (128, FinishReason::Stop)),
        (100, asked(Some(300), 200, false), (200, FinishReason::Stop)),
        (100, asked(Some(300), 0, true), (300, FinishReason::Length)),
        (100, asked(None, 0, true), (900, FinishReason::Length)),
        (950, Length::exactly(300), (50, FinishReason::Length)),
    ] {
        assert_eq!(limits.output(Some(input), length), Ok(expected), "{length:?}");
    }
}

#[test]
fn an_engine_that_could_never_serve_is_refused() {
    let text = Slots::new(Constant::default(), 0).map(|_| ()).unwrap_err().to_string();
    assert!(text.starts_with("slots is 0") && text.contains("hint:"), "{text}");
    assert!(engine(1, 1, 1).context(0).is_err());
    assert!(engine(1, 1, 1).natural_output(0).is_err());
}

#[derive(Clone, Debug)]
enum Do {
    Arrive { output: u32 },
    Cancel { which: u64 },
    Advance,
}

fn doing() -> impl Strategy<Value = (i64, Do)> {
    let what = prop_oneof![
        4 => (0_u32..6).prop_map(|output| Do::Arrive { output }),
        1 => (0_u64..40).prop_map(|which| Do::Cancel { which }),
        2 => Just(Do::Advance),
    ];
    (-3_i64..40, what)
}

proptest! {
    /// Whatever happens in whatever order: nothing is lost, time never goes back, slots are never overfull, and every life is
    /// Queued, Admitted, FirstToken, Tokens…, and one end.
    #[test]
    fn nothing_is_lost(
        (ttft, itl) in (0_i64..30, 0_i64..10),
        slots in 1_usize..4,
        queue in proptest::option::of(0_usize..4),
        script in proptest::collection::vec(doing(), 0..60),
    ) {
        let mut engine = engine(ttft, itl, slots);
        engine.limits.queue = queue;
        let mut out = Out::default();
        let mut now = 0;
        for (id, (step, what)) in script.into_iter().enumerate() {
            now += step;
            match what {
                Do::Arrive { output } => engine.arrive(Micros(now), arrival(id as u64, output), &mut out),
                Do::Cancel { which } => engine.cancel(Micros(now), RequestId(which), &mut out),
                Do::Advance => engine.advance(Micros(now), &mut out),
            }
            prop_assert_eq!(engine.census().check(), Ok(()));
            prop_assert!(engine.census().running <= slots as u64);
            prop_assert!(engine.census().waiting == 0 || engine.census().running == slots as u64);
        }
        while let Some(at) = engine.next_due() {
            let before = out.events.len();
            engine.advance(at, &mut out);
            prop_assert!(out.events.len() > before, "next_due named a moment at which nothing happened");
        }
        let census = engine.census();
        prop_assert_eq!(census.in_flight(), 0);
        prop_assert_eq!(census.check(), Ok(()));
        prop_assert!(out.events.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let lives = lives(&out.events);
        prop_assert_eq!(lives.len() as u64, census.arrived);
        for life in lives.values() {
            prop_assert!(well_formed(life), "{life:?}");
        }
        let tokens: usize = lives.values().flatten().filter(|w| is_token(w)).count();
        prop_assert_eq!(tokens as u64, census.tokens_emitted);
    }

    /// The driver's rhythm changes nothing.
    #[test]
    fn stepping_is_invisible(
        gaps in proptest::collection::vec((0_i64..50, 1_u32..8), 1..20),
        steps in proptest::collection::vec(1_i64..40, 0..80),
    ) {
        let mut at = 0;
        let mut arrivals = Vec::new();
        for (id, (gap, output)) in gaps.into_iter().enumerate() {
            at += gap;
            arrivals.push((at, arrival(id as u64, output)));
        }
        let expected = run(&mut engine(17, 5, 2), &arrivals);
        let mut stepped = engine(17, 5, 2);
        let mut out = Out::default();
        let mut now = 0;
        let mut steps = steps.into_iter();
        for (at, arrival) in arrivals {
            for step in steps.by_ref().take(3) {
                if now + step > at {
                    break;
                }
                now += step;
                stepped.advance(Micros(now), &mut out);
            }
            stepped.arrive(Micros(at), arrival, &mut out);
            now = at;
        }
        stepped.advance(Micros(1_000_000), &mut out);
        prop_assert_eq!(out.events, expected);
    }
}

fn lives(events: &[Event]) -> BTreeMap<u64, Vec<Lifecycle>> {
    let mut lives: BTreeMap<u64, Vec<Lifecycle>> = BTreeMap::new();
    for event in events {
        lives.entry(event.request.0).or_default().push(event.what);
    }
    lives
}

fn is_token(what: &Lifecycle) -> bool {
    matches!(what, Lifecycle::FirstToken | Lifecycle::Tokens(1))
}

fn well_formed(life: &[Lifecycle]) -> bool {
    use Lifecycle::{Admitted, Cancelled, Finished, FirstToken, Queued, Rejected, Tokens};
    match life {
        [Rejected(_)] | [Queued, Cancelled] | [Queued, Admitted { .. }, Cancelled] => true,
        [Queued, Admitted { .. }, FirstToken, tokens @ .., Finished(_) | Cancelled] => {
            tokens.iter().all(|what| *what == Tokens(1))
        }
        _ => false,
    }
}
