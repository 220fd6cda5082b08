//! The pool by hand, and against a slow model of the same rules.

use proptest::prelude::*;
use tokmark_base::{Content, Segment};

use super::*;
use crate::LocalHash;

fn chain(parts: &[(u64, u32)]) -> Chain {
    let segments = parts.iter().map(|&(id, tokens)| Segment { id, tokens }).collect();
    Chain::of(&Content::Segments(segments), 4, 1337)
}

/// Takes what is found of `chain` and the rest fresh, and names all complete blocks.
fn run(pool: &mut BlockPool, chain: &Chain) -> Option<(usize, Vec<BlockId>)> {
    run_with(pool, chain, chain.names().len())
}

/// The same, finding at most so many blocks.
fn run_with(pool: &mut BlockPool, chain: &Chain, most: usize) -> Option<(usize, Vec<BlockId>)> {
    let (mut found, mut held) = (Vec::new(), Vec::new());
    pool.find(&chain.names()[..most.min(chain.names().len())], &mut found);
    let whole = chain.tokens().div_ceil(4) as u32;
    if !pool.take(&found, whole - found.len() as u32, &mut held) {
        return None;
    }
    pool.store(chain, &held, found.len()..chain.names().len());
    Some((found.len(), held))
}

fn hits(pool: &BlockPool, chain: &Chain) -> usize {
    let mut found = Vec::new();
    pool.find(chain.names(), &mut found);
    found.len()
}

/// Six blocks. A holds 2 full and 1 partial, B shares A's first block. Freed, A's tail goes before its head.
#[test]
fn blocks_go_in_the_order_of_vllm() {
    let mut pool = BlockPool::new(6, true);
    let a = chain(&[(1, 4), (2, 5)]);
    let b = chain(&[(1, 4), (3, 4)]);
    let (found, mut of_a) = run(&mut pool, &a).unwrap();
    assert_eq!((found, pool.used(), pool.free()), (0, 3, 3));
    let (found, mut of_b) = run(&mut pool, &b).unwrap();
    assert_eq!((found, pool.used()), (1, 4));
    pool.give_back(&mut of_a);
    // B still holds the first; the partial one and A's second are free.
    assert_eq!((pool.used(), of_a.len()), (2, 0));
    assert_eq!((hits(&pool, &a), hits(&pool, &b)), (2, 2));
    pool.give_back(&mut of_b);
    assert_eq!(pool.free(), 6);
    // Free now, first to go first: A's partial one and two untouched, then A's second, B's second, the shared first.
    let mut taken = Vec::new();
    assert!(pool.take(&[], 3, &mut taken));
    assert_eq!((hits(&pool, &a), hits(&pool, &b)), (2, 2));
    assert!(pool.take(&[], 1, &mut taken));
    assert_eq!((hits(&pool, &a), hits(&pool, &b)), (1, 2));
    assert!(pool.take(&[], 1, &mut taken));
    assert_eq!((hits(&pool, &a), hits(&pool, &b)), (1, 1));
    assert!(!pool.take(&[], 2, &mut taken));
    assert_eq!((taken.len(), pool.free()), (5, 1));
}

#[test]
fn a_hit_saves_a_block_from_going() {
    let mut pool = BlockPool::new(2, true);
    let (a, b) = (chain(&[(1, 4)]), chain(&[(2, 4)]));
    let (_, mut of_a) = run(&mut pool, &a).unwrap();
    pool.give_back(&mut of_a);
    let (_, mut of_b) = run(&mut pool, &b).unwrap();
    pool.give_back(&mut of_b);
    // A was free for longer, but it is in use again.
    let (found, mut of_a) = run(&mut pool, &a).unwrap();
    assert_eq!(found, 1);
    assert!(pool.take(&[], 1, &mut of_a));
    assert_eq!((hits(&pool, &a), hits(&pool, &b), pool.free()), (1, 0, 0));
    // What is found cannot be taken twice: once as a hit, once as a free block.
    let mut pool = BlockPool::new(2, true);
    let (_, mut of_a) = run(&mut pool, &chain(&[(1, 8)])).unwrap();
    pool.give_back(&mut of_a);
    assert!(run(&mut pool, &chain(&[(1, 8), (2, 1)])).is_none());
    assert_eq!((pool.free(), hits(&pool, &chain(&[(1, 8)]))), (2, 2));
}

#[test]
fn equal_blocks_stay_two_and_are_told_of_as_one() {
    let mut pool = BlockPool::new(3, true);
    pool.tell_events(true);
    let a = chain(&[(1, 4)]);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    assert!(pool.take(&[], 1, &mut first) && pool.take(&[], 1, &mut second));
    pool.store(&a, &first, 0..1);
    pool.store(&a, &second, 0..1);
    let stored = |parent, blocks| KvEvent::Stored { tier: Tier::Device, parent, blocks };
    let told: Vec<_> = pool.events().collect();
    assert_eq!(told, [stored(None, vec![(a.names()[0], a.locals()[0])])]);
    // The earlier one is found; when it goes, the other one is.
    let mut found = Vec::new();
    assert_eq!(pool.find(a.names(), &mut found), 1);
    assert_eq!(found, first);
    pool.give_back(&mut first);
    let mut all = Vec::new();
    assert!(pool.take(&[], 2, &mut all));
    assert_eq!(pool.find(a.names(), &mut found), 1);
    assert_eq!(found, second);
    assert_eq!(pool.events().count(), 0);
    pool.give_back(&mut second);
    assert!(pool.take(&[], 1, &mut all));
    let told: Vec<_> = pool.events().collect();
    assert_eq!(told, [KvEvent::Removed { tier: Tier::Device, blocks: a.names().to_vec() }]);
    pool.reset();
    assert_eq!(pool.events().collect::<Vec<_>>(), [KvEvent::Cleared]);
    assert_eq!((pool.free(), hits(&pool, &a)), (3, 0));
}

#[test]
fn what_is_known_already_is_not_told_again() {
    let mut pool = BlockPool::new(8, true);
    pool.tell_events(true);
    let a = chain(&[(1, 8)]);
    let (_, _) = run(&mut pool, &a).unwrap();
    let long = chain(&[(1, 8), (2, 8)]);
    let (found, _) = run(&mut pool, &long).unwrap();
    let told: Vec<_> = pool.events().collect();
    let pairs = |range: Range<usize>| -> Vec<(SequenceHash, LocalHash)> {
        range.map(|i| (long.names()[i], long.locals()[i])).collect()
    };
    let stored = |parent, blocks| KvEvent::Stored { tier: Tier::Device, parent, blocks };
    assert_eq!(found, 2);
    assert_eq!(told, [stored(None, pairs(0..2)), stored(Some(long.names()[1]), pairs(2..4))]);
}

#[test]
fn without_reuse_nothing_is_found() {
    let mut pool = BlockPool::new(4, false);
    let a = chain(&[(1, 8)]);
    let (_, mut held) = run(&mut pool, &a).unwrap();
    pool.give_back(&mut held);
    assert_eq!((hits(&pool, &a), pool.free(), pool.reuses()), (0, 4, false));
    assert!(!BlockPool::new(0, true).take(&[], 1, &mut held));
}

/// The same rules with lists: blocks by number, the free list in the order in which it goes.
struct Model {
    names: Vec<Option<SequenceHash>>,
    holders: Vec<u32>,
    free: Vec<usize>,
    /// Blocks in the order in which they got their names.
    named: Vec<usize>,
}

impl Model {
    fn new(total: usize) -> Self {
        let free = (0..total).collect();
        Self { names: vec![None; total], holders: vec![0; total], free, named: Vec::new() }
    }

    fn find(&self, names: &[SequenceHash]) -> Vec<usize> {
        let first = |name: &SequenceHash| self.named.iter().copied().find(|b| self.names[*b] == Some(*name));
        names.iter().map_while(first).collect()
    }

    fn take(&mut self, found: &[usize], fresh: usize) -> Option<Vec<usize>> {
        let unheld = found.iter().filter(|block| self.holders[**block] == 0).count();
        if fresh + unheld > self.free.len() {
            return None;
        }
        let mut taken = found.to_vec();
        self.free.retain(|block| !found.contains(block));
        for block in self.free.drain(..fresh) {
            self.names[block] = None;
            self.named.retain(|other| *other != block);
            taken.push(block);
        }
        for block in &taken {
            self.holders[*block] += 1;
        }
        Some(taken)
    }

    fn free_of_copies(&self, most: usize) -> u32 {
        let copies = |block: &usize| self.names.iter().filter(|name| **name == self.names[*block]).count();
        let is_copied = |block: &usize| self.names[*block].is_some() && copies(block) > 1;
        self.free.iter().take(most).take_while(|block| !is_copied(block)).count() as u32
    }

    fn store(&mut self, block: usize, name: SequenceHash) {
        if self.names[block].is_none() {
            self.names[block] = Some(name);
            self.named.push(block);
        }
    }

    fn give_back(&mut self, blocks: &[usize]) {
        for &block in blocks.iter().rev() {
            self.holders[block] -= 1;
            match (self.holders[block], self.names[block]) {
                (0, Some(_)) => self.free.push(block),
                (0, None) => self.free.insert(0, block),
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Sequences come, share prefixes, and go; at every moment the pool finds and has what the model finds and has, and whoever
    /// listens to its events knows exactly the names in it.
    #[test]
    fn the_pool_does_what_the_model_does(
        total in 1_u32..24,
        steps in prop::collection::vec((any::<bool>(), 0_u64..3, 0_u32..20, 0_u64..4, 0_u32..20), 1..60),
    ) {
        let mut pool = BlockPool::new(total, true);
        pool.tell_events(true);
        let mut model = Model::new(total as usize);
        let mut live: Vec<(Vec<BlockId>, Vec<usize>)> = Vec::new();
        let mut heard: Vec<SequenceHash> = Vec::new();
        for (go, prefix, shared, own, rest) in steps {
            if go && !live.is_empty() {
                let (mut blocks, same) = live.remove(shared as usize % live.len());
                pool.give_back(&mut blocks);
                model.give_back(&same);
            } else {
                let chain = chain(&[(prefix, shared), (100 + own, rest)]);
                let mut found = model.find(chain.names());
                prop_assert_eq!(hits(&pool, &chain), found.len());
                // Some compute again what is there, so that there are copies.
                let most = rest as usize % 6;
                found.truncate(most);
                let whole = chain.tokens().div_ceil(4) as usize;
                let taken = model.take(&found, whole - found.len());
                let ours = run_with(&mut pool, &chain, most);
                prop_assert_eq!(taken.is_some(), ours.is_some());
                if let (Some(taken), Some((_, ours))) = (taken, ours) {
                    for (index, name) in chain.names().iter().enumerate() {
                        model.store(taken[index], *name);
                    }
                    live.push((ours, taken));
                }
            }
            for event in pool.events() {
                match event {
                    KvEvent::Stored { blocks, .. } => heard.extend(blocks.iter().map(|block| block.0)),
                    KvEvent::Removed { blocks, .. } => heard.retain(|name| !blocks.contains(name)),
                    KvEvent::Cleared => heard.clear(),
                }
            }
            let mut known: Vec<_> = model.names.iter().flatten().copied().collect();
            known.sort_unstable();
            known.dedup();
            heard.sort_unstable();
            prop_assert_eq!(&heard, &known);
            prop_assert_eq!(pool.free() as usize, model.free.len());
            for most in [0, 1, 3, total] {
                prop_assert_eq!(pool.free_of_copies(most), model.free_of_copies(most as usize));
            }
            prop_assert_eq!(pool.used() + pool.free(), total);
        }
    }
}
