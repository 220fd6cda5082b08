use proptest::prelude::*;

use super::*;
use crate::LocalHash;
use crate::index::{Overlap, PrefixIndex};
use crate::tier::HitRates;

/// Blocks of 1,000,000 bytes: one takes 1 ms at 1 GB/s.
fn params(host: Option<TierParams>, disk: Option<TierParams>, object: Option<TierParams>) -> TiersParams {
    TiersParams { host, disk, disk_filter: None, object, block_bytes: 1_000_000 }
}

/// A tier of so many blocks without limits, one block a batch, one batch at a time.
fn tier(blocks: u32) -> TierParams {
    TierParams { blocks, read_gb_s: None, write_gb_s: None, latency: Micros::ZERO, transfers: 1, batch: 1 }
}

/// Blocks `numbers`, each behind the one before.
fn chain(numbers: &[u64]) -> Vec<Block> {
    let parents = [None].into_iter().chain(numbers.iter().map(|n| Some(SequenceHash(*n))));
    let blocks = numbers.iter().zip(parents);
    blocks.map(|(n, parent)| Block { name: SequenceHash(*n), local: LocalHash(n + 100), parent }).collect()
}

fn names(numbers: &[u64]) -> Vec<SequenceHash> {
    numbers.iter().map(|n| SequenceHash(*n)).collect()
}

const fn ms(ms: i64) -> Micros {
    Micros(ms * 1_000)
}

fn reach(host: u32, disk: u32, object: u32) -> Reach {
    Reach { host, disk, object, waits: false }
}

fn stored(tier: Tier, parent: Option<u64>, blocks: &[u64]) -> KvEvent {
    let blocks = blocks.iter().map(|n| (SequenceHash(*n), LocalHash(n + 100))).collect();
    KvEvent::Stored { tier, parent: parent.map(SequenceHash), blocks }
}

fn removed(tier: Tier, blocks: &[u64]) -> KvEvent {
    KvEvent::Removed { tier, blocks: names(blocks) }
}

/// 1 GB/s in, 2 GB/s out, two batches of two at a time.
///
/// | ms | |
/// |---|---|
/// | 0 | 1 to 5 are complete on the device; 1 2 and 3 4 leave, each at half the speed |
/// | 4 | both arrive; 5 leaves |
/// | 5 | 5 arrives |
/// | 6 | a request wants all five; 1 2 and 3 4 leave, each at 1 GB/s |
/// | 8 | both are on the device; 5 leaves |
/// | 8.5 | so is 5 |
#[test]
fn to_the_host_and_back() {
    let host = TierParams { read_gb_s: Some(2.0), write_gb_s: Some(1.0), transfers: 2, batch: 2, ..tier(8) };
    let mut tiers = Tiers::new(&params(Some(host), None, None));
    tiers.tell_events(true);
    let all = names(&[1, 2, 3, 4, 5, 6]);
    tiers.store(ms(0), &chain(&[1, 2, 3, 4, 5]), 0);
    assert_eq!(tiers.next_due(), Some(ms(4)));
    assert_eq!(tiers.lookup(Micros(3_999), &all, 0), Reach { waits: true, ..Reach::default() });
    assert_eq!(tiers.lookup(ms(4), &all, 0), Reach { waits: true, ..reach(4, 0, 0) });
    assert_eq!(tiers.next_due(), Some(ms(5)));
    assert_eq!(tiers.lookup(ms(5), &all, 0), reach(5, 0, 0));
    // The device has two of them.
    assert_eq!(tiers.lookup(ms(5), &all, 2), reach(3, 0, 0));
    let events: Vec<_> = tiers.events().collect();
    let told = [
        (ms(4), stored(Tier::Host, None, &[1, 2])),
        (ms(4), stored(Tier::Host, Some(2), &[3, 4])),
        (ms(5), stored(Tier::Host, Some(4), &[5])),
    ];
    assert_eq!(events, told);

    assert_eq!(tiers.onboard(ms(6), 77, &all, 0), reach(5, 0, 0));
    assert_eq!((tiers.loads(), tiers.next_due()), (1, Some(ms(8))));
    assert!(tiers.lookup(ms(7), &all, 4).waits, "5 is being fetched for somebody");
    tiers.advance(Micros(8_499));
    assert_eq!((tiers.loaded().count(), tiers.next_due()), (0, Some(Micros(8_500))));
    tiers.advance(ms(20));
    let loaded: Vec<_> = tiers.loaded().collect();
    assert_eq!(loaded, [Loaded { at: Micros(8_500), request: 77, blocks: 5 }]);
    assert_eq!((tiers.loads(), tiers.next_due()), (0, None));
    let moved = Moved { offload_blocks_d2h: 5, onboard_blocks_h2d: 5, ..Moved::default() };
    assert_eq!(tiers.report().moved, moved);
    assert!(tiers.is_sound());
}

/// A host of two blocks without limits; a disk of 0.5 GB/s in and 1 GB/s with a latency of 0.1 ms out; a block passes the filter
/// when it comes to the host a second time.
///
/// | ms | |
/// |---|---|
/// | 0 | 1 comes to the host, for the first time |
/// | 10 | 2, then 3, for which 1 goes |
/// | 20 | 1 again, for which 2 goes; it passes, and leaves for the disk |
/// | 22 | 1 arrives on the disk (22.1 with the latency) |
/// | 30 | 4 and 5, for which 3 and 1 go |
/// | 40 | a request wants 1 and has it at 41.1 |
#[test]
fn to_the_disk_at_the_second_sighting_and_straight_back() {
    let disk = TierParams { read_gb_s: Some(1.0), write_gb_s: Some(0.5), latency: Micros(100), ..tier(8) };
    let filter = Some(crate::tier::FilterParams::default());
    // Once without the latency, which the table leaves out on the way in.
    let quick = TierParams { latency: Micros::ZERO, ..disk };
    for (disk, arrives, back) in [(quick, ms(22), ms(41)), (disk, Micros(22_100), Micros(41_100))] {
        let mut tiers =
            Tiers::new(&TiersParams { disk_filter: filter, ..params(Some(tier(2)), Some(disk), None) });
        tiers.tell_events(true);
        tiers.store(ms(0), &chain(&[1]), 0);
        tiers.store(ms(10), &chain(&[2, 3]), 0);
        assert_eq!(tiers.report().skipped, Skipped { filtered: 3, ..Skipped::default() });
        tiers.store(ms(20), &chain(&[1]), 0);
        assert_eq!(tiers.next_due(), Some(arrives));
        assert_eq!(tiers.lookup(ms(21), &names(&[1]), 0), reach(1, 0, 0));
        tiers.store(ms(30), &chain(&[4, 5]), 0);
        assert_eq!(tiers.lookup(ms(40), &names(&[1]), 0), reach(0, 1, 0));
        tiers.onboard(ms(40), 9, &names(&[1]), 0);
        tiers.advance(ms(50));
        let loaded: Vec<_> = tiers.loaded().collect();
        assert_eq!(loaded, [Loaded { at: back, request: 9, blocks: 1 }]);
        let events: Vec<_> = tiers.events().collect();
        let told = [
            (ms(0), stored(Tier::Host, None, &[1])),
            (ms(10), stored(Tier::Host, None, &[2])),
            (ms(10), removed(Tier::Host, &[1])),
            (ms(10), stored(Tier::Host, Some(2), &[3])),
            (ms(20), removed(Tier::Host, &[2])),
            (ms(20), stored(Tier::Host, None, &[1])),
            (arrives, stored(Tier::Disk, None, &[1])),
            (ms(30), removed(Tier::Host, &[3])),
            (ms(30), stored(Tier::Host, None, &[4])),
            (ms(30), removed(Tier::Host, &[1])),
            (ms(30), stored(Tier::Host, Some(4), &[5])),
        ];
        assert_eq!(events, told);
        let TierReport { moved, skipped, host, disk, .. } = tiers.report();
        let expected =
            Moved { offload_blocks_d2h: 6, offload_blocks_h2d: 1, onboard_blocks_d2d: 1, ..Moved::default() };
        assert_eq!((moved, skipped.filtered), (expected, 5));
        assert_eq!((host.unwrap().evicted, disk.unwrap().used), (4, 1));
        assert!(tiers.is_sound());
    }
}

#[test]
fn a_block_being_written_to_disk_stays_in_the_host() {
    let disk = TierParams { write_gb_s: Some(1.0), ..tier(8) };
    let mut tiers = Tiers::new(&params(Some(tier(1)), Some(disk), None));
    tiers.store(ms(0), &chain(&[1]), 0);
    // 1 is on its way to the disk until 1 ms: nothing in the host may go for 2.
    tiers.store(Micros(999), &chain(&[2]), 0);
    assert_eq!(tiers.report().skipped, Skipped { full: 1, ..Skipped::default() });
    tiers.store(ms(1), &chain(&[2]), 0);
    assert_eq!(tiers.lookup(ms(1), &names(&[2, 1]), 0), reach(1, 1, 0));
    assert!(tiers.is_sound());
}

#[test]
fn without_a_host_blocks_go_straight_to_the_disk() {
    let filter = Some(crate::tier::FilterParams::default());
    let mut tiers = Tiers::new(&TiersParams { disk_filter: filter, ..params(None, Some(tier(4)), None) });
    tiers.store(ms(0), &chain(&[1, 2]), 0);
    assert_eq!(tiers.lookup(ms(0), &names(&[1, 2]), 0), reach(0, 2, 0));
    let moved = Moved { offload_blocks_d2d: 2, ..Moved::default() };
    assert_eq!((tiers.report().moved, tiers.report().skipped), (moved, Skipped::default()));
}

#[test]
fn an_object_store_gets_everything_and_is_asked_last() {
    let object = TierParams { read_gb_s: Some(1.0), latency: ms(20), ..tier(100) };
    let mut tiers = Tiers::new(&params(Some(tier(2)), Some(tier(3)), Some(object)));
    let all = names(&[1, 2, 3, 4, 5, 6]);
    tiers.store(ms(0), &chain(&[6, 5, 4, 3, 2, 1]), 0);
    tiers.advance(ms(500));
    // The last two came to the host last, the last three to the disk; all to the store, one after the other, 20 ms each.
    assert_eq!(tiers.lookup(ms(500), &all, 0), reach(2, 1, 3));
    tiers.onboard(ms(500), 1, &all, 0);
    tiers.advance(ms(1_000));
    let loaded: Vec<_> = tiers.loaded().collect();
    // Three times 20 ms and 1 ms.
    assert_eq!(loaded, [Loaded { at: ms(563), request: 1, blocks: 6 }]);
    let expected = Moved {
        offload_blocks_d2h: 6,
        offload_blocks_h2d: 6,
        offload_blocks_d2d: 0,
        offload_blocks_d2o: 6,
        onboard_blocks_h2d: 2,
        onboard_blocks_d2d: 1,
        onboard_blocks_o2d: 3,
    };
    assert_eq!(tiers.report().moved, expected);
    // Nobody goes on again later: 3 is behind a block that only the store has.
    assert_eq!(tiers.lookup(ms(1_000), &names(&[5, 3]), 0), reach(0, 0, 2));
}

#[test]
fn every_reason_to_skip_a_copy_is_counted() {
    let host = TierParams { write_gb_s: Some(1.0), ..tier(2) };
    let mut tiers = Tiers::new(&params(Some(host), None, None));
    let skipped = |tiers: &Tiers| tiers.report().skipped;
    // 1 leaves; 2 and 3 wait behind it, 2 a second time in vain.
    tiers.store(ms(0), &chain(&[1, 2, 3]), 0);
    tiers.store(ms(0), &chain(&[2]), 0);
    assert_eq!(skipped(&tiers), Skipped { there: 1, ..Skipped::default() });
    // What has left is copied although it goes.
    tiers.gone(ms(0), &names(&[1, 2, 4]));
    assert_eq!(skipped(&tiers), Skipped { there: 1, gone: 1, ..Skipped::default() });
    tiers.advance(ms(2));
    assert_eq!(tiers.lookup(ms(2), &names(&[1, 3]), 0), reach(2, 0, 0));
    tiers.store(ms(2), &chain(&[3]), 0);
    assert_eq!(skipped(&tiers), Skipped { there: 2, gone: 1, ..Skipped::default() });
    tiers.crash(ms(3));
    assert_eq!(tiers.lookup(ms(3), &names(&[1]), 0), Reach::default());
    assert_eq!(tiers.report().offered, 5);
    assert!(tiers.is_sound());
}

#[test]
fn smaller_priorities_are_copied_first() {
    let host = TierParams { write_gb_s: Some(1.0), ..tier(8) };
    let mut tiers = Tiers::new(&params(Some(host), None, None));
    tiers.tell_events(true);
    for (block, priority) in [(1, 5), (2, 5), (3, 1), (4, 5)] {
        tiers.store(ms(0), &chain(&[block]), priority);
    }
    tiers.advance(ms(9));
    let order: Vec<_> = tiers.events().collect();
    assert_eq!(
        order,
        [1, 3, 2, 4]
            .map(|n| stored(Tier::Host, None, &[n]))
            .into_iter()
            .zip(1..)
            .map(|(e, at)| (ms(at), e))
            .collect::<Vec<_>>()
    );
}

#[test]
fn who_goes_away_gets_nothing_and_frees_what_waited() {
    let host = TierParams { read_gb_s: Some(1.0), ..tier(3) };
    let mut tiers = Tiers::new(&params(Some(host), None, None));
    let all = names(&[1, 2, 3]);
    tiers.store(ms(0), &chain(&[1, 2, 3]), 0);
    tiers.onboard(ms(0), 1, &all, 0);
    // All three are in use.
    tiers.store(ms(0), &chain(&[4]), 0);
    assert_eq!(tiers.report().skipped.full, 1);
    tiers.cancel(Micros(500), 1);
    assert_eq!((tiers.loads(), tiers.report().host.unwrap().leaving), (0, 1));
    // 2 and 3 may go; asked again, the request waits for the block that is on its way for nobody.
    assert_eq!(tiers.onboard(Micros(600), 1, &all, 0), Reach { waits: true, ..reach(3, 0, 0) });
    tiers.advance(ms(9));
    let loaded: Vec<_> = tiers.loaded().collect();
    assert_eq!(loaded, [Loaded { at: ms(4), request: 1, blocks: 3 }]);
    assert!(tiers.is_sound());
}

#[test]
fn hit_rates_are_sums_over_the_last_thousand_requests() {
    let mut tiers = Tiers::new(&params(Some(tier(1)), None, None));
    assert_eq!(tiers.report().hit_rates, HitRates::default());
    tiers.count(0, reach(0, 0, 0));
    assert_eq!(tiers.report().hit_rates.host, None);
    tiers.count(10, reach(10, 0, 0));
    tiers.count(30, reach(0, 5, 15));
    let rates = HitRates { host: Some(0.25), disk: Some(0.125), object: Some(0.375) };
    assert_eq!(tiers.report().hit_rates, rates);
    // The first drops out with the thousand and first.
    (0..999).for_each(|_| tiers.count(10, reach(1, 0, 0)));
    assert_eq!(tiers.report().hit_rates.host, Some(999.0 / (30.0 + 9_990.0)));
}

/// What a driver may do.
#[derive(Clone, Debug)]
enum Command {
    Store { from: u64, blocks: u64, priority: u32 },
    Gone { from: u64, blocks: u64 },
    Onboard { request: u64, from: u64, blocks: u64, device: usize },
    Cancel { request: u64 },
    Crash,
}

fn command() -> impl Strategy<Value = Command> {
    let span = (0_u64..40, 1_u64..12);
    prop_oneof![
        6 => (span.clone(), 0_u32..3)
            .prop_map(|((from, blocks), priority)| Command::Store { from, blocks, priority }),
        2 => span.clone().prop_map(|(from, blocks)| Command::Gone { from, blocks }),
        4 => (0_u64..6, span, 0_usize..4).prop_map(|(request, (from, blocks), device)| {
            Command::Onboard { request, from, blocks, device }
        }),
        1 => (0_u64..6).prop_map(|request| Command::Cancel { request }),
        1 => Just(Command::Crash),
    ]
}

fn any_tier() -> impl Strategy<Value = Option<TierParams>> {
    let rate = || prop::option::of(0.2_f64..20.0);
    let tier = (1_u32..30, rate(), rate(), 0_i64..2_000, 1_u32..5, 1_u32..9).prop_map(
        |(blocks, read_gb_s, write_gb_s, latency, transfers, batch)| TierParams {
            blocks,
            read_gb_s,
            write_gb_s,
            latency: Micros(latency),
            transfers,
            batch,
        },
    );
    prop::option::weighted(0.7, tier)
}

/// What was told, and who was served.
type Played = (Vec<(Micros, KvEvent)>, Vec<Loaded>);

/// Plays commands, looking in between if `often`; what was told, who was served.
fn play(tiers: &mut Tiers, commands: &[(i64, Command)], often: bool) -> Result<Played, TestCaseError> {
    tiers.tell_events(true);
    let (mut now, mut told, mut loaded) = (Micros::ZERO, Vec::new(), Vec::new());
    let mut asked: BTreeMap<u64, u32> = BTreeMap::new();
    for (gap, command) in commands {
        if often {
            (0..*gap).step_by(37).for_each(|part| tiers.advance(Micros(now.0 + part)));
        }
        now += Micros(*gap);
        tiers.advance(now);
        for done in tiers.loaded() {
            prop_assert_eq!(asked.remove(&done.request), Some(done.blocks));
            loaded.push(done);
        }
        let span = |from: u64, blocks: u64| (from..from + blocks).collect::<Vec<_>>();
        match command {
            Command::Store { from, blocks, priority } => {
                tiers.store(now, &chain(&span(*from, *blocks)), *priority);
            }
            Command::Gone { from, blocks } => tiers.gone(now, &names(&span(*from, *blocks))),
            Command::Onboard { request, from, blocks, device } => {
                let reach = tiers.onboard(now, *request, &names(&span(*from, *blocks)), *device);
                if reach.blocks() > 0 {
                    asked.insert(*request, reach.blocks());
                }
            }
            Command::Cancel { request } => {
                tiers.cancel(now, *request);
                asked.remove(request);
            }
            Command::Crash => {
                tiers.crash(now);
                asked.clear();
                told.extend(tiers.events());
                told.push((now, KvEvent::Cleared));
            }
        }
        prop_assert!(tiers.is_sound(), "{:?}", tiers.report());
        // What was done at this very moment may have been there at once.
        prop_assert!(tiers.next_due().is_none_or(|due| due >= now));
        for census in [tiers.report().host, tiers.report().disk, tiers.report().object].into_iter().flatten()
        {
            prop_assert_eq!(census.used + census.free, census.total);
        }
    }
    while let Some(due) = tiers.next_due() {
        tiers.advance(due);
        for done in tiers.loaded() {
            prop_assert_eq!(asked.remove(&done.request), Some(done.blocks));
            loaded.push(done);
        }
    }
    prop_assert!(asked.is_empty(), "{asked:?} never came");
    prop_assert!(tiers.is_sound() && tiers.loads() == 0);
    told.extend(tiers.events());
    Ok((told, loaded))
}

proptest! {
    /// Nothing is lost and nothing comes twice, stamps do not go back, looking in between changes nothing, and what was told of the
    /// tiers is what is in them.
    #[test]
    fn nothing_is_lost_whatever_happens(
        host in any_tier(),
        disk in any_tier(),
        object in any_tier(),
        filter in prop::bool::ANY,
        commands in prop::collection::vec((0_i64..4_000, command()), 1..60),
    ) {
        let filter = filter.then(crate::tier::FilterParams::default);
        let params = TiersParams { disk_filter: filter, ..params(host, disk, object) };
        let mut tiers = Tiers::new(&params);
        let (told, loaded) = play(&mut tiers, &commands, false)?;
        prop_assert!(told.is_sorted_by_key(|(at, _)| *at));
        prop_assert!(loaded.is_sorted_by_key(|loaded| loaded.at));
        let again = play(&mut Tiers::new(&params), &commands, true)?;
        prop_assert_eq!((&told, &loaded), (&again.0, &again.1));

        let mut index = PrefixIndex::new(1);
        for (_, event) in &told {
            index.apply(0, event);
        }
        let mut overlaps = Vec::new();
        for from in 0..50 {
            let sequence = names(&(from..51).collect::<Vec<_>>());
            index.overlaps(&sequence, &mut overlaps);
            let Reach { host, disk, object, .. } = tiers.lookup(Micros::MAX, &sequence, 0);
            prop_assert_eq!(overlaps[0], Overlap { device: 0, host, disk: disk + object });
        }
    }
}
