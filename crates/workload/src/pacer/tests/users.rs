//! Users who come round at equal gaps.

use super::sessions::{Varied, drawn};
use super::*;

fn intended(seen: &Seen) -> Vec<(u64, i64, i64)> {
    seen.released.iter().map(|(at, r, _)| (r.request, r.intended.unwrap().0, at.0)).collect()
}

#[test]
fn each_user_comes_round_at_equal_gaps_and_waits_for_the_last_reply() {
    // Three users, a turn a millisecond: user 1's first request takes 8 ms, so the turns they wanted at 4 and 7 ms go at 9 and 10.
    let load = load(r#"{"rate": 1000, "users": 3, "requests": 12}"#);
    let seen = run(lanes(&load, 1), |request| if request == 1 { 8_000 } else { 1_000 }, None);
    let want = [
        (0, 0, 0),
        (1, 1_000, 1_000),
        (2, 2_000, 2_000),
        (3, 3_000, 3_000),
        (5, 5_000, 5_000),
        (6, 6_000, 6_000),
        (8, 8_000, 8_000),
        (9, 9_000, 9_000),
        (4, 4_000, 9_000),
        (7, 7_000, 10_000),
        (11, 11_000, 11_000),
        (10, 10_000, 11_000),
    ];
    assert_eq!(intended(&seen), want);
    assert_eq!((seen.unsent, seen.finished), (vec![], vec![Micros(11_000)]));
    assert_eq!(load.describe(), "3 users, 1000 req/s");
    assert_eq!((load.most_in_flight(), load.starts(), load.gap_cv()), (Some(3), Some(12), Some(0.0)));
}

#[test]
fn phases_are_ranges_of_turns() {
    let load = load(r#"{"rate": 1000, "users": 2, "duration": "4ms", "warmup": 3, "cooldown": "2ms"}"#);
    for n in [1, 2, 3] {
        let seen = run(lanes(&load, n), |_| 500, None);
        assert_eq!(seen.at(Phase::Warmup), [0, 1_000, 2_000]);
        assert_eq!(seen.at(Phase::Profiling), [3_000, 4_000, 5_000, 6_000]);
        assert_eq!(
            (seen.requests(Phase::Profiling), seen.at(Phase::Cooldown)),
            (vec![0, 1, 2, 3], vec![7_000, 8_000])
        );
    }
    let realised = Schedule::realised(&load, Seed(1), &independent()).unwrap();
    assert_eq!((realised.starts, realised.from, realised.to), (4, Micros(3_000), Micros(7_000)));
}

#[test]
fn what_a_user_could_not_say_in_time_is_unsent() {
    // User 0 is held up by the first request until 20 ms: of the turns at 0, 2, 4, 6 and 8 ms four are lost, and of the cool-down's,
    // at 10 and 12 ms, both. User 1 says everything.
    let load = load(r#"{"rate": 1000, "users": 2, "duration": "10ms", "cooldown": "4ms"}"#);
    for n in [1, 2] {
        let seen = run(lanes(&load, n), |request| if request == 0 { 20_000 } else { 100 }, None);
        assert_eq!(seen.at(Phase::Profiling), [0, 1_000, 3_000, 5_000, 7_000, 9_000], "{n} lanes");
        assert_eq!(seen.at(Phase::Cooldown), [11_000, 13_000]);
        let unsent: Vec<_> = seen.unsent.iter().map(|u| u.intended.unwrap().0).collect();
        assert_eq!(unsent, [2_000, 4_000, 6_000, 8_000, 10_000, 12_000], "{n} lanes");
        assert_eq!(seen.finished[0], Micros(14_000), "{n} lanes");
    }
}

#[test]
fn a_late_poll_still_sends_a_users_turn_that_was_due_in_time() {
    let load = load(r#"{"rate": 1000, "users": 3, "duration": "3ms"}"#);
    let mut pacer = Pacer::new(&load, Seed(42), 0, 1);
    let mut released = 0;
    while let Next::Release(_) = pacer.poll(Micros(50_000)) {
        released += 1;
    }
    assert_eq!((released, pacer.unsent().len()), (3, 0));
}

#[test]
fn users_say_sessions_one_after_another() {
    // Sessions of three turns: user 0 says 0, 2, 4, …, user 1 says 1, 3, 5, …; a turn waits 5 ms after the one before it, and a gap
    // of a user is 8 ms.
    let course: Arc<dyn Course> = Arc::new(sessions::Threes { timed: false, history: true });
    let load = load(r#"{"rate": 250, "users": 2, "sessions": 3}"#);
    for n in [1, 2] {
        let seen = run(Pacer::lanes(&load, Seed(1), n, &course), |_| 1_000, None);
        let said: Vec<_> = sessions::turns_of(&seen);
        let of = |user: u64| said.iter().filter(|(_, item, _)| item % 2 == user).copied().collect::<Vec<_>>();
        assert_eq!(of(0), (0..6).map(|k| (k * 8_000, k as u64 / 3 * 2, k as u32 % 3)).collect::<Vec<_>>());
        assert_eq!(of(1), (0..3).map(|k| (4_000 + k * 8_000, 1, k as u32)).collect::<Vec<_>>());
    }
}

#[test]
fn a_failed_turn_takes_its_user_to_the_next_session() {
    let course: Arc<dyn Course> = Arc::new(sessions::Threes { timed: false, history: true });
    let load = load(r#"{"rate": 100, "users": 1, "requests": 5}"#);
    let mut pacers = Pacer::lanes(&load, Seed(1), 1, &course);
    let (mut said, mut now) = (Vec::new(), Micros::ZERO);
    loop {
        match pacers[0].poll(now) {
            Next::Release(release) => {
                let address = Numbering::Turns.address(release.request);
                said.push((address.item, address.turn));
                let well = address.turn < 1;
                let waits = pacers[0].completed(release.request, now + Micros(1), well);
                assert_eq!(waits, well && said.len() < 5, "{said:?}");
            }
            Next::Wait { until } => now = until.unwrap(),
            Next::Finished => break,
        }
    }
    assert_eq!(said, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]);
    assert_eq!(pacers[0].broken_sessions(), 2);
}

#[derive(Clone, Debug)]
struct Crowd {
    load: Load,
    users: u64,
    rate: f64,
    service: u64,
    talks: Option<bool>,
    lanes: u32,
}

impl Crowd {
    fn pacers(&self, lanes: u32) -> Vec<Pacer> {
        let course: Arc<dyn Course> = match self.talks {
            None => independent(),
            Some(history) => Arc::new(Varied { timed: false, history }),
        };
        Pacer::lanes(&self.load, Seed(42), lanes, &course)
    }

    fn takes(&self, request: u64) -> i64 {
        1 + drawn("service", request, self.service) as i64
    }

    fn run(&self, lanes: u32, stop: Option<Micros>) -> Seen {
        let well = |request| drawn("fate", request, 6) > 0;
        run_with(self.pacers(lanes), |request| self.takes(request), well, stop)
    }
}

fn crowd() -> impl Strategy<Value = Crowd> {
    let stop = prop_oneof![
        (1..80_u64).prop_map(|n| (Some(n), None)),
        (1..80_i64).prop_map(|ms| (None, Some(Micros::from_millis(ms)))),
        (1..80_u64, 1..80_i64).prop_map(|(n, ms)| (Some(n), Some(Micros::from_millis(ms)))),
    ];
    (
        1..12_u32,
        1..30_u32,
        stop,
        phased(),
        phased(),
        1..20_000_u64,
        proptest::option::of(any::<bool>()),
        1..7_u32,
    )
        .prop_map(|(users, rate, (requests, duration), warmup, cooldown, service, talks, lanes)| {
            let rate = f64::from(rate) * 100.0 / 7.0;
            let load = load(&format!(r#"{{"rate": {rate}, "users": {users}}}"#));
            let load = Load { requests, duration, warmup, cooldown, ..load };
            Crowd { load, users: u64::from(users), rate, service, talks, lanes }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_turn_wanted_goes_once_or_is_handed_over(crowd in crowd()) {
        let seen = crowd.run(crowd.lanes, None);
        // Turn m is wanted at m/rate, phase by phase without a gap.
        let mut wanted: Vec<(Micros, Phase)> = seen.released.iter().map(|(_, r, _)| *r).chain(seen.unsent.iter().copied())
            .map(|r| (r.intended.unwrap(), r.phase)).collect();
        wanted.sort_unstable();
        for (m, (at, _)) in wanted.iter().enumerate() {
            prop_assert_eq!(*at, Micros::from_secs_f64(m as f64 / crowd.rate));
        }
        prop_assert!(wanted.is_sorted_by_key(|(_, phase)| *phase));
        let all: BTreeSet<u64> = seen.released.iter().map(|(_, r, _)| r.request).collect();
        prop_assert_eq!(all.len(), seen.released.len());
        let count = |phase: Phase| wanted.iter().filter(|(_, p)| *p == phase).count() as u64;
        for (phase, extent) in [(Phase::Warmup, crowd.load.warmup), (Phase::Cooldown, crowd.load.cooldown)] {
            match extent {
                None => prop_assert_eq!(count(phase), 0),
                Some(Phased::Requests(n)) => prop_assert_eq!(count(phase), n),
                Some(Phased::For(_)) => {}
            }
        }
        match (crowd.load.requests, crowd.load.duration) {
            (Some(n), None) => prop_assert_eq!(count(Phase::Profiling), n),
            (n, Some(length)) => {
                // As many as the rate gives in that time, give or take one at each end.
                let by_time = (length.as_secs_f64() * crowd.rate) as u64;
                let n = n.unwrap_or(u64::MAX);
                let (least, most) = (n.min(by_time.saturating_sub(1)), n.min(by_time + 1));
                prop_assert!((least..=most).contains(&count(Phase::Profiling)));
            }
            (None, None) => unreachable!(),
        }
        let nothing_is_cut = crowd.load.duration.is_none() && !matches!(crowd.load.cooldown, Some(Phased::For(_)));
        prop_assert!(!nothing_is_cut || seen.unsent.is_empty());
        prop_assert!(seen.most_in_flight <= crowd.users);
    }

    #[test]
    fn a_user_is_served_one_turn_at_a_time_and_goes_as_soon_as_may_be(crowd in crowd()) {
        let seen = crowd.run(crowd.lanes, None);
        let mut free: BTreeMap<u64, Micros> = BTreeMap::new();
        let mut turns: Vec<(u64, Micros, Release)> = seen.released.iter().map(|(at, r, _)| {
            let m = (r.intended.unwrap().as_secs_f64() * crowd.rate).round() as u64;
            (m, *at, *r)
        }).collect();
        turns.sort_by_key(|(m, ..)| *m);
        for (m, at, release) in turns {
            let address = Numbering::Turns.address(release.request);
            let after = free.get(&(m % crowd.users)).copied().unwrap_or(Micros::ZERO);
            let later = crowd.talks.is_some() && address.turn > 0;
            let delay = if later { Varied { timed: false, history: true }.delay(release.request) } else { Micros::ZERO };
            let earliest = release.intended.unwrap().max(after + delay);
            // A user whose last turns were cut off comes back when the next phase's first is wanted.
            prop_assert!(at >= release.intended.unwrap().max(after));
            prop_assert!(at <= earliest, "turn {m} at {at} and not at {earliest}");
            free.insert(m % crowd.users, at + Micros(crowd.takes(release.request)));
        }
    }

    #[test]
    fn users_do_the_same_in_any_number_of_lanes(crowd in crowd(), stop in proptest::option::of(0..60_000_i64)) {
        let of = |lanes| {
            let seen = crowd.run(lanes, None);
            let released: BTreeSet<(Micros, u64, Option<Micros>)> =
                seen.released.iter().map(|(at, r, _)| (*at, r.request, r.intended)).collect();
            let unsent: BTreeSet<(u64, Option<Micros>)> = seen.unsent.iter().map(|u| (u.request, u.intended)).collect();
            (released, unsent)
        };
        prop_assert_eq!(of(1), of(crowd.lanes));
        // After a stop, too, nothing goes twice.
        let stopped = crowd.run(crowd.lanes, stop.map(Micros));
        let all: Vec<(u64, Phase)> = stopped.released.iter().map(|(_, r, _)| *r).chain(stopped.unsent.iter().copied())
            .map(|r| (r.request, r.phase)).collect();
        prop_assert_eq!(all.iter().map(|(r, _)| r).collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn users_who_keep_up_come_as_foretold(crowd in crowd()) {
        let timed = |extent: Option<Phased>| matches!(extent, Some(Phased::For(_)));
        if crowd.talks.is_some() || timed(crowd.load.cooldown) {
            return Ok(());
        }
        let crowd = Crowd { service: 1, ..crowd };
        let pacers = crowd.pacers(crowd.lanes);
        let said: Vec<Vec<u64>> = pacers.iter().map(|p| (0..).map_while(|n| p.nth_request(n)).collect()).collect();
        let starts: Vec<Option<u64>> = pacers.iter().map(Pacer::most_in_flight).collect();
        let seen = crowd.run(crowd.lanes, None);
        for (lane, said) in said.into_iter().enumerate() {
            let made: Vec<u64> = seen.released.iter().filter(|(.., l)| *l == lane).map(|(_, r, _)| r.request).collect();
            prop_assert!(starts[lane].unwrap() <= made.len() as u64);
            prop_assert_eq!(made, said);
        }
    }
}
