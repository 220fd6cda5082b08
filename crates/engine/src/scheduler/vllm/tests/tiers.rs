//! vLLM's scheduler with tiers below the device.

use proptest::prelude::*;
use tokmark_kv::Tier;
use tokmark_kv::tier::{FilterParams, HitRates, Moved, TierParams};

use super::properties::{Command, check_lives, check_same, commands, params, run};
use super::*;

/// A host of eight blocks of 1,000,000 bytes each; a block comes back in 2 ms.
fn host(write_gb_s: f64) -> TiersParams {
    let host = TierParams {
        blocks: 8,
        read_gb_s: Some(0.5),
        write_gb_s: Some(write_gb_s),
        latency: Micros::ZERO,
        transfers: 1,
        batch: 16,
    };
    TiersParams { host: Some(host), disk: None, disk_filter: None, object: None, block_bytes: 1_000_000 }
}

/// Four blocks of four tokens on the device.
fn tiered(tiers: &TiersParams) -> Worker<Vllm, Linear> {
    let vllm = Vllm::new(&VllmParams { num_gpu_blocks: 4, ..small() }).unwrap();
    worker(vllm.with_tiers(tiers).unwrap())
}

fn at_host(events: &[(Micros, KvEvent)]) -> Vec<(i64, usize)> {
    let stored = events.iter().filter_map(|(at, event)| match event {
        KvEvent::Stored { tier: Tier::Host, blocks, .. } => Some((at.0 / 1_000, blocks.len())),
        _ => None,
    });
    stored.collect()
}

/// | ms | |
/// |---|---|
/// | 0 | request 0 begins: three blocks, 12 ms |
/// | 12 | it is over; its blocks leave for the host, 1 ms each |
/// | 15 | they are there |
/// | 20 | request 1 takes the whole device, 16 ms; its four blocks are in the host at 40 |
/// | 50 | request 2 has the prompt of request 0 and two tokens more: three blocks come back, 2 ms each |
/// | 50 | request 3 arrives behind it, finds the fourth block free, and overtakes: 4 ms; its block is in the host at 55 |
/// | 56 | request 2 has its blocks, and computes two tokens |
/// | 58 | its first token; the second at 68 |
#[test]
fn what_the_device_lost_comes_back_from_the_host() {
    let arrivals = [
        (0, arrival(0, &[(1, 12)], 1)),
        (20, arrival(1, &[(2, 16)], 1)),
        (50, arrival(2, &[(1, 12), (3, 2)], 2)),
        (50, arrival(3, &[(4, 4)], 1)),
    ];
    let mut worker = tiered(&host(1.0));
    worker.tell_kv(true);
    let expected = [
        (0, 0, Queued),
        (0, 0, hit(0)),
        (12, 0, FirstToken),
        (12, 0, LENGTH),
        (20, 1, Queued),
        (20, 1, hit(0)),
        (36, 1, FirstToken),
        (36, 1, LENGTH),
        (50, 2, Queued),
        (50, 3, Queued),
        (50, 3, hit(0)),
        (54, 3, FirstToken),
        (54, 3, LENGTH),
        (56, 2, hit(12)),
        (58, 2, FirstToken),
        (68, 2, Tokens(1)),
        (68, 2, LENGTH),
    ];
    assert_eq!(play(&mut worker, &arrivals), expected);
    let report = worker.tier_report().unwrap();
    let moved = Moved { offload_blocks_d2h: 8, onboard_blocks_h2d: 3, ..Moved::default() };
    assert_eq!(report.moved, moved);
    // Of 2 + 3 + 3 blocks that could have been found (the last of a prompt never is), 3 were.
    assert_eq!(report.hit_rates, HitRates { host: Some(0.375), disk: Some(0.0), object: Some(0.0) });
    assert_eq!(report.host.unwrap().used, 8);
    // The device itself found nothing.
    assert_eq!((worker.gauges().prefix_queries, worker.gauges().prefix_hits), (46, 0));
    let mut events = Vec::new();
    worker.kv_events(&mut events);
    assert!(events.is_sorted_by_key(|event| event.0));
    assert_eq!(at_host(&events), [(15, 3), (40, 4), (55, 1)]);
}

/// The same with a way to the host ten times as long: the blocks of request 0 are there at 42 ms. Request 2, which comes at 13 ms,
/// could compute them from 28 ms on; it waits, has them at 48 ms, and its first token at 50.
#[test]
fn blocks_on_their_way_to_the_host_are_waited_for() {
    let arrivals = [
        (0, arrival(0, &[(1, 12)], 1)),
        (12, arrival(1, &[(2, 16)], 1)),
        (13, arrival(2, &[(1, 12), (3, 2)], 1)),
    ];
    let expected = [
        (0, 0, Queued),
        (0, 0, hit(0)),
        (12, 0, FirstToken),
        (12, 0, LENGTH),
        (12, 1, Queued),
        (12, 1, hit(0)),
        (13, 2, Queued),
        (28, 1, FirstToken),
        (28, 1, LENGTH),
        (48, 2, hit(12)),
        (50, 2, FirstToken),
        (50, 2, LENGTH),
    ];
    assert_eq!(play(&mut tiered(&host(0.1)), &arrivals), expected);
}

#[test]
fn a_request_cancelled_while_it_fetches_leaves_nothing_behind() {
    let mut worker = tiered(&host(1.0));
    let mut out = Out::default();
    for (at, arrival) in [
        (0, arrival(0, &[(1, 12)], 1)),
        (20, arrival(1, &[(2, 16)], 1)),
        (50, arrival(2, &[(1, 12), (3, 2)], 2)),
    ] {
        worker.arrive(Micros::from_millis(at), arrival, &mut out);
    }
    worker.advance(Micros::from_millis(51), &mut out);
    let census = worker.census();
    assert_eq!((census.waiting, census.running, census.blocks_used), (1, 0, 3));
    assert_eq!(worker.next_due(), Some(Micros::from_millis(56)));
    worker.cancel(Micros::from_millis(53), RequestId(2), &mut out);
    assert_eq!((worker.census().in_flight(), worker.census().blocks_used), (0, 0));
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    assert_eq!(out.events.last().map(|event| event.what), Some(Cancelled));
    assert_eq!(worker.census().check(), Ok(()));
}

#[test]
fn tiers_need_prefix_caching() {
    let vllm = Vllm::new(&VllmParams { enable_prefix_caching: false, ..small() }).unwrap();
    let error = vllm.with_tiers(&host(1.0)).err().unwrap().to_string();
    assert!(error.contains("enable_prefix_caching"), "{error}");
}

fn tiers() -> impl Strategy<Value = TiersParams> {
    let rate = || prop::option::of(0.01_f64..5.0);
    let tier = move || {
        let tier = (1_u32..30, rate(), rate(), 0_i64..20_000, 1_u32..5, 1_u32..9).prop_map(
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
    };
    (tier(), tier(), tier(), any::<bool>()).prop_map(|(host, disk, object, filter)| TiersParams {
        host,
        disk,
        disk_filter: filter.then(FilterParams::default),
        object,
        block_bytes: 100_000,
    })
}

/// Commands without crashes, or without contexts that come from elsewhere: what becomes of the one in the other has nothing to do
/// with tiers.
fn either(handoff: bool, commands: Vec<(i64, Command)>) -> Vec<(i64, Command)> {
    let here = |arrival: Arrival| {
        Command::Arrive(Arrival { carried: Carried { cached: false, ..arrival.carried }, ..arrival })
    };
    let commands = commands.into_iter().map(|(at, command)| {
        let command = match command {
            Command::Crash if handoff => Command::Cancel(0),
            Command::Arrive(arrival) | Command::Reserve(arrival) if !handoff => here(arrival),
            command => command,
        };
        (at, command)
    });
    commands.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// What holds without tiers holds with them: nothing gets lost, everything ends, skipping ahead changes nothing.
    #[test]
    fn nothing_is_lost_between_the_tiers(
        params in params(),
        tiers in tiers(),
        handoff in any::<bool>(),
        commands in commands(),
    ) {
        let params = VllmParams { enable_prefix_caching: true, ..params };
        let commands = either(handoff, commands);
        let vllm = || Vllm::new(&params).unwrap().with_tiers(&tiers).unwrap();
        let seen = run(vllm(), &commands, false)?;
        check_lives(&seen, &commands)?;
        prop_assert!(seen.kv.is_sorted_by_key(|event| event.0));
        check_same(&seen, &run(vllm(), &commands, true)?)?;
    }
}
