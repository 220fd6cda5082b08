use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use proptest::prelude::*;
use tokmark_base::Stream;

use super::*;
use crate::course::Numbering;
use crate::course::{index_of, phase_of};
use crate::load::{LoadSpec, Phased, Streams};
use crate::schedule::Start;

mod sessions;
mod stages;
mod users;

fn independent() -> Arc<dyn Course> {
    Arc::new(Independent)
}

fn load(json: &str) -> Load {
    serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap()
}

/// What happened to a run in virtual time.
#[derive(Debug, Default)]
struct Seen {
    /// `(released at, release, lane)` in order.
    released: Vec<(Micros, Release, usize)>,
    unsent: Vec<Unsent>,
    most_in_flight: u64,
    /// When each lane had said that it is finished.
    finished: Vec<Micros>,
    /// When the last measured attempt ended.
    measured_end: Micros,
}

impl Seen {
    fn requests(&self, phase: Phase) -> Vec<u64> {
        let of = |(_, r, _): &(Micros, Release, usize)| (r.phase == phase).then_some(phase_of(r.request).1);
        self.released.iter().filter_map(of).collect()
    }

    fn at(&self, phase: Phase) -> Vec<i64> {
        let of = |(at, r, _): &(Micros, Release, usize)| (r.phase == phase).then_some(at.0);
        self.released.iter().filter_map(of).collect()
    }
}

/// Runs lanes in virtual time: each attempt takes what `service` says, and ends well.
fn run(lanes: Vec<Pacer>, service: impl FnMut(u64) -> i64, stop: Option<Micros>) -> Seen {
    run_with(lanes, service, |_| true, stop)
}

/// Runs lanes in virtual time: each attempt takes what `service` says, and ends as `well` says.
fn run_with(
    mut lanes: Vec<Pacer>,
    mut service: impl FnMut(u64) -> i64,
    well: impl Fn(u64) -> bool,
    stop: Option<Micros>,
) -> Seen {
    let mut seen = Seen::default();
    // Earliest first: time, lane, and the request that ends, if one does.
    let mut events: BinaryHeap<std::cmp::Reverse<(Micros, usize, Option<u64>)>> = BinaryHeap::new();
    (0..lanes.len()).for_each(|lane| events.push(std::cmp::Reverse((Micros::ZERO, lane, None))));
    seen.finished = vec![Micros::MAX; lanes.len()];
    let (mut in_flight, mut stopped) = (0_u64, false);
    while let Some(std::cmp::Reverse((now, lane, ended))) = events.pop() {
        if stop.is_some_and(|at| now >= at) && !std::mem::replace(&mut stopped, true) {
            seen.unsent.extend(lanes.iter_mut().flat_map(|l| l.stop(now)));
        }
        if let Some(request) = ended {
            in_flight -= 1;
            let waits = lanes[lane].completed(request, now, well(request));
            assert_eq!(waits, lanes[lane].waiting_turns().any(|turn| turn == request + 1), "{request}");
            if phase_of(request).0 == Phase::Profiling {
                seen.measured_end = now;
            }
        }
        loop {
            match lanes[lane].poll(now) {
                Next::Release(release) => {
                    assert!(release.intended.is_none_or(|at| at <= now), "{release:?} before it was due");
                    in_flight += 1;
                    seen.most_in_flight = seen.most_in_flight.max(in_flight);
                    let end = Micros(now.0 + service(release.request));
                    events.push(std::cmp::Reverse((end, lane, Some(release.request))));
                    seen.released.push((now, release, lane));
                }
                Next::Wait { until } => {
                    assert!(until.is_none_or(|at| at > now), "told to wait until now");
                    assert!(until.is_some() || in_flight > 0, "waits for ever");
                    events.extend(until.map(|at| std::cmp::Reverse((at, lane, None))));
                    break;
                }
                Next::Finished => {
                    seen.finished[lane] = seen.finished[lane].min(now);
                    break;
                }
            }
        }
    }
    seen.unsent.extend(lanes.iter_mut().flat_map(Pacer::unsent));
    assert!(lanes.iter_mut().all(|l| l.poll(Micros::MAX) == Next::Finished));
    seen
}

fn lanes(load: &Load, n: u32) -> Vec<Pacer> {
    Pacer::lanes(load, Seed(42), n, &independent())
}

fn random_service(seed: u64, most: i64) -> impl FnMut(u64) -> i64 {
    let mut stream: Stream = Seed(seed).stream("service", 0);
    move |_| 1 + stream.below(most as u64) as i64
}

#[test]
fn a_closed_loop_keeps_its_slots_full_through_all_phases() {
    let load = load(r#"{"concurrency": 4, "requests": 20, "warmup": 6, "cooldown": 100}"#);
    let seen = run(lanes(&load, 1), |_| 1_000, None);
    assert_eq!(seen.requests(Phase::Warmup), (0..6).collect::<Vec<_>>());
    assert_eq!(seen.requests(Phase::Profiling), (0..20).collect::<Vec<_>>());
    // 26 requests in rounds of four: the last measured pair starts at 6 ms beside two of the cool-down.
    let at = seen.at(Phase::Cooldown);
    assert_eq!((at.len(), &at[..4], at[99]), (100, &[6_000, 6_000, 7_000, 7_000][..], 31_000));
    assert_eq!(seen.most_in_flight, 4);
    assert!(seen.released.iter().all(|(_, r, _)| r.intended.is_none()));
}

#[test]
fn a_closed_loop_ends_with_its_duration_counted_from_the_first_measured_release() {
    let load = load(r#"{"concurrency": 2, "duration": "10ms", "warmup": "3ms"}"#);
    let seen = run(lanes(&load, 1), |_| 2_000, None);
    assert_eq!(seen.at(Phase::Warmup), [0, 0, 2_000, 2_000]);
    assert_eq!(seen.at(Phase::Profiling).first(), Some(&4_000));
    assert_eq!(seen.at(Phase::Profiling).last(), Some(&12_000));
    assert_eq!(seen.finished, [Micros(14_000)]);
}

#[test]
fn slots_open_one_after_another_under_a_ramp() {
    let load = load(r#"{"concurrency": 5, "requests": 5, "ramp": "4ms"}"#);
    for n in [1, 2, 3] {
        let seen = run(lanes(&load, n), |_| 1_000_000, None);
        assert_eq!(seen.at(Phase::Profiling), [0, 1_000, 2_000, 3_000, 4_000], "{n} lanes");
    }
}

#[test]
fn an_open_loop_goes_by_its_schedule_whatever_the_service_does() {
    let load = load(r#"{"rate": 1000, "arrival": "constant", "requests": 5, "warmup": 2}"#);
    let seen = run(lanes(&load, 1), |_| 1_000_000, None);
    assert_eq!(seen.at(Phase::Warmup), [0, 1_000]);
    assert_eq!(seen.at(Phase::Profiling), [2_000, 3_000, 4_000, 5_000, 6_000]);
    assert_eq!(seen.finished, [Micros(6_000)]);
}

#[test]
fn a_cap_queues_and_drops_nothing() {
    let load = load(r#"{"rate": 1000, "arrival": "constant", "requests": 6, "max_concurrency": 2}"#);
    let seen = run(lanes(&load, 1), |_| 10_000, None);
    assert_eq!(seen.at(Phase::Profiling), [0, 1_000, 10_000, 11_000, 20_000, 21_000]);
    let intended: Vec<_> = seen.released.iter().map(|(_, r, _)| r.intended.unwrap().0).collect();
    assert_eq!(intended, [0, 1_000, 2_000, 3_000, 4_000, 5_000]);
    assert_eq!((seen.requests(Phase::Profiling), seen.unsent), ((0..6).collect(), vec![]));
}

#[test]
fn what_a_cap_held_back_past_the_duration_is_unsent() {
    let load = load(r#"{"rate": 1000, "arrival": "constant", "duration": "8ms", "max_concurrency": 1}"#);
    let seen = run(lanes(&load, 1), |_| 3_500, None);
    assert_eq!(seen.at(Phase::Profiling), [0, 3_500, 7_000]);
    let unsent: Vec<_> = seen.unsent.iter().map(|u| (u.request, u.intended.unwrap().0)).collect();
    assert_eq!(unsent, [(3, 3_000), (4, 4_000), (5, 5_000), (6, 6_000), (7, 7_000)]);
    assert_eq!(seen.finished, [Micros(8_000)]);
}

#[test]
fn a_late_poll_still_sends_what_was_due_in_time() {
    // Nothing but the driver's own lateness held the last start back: it goes late, and is not lost.
    let load = load(r#"{"rate": 1000, "arrival": "constant", "duration": "3ms"}"#);
    let mut pacer = Pacer::new(&load, Seed(42), 0, 1);
    let mut released = 0;
    while let Next::Release(_) = pacer.poll(Micros(50_000)) {
        released += 1;
    }
    assert_eq!((released, pacer.unsent().len()), (3, 0));
}

/// Measured attempts as long as others, or far longer.
fn services() -> [fn(u64) -> i64; 2] {
    [|_| 1_000, |request| if phase_of(request).0 == Phase::Profiling { 500_000 } else { 1_000 }]
}

#[test]
fn a_cool_down_of_a_count_sends_exactly_that_many() {
    for json in [
        r#"{"rate": 1000, "requests": 4, "cooldown": 7}"#,
        r#"{"concurrency": 2, "requests": 4, "cooldown": 7}"#,
    ] {
        for (n, service) in [1, 2, 4].into_iter().flat_map(|n| services().map(|s| (n, s))) {
            let seen = run(lanes(&load(json), n), service, None);
            assert_eq!(seen.requests(Phase::Cooldown).len(), 7, "{json}, {n} lanes");
        }
    }
}

#[test]
fn a_cool_down_of_a_time_keeps_an_open_loops_arrivals_going_for_it() {
    for (json, ends) in [
        (r#"{"rate": 10, "arrival": "constant", "duration": "2s", "cooldown": "2s"}"#, 3_900_000),
        (r#"{"rate": 10, "arrival": "constant", "requests": 20, "cooldown": "2s"}"#, 3_900_000),
    ] {
        for (n, service) in [1, 3].into_iter().flat_map(|n| services().map(|s| (n, s))) {
            let seen = run(lanes(&load(json), n), service, None);
            let at = seen.at(Phase::Cooldown);
            assert_eq!((at.len(), at[0], at[19]), (20, 2_000_000, ends), "{json}, {n} lanes");
        }
    }
}

#[test]
fn a_cool_down_of_a_time_keeps_a_closed_loops_slots_full_for_it() {
    // Two rounds a slot; the last measured starts are at 1 ms.
    let load = load(r#"{"concurrency": 2, "requests": 4, "cooldown": "10ms"}"#);
    for n in [1, 2, 5] {
        let seen = run(lanes(&load, n), |_| 1_000, None);
        let wanted: Vec<i64> = (2..11).flat_map(|ms| [ms * 1_000; 2]).collect();
        assert_eq!(seen.at(Phase::Cooldown), wanted, "{n} lanes");
    }
}

#[test]
fn the_time_of_a_cool_down_counts_from_the_last_lanes_measured_part() {
    // Lane 0 is through at 1 ms, lane 1, whose requests are slow, at 100 ms; the load of lane 0 stays on.
    let load = load(r#"{"concurrency": 2, "requests": 4, "cooldown": "10ms"}"#);
    let slow =
        |request| if request % 2 == 1 && phase_of(request).0 == Phase::Profiling { 100_000 } else { 1_000 };
    let seen = run(lanes(&load, 2), slow, None);
    let lane0 = seen.released.iter().filter(|(_, r, lane)| *lane == 0 && r.phase == Phase::Cooldown);
    assert_eq!(lane0.map(|(at, ..)| at.0).max(), Some(109_000));
    // By a duration the measured part ends when that is over, though nothing could start then.
    let load = self::load(r#"{"concurrency": 1, "duration": "10ms", "cooldown": "5ms"}"#);
    assert_eq!(run(lanes(&load, 1), |_| 8_000, None).at(Phase::Profiling), [0, 8_000]);
    assert_eq!(run(lanes(&load, 1), |_| 7_000, None).at(Phase::Cooldown), [14_000]);
    assert!(run(lanes(&load, 1), |_| 8_000, None).at(Phase::Cooldown).is_empty());
}

#[test]
fn what_a_cap_holds_back_past_a_cool_downs_time_is_not_sent() {
    let json =
        r#"{"rate": 1000, "arrival": "constant", "requests": 2, "cooldown": "6ms", "max_concurrency": 1}"#;
    let seen = run(lanes(&load(json), 1), |_| 2_500, None);
    assert_eq!(seen.at(Phase::Cooldown), [5_000, 7_500]);
    assert_eq!(seen.unsent.iter().map(|u| phase_of(u.request).1).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(seen.finished, [Micros(8_000)]);
}

#[test]
fn a_stop_hands_over_what_was_due() {
    let load = load(r#"{"rate": 1000, "arrival": "constant", "requests": 100, "max_concurrency": 1}"#);
    let seen = run(lanes(&load, 1), |_| 5_000, Some(Micros(10_000)));
    assert_eq!(seen.at(Phase::Profiling), [0, 5_000]);
    assert_eq!(seen.unsent.len(), 9);
    let closed = LoadSpec::default().resolve().unwrap();
    let seen = run(lanes(&closed, 2), |_| 5_000, Some(Micros(10_000)));
    assert_eq!((seen.released.len(), seen.unsent.len()), (16, 0));
}

#[test]
fn a_burst_goes_at_once_and_queues_behind_a_cap() {
    let seen = run(lanes(&load(r#"{"burst": true, "requests": 50}"#), 3), |_| 1_000, None);
    assert!(seen.released.len() == 50 && seen.released.iter().all(|(at, ..)| *at == Micros::ZERO));
    let seen =
        run(lanes(&load(r#"{"burst": true, "requests": 50, "max_concurrency": 10}"#), 1), |_| 1_000, None);
    assert_eq!((seen.released.len(), seen.most_in_flight, seen.measured_end), (50, 10, Micros(5_000)));
}

#[test]
fn the_forecast_follows_what_really_happens() {
    let load = load(r#"{"concurrency": 1, "requests": 3, "warmup": "2ms", "cooldown": 1}"#);
    let mut pacer = Pacer::new(&load, Seed(1), 0, 1);
    assert_eq!(pacer.nth_request(50), Some(index_of(Phase::Warmup, 50)));
    assert_eq!(pacer.most_in_flight(), Some(1));
    let mut releases = Vec::new();
    for ms in 0..10 {
        if let Next::Release(release) = pacer.poll(Micros::from_millis(ms)) {
            releases.push(release.request);
            pacer.completed(release.request, Micros::from_millis(ms + 1), true);
        }
    }
    let warmup = [0, 1].map(|n| index_of(Phase::Warmup, n));
    assert_eq!(releases[..2], warmup);
    assert_eq!(releases[2..5], [0, 1, 2]);
    for (n, request) in releases.iter().enumerate() {
        assert_eq!(pacer.nth_request(n as u64), Some(*request));
    }
    assert_eq!(pacer.nth_request(releases.len() as u64), None);
}

#[derive(Clone, Debug)]
struct Case {
    load: Load,
    lanes: u32,
    service: i64,
    seed: u64,
}

fn phased() -> impl Strategy<Value = Option<Phased>> {
    prop_oneof![
        Just(None),
        (1..40_u64).prop_map(|n| Some(Phased::Requests(n))),
        (1..40_i64).prop_map(|ms| Some(Phased::For(Micros::from_millis(ms)))),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let arrivals = prop_oneof![
        (1..12_u32).prop_map(|n| format!(r#"{{"concurrency": {n}}}"#)),
        (1..3_000_u32).prop_map(|r| format!(r#"{{"rate": {r}}}"#)),
        (1..3_000_u32, 1..9_u32).prop_map(|(r, cap)| format!(
            r#"{{"rate": {r}, "arrival": "constant", "max_concurrency": {cap}}}"#
        )),
        (1..3_000_u32).prop_map(|r| format!(r#"{{"rate": {r}, "arrival": "gamma", "burstiness": 0.3}}"#)),
    ];
    let stop = prop_oneof![
        (1..80_u64).prop_map(|n| (Some(n), None)),
        (1..80_i64).prop_map(|ms| (None, Some(Micros::from_millis(ms)))),
        (1..80_u64, 1..80_i64).prop_map(|(n, ms)| (Some(n), Some(Micros::from_millis(ms)))),
    ];
    let ramp = prop_oneof![Just(0), 0..30_i64];
    (arrivals, stop, phased(), phased(), ramp, 1..7_u32, 1..20_000_i64, any::<u64>()).prop_map(
        |(json, (requests, duration), warmup, cooldown, ramp, lanes, service, seed)| {
            let load = load(&json);
            let streams = Streams { ramp: Micros::from_millis(ramp), ..load.streams.clone() };
            let load = Load { streams, requests, duration, warmup, cooldown, ..load };
            Case { load, lanes, service, seed }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn never_more_in_flight_than_asked_and_every_index_once(case in case()) {
        let pacers = lanes(&case.load, case.lanes);
        let bound: Option<u64> = pacers.iter().map(Pacer::most_in_flight).sum();
        let seen = run(pacers, random_service(case.seed, case.service), None);
        for most in [bound, case.load.most_in_flight()].into_iter().flatten() {
            prop_assert!(seen.most_in_flight <= most);
        }
        let all: Vec<u64> = seen.released.iter().map(|(_, r, _)| r.request)
            .chain(seen.unsent.iter().map(|u| u.request)).collect();
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        if case.load.duration.is_none() {
            let mut measured = seen.requests(Phase::Profiling);
            measured.sort_unstable();
            prop_assert_eq!(measured, (0..case.load.requests.unwrap()).collect::<Vec<_>>());
        }
        if let Some(Phased::Requests(n)) = case.load.warmup {
            prop_assert_eq!(seen.requests(Phase::Warmup).len() as u64, n);
        }
        if let Some(Phased::Requests(n)) = case.load.cooldown {
            prop_assert_eq!(seen.requests(Phase::Cooldown).len() as u64, n);
        }
        // Within a lane the phases do not interleave.
        for lane in 0..case.lanes as usize {
            prop_assert!(seen.released.iter().filter(|(.., l)| *l == lane).is_sorted_by_key(|(_, r, _)| r.phase));
        }
    }

    #[test]
    fn intended_starts_are_those_of_the_schedule_for_any_number_of_lanes(case in case()) {
        let Some(schedule) = Schedule::new(&case.load, Seed(42), &independent()) else { return Ok(()) };
        let wanted: BTreeMap<u64, Start> = schedule
            .take_while(|start| start.phase < Phase::Cooldown)
            .map(|start| (start.request(Numbering::Single), start))
            .collect();
        let seen = run(lanes(&case.load, case.lanes), random_service(case.seed, case.service), None);
        let made: BTreeMap<u64, Micros> = seen.released.iter().map(|(_, r, _)| *r)
            .chain(seen.unsent.iter().copied())
            .filter(|r| r.phase < Phase::Cooldown)
            .map(|r| (r.request, r.intended.unwrap()))
            .collect();
        // Conservation: every start of the schedule was released or handed over as unsent, at its own time.
        prop_assert_eq!(made, wanted.iter().map(|(i, s)| (*i, s.at)).collect());
        if case.load.cap.is_none() {
            prop_assert!(seen.unsent.is_empty());
            prop_assert!(seen.released.iter().all(|(at, r, _)| r.intended == Some(*at)));
        }
    }

    #[test]
    fn where_counts_end_phases_the_forecast_is_exact(case in case()) {
        let counted = |extent: Option<Phased>| !matches!(extent, Some(Phased::For(_)));
        let open = case.load.is_open();
        let phases = (counted(case.load.warmup) || open) && counted(case.load.cooldown);
        if case.load.duration.is_some() || !phases {
            return Ok(());
        }
        let pacers = lanes(&case.load, case.lanes);
        let said: Vec<Vec<u64>> = pacers.iter().map(|p| (0..).map_while(|n| p.nth_request(n)).collect()).collect();
        let seen = run(pacers, random_service(case.seed, case.service), None);
        for (lane, said) in said.into_iter().enumerate() {
            let made: Vec<u64> =
                seen.released.iter().filter(|(.., l)| *l == lane).map(|(_, r, _)| r.request).collect();
            prop_assert_eq!(made, said);
        }
    }

    #[test]
    fn a_stop_leaves_nothing_out(case in case(), at in 0..60_000_i64) {
        let seen = run(lanes(&case.load, case.lanes), random_service(case.seed, case.service), Some(Micros(at)));
        let Some(schedule) = Schedule::new(&case.load, Seed(42), &independent()) else {
            prop_assert!(seen.unsent.is_empty());
            return Ok(());
        };
        // The stop came with the first event at or after `at`; up to there every start was released or handed over.
        let known: BTreeSet<u64> = seen.released.iter().map(|(_, r, _)| r.request)
            .chain(seen.unsent.iter().map(|u| u.request)).collect();
        let due = schedule.take_while(|s| s.phase < Phase::Cooldown && s.at.0 < at).map(|s| s.request(Numbering::Single));
        for request in due {
            prop_assert!(known.contains(&request), "request {request}");
        }
    }
}
