use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use tokmark_base::{Content, Segment};
use tokmark_kv::Chain;

use super::*;

const W: WorkerId = WorkerId(0);

/// A prompt of `shared` blocks of one of a few families and `own` blocks of its own, which requests of the same `number` share.
fn names(family: u64, shared: u32, number: u64, own: u32) -> Vec<SequenceHash> {
    let segments =
        vec![Segment { id: family, tokens: shared * 4 }, Segment { id: 1_000 + number, tokens: own * 4 }];
    Chain::of(&Content::Segments(segments), 4, 1_337).names().to_vec()
}

fn footprint(names: &[SequenceHash], own: u64) -> Footprint {
    Footprint { names: names.to_vec(), own }
}

fn load(prefill_tokens: u64, active_blocks: u64, additional_blocks: u64, requests: u64) -> Load {
    Load { prefill_tokens, active_blocks, additional_blocks, requests }
}

#[test]
fn blocks_shared_by_several_requests_count_once() {
    let mut tracker = Tracker::new(2);
    let (a, b) = (names(1, 3, 1, 2), names(1, 3, 2, 1));
    let (a, b) = (footprint(&a, 0), footprint(&b, 2));
    assert_eq!(tracker.load(W, &a), load(0, 0, 5, 0));
    tracker.add(RequestId(1), W, a.clone(), 20);
    assert_eq!(tracker.load(W, &a), load(20, 5, 0, 1));
    // b: 3 of its blocks are active, 1 and the 2 that nobody knows are not.
    assert_eq!(tracker.load(W, &b), load(20, 5, 3, 1));
    assert_eq!(tracker.load(WorkerId(1), &b), load(0, 0, 6, 0));
    tracker.add(RequestId(2), W, b.clone(), 4);
    assert_eq!(tracker.load(W, &b), load(24, 8, 2, 2));
    // A number that is there already changes nothing.
    tracker.add(RequestId(2), WorkerId(1), a.clone(), 9);
    assert_eq!(tracker.load(WorkerId(1), &Footprint::default()), Load::default());
    // The first token of 1 is out; then 1 goes: its own two blocks go, the shared three stay.
    assert_eq!(tracker.prefilled(RequestId(1)), Some(W));
    assert_eq!(tracker.prefilled(RequestId(1)), Some(W));
    assert_eq!(tracker.load(W, &a), load(4, 8, 0, 2));
    assert_eq!(tracker.remove(RequestId(1)), Some(W));
    assert_eq!(tracker.load(W, &a), load(4, 6, 2, 1));
    // 2 goes without ever having been prefilled.
    assert_eq!(tracker.remove(RequestId(2)), Some(W));
    assert_eq!(tracker.load(W, &a), load(0, 0, 5, 0));
    assert_eq!((tracker.remove(RequestId(2)), tracker.prefilled(RequestId(2))), (None, None));
}

#[test]
fn a_prompt_inside_another_one_holds_its_part() {
    let mut tracker = Tracker::new(1);
    let long = names(1, 6, 0, 0);
    tracker.add(RequestId(1), W, footprint(&long, 0), 0);
    tracker.add(RequestId(2), W, footprint(&long[..2], 0), 0);
    tracker.remove(RequestId(1));
    assert_eq!(tracker.load(W, &footprint(&long, 0)), load(0, 2, 4, 1));
    tracker.remove(RequestId(2));
    assert_eq!(tracker.load(W, &footprint(&long, 0)), load(0, 0, 6, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Add { id: u64, worker: u32, family: u64, shared: u32, number: u64, own: u32, unknown: u64, prefill: u64 },
    Prefilled(u64),
    Remove(u64),
    Forget(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let add = (0..12_u64, 0..2_u32, 0..2_u64, 0..5_u32, 0..3_u64, 0..4_u32, 0..3_u64, 0..50_u64).prop_map(
        |(id, worker, family, shared, number, own, unknown, prefill)| Step::Add {
            id,
            worker,
            family,
            shared,
            number,
            own,
            unknown,
            prefill,
        },
    );
    prop_oneof![
        6 => add,
        3 => (0..12_u64).prop_map(Step::Prefilled),
        5 => (0..12_u64).prop_map(Step::Remove),
        1 => (0..2_u32).prop_map(Step::Forget),
    ]
}

/// A request as the oracle keeps it: worker, names, unknown blocks, tokens to prefill.
type Kept = (u32, Vec<SequenceHash>, u64, u64);

fn expected(kept: &HashMap<u64, Kept>, worker: u32, names: &[SequenceHash]) -> Load {
    let here = || kept.values().filter(|(holder, ..)| *holder == worker);
    let blocks: BTreeSet<&SequenceHash> = here().flat_map(|(_, names, ..)| names).collect();
    load(
        here().map(|(.., prefill)| prefill).sum(),
        blocks.len() as u64 + here().map(|(_, _, unknown, _)| unknown).sum::<u64>(),
        names.iter().filter(|name| !blocks.contains(name)).count() as u64,
        here().count() as u64,
    )
}

proptest! {
    #[test]
    fn the_books_say_what_a_recount_says_and_end_at_zero(steps in vec(step(), 0..80)) {
        let mut tracker = Tracker::new(2);
        let mut kept: HashMap<u64, Kept> = HashMap::new();
        for step in steps {
            match step {
                Step::Add { id, worker, family, shared, number, own, unknown, prefill } => {
                    let names = names(family, shared, number, own);
                    tracker.add(RequestId(id), WorkerId(worker), footprint(&names, unknown), prefill);
                    kept.entry(id).or_insert((worker, names, unknown, prefill));
                }
                Step::Prefilled(id) => {
                    tracker.prefilled(RequestId(id));
                    kept.entry(id).and_modify(|kept| kept.3 = 0);
                }
                Step::Remove(id) => {
                    let worker = kept.remove(&id).map(|(worker, ..)| WorkerId(worker));
                    prop_assert_eq!(tracker.remove(RequestId(id)), worker);
                }
                Step::Forget(worker) => {
                    tracker.forget(WorkerId(worker));
                    kept.retain(|_, (holder, ..)| *holder != worker);
                }
            }
            for worker in 0..2 {
                for number in 0..3 {
                    let asked = names(0, 3, number, 2);
                    let said = tracker.load(WorkerId(worker), &footprint(&asked, 0));
                    prop_assert_eq!(said, expected(&kept, worker, &asked));
                    prop_assert_eq!(said.prefill_tokens, tracker.prefill_tokens(WorkerId(worker)));
                    prop_assert_eq!(said.active_blocks, tracker.active_blocks(WorkerId(worker)));
                }
            }
        }
        for id in 0..12 {
            tracker.remove(RequestId(id));
        }
        for worker in 0..2 {
            prop_assert_eq!(tracker.load(WorkerId(worker), &Footprint::default()), Load::default());
        }
        prop_assert!(tracker.booked.is_empty() && tracker.workers.iter().all(|active| active.blocks.is_empty()));
    }
}
