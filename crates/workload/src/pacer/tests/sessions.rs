//! Sessions: in closed and open loops, and as a trace has them.

use super::*;

/// Sessions of three turns, 5 ms apart, of which a trace (if it is one) has one a millisecond.
#[derive(Debug)]
pub(super) struct Threes {
    pub(super) timed: bool,
    pub(super) history: bool,
}

impl Course for Threes {
    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }

    fn turns(&self, _request: u64) -> u32 {
        3
    }

    fn delay(&self, _request: u64) -> Micros {
        Micros(5_000)
    }

    fn at(&self, request: u64) -> Option<Micros> {
        let address = self.numbering().address(request);
        (self.timed && address.turn == 0).then(|| Micros(address.item as i64 * 1_000))
    }

    fn timed_items(&self) -> Option<u64> {
        self.timed.then_some(4)
    }

    fn keeps_history(&self) -> bool {
        self.history
    }
}

pub(super) fn turns_of(seen: &Seen) -> Vec<(i64, u64, u32)> {
    let of = |(at, release, _): &(Micros, Release, usize)| {
        let address = Numbering::Turns.address(release.request);
        (at.0, address.item, address.turn)
    };
    seen.released.iter().map(of).collect()
}

pub(super) fn sessions(json: &str, course: Threes, n: u32) -> Vec<Pacer> {
    let course: Arc<dyn Course> = Arc::new(course);
    Pacer::lanes(&load(json), Seed(42), n, &course)
}

#[test]
fn a_closed_loop_holds_its_slot_through_a_session() {
    let pacers = sessions(r#"{"concurrency": 2, "sessions": 3}"#, Threes { timed: false, history: true }, 1);
    let seen = run(pacers, |_| 1_000, None);
    let want = [
        (0, 0, 0),
        (0, 1, 0),
        (6_000, 0, 1),
        (6_000, 1, 1),
        (12_000, 0, 2),
        (12_000, 1, 2),
        (13_000, 2, 0),
        (19_000, 2, 1),
        (25_000, 2, 2),
    ];
    assert_eq!(turns_of(&seen), want);
}

#[test]
fn requests_end_a_closed_loop_in_the_middle_of_a_session() {
    for lanes in [1, 2] {
        let course = Threes { timed: false, history: true };
        let pacers = sessions(r#"{"concurrency": 2, "requests": 5, "warmup": 2}"#, course, lanes);
        let seen = run(pacers, |_| 1_000, None);
        assert_eq!((seen.requests(Phase::Warmup).len(), seen.requests(Phase::Profiling).len()), (2, 5));
    }
}

#[test]
fn a_traces_sessions_start_by_its_times_and_go_on_by_their_delays() {
    let json = r#"{"arrival": "trace", "replay": {"speed": 2}}"#;
    let seen = run(sessions(json, Threes { timed: true, history: false }, 1), |_| 1_000, None);
    let firsts: Vec<_> = turns_of(&seen).into_iter().filter(|(.., turn)| *turn == 0).collect();
    assert_eq!(firsts, [(0, 0, 0), (500, 1, 0), (1_000, 2, 0), (1_500, 3, 0)]);
    // Delays are times of the trace too: 5 ms become 2.5 ms.
    let first: Vec<_> = turns_of(&seen).into_iter().filter(|(_, item, _)| *item == 0).collect();
    assert_eq!(first, [(0, 0, 0), (3_500, 0, 1), (7_000, 0, 2)]);
    assert!(seen.released.iter().all(|(at, r, _)| r.intended == Some(*at)));
    assert_eq!(seen.released.len(), 12);
}

#[test]
fn a_failed_turn_ends_a_session_that_says_it_again() {
    for (history, released, broken) in [(true, 1, 1), (false, 3, 0)] {
        let course: Arc<dyn Course> = Arc::new(Threes { timed: false, history });
        let load = load(r#"{"concurrency": 1, "sessions": 1}"#);
        let mut pacer = Pacer::alone(&load, Seed(1), &course);
        let (mut now, mut n) = (Micros::ZERO, 0);
        loop {
            match pacer.poll(now) {
                Next::Release(release) => {
                    n += 1;
                    now += Micros(10);
                    pacer.completed(release.request, now, false);
                }
                Next::Wait { until } => now = until.unwrap(),
                Next::Finished => break,
            }
        }
        assert_eq!((n, pacer.broken_sessions()), (released, broken));
    }
}

#[test]
fn what_is_in_flight_at_the_end_of_a_duration_does_not_hold_up_the_end() {
    // Both sessions have turns to come when the 8 ms are over, one of them in flight: nothing more goes, and the lane says so.
    let json = r#"{"rate": 1000, "arrival": "constant", "duration": "8ms", "sessions": 2}"#;
    let slow = |request| if request == 1 { 1_000_000 } else { 1_000 };
    let seen = run(sessions(json, Threes { timed: false, history: true }, 1), slow, None);
    assert_eq!(turns_of(&seen), [(0, 0, 0), (1_000, 1, 0), (6_000, 0, 1), (7_000, 1, 1)]);
    assert_eq!((seen.finished, seen.unsent), (vec![Micros(8_000)], vec![]));
}

#[test]
fn turns_that_a_cap_held_back_past_the_duration_are_unsent() {
    // Session 1 starts when session 0's first turn is through, at 3 ms, and its second turn is due at 11 ms; session 0's, due at
    // 8 ms, takes the only place until 16 ms.
    let json =
        r#"{"rate": 1000, "arrival": "constant", "duration": "12ms", "sessions": 2, "max_concurrency": 1}"#;
    let service = |request| if request == 1 { 8_000 } else { 3_000 };
    let seen = run(sessions(json, Threes { timed: false, history: true }, 1), service, None);
    assert_eq!(turns_of(&seen), [(0, 0, 0), (3_000, 1, 0), (8_000, 0, 1)]);
    let unsent: Vec<_> = seen.unsent.iter().map(|u| (u.request, u.intended.unwrap().0)).collect();
    assert_eq!((unsent, seen.finished), (vec![(4_097, 11_000)], vec![Micros(12_000)]));
}

#[test]
fn a_stop_hands_over_no_more_turns_than_the_run_had_left() {
    for lanes in [1, 3] {
        let json = r#"{"rate": 1000, "arrival": "constant", "requests": 6, "max_concurrency": 3}"#;
        let pacers = sessions(json, Threes { timed: false, history: true }, lanes);
        let seen = run(pacers, |_| 1_000_000, Some(Micros(20_000)));
        assert_eq!((seen.released.len(), seen.unsent.len()), (3, 3), "{lanes} lanes");
    }
}

#[test]
fn a_burst_of_sessions_starts_them_all_at_once_and_each_goes_on() {
    let json = r#"{"burst": true, "sessions": 100}"#;
    let seen = run(sessions(json, Threes { timed: false, history: true }, 2), |_| 1_000, None);
    assert_eq!(seen.released.len(), 300);
    assert_eq!(seen.at(Phase::Profiling)[..100], [0; 100]);
}

/// A trace of two sessions: requests at 0 and 60 ms, and at 1 and 70 ms.
#[derive(Debug)]
struct Pairs;

impl Course for Pairs {
    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }

    fn turns(&self, _request: u64) -> u32 {
        2
    }

    fn at(&self, request: u64) -> Option<Micros> {
        let address = self.numbering().address(request);
        Some(Micros([[0, 60_000], [1_000, 70_000]][address.item as usize][address.turn as usize]))
    }

    fn timed_items(&self) -> Option<u64> {
        Some(2)
    }
}

#[test]
fn idle_gaps_are_cut_for_later_turns_too() {
    let course: Arc<dyn Course> = Arc::new(Pairs);
    let at = |json: &str, service: i64| {
        let seen = run(Pacer::lanes(&load(json), Seed(1), 2, &course), move |_| service, None);
        seen.at(Phase::Profiling)
    };
    assert_eq!(at(r#"{"arrival": "trace"}"#, 500), [0, 1_000, 60_000, 70_000]);
    // 59 ms between the second and the third start become 5, the 10 after it as well.
    assert_eq!(at(r#"{"arrival": "trace", "replay": {"idle_cap": "5ms"}}"#, 500), [0, 1_000, 6_000, 11_000]);
    let both = r#"{"arrival": "trace", "replay": {"idle_cap": "5ms", "speed": 2}}"#;
    assert_eq!(at(both, 500), [0, 500, 3_000, 5_500]);
    // A turn waits for the one before it.
    assert_eq!(at(both, 4_000), [0, 500, 4_000, 5_500]);
}

/// Sessions of one to four turns with delays up to 7 ms, all drawn from the request; with times, one every 3 ms or sooner, and every
/// other session has times for its later turns too.
#[derive(Clone, Debug)]
pub(super) struct Varied {
    pub(super) timed: bool,
    pub(super) history: bool,
}

/// A number below `most` that only `n` decides.
pub(super) fn drawn(name: &str, n: u64, most: u64) -> u64 {
    Seed(5).stream(name, n).below(most)
}

impl Course for Varied {
    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }

    fn turns(&self, request: u64) -> u32 {
        let address = self.numbering().address(request);
        1 + drawn("turns", self.numbering().index(address.phase, address.item, 0), 4) as u32
    }

    fn delay(&self, request: u64) -> Micros {
        Micros(drawn("delay", request, 7_000) as i64)
    }

    fn at(&self, request: u64) -> Option<Micros> {
        let address = self.numbering().address(request);
        let first = address.item as i64 * 3_000 - drawn("early", address.item, 3_000) as i64;
        let own = address.turn == 0 || address.item.is_multiple_of(2);
        (self.timed && own).then(|| Micros(first.max(0) + i64::from(address.turn) * 4_000))
    }

    fn timed_items(&self) -> Option<u64> {
        self.timed.then_some(30)
    }

    fn keeps_history(&self) -> bool {
        self.history
    }
}

#[derive(Clone, Debug)]
struct Talk {
    load: Load,
    course: Varied,
    lanes: u32,
    service: u64,
    failing: bool,
}

impl Talk {
    fn pacers(&self, lanes: u32) -> Vec<Pacer> {
        let course: Arc<dyn Course> = Arc::new(self.course.clone());
        Pacer::lanes(&self.load, Seed(42), lanes, &course)
    }

    /// Service and fate are the request's own, whatever the order.
    fn run(&self, lanes: u32, stop: Option<Micros>) -> Seen {
        let service = |request| 1 + drawn("service", request, self.service) as i64;
        run_with(self.pacers(lanes), service, |request| !self.fails(request), stop)
    }

    fn fails(&self, request: u64) -> bool {
        self.failing && drawn("fate", request, 5) == 0
    }

    fn ends_by_sessions_alone(&self) -> bool {
        self.load.requests.is_none() && self.load.duration.is_none()
    }
}

fn talk() -> impl Strategy<Value = Talk> {
    let arrivals = prop_oneof![
        (1..9_u32).prop_map(|n| format!(r#"{{"concurrency": {n}}}"#)),
        (1..2_000_u32).prop_map(|r| format!(r#"{{"rate": {r}}}"#)),
        (1..2_000_u32, 1..9_u32).prop_map(|(r, cap)| format!(r#"{{"rate": {r}, "max_concurrency": {cap}}}"#)),
        (1..9_u32).prop_map(|r| format!(
            r#"{{"rate": {r}00, "arrival": "constant", "on_off": {{"on": "3ms", "off": "11ms"}}}}"#
        )),
    ];
    let ends =
        (proptest::option::of(1..60_u64), proptest::option::of(1..40_u64), proptest::option::of(1..80_i64))
            .prop_filter("something ends the run", |(r, s, d)| r.is_some() || s.is_some() || d.is_some());
    let kind = (any::<bool>(), any::<bool>());
    (arrivals, ends, phased(), phased(), kind, 1..7_u32, 1..20_000_u64).prop_map(
        |(json, (requests, sessions, duration), warmup, cooldown, (history, failing), lanes, service)| {
            let duration = duration.map(Micros::from_millis);
            let load = Load { requests, sessions, duration, warmup, cooldown, ..load(&json) };
            Talk { load, course: Varied { timed: false, history }, lanes, service, failing }
        },
    )
}

fn replay() -> impl Strategy<Value = Talk> {
    let cap = prop_oneof![Just(String::new()), Just(r#", "idle_cap": "2ms""#.to_owned())];
    let ends = (proptest::option::of(1..60_u64), proptest::option::of(1..80_i64));
    (cap, ends, 1..5_u32, proptest::option::of(1..9_u32), any::<bool>(), 1..7_u32, 1..20_000_u64).prop_map(
        |(idle, (requests, duration), speed, cap, history, lanes, service)| {
            let json = format!(r#"{{"arrival": "trace", "replay": {{"speed": {speed}{idle}}}}}"#);
            let load = Load { requests, duration: duration.map(Micros::from_millis), cap, ..load(&json) };
            Talk { load, course: Varied { timed: true, history }, lanes, service, failing: false }
        },
    )
}

/// What holds of every run of sessions.
fn check(talk: &Talk, seen: &Seen) -> Result<(), TestCaseError> {
    let released: BTreeMap<u64, Micros> = seen.released.iter().map(|(at, r, _)| (r.request, *at)).collect();
    let unsent: BTreeSet<u64> = seen.unsent.iter().map(|u| u.request).collect();
    prop_assert_eq!(released.len() + unsent.len(), seen.released.len() + seen.unsent.len());
    prop_assert!(unsent.iter().all(|request| !released.contains_key(request)));
    let bound = talk.load.most_in_flight();
    prop_assert!(bound.is_none_or(|most| seen.most_in_flight <= most), "{} in flight", seen.most_in_flight);
    for (request, at) in &released {
        let address = Numbering::Turns.address(*request);
        if address.turn > 0 {
            // After the turn before it, its service and the delay; and after no failed one, where it would say that again.
            let before = released.get(&(request - 1));
            prop_assert!(before.is_some(), "turn {request} without the one before it");
            let ended = *before.unwrap() + Micros(1 + drawn("service", request - 1, talk.service) as i64);
            let speed = if let Arrival::Trace(trace) = talk.load.arrival { trace.speed } else { 1.0 };
            let delay = Micros::from_secs_f64(talk.course.delay(*request).as_secs_f64() / speed);
            prop_assert!(*at >= ended + delay, "turn {request} too early");
            prop_assert!(
                !(talk.course.history && talk.fails(request - 1)),
                "turn {request} after a failed one"
            );
        }
        let goes_on =
            address.turn + 1 < talk.course.turns(*request) && !(talk.course.history && talk.fails(*request));
        if goes_on && address.phase == Phase::Profiling && talk.ends_by_sessions_alone() {
            prop_assert!(released.contains_key(&(request + 1)), "turn {} was lost", request + 1);
        }
    }
    let measured = seen.requests(Phase::Profiling).len() as u64;
    prop_assert!(talk.load.requests.is_none_or(|most| measured <= most));
    if talk.load.requests.is_some()
        && talk.load.sessions.is_none()
        && talk.load.duration.is_none()
        && !talk.course.timed
    {
        prop_assert_eq!(Some(measured), talk.load.requests);
    }
    for (phase, extent) in [(Phase::Warmup, talk.load.warmup), (Phase::Cooldown, talk.load.cooldown)] {
        if let Some(Phased::Requests(n)) = extent {
            let got = seen.requests(phase).len() as u64;
            // A lane may be through with the measured part, and so with all, before... a count is never exceeded.
            prop_assert!(got <= n, "{got} of {n} in {phase:?}");
        }
    }
    let started: BTreeSet<u64> = released
        .keys()
        .map(|r| Numbering::Turns.address(*r))
        .filter(|a| a.phase == Phase::Profiling)
        .map(|a| a.item)
        .collect();
    prop_assert!(talk.load.sessions.is_none_or(|most| started.len() as u64 <= most));
    if let Some(sessions) = talk.load.sessions.filter(|_| talk.ends_by_sessions_alone()) {
        prop_assert_eq!(started, (0..sessions).collect());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_turn_of_a_started_session_goes_once_and_in_its_order(talk in prop_oneof![talk(), replay()]) {
        let seen = talk.run(talk.lanes, None);
        check(&talk, &seen)?;
        if talk.course.timed && talk.load.requests.is_none() && talk.load.duration.is_none() {
            let all: u64 = (0..30).map(|item| u64::from(talk.course.turns(item << 12))).sum();
            prop_assert_eq!(seen.released.len() as u64, all);
        }
    }

    #[test]
    fn a_stop_in_the_middle_of_sessions_loses_nothing_and_invents_nothing(talk in prop_oneof![talk(), replay()], at in 0..60_000_i64) {
        let seen = talk.run(talk.lanes, Some(Micros(at)));
        let all: Vec<u64> = seen.released.iter().map(|(_, r, _)| r.request)
            .chain(seen.unsent.iter().map(|u| u.request)).collect();
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        let measured = all.iter().filter(|r| Numbering::Turns.address(**r).phase == Phase::Profiling).count() as u64;
        prop_assert!(talk.load.requests.is_none_or(|most| measured <= most));
    }

    #[test]
    fn without_quotas_and_caps_an_open_loop_of_sessions_is_the_same_for_any_number_of_lanes(talk in prop_oneof![talk(), replay()]) {
        let counted = |extent: Option<Phased>| matches!(extent, Some(Phased::Requests(_)));
        if !talk.load.is_open() || talk.load.cap.is_some() || talk.load.requests.is_some()
            || counted(talk.load.warmup) || counted(talk.load.cooldown) {
            return Ok(());
        }
        let of = |lanes| -> BTreeSet<(Micros, u64)> {
            talk.run(lanes, None).released.iter().map(|(at, r, _)| (*at, r.request)).collect()
        };
        prop_assert_eq!(of(1), of(talk.lanes));
    }

    #[test]
    fn where_sessions_alone_end_a_run_every_number_of_lanes_says_the_same(talk in talk()) {
        if !talk.ends_by_sessions_alone() || talk.load.warmup.is_some() || talk.load.cooldown.is_some() {
            return Ok(());
        }
        let of = |lanes| -> BTreeSet<u64> { talk.run(lanes, None).released.iter().map(|(_, r, _)| r.request).collect() };
        prop_assert_eq!(of(1), of(talk.lanes));
        // First turns come as they were foretold.
        let pacers = talk.pacers(talk.lanes);
        let said: Vec<Vec<u64>> = pacers.iter().map(|p| (0..).map_while(|n| p.nth_request(n)).collect()).collect();
        let seen = talk.run(talk.lanes, None);
        for (lane, said) in said.into_iter().enumerate() {
            let made: Vec<u64> = seen.released.iter().filter(|(_, _, l)| *l == lane).map(|(_, r, _)| r.request)
                .filter(|request| Numbering::Turns.address(*request).turn == 0).collect();
            prop_assert_eq!(made, said);
        }
    }
}
