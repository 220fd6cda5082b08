//! Staged runs, of rates and of streams, and rates that end.

use super::*;

const STREAMS: &str = r#"{"stages": [{"concurrency": 2, "duration": "4ms"}, {"concurrency": 5, "duration": "3ms"},
    {"concurrency": 1, "duration": "5ms"}]}"#;

#[test]
fn streams_that_are_too_many_are_given_up_when_their_requests_end() {
    for n in [1, 2, 3, 5, 6] {
        let seen = run(lanes(&load(STREAMS), n), |_| 2_000, None);
        // Two at 0, 2 and, with three more of the second stage, at 4; all five at 6; one of them goes on at 8 and 10.
        let at = [
            0, 0, 2_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 6_000, 6_000, 6_000, 6_000, 6_000, 8_000,
            10_000,
        ];
        assert_eq!(seen.at(Phase::Profiling), at, "{n} lanes");
        assert!(seen.finished.iter().all(|at| *at <= Micros(12_000)), "{:?}", seen.finished);
        assert_eq!(seen.finished[0], Micros(12_000));
    }
}

#[test]
fn a_warm_up_of_streams_takes_the_beginning_of_the_stages() {
    let load = Load { warmup: Some(Phased::For(Micros(3_000))), ..load(STREAMS) };
    for n in [1, 2, 5] {
        let seen = run(lanes(&load, n), |_| 2_000, None);
        assert_eq!(seen.at(Phase::Warmup), [0, 0, 2_000, 2_000], "{n} lanes");
        assert_eq!(seen.at(Phase::Profiling).len(), 12, "{n} lanes");
    }
}

#[test]
fn a_session_keeps_its_stream_past_the_stage() {
    let json =
        r#"{"stages": [{"concurrency": 2, "duration": "3ms"}, {"concurrency": 1, "duration": "20ms"}]}"#;
    let course = sessions::Threes { timed: false, history: true };
    let seen = run(sessions::sessions(json, course, 1), |_| 1_000, None);
    let want = [
        (0, 0, 0),
        (0, 1, 0),
        (6_000, 0, 1),
        (6_000, 1, 1),
        (12_000, 0, 2),
        (12_000, 1, 2),
        (13_000, 2, 0),
        (19_000, 2, 1),
    ];
    assert_eq!(sessions::turns_of(&seen), want);
    assert_eq!(seen.finished, [Micros(23_000)]);
}

#[test]
fn stages_of_rate_go_at_their_rates_and_end() {
    let json = r#"{"arrival": "constant", "stages": [{"rate": 1000, "duration": "3ms"}, {"rate": 0, "duration": "2ms"},
        {"rate": 500, "duration": "4ms"}]}"#;
    for n in [1, 2] {
        let seen = run(lanes(&load(json), n), |_| 10_000, None);
        assert_eq!(seen.at(Phase::Profiling), [0, 1_000, 2_000, 5_000, 7_000], "{n} lanes");
    }
    // What a cap holds back past the last stage is not sent; a warm-up of a count takes the first starts.
    let load = Load { cap: Some(1), warmup: Some(Phased::Requests(2)), ..load(json) };
    let seen = run(lanes(&load, 1), |_| 4_000, None);
    assert_eq!((seen.at(Phase::Warmup), seen.at(Phase::Profiling)), (vec![0, 4_000], vec![8_000]));
    assert_eq!((seen.unsent.len(), seen.finished), (2, vec![Micros(9_000)]));
}

#[test]
fn a_series_ends_the_run_with_its_last_point() {
    let json = r#"{"arrival": "constant", "series": [[0, 1000], [0.005, 1000], [0.005, 0], [0.006, 0]]}"#;
    let load = load(json);
    let seen = run(lanes(&load, 1), |_| 10, None);
    assert_eq!(seen.at(Phase::Profiling), [0, 1_000, 2_000, 3_000, 4_000]);
    let realised = Schedule::realised(&load, Seed(1), &independent()).unwrap();
    assert_eq!((realised.starts, realised.to, load.end()), (5, Micros(6_000), Some(Micros(6_000))));
}

fn staged() -> impl Strategy<Value = (Load, u32, i64, u64)> {
    let stages = proptest::collection::vec((1..9_u32, 1..20_i64), 1..6);
    (stages, proptest::option::of(1..15_i64), 1..7_u32, 1..9_000_i64, any::<u64>()).prop_map(
        |(stages, warmup, lanes, service, seed)| {
            let stages: Vec<String> = stages
                .iter()
                .map(|(streams, ms)| format!(r#"{{"concurrency": {streams}, "duration": "{ms}ms"}}"#))
                .collect();
            let load = load(&format!(r#"{{"stages": [{}]}}"#, stages.join(", ")));
            let warmup = warmup.map(|ms| Phased::For(Micros::from_millis(ms)));
            (Load { warmup, ..load }, lanes, service, seed)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_more_are_let_go_than_the_stage_allows_and_none_past_the_end((load, n, service, seed) in staged()) {
        let mut service = random_service(seed, service);
        let mut took = BTreeMap::new();
        let seen = run(lanes(&load, n), |request| *took.entry(request).or_insert_with(|| service(request)), None);
        let end = load.end().unwrap();
        let mut ends: Vec<Vec<Micros>> = vec![Vec::new(); n as usize];
        for (at, release, lane) in &seen.released {
            prop_assert!(*at < end);
            let in_flight = &mut ends[*lane];
            in_flight.retain(|end| end > at);
            in_flight.push(*at + Micros(took[&release.request]));
            // What other lanes have in flight beyond their part they give up when it ends.
            let part = Share::new(*lane as u32, n, Some(load.streams.most)).of_first(u64::from(load.streams.at(*at)));
            prop_assert!(in_flight.len() as u64 <= part, "{} in flight at {at}", in_flight.len());
        }
        prop_assert!(seen.finished.iter().all(|at| *at <= end));
        // With a service that takes no time to speak of, every stream is used in every stage.
        let busiest = run(lanes(&load, n), |_| 500, None);
        for phase in [Phase::Warmup, Phase::Profiling] {
            for ms in 0..end.0 / 1_000 {
                let at = Micros(ms * 1_000);
                let warm = load.warmup.is_some_and(|warmup| matches!(warmup, Phased::For(length) if at < length));
                if warm == (phase == Phase::Warmup) {
                    let streams = busiest.at(phase).iter().filter(|t| **t == at.0).count();
                    prop_assert_eq!(streams as u32, load.streams.at(at), "at {}", at);
                }
            }
        }
    }
}
