use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use tokmark_base::{Content, Micros, Segment};

use super::*;
use crate::chain::Chain;
use crate::hash::LocalHash;

const MS: i64 = 1_000;

/// A sequence of `blocks` blocks, the first `shared` of which every other sequence of the same `family` shares.
fn names(family: u64, shared: u32, own: u64, blocks: u32) -> Vec<SequenceHash> {
    let segments = vec![
        Segment { id: family, tokens: shared * 16 },
        Segment { id: 1_000 + own, tokens: (blocks - shared) * 16 },
    ];
    Chain::of(&Content::Segments(segments), 16, crate::hash::SEED).names().to_vec()
}

fn stored(tier: Tier, names: &[SequenceHash]) -> KvEvent {
    let blocks = names.iter().map(|name| (*name, LocalHash(0))).collect();
    KvEvent::Stored { tier, parent: None, blocks }
}

fn removed(tier: Tier, names: &[SequenceHash]) -> KvEvent {
    KvEvent::Removed { tier, blocks: names.to_vec() }
}

fn overlap(device: u32, host: u32, disk: u32) -> Overlap {
    Overlap { device, host, disk }
}

fn ask(index: &PrefixIndex, names: &[SequenceHash]) -> Vec<Overlap> {
    let mut into = Vec::new();
    index.overlaps(names, &mut into);
    into
}

#[test]
fn each_tier_goes_on_where_the_one_above_ends() {
    let mut index = PrefixIndex::new(3);
    let chain = names(1, 10, 0, 10);
    // Worker 0: 2 on the device, 3 in host memory, 1 on disk, 2 in the object store behind it.
    index.apply(0, &stored(Tier::Device, &chain[..2]));
    index.apply(0, &stored(Tier::Host, &chain[..5]));
    index.apply(0, &stored(Tier::Disk, &chain[5..6]));
    index.apply(0, &stored(Tier::Object, &chain[6..8]));
    // Worker 1: nothing on the device; its host memory lacks block 1.
    index.apply(1, &stored(Tier::Host, &chain[..1]));
    index.apply(1, &stored(Tier::Host, &chain[2..]));
    // Worker 2: everything.
    index.apply(2, &stored(Tier::Device, &chain));
    assert_eq!(ask(&index, &chain), [overlap(2, 3, 3), overlap(0, 1, 0), overlap(10, 0, 0)]);
    assert_eq!(ask(&index, &chain[..4]), [overlap(2, 2, 0), overlap(0, 1, 0), overlap(4, 0, 0)]);
    assert_eq!(ask(&index, &[]), [Overlap::default(); 3]);
    // A hole on the device ends the match there, and what is behind it comes back with the hole filled.
    index.apply(2, &removed(Tier::Device, &chain[4..5]));
    assert_eq!(ask(&index, &chain)[2], overlap(4, 0, 0));
    index.apply(2, &stored(Tier::Device, &chain[4..5]));
    assert_eq!(ask(&index, &chain)[2], overlap(10, 0, 0));
    assert_eq!((index.blocks(0, Tier::Host), index.blocks(2, Tier::Device)), (5, 10));
}

#[test]
fn a_block_stored_twice_is_gone_after_one_removal_and_none_is_missed() {
    let mut index = PrefixIndex::new(1);
    let chain = names(1, 4, 0, 4);
    index.apply(0, &stored(Tier::Device, &chain));
    index.apply(0, &stored(Tier::Device, &chain));
    index.apply(0, &removed(Tier::Device, &chain[..1]));
    index.apply(0, &removed(Tier::Device, &chain[..1]));
    index.apply(7, &removed(Tier::Device, &chain[..1]));
    assert_eq!((ask(&index, &chain), index.blocks(0, Tier::Device)), (vec![overlap(0, 0, 0)], 3));
}

#[test]
fn more_workers_than_bits_in_a_word() {
    let mut index = PrefixIndex::new(0);
    let chain = names(1, 8, 0, 8);
    for worker in 0..200 {
        index.apply(worker, &stored(Tier::Device, &chain[..worker as usize % 9]));
    }
    let depths: Vec<u32> = ask(&index, &chain).iter().map(|o| o.device).collect();
    assert_eq!(depths, (0..200).map(|worker| worker % 9).collect::<Vec<u32>>()[..depths.len()]);
    // 199 % 9 = 1, so the last worker that said anything is 199.
    assert_eq!(depths.len(), 200);
    index.forget(70);
    assert_eq!((ask(&index, &chain)[70], ask(&index, &chain)[71]), (overlap(0, 0, 0), overlap(8, 0, 0)));
}

/// What an index should say, the slow way.
#[derive(Default)]
struct Oracle(BTreeSet<(u32, Tier, SequenceHash)>);

impl Oracle {
    fn apply(&mut self, worker: u32, event: &KvEvent) {
        match event {
            KvEvent::Stored { tier, blocks, .. } => {
                self.0.extend(blocks.iter().map(|(name, _)| (worker, *tier, *name)));
            }
            KvEvent::Removed { tier, blocks } => {
                for name in blocks {
                    self.0.remove(&(worker, *tier, *name));
                }
            }
            KvEvent::Cleared => self.0.retain(|(holder, ..)| *holder != worker),
        }
    }

    fn overlap(&self, worker: u32, names: &[SequenceHash]) -> Overlap {
        let mut at = 0;
        let mut run = |tier| {
            let from = at;
            while at < names.len() && self.0.contains(&(worker, tier, names[at])) {
                at += 1;
            }
            (at - from) as u32
        };
        let (device, host, disk, object) =
            (run(Tier::Device), run(Tier::Host), run(Tier::Disk), run(Tier::Object));
        overlap(device, host, disk + object)
    }
}

/// An event about blocks `from..to` of one of a few related sequences.
fn event() -> impl Strategy<Value = (u32, KvEvent)> {
    let what = (0..4_u64, 0..3_u64, 0..12_usize, 0..12_usize, 0..10_u32, 0..4_usize);
    (0..70_u32, what).prop_map(|(worker, (family, own, a, b, kind, tier))| {
        let blocks = &names(family, 6, own, 12)[a.min(b)..a.max(b)];
        let event = match kind {
            0 => KvEvent::Cleared,
            1..4 => removed(TIERS[tier], blocks),
            _ => stored(TIERS[tier], blocks),
        };
        // Few workers, of which some are beyond the first word.
        (worker % 3 * 33, event)
    })
}

proptest! {
    #[test]
    fn the_index_says_what_the_events_said(events in vec(event(), 0..60)) {
        let mut index = PrefixIndex::new(67);
        let mut oracle = Oracle::default();
        for (worker, event) in &events {
            index.apply(*worker, event);
            oracle.apply(*worker, event);
        }
        for (family, own) in (0..4).flat_map(|family| (0..3).map(move |own| (family, own))) {
            let chain = names(family, 6, own, 12);
            let said = ask(&index, &chain);
            for worker in 0..67 {
                prop_assert_eq!(said[worker as usize], oracle.overlap(worker, &chain), "worker {}", worker);
            }
        }
        for worker in 0..67 {
            for tier in TIERS {
                let held = oracle.0.iter().filter(|(w, t, _)| (*w, *t) == (worker, tier)).count();
                prop_assert_eq!(index.blocks(worker, tier), held as u64);
            }
        }
    }

    #[test]
    fn the_guess_holds_what_was_routed_within_the_time_to_live(
        routed in vec((0..400_i64, 0..3_u32, 0..3_u64, 1..12_u32), 0..40),
        ttl in 0..500_i64,
        after in 0..1_000_i64,
    ) {
        let mut routed = routed;
        routed.sort_by_key(|(at, ..)| *at);
        let mut index = ApproximateIndex::new(3, Micros(ttl * MS));
        let mut expiries: BTreeMap<(u32, SequenceHash), i64> = BTreeMap::new();
        for (at, worker, own, blocks) in routed {
            let chain = &names(1, 4, own, 12)[..blocks as usize];
            index.routed(Micros(at * MS), worker, chain);
            let expiry = if ttl == 0 { at } else { (at + ttl + 99) / 100 * 100 };
            expiries.extend(chain.iter().map(|name| ((worker, *name), expiry)));
        }
        let now = 400 + after;
        for own in 0..3 {
            let chain = names(1, 4, own, 12);
            let mut said = Vec::new();
            index.overlaps(Micros(now * MS), &chain, &mut said);
            for worker in 0..3 {
                let alive = |name: &&SequenceHash| expiries.get(&(worker, **name)).is_some_and(|at| *at > now);
                let expected = chain.iter().take_while(alive).count() as u32;
                prop_assert_eq!(said[worker as usize], overlap(expected, 0, 0));
            }
        }
    }
}

#[test]
fn a_guess_expires_with_its_bucket() {
    // 120 s from 0.25 s is 120.25 s, rounded up to 120.3 s.
    let chain = names(1, 3, 0, 3);
    let mut index = ApproximateIndex::new(2, Micros(120_000 * MS));
    index.routed(Micros(250 * MS), 1, &chain);
    let mut said = Vec::new();
    index.overlaps(Micros(120_300 * MS - 1), &chain, &mut said);
    assert_eq!(said, [overlap(0, 0, 0), overlap(3, 0, 0)]);
    index.overlaps(Micros(120_300 * MS), &chain, &mut said);
    assert_eq!((said, index.blocks(1)), (vec![Overlap::default(); 2], 0));
    // On a boundary nothing is rounded; a block routed again lives on, the others do not.
    index.routed(Micros(200_000 * MS), 1, &chain);
    index.routed(Micros(200_000 * MS + 1), 1, &chain[..2]);
    index.advance(Micros(320_000 * MS));
    assert_eq!(index.blocks(1), 2);
    index.advance(Micros(320_100 * MS));
    assert_eq!(index.blocks(1), 0);
    // A worker that is gone takes its guesses along, and what it gets again counts from then.
    index.routed(Micros(400_000 * MS), 0, &chain);
    index.forget(0);
    assert_eq!(index.blocks(0), 0);
    index.routed(Micros(401_000 * MS), 0, &chain);
    index.advance(Micros(520_500 * MS));
    assert_eq!(index.blocks(0), 3);
}

#[test]
fn an_event_counts_when_it_has_arrived() {
    let chain = names(1, 3, 0, 3);
    let mut index = LaggedIndex::new(2, Micros(50 * MS));
    index.observe(Micros(100 * MS), 0, stored(Tier::Device, &chain));
    index.observe(Micros(120 * MS), 0, removed(Tier::Device, &chain[2..]));
    index.observe(Micros(110 * MS), 1, stored(Tier::Device, &chain[..1]));
    let mut said = Vec::new();
    let mut at = |ms: i64, index: &mut LaggedIndex| {
        index.overlaps(Micros(ms), &chain, &mut said);
        (said[0].device, said[1].device)
    };
    assert_eq!(at(150 * MS - 1, &mut index), (0, 0));
    assert_eq!(at(150 * MS, &mut index), (3, 0));
    assert_eq!(at(160 * MS, &mut index), (3, 1));
    assert_eq!(at(170 * MS, &mut index), (2, 1));
    // What is under way when a worker goes down never arrives.
    index.observe(Micros(180 * MS), 1, stored(Tier::Device, &chain));
    index.forget(1);
    assert_eq!(at(1_000 * MS, &mut index), (2, 0));
}
