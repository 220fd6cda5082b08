use proptest::prelude::*;

use super::*;

/// A link of `gb_s`, on which a block of a million bytes alone takes 1 ms at 1 GB/s.
fn link(gb_s: Option<f64>, latency_us: i64, transfers: u32, batch: u32) -> Link<u32> {
    let params = TierParams {
        blocks: 1,
        read_gb_s: gb_s,
        write_gb_s: None,
        latency: Micros(latency_us),
        transfers,
        batch,
    };
    Link::reading(&params, 1_000_000)
}

const fn us(us: i64) -> Ns {
    Ns(us * 1_000)
}

/// Pushes blocks at their moments, as a driver would that looks in between every `every` microseconds, and says which batch
/// arrived when.
fn play(link: &mut Link<u32>, pushes: &[(i64, &[u32])], every: Option<i64>) -> Vec<(i64, Vec<u32>)> {
    let mut arrived = Vec::new();
    let mut to = |link: &mut Link<u32>, to: Ns| {
        while let Some(at) = link.next_arrival().filter(|at| *at <= to) {
            let jobs = link.arrive(at).unwrap();
            arrived.push((at.0, jobs));
            while link.may_start() {
                link.start(at, |_| true);
            }
        }
    };
    let mut last = 0;
    for (at, jobs) in pushes {
        if let Some(every) = every {
            (last..*at).step_by(every as usize).for_each(|look| to(link, us(look)));
        }
        last = *at;
        to(link, us(*at));
        jobs.iter().for_each(|job| {
            link.push(0, *job);
        });
        while link.may_start() {
            link.start(us(*at), |_| true);
        }
    }
    to(link, Ns(i64::MAX));
    arrived
}

#[test]
fn one_block_takes_its_bytes_through_the_bandwidth() {
    assert_eq!(play(&mut link(Some(1.0), 0, 4, 16), &[(5, &[1])], None), [(1_005_000, vec![1])]);
    // 32 GB/s: 31.25 µs.
    assert_eq!(play(&mut link(Some(32.0), 0, 4, 16), &[(0, &[1])], None), [(31_250, vec![1])]);
    assert_eq!(play(&mut link(None, 100, 4, 16), &[(0, &[1])], None), [(100_000, vec![1])]);
    assert_eq!(play(&mut link(None, 0, 1, 1), &[(3, &[1, 2])], None), [(3_000, vec![1]), (3_000, vec![2])]);
}

/// 1 leaves at 0 and has half of its way behind it at 500 µs, when 2 leaves. Each at half the speed: 1 arrives at 1,500 µs, when 2
/// has half of its way behind it; alone, it arrives at 2,000 µs.
#[test]
fn batches_on_their_way_share_the_bandwidth() {
    let arrived = play(&mut link(Some(1.0), 0, 2, 1), &[(0, &[1]), (500, &[2])], None);
    assert_eq!(arrived, [(1_500_000, vec![1]), (2_000_000, vec![2])]);
}

/// 1 leaves at 0 and moves from 100 µs on; 2 leaves at 50 and moves from 150 on, when 1 has 950,000 bytes to go: at half the speed
/// until 2,050 µs. 2 then has 50,000 bytes to go: 2,100 µs.
#[test]
fn who_waits_for_the_first_byte_takes_no_bandwidth() {
    let arrived = play(&mut link(Some(1.0), 100, 2, 1), &[(0, &[1]), (50, &[2])], None);
    assert_eq!(arrived, [(2_050_000, vec![1]), (2_100_000, vec![2])]);
}

/// Two batches of two leave at 0, 2 ms of bytes each at half the speed: 4 ms. The fifth block leaves then: 5 ms.
#[test]
fn no_more_batches_than_allowed_and_no_more_blocks_in_one() {
    let arrived = play(&mut link(Some(1.0), 0, 2, 2), &[(0, &[1, 2, 3, 4, 5])], None);
    assert_eq!(arrived, [(4_000_000, vec![1, 2]), (4_000_000, vec![3, 4]), (5_000_000, vec![5])]);
    // The rest of a queue fills a batch as far as it goes.
    let arrived = play(&mut link(Some(1.0), 0, 1, 4), &[(0, &[1, 2, 3, 4, 5])], None);
    assert_eq!(arrived, [(4_000_000, vec![1, 2, 3, 4]), (5_000_000, vec![5])]);
}

#[test]
fn the_queue_is_in_the_order_of_priority_then_arrival() {
    let mut link = link(Some(1.0), 0, 1, 2);
    let places = [(5, 1), (1, 2), (5, 3), (0, 4), (1, 5)].map(|(priority, job)| link.push(priority, job));
    assert_eq!((link.withdraw(places[1]), link.withdraw(places[1])), (Some(2), None));
    let mut asked = Vec::new();
    link.start(us(0), |job| {
        asked.push(*job);
        *job != 5
    });
    // 5 is refused and gone; 4 and 1 are on their way.
    assert_eq!((asked, link.queued(), link.moving()), (vec![4, 5, 1], 1, 2));
    assert_eq!(link.arrive(us(1_999)), None);
    assert_eq!(link.arrive(us(2_000)), Some(vec![4, 1]));
}

#[test]
fn whole_microseconds_are_the_first_at_which_it_has_happened() {
    let whole = [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (-1, 0), (-1_000, -1)];
    for (ns, us) in whole {
        assert_eq!(Micros::from(Ns(ns)), Micros(us), "{ns}");
    }
}

proptest! {
    /// All that is pushed arrives once, not before its bytes can have moved, and looking in between changes nothing.
    #[test]
    fn moments_do_not_depend_on_who_looks(
        gb_s in prop::option::of(0.1_f64..50.0),
        latency in 0_i64..300,
        transfers in 1_u32..5,
        batch in 1_u32..20,
        pushes in prop::collection::vec((0_i64..3_000, 1_u32..40), 1..12),
        every in 1_i64..97,
    ) {
        let (mut at, mut next) = (0, 0);
        let pushes: Vec<(i64, Vec<u32>)> = pushes.into_iter().map(|(gap, jobs)| {
            at += gap;
            next += jobs;
            (at, (next - jobs..next).collect())
        }).collect();
        let pushes: Vec<(i64, &[u32])> = pushes.iter().map(|(at, jobs)| (*at, &jobs[..])).collect();
        let seldom = play(&mut link(gb_s, latency, transfers, batch), &pushes, None);
        let often = play(&mut link(gb_s, latency, transfers, batch), &pushes, Some(every));
        prop_assert_eq!(&seldom, &often);
        let mut jobs: Vec<u32> = seldom.iter().flat_map(|(_, jobs)| jobs.clone()).collect();
        jobs.sort_unstable();
        prop_assert_eq!(jobs, (0..next).collect::<Vec<_>>());
        prop_assert!(seldom.is_sorted_by_key(|(at, _)| *at));
        prop_assert!(seldom.iter().all(|(_, jobs)| jobs.len() <= batch as usize));
        let (first, last) = (pushes[0].0 * 1_000, seldom.last().unwrap().0);
        let needs = gb_s.map_or(0.0, |rate| f64::from(next) * 1e6 / rate) + latency as f64 * 1e3;
        // Each moment on the way is rounded to a nanosecond.
        prop_assert!((last - first) as f64 >= needs - 0.5 * (2 * seldom.len()) as f64);
    }
}
