use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use tokmark_base::{Content, Piece, Segment};

use super::*;
use crate::{Chain, KvEvent, SequenceHash, hash};

fn segments(parts: &[(u64, u32)]) -> Content {
    Content::Segments(parts.iter().map(|&(id, tokens)| Segment { id, tokens }).collect())
}

fn sequence(parts: &[(u64, u32)], page: u32) -> Sequence {
    Sequence::of(&segments(parts), u64::MAX, page, hash::SEED)
}

/// Free, evictable, protected, owned.
fn counts(cache: &RadixCache) -> [u64; 4] {
    assert!(cache.adds_up());
    [cache.free(), cache.evictable(), cache.protected(), cache.owned()]
}

#[test]
fn prefixes_are_shared_to_the_token() {
    let mut cache = RadixCache::new(100, 1);
    let (a, b) = (sequence(&[(1, 20), (2, 10)], 1), sequence(&[(1, 20), (3, 5)], 1));
    let lease = cache.admit(&a, 29, 30).unwrap();
    assert_eq!((lease.shared(), counts(&cache)), (0, [70, 0, 0, 30]));
    assert_eq!(cache.matched(&b, 24), 0, "what is being computed is not shared");
    cache.finish(&a, lease);
    assert_eq!(counts(&cache), [70, 30, 0, 0]);
    assert_eq!((cache.matched(&b, 24), cache.matched(&a, 29), cache.matched(&a, 7)), (20, 29, 7));

    // The common 20 are locked, what only `a` had may go.
    let lease = cache.admit(&b, 24, 25).unwrap();
    assert_eq!((lease.shared(), lease.pages(), counts(&cache)), (20, 25, [65, 10, 20, 5]));
    cache.make_room(70);
    assert_eq!(counts(&cache), [70, 5, 20, 5]);
    assert_eq!(cache.matched(&a, 30), 25, "from the end of the leaf");
    cache.make_room(100);
    assert_eq!((counts(&cache), cache.matched(&a, 30)), ([75, 0, 20, 5], 20));
    cache.release(lease);
    assert_eq!(counts(&cache), [80, 20, 0, 0]);
}

#[test]
fn pages_are_shared_whole() {
    let mut cache = RadixCache::new(10, 4);
    let a = sequence(&[(1, 10), (2, 4)], 4);
    let lease = cache.admit(&a, 3, 4).unwrap();
    cache.finish(&a, lease);
    // 14 tokens: three complete pages, the fourth is given back.
    assert_eq!(counts(&cache), [7, 3, 0, 0]);
    // The third page holds two tokens of each segment.
    assert_eq!(cache.matched(&sequence(&[(1, 10), (3, 4)], 4), 9), 2);
    assert_eq!(cache.matched(&sequence(&[(1, 10), (2, 2)], 4), 9), 3);
    assert_eq!(cache.matched(&sequence(&[(1, 7)], 4), 9), 1);
}

#[test]
fn the_copy_is_given_back() {
    let mut cache = RadixCache::new(100, 1);
    let (a, b) = (sequence(&[(1, 20), (2, 4)], 1), sequence(&[(1, 20), (3, 4)], 1));
    let mut first = cache.admit(&a, 23, 24).unwrap();
    let mut second = cache.admit(&b, 23, 24).unwrap();
    assert_eq!(counts(&cache), [52, 0, 0, 48]);
    cache.publish(&a, &mut first);
    assert_eq!(counts(&cache), [52, 0, 24, 24]);
    cache.publish(&b, &mut second);
    assert_eq!((second.shared(), counts(&cache)), (24, [72, 0, 28, 0]));
    cache.finish(&a, first);
    assert_eq!(counts(&cache), [72, 4, 24, 0]);
    cache.finish(&b, second);
    assert_eq!(counts(&cache), [72, 28, 0, 0]);
}

#[test]
fn the_leaf_unused_for_longest_goes_first() {
    let mut cache = RadixCache::new(40, 1);
    let all: Vec<Sequence> = (0..4).map(|id| sequence(&[(9, 4), (id, 6)], 1)).collect();
    for sequence in &all {
        let lease = cache.admit(sequence, 9, 10).unwrap();
        cache.finish(sequence, lease);
    }
    assert_eq!(counts(&cache), [12, 28, 0, 0]);
    // A look does not count as use, an admission does.
    assert_eq!(cache.matched(&all[1], 10), 10);
    let lease = cache.admit(&all[0], 10, 10).unwrap();
    cache.release(lease);
    let left = |cache: &RadixCache| all.iter().map(|s| cache.matched(s, 10)).collect::<Vec<_>>();
    cache.make_room(20);
    assert_eq!(left(&cache), [10, 4, 8, 10]);
    cache.make_room(30);
    assert_eq!(left(&cache), [10, 4, 4, 4]);
    cache.make_room(40);
    assert_eq!((left(&cache), counts(&cache)), (vec![0; 4], [40, 0, 0, 0]));
}

#[test]
fn without_reuse_nothing_stays() {
    let mut cache = RadixCache::new(40, 1).without_reuse();
    let a = sequence(&[(1, 20)], 1);
    let mut lease = cache.admit(&a, 19, 20).unwrap();
    cache.publish(&a, &mut lease);
    assert_eq!((lease.shared(), counts(&cache)), (0, [20, 0, 0, 20]));
    assert!(!cache.grow(&mut lease, 21) && cache.grow(&mut lease, 20));
    cache.finish(&a, lease);
    assert_eq!((cache.matched(&a, 20), counts(&cache)), (0, [40, 0, 0, 0]));
}

#[test]
fn another_salt_is_another_cache() {
    let mut cache = RadixCache::new(40, 1);
    let of = |seed| Sequence::of(&segments(&[(1, 10)]), 10, 1, seed);
    let lease = cache.admit(&of(1), 10, 10).unwrap();
    cache.finish(&of(1), lease);
    assert_eq!((cache.matched(&of(1), 10), cache.matched(&of(2), 10)), (10, 0));
}

#[test]
fn the_rhythm_of_growth_does_not_matter() {
    for page in 1..6 {
        let mut grown = Sequence::new(page, 0);
        grown.extend(1, 0, 7);
        (0..9).for_each(|n| grown.extend(2, n, 1));
        assert_eq!(grown, Sequence::of(&segments(&[(1, 7), (2, 9)]), 16, page, 0));
        assert_eq!(grown.pages(), 16 / u64::from(page));
    }
}

#[test]
fn openings_are_equal_where_the_tokens_are() {
    let opening = |parts: &[(u64, u32)]| sequence(parts, 1).opening(8);
    assert_eq!(opening(&[(1, 5), (2, 5)]), opening(&[(1, 5), (2, 3)]));
    assert_ne!(opening(&[(1, 5), (2, 5)]), opening(&[(1, 4), (2, 5)]));
    assert_ne!(opening(&[(1, 8)]), opening(&[(1, 7), (2, 1)]));
    assert_eq!(opening(&[(1, 7)]), None);
}

#[test]
fn a_late_listener_hears_what_is_there() {
    let mut cache = RadixCache::new(40, 2);
    let (a, b) = (sequence(&[(1, 6), (2, 4)], 2), sequence(&[(1, 6), (3, 4)], 2));
    for sequence in [&a, &b] {
        let lease = cache.admit(sequence, 0, 5).unwrap();
        cache.finish(sequence, lease);
    }
    assert!(cache.told().is_empty());
    cache.tell(true);
    let mut heard = BTreeSet::new();
    for event in cache.told() {
        let KvEvent::Stored { parent, blocks, .. } = event else { panic!("{event:?}") };
        assert!(parent.is_none_or(|parent| heard.contains(&parent)), "parents come first");
        heard.extend(blocks.iter().map(|(name, _)| *name));
    }
    let names = |parts: &[(u64, u32)]| Chain::of(&segments(parts), 2, hash::SEED).names().to_vec();
    let both = [names(&[(1, 6), (2, 4)]), names(&[(1, 6), (3, 4)])].concat();
    assert_eq!(heard, both.into_iter().collect());
    cache.clear();
    assert_eq!((cache.told(), counts(&cache)), (vec![KvEvent::Cleared], [20, 0, 0, 0].map(|n| n * 2)));
}

/// Pages as lists of tokens.
type Path = Vec<Vec<u64>>;

/// The tree by definition: the ends of its nodes with the time of their last access. A page is here if it lies on the way to one.
#[derive(Default)]
struct Model {
    nodes: BTreeMap<Path, u64>,
    clock: u64,
    /// Shared path and own pages of each lease.
    leases: Vec<(Path, u64)>,
}

impl Model {
    fn matched(&self, path: &[Vec<u64>]) -> usize {
        let common = |node: &Path| node.iter().zip(path).take_while(|(a, b)| a == b).count();
        self.nodes.keys().map(common).max().unwrap_or(0)
    }

    /// Touches every node that lies wholly on `path`.
    fn touch(&mut self, path: &[Vec<u64>]) {
        let clock = self.clock;
        self.nodes.iter_mut().filter(|(node, _)| path.starts_with(node)).for_each(|(_, at)| *at = clock);
    }

    /// Makes a node end at `at`, of which the pages are here.
    fn cut(&mut self, at: &[Vec<u64>]) {
        if at.is_empty() || self.nodes.contains_key(at) {
            return;
        }
        let (_, accessed) = self.nodes.iter().find(|(node, _)| node.starts_with(at)).unwrap();
        self.nodes.insert(at.to_vec(), *accessed);
    }

    fn is_leaf(&self, node: &Path) -> bool {
        self.nodes.keys().all(|other| other == node || !other.starts_with(node))
    }

    fn locks(&self, node: &Path) -> usize {
        self.leases.iter().filter(|(shared, _)| shared.starts_with(node)).count()
    }

    fn insert(&mut self, start: &Path, path: &Path) {
        self.clock += 1;
        self.touch(start);
        let known = self.matched(path);
        if known == path.len() {
            self.touch(path);
            self.cut(path);
            return;
        }
        let front = path[..known].to_vec();
        self.touch(&front);
        let here = self.nodes.contains_key(&front);
        let own_tail = front == *start && self.locks(&front) == 1;
        if here && self.is_leaf(&front) && (self.locks(&front) == 0 || own_tail) {
            self.nodes.remove(&front);
        } else {
            self.cut(&front);
        }
        self.nodes.insert(path.clone(), self.clock);
    }

    fn evict(&mut self, mut pages: usize) {
        while pages > 0 {
            let free = |(node, _): &(&Path, &u64)| self.is_leaf(node) && self.locks(node) == 0;
            let Some((node, at)) = self.nodes.iter().filter(free).min_by_key(|(_, at)| **at) else {
                return;
            };
            let (mut node, at) = (node.clone(), *at);
            self.nodes.remove(&node);
            node.pop();
            pages -= 1;
            // Shorter, unless it now ends where the one before it does.
            if !node.is_empty() && !self.nodes.keys().any(|other| other.starts_with(&node)) {
                self.nodes.insert(node, at);
            }
        }
    }

    fn here(&self) -> BTreeSet<&[Vec<u64>]> {
        self.nodes.keys().flat_map(|node| (1..=node.len()).map(|end| &node[..end])).collect()
    }

    fn counts(&self, total: u64) -> [u64; 4] {
        let here = self.here();
        let locked = |page: &&&[Vec<u64>]| self.leases.iter().any(|(shared, _)| shared.starts_with(page));
        let protected = here.iter().filter(locked).count() as u64;
        let owned = self.leases.iter().map(|(_, own)| own).sum::<u64>();
        let all = here.len() as u64;
        [total - all - owned, all - protected, protected, owned]
    }
}

/// A sequence of the test, and the same as tokens.
struct Known {
    sequence: Sequence,
    tokens: Vec<u64>,
    chain: Chain,
}

impl Known {
    fn new(content: &Content, page: u32) -> Self {
        let segment =
            |s: &Segment| -> Vec<u64> { (0..s.tokens).map(|n| (s.id << 32) + u64::from(n)).collect() };
        let token = |ids: &[u32]| -> Vec<u64> { ids.iter().map(|id| u64::MAX - u64::from(*id)).collect() };
        let piece = |piece: &Piece| match piece {
            Piece::Segment(part) => segment(part),
            Piece::Tokens(ids) => token(ids),
        };
        let tokens = match content {
            Content::Segments(parts) => parts.iter().flat_map(segment).collect(),
            Content::Tokens(ids) => token(ids),
            Content::Mixed(pieces) => pieces.iter().flat_map(piece).collect(),
        };
        let sequence = Sequence::of(content, u64::MAX, page, hash::SEED);
        Self { sequence, tokens, chain: Chain::of(content, page, hash::SEED) }
    }

    fn grow(&mut self, id: u64, from: u32, tokens: u32) {
        self.sequence.extend(id, from, tokens);
        self.chain.extend(id, from, tokens);
        self.tokens.extend((from..from + tokens).map(|n| (id << 32) + u64::from(n)));
    }

    fn path(&self, pages: u64) -> Path {
        let page = self.sequence.page() as usize;
        self.tokens.chunks_exact(page).take(pages as usize).map(<[u64]>::to_vec).collect()
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Content, how much of it is looked up, how much is taken.
    Admit(Content, u64, u64),
    /// The lease's sequence goes on, and publishes.
    Reply(usize, u32),
    Finish(usize),
    Release(usize),
    Evict(u64),
}

fn content() -> impl Strategy<Value = Content> {
    let parts = prop::collection::vec((0..3u64, 0..9u32), 1..4);
    let parts = parts.prop_map(|parts| segments(&parts)).boxed();
    let ids = prop::collection::vec(0..2u32, 0..12).prop_map(|ids| Content::Tokens(Arc::from(ids)));
    let ids = ids.boxed();
    // A session's prompts: what was said and answered, one behind the other.
    let both = prop::collection::vec(prop_oneof![parts.clone(), ids.clone()], 1..5).prop_map(|contents| {
        contents.into_iter().fold(Content::default(), |mut whole, more| {
            whole.append(more);
            whole
        })
    });
    prop_oneof![2 => parts, 1 => ids, 2 => both]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (content(), 0..24u64, 0..24u64).prop_map(|(c, limit, pages)| Op::Admit(c, limit, pages)),
        3 => (any::<usize>(), 1..4u32).prop_map(|(n, tokens)| Op::Reply(n, tokens)),
        2 => any::<usize>().prop_map(Op::Finish),
        1 => any::<usize>().prop_map(Op::Release),
        1 => (0..12u64).prop_map(Op::Evict),
    ]
}

/// The cache and the model side by side.
struct Both {
    cache: RadixCache,
    model: Model,
    leases: Vec<(Known, Lease, u64)>,
    heard: BTreeSet<SequenceHash>,
    names: BTreeMap<Path, SequenceHash>,
    replies: u64,
}

impl Both {
    fn apply(&mut self, op: Op) {
        let page = self.cache.page();
        let total = self.cache.total();
        let pick =
            |n: usize, leases: &Vec<(Known, Lease, u64)>| (!leases.is_empty()).then(|| n % leases.len());
        match op {
            Op::Admit(content, limit, pages) => {
                let known = Known::new(&content, page);
                let pages = pages.min((known.tokens.len() as u64).div_ceil(u64::from(page)));
                self.admit(known, limit.min(pages), pages, total);
            }
            Op::Reply(n, tokens) => {
                let Some(n) = pick(n, &self.leases) else { return };
                self.reply(n, tokens, total);
            }
            Op::Finish(n) => {
                let Some(n) = pick(n, &self.leases) else { return };
                let (known, lease, _) = self.leases.remove(n);
                let complete = known.sequence.pages().min(lease.pages());
                let shared = self.model.leases[n].0.clone();
                if complete as usize > shared.len() {
                    self.model.insert(&shared, &known.path(complete));
                }
                self.model.leases.remove(n);
                self.cache.finish(&known.sequence, lease);
            }
            Op::Release(n) => {
                let Some(n) = pick(n, &self.leases) else { return };
                let (_, lease, _) = self.leases.remove(n);
                self.model.leases.remove(n);
                self.cache.release(lease);
            }
            Op::Evict(pages) => {
                let free = self.cache.free();
                self.cache.make_room(free + pages);
                self.model.evict(pages as usize);
            }
        }
    }

    fn admit(&mut self, known: Known, limit: u64, pages: u64, total: u64) {
        let path = known.path(limit);
        let shared = self.model.matched(&path);
        assert_eq!(self.cache.matched(&known.sequence, limit), shared as u64);
        self.model.clock += 1;
        // A node of which only a part agrees is cut, and not touched.
        let front = path[..shared].to_vec();
        self.model.touch(&front);
        self.model.cut(&front);
        self.model.leases.push((front, 0));
        let [free, evictable, ..] = self.model.counts(total);
        let own = pages - shared as u64;
        let lease = self.cache.admit(&known.sequence, limit, pages);
        assert_eq!(lease.is_some(), own <= free + evictable);
        let Some(lease) = lease else {
            self.model.leases.pop();
            return;
        };
        self.model.evict(own.saturating_sub(free) as usize);
        self.model.leases.last_mut().unwrap().1 = own;
        self.replies += 1;
        self.leases.push((known, lease, 100 + self.replies));
    }

    fn reply(&mut self, n: usize, tokens: u32, total: u64) {
        let page = u64::from(self.cache.page());
        let (known, lease, id) = &mut self.leases[n];
        if lease.pages() * page < known.tokens.len() as u64 {
            return;
        }
        let from = known.tokens.iter().filter(|token| **token >> 32 == *id).count() as u32;
        let needed = (known.tokens.len() as u64 + u64::from(tokens)).div_ceil(page) - lease.pages();
        let [free, evictable, ..] = self.model.counts(total);
        assert_eq!(self.cache.grow(lease, needed), needed <= free + evictable);
        if needed > free + evictable {
            return;
        }
        self.model.evict(needed.saturating_sub(free) as usize);
        self.model.leases[n].1 += needed;
        known.grow(*id, from, tokens);
        self.cache.publish(&known.sequence, lease);
        let path = known.path(known.sequence.pages());
        let (shared, _) = self.model.leases[n].clone();
        if path.len() > shared.len() {
            self.model.insert(&shared, &path);
            self.model.leases[n].1 -= (path.len() - shared.len()) as u64;
            self.model.leases[n].0 = path;
        }
    }

    fn compare(&mut self) {
        assert_eq!(counts(&self.cache), self.model.counts(self.cache.total()));
        for (known, lease, _) in &self.leases {
            let found = self.cache.matched(&known.sequence, u64::MAX);
            assert_eq!(found, self.model.matched(&known.path(u64::MAX)) as u64);
            for (end, name) in (1..).zip(known.chain.names()) {
                self.names.insert(known.path(end), *name);
            }
            assert!(lease.shared() <= found);
        }
        for event in self.cache.told() {
            match event {
                KvEvent::Stored { parent, blocks, .. } => {
                    assert!(parent.is_none_or(|parent| self.heard.contains(&parent)));
                    assert!(blocks.iter().all(|(name, _)| self.heard.insert(*name)));
                }
                KvEvent::Removed { blocks, .. } => {
                    assert!(blocks.iter().all(|name| self.heard.remove(name)));
                }
                KvEvent::Cleared => panic!("nobody cleared it"),
            }
        }
        let here = self.model.here().into_iter().map(|path| self.names[path]).collect();
        assert_eq!(self.heard, here);
    }
}

proptest! {
    #[test]
    fn it_is_what_the_definition_says(page in 1..4u32, ops in prop::collection::vec(op(), 1..60)) {
        let mut cache = RadixCache::new(30, page);
        cache.tell(true);
        let mut both = Both {
            cache,
            model: Model::default(),
            leases: Vec::new(),
            heard: BTreeSet::new(),
            names: BTreeMap::new(),
            replies: 0,
        };
        for op in ops {
            if let Op::Admit(content, ..) = &op {
                let known = Known::new(content, page);
                for (end, name) in (1..).zip(known.chain.names()) {
                    both.names.insert(known.path(end), *name);
                }
            }
            both.apply(op);
            both.compare();
        }
    }
}
