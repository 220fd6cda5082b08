//! The tree itself: edges, locks, the order in which leaves go.

use std::collections::{BTreeMap, BTreeSet};

use super::sequence::{Head, Run, Sequence, append};
use crate::hash::SequenceHash;
use crate::{KvEvent, Tier};

mod telling;

/// The number of a node. Numbers of nodes that went are given again.
pub(super) type NodeId = u32;

/// Nodes, and what of them may go.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    page: u32,
    nodes: Vec<Node>,
    vacant: Vec<NodeId>,
    /// Where the sequences of a salt begin.
    roots: BTreeMap<u64, NodeId>,
    /// Unlocked leaves by last access, the next victim first.
    leaves: BTreeSet<(u64, NodeId)>,
    /// Counts accesses; stands for their time.
    clock: u64,
    /// Pages in nodes that nobody locks.
    pub(super) evictable: u64,
    /// Pages in nodes that somebody locks.
    pub(super) protected: u64,
    telling: bool,
    pub(super) told: Vec<KvEvent>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    parent: Option<NodeId>,
    edge: Vec<Run>,
    pages: u64,
    children: BTreeMap<Head, NodeId>,
    /// Requests whose prefix ends here or below.
    locks: u32,
    accessed: u64,
    /// Of each page, while somebody listens.
    names: Vec<SequenceHash>,
}

impl Tree {
    pub(super) fn new(page: u32) -> Self {
        Self {
            page,
            nodes: Vec::new(),
            vacant: Vec::new(),
            roots: BTreeMap::new(),
            leaves: BTreeSet::new(),
            clock: 0,
            evictable: 0,
            protected: 0,
            telling: false,
            told: Vec::new(),
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn add(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.vacant.pop() {
            self.nodes[id as usize] = node;
            return id;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }

    /// Where sequences of this salt begin.
    pub(super) fn root(&mut self, seed: u64) -> NodeId {
        if let Some(root) = self.roots.get(&seed) {
            return *root;
        }
        let root = self.add(Node::default());
        self.roots.insert(seed, root);
        root
    }

    fn is_free_leaf(&self, id: NodeId) -> bool {
        let node = self.node(id);
        node.parent.is_some() && node.locks == 0 && node.children.is_empty()
    }

    fn touch(&mut self, id: NodeId, now: u64) {
        if self.is_free_leaf(id) {
            self.leaves.remove(&(self.node(id).accessed, id));
            self.leaves.insert((now, id));
        }
        self.node_mut(id).accessed = now;
    }

    fn touch_path(&mut self, id: NodeId, now: u64) {
        let mut next = Some(id);
        while let Some(id) = next {
            self.touch(id, now);
            next = self.node(id).parent;
        }
    }

    /// Time goes on as in `accesses` accesses.
    pub(super) fn skip(&mut self, accesses: u64) {
        self.clock += accesses;
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Pages of `sequence` that are here, of the first `limit`. Nothing changes.
    pub(super) fn matched(&self, sequence: &Sequence, limit: u64) -> u64 {
        let limit = limit.min(sequence.pages());
        let Some(mut at) = self.roots.get(&sequence.seed()).copied() else {
            return 0;
        };
        let mut matched = 0;
        while matched < limit {
            let Some(&child) = self.node(at).children.get(&sequence.head(matched)) else {
                break;
            };
            let same = sequence.common(matched, limit, &self.node(child).edge);
            matched += same;
            if same < self.node(child).pages {
                break;
            }
            at = child;
        }
        matched
    }

    /// The same, and locks them: pages, and the node at which they end.
    pub(super) fn lock_match(&mut self, sequence: &Sequence, limit: u64) -> (u64, NodeId) {
        let limit = limit.min(sequence.pages());
        let now = self.tick();
        let mut at = self.root(sequence.seed());
        let mut matched = 0;
        while matched < limit {
            let Some(&child) = self.node(at).children.get(&sequence.head(matched)) else {
                break;
            };
            let same = sequence.common(matched, limit, &self.node(child).edge);
            matched += same;
            if same < self.node(child).pages {
                // The part in front of the cut keeps the time of the whole.
                at = if same > 0 { self.split(child, same) } else { at };
                break;
            }
            at = child;
            self.touch(at, now);
        }
        self.lock(at);
        (matched, at)
    }

    /// The pages `from..to` of `sequence` shall be here, behind `start`, which is where its page `from` begins: the node at which
    /// they end, and how many were not here before.
    pub(super) fn insert(&mut self, start: NodeId, sequence: &Sequence, from: u64, to: u64) -> (NodeId, u64) {
        let now = self.tick();
        self.touch_path(start, now);
        let (mut current, mut at) = (start, from);
        while at < to {
            let node = self.node(current);
            let own_tail = current == start && node.locks == 1;
            if node.parent.is_some() && node.children.is_empty() && (node.locks == 0 || own_tail) {
                self.lengthen(current, sequence, at, to, now);
                return (current, to - at);
            }
            let Some(&child) = node.children.get(&sequence.head(at)) else {
                return (self.sprout(current, sequence, at, to, now), to - at);
            };
            let same = sequence.common(at, to, &self.node(child).edge);
            at += same;
            if same == self.node(child).pages {
                current = child;
                self.touch(current, now);
            } else if same > 0 {
                current = self.split(child, same);
                if at < to {
                    return (self.sprout(current, sequence, at, to, now), to - at);
                }
            } else {
                // Two pages under one hash: the newcomer stays out, as nobody could find it.
                return (current, 0);
            }
        }
        (current, 0)
    }

    /// A leaf gets the pages `at..to` at its end.
    fn lengthen(&mut self, id: NodeId, sequence: &Sequence, at: u64, to: u64, now: u64) {
        self.tell_stored(id, sequence, at, to);
        if self.is_free_leaf(id) {
            self.leaves.remove(&(self.node(id).accessed, id));
            self.leaves.insert((now, id));
        }
        let page = self.page;
        let node = self.node_mut(id);
        node.accessed = now;
        node.pages += to - at;
        sequence.each_run(at, to, |run| {
            append(&mut node.edge, run, page);
        });
        if node.locks == 0 {
            self.evictable += to - at;
        } else {
            self.protected += to - at;
        }
    }

    /// A new leaf of the pages `at..to` under `parent`.
    fn sprout(&mut self, parent: NodeId, sequence: &Sequence, at: u64, to: u64, now: u64) -> NodeId {
        if self.is_free_leaf(parent) {
            self.leaves.remove(&(self.node(parent).accessed, parent));
        }
        let mut edge = Vec::new();
        sequence.each_run(at, to, |run| {
            append(&mut edge, run, self.page);
        });
        let node = Node { parent: Some(parent), edge, pages: to - at, accessed: now, ..Node::default() };
        let id = self.add(node);
        self.node_mut(parent).children.insert(sequence.head(at), id);
        self.leaves.insert((now, id));
        self.evictable += to - at;
        self.tell_stored(id, sequence, at, to);
        id
    }

    /// Cuts the edge of `id` behind its first `pages` pages: the new node in front. `id` stays the node behind.
    fn split(&mut self, id: NodeId, pages: u64) -> NodeId {
        let page = self.page;
        let node = self.node_mut(id);
        let (front, back) = cut(&node.edge, pages, page);
        let named = node.names.len().min(pages as usize);
        let names = node.names.drain(..named).collect();
        let (locks, accessed, parent) = (node.locks, node.accessed, node.parent);
        let (old, new) = (head_of(&front, page, self, id), head_of(&back, page, self, id));
        let node = self.node_mut(id);
        node.edge = back;
        node.pages -= pages;
        let inner = self.add(Node {
            parent,
            edge: front,
            pages,
            children: BTreeMap::from([(new, id)]),
            locks,
            accessed,
            names,
        });
        self.node_mut(id).parent = Some(inner);
        if let Some(parent) = parent {
            self.node_mut(parent).children.insert(old, inner);
        }
        inner
    }

    /// Nothing on the way from `id` to the root may go.
    pub(super) fn lock(&mut self, id: NodeId) {
        let mut at = id;
        while let Some(parent) = self.node(at).parent {
            if self.node(at).locks == 0 {
                if self.node(at).children.is_empty() {
                    self.leaves.remove(&(self.node(at).accessed, at));
                }
                self.evictable -= self.node(at).pages;
                self.protected += self.node(at).pages;
            }
            self.node_mut(at).locks += 1;
            at = parent;
        }
    }

    /// Takes back one [`Self::lock`].
    pub(super) fn unlock(&mut self, id: NodeId) {
        let mut at = id;
        while let Some(parent) = self.node(at).parent {
            self.node_mut(at).locks -= 1;
            if self.node(at).locks == 0 {
                self.protected -= self.node(at).pages;
                self.evictable += self.node(at).pages;
                if self.node(at).children.is_empty() {
                    self.leaves.insert((self.node(at).accessed, at));
                }
            }
            at = parent;
        }
    }

    /// Throws out `wanted` pages, or all that may go: those of the leaf that nobody has used for longest, from its end.
    pub(super) fn evict(&mut self, wanted: u64) -> u64 {
        let mut gone = 0;
        let mut names = Vec::new();
        while gone < wanted {
            let Some((accessed, id)) = self.leaves.pop_first() else {
                break;
            };
            let page = self.page;
            let node = self.node_mut(id);
            let going = (wanted - gone).min(node.pages);
            let keep = node.pages - going;
            let kept = node.names.len().min(keep as usize);
            names.extend(node.names.drain(kept..).rev());
            gone += going;
            if keep > 0 {
                node.pages = keep;
                shorten(&mut node.edge, keep, page);
                self.leaves.insert((accessed, id));
            } else {
                self.remove(id);
            }
        }
        self.evictable -= gone;
        if !names.is_empty() {
            self.told.push(KvEvent::Removed { tier: Tier::Device, blocks: names });
        }
        gone
    }

    /// A leaf that is empty now goes.
    fn remove(&mut self, id: NodeId) {
        let Some(parent) = self.node(id).parent else {
            return;
        };
        let edge = std::mem::take(&mut self.node_mut(id).edge);
        let head = head_of(&edge, self.page, self, id);
        self.nodes[id as usize] = Node::default();
        self.vacant.push(id);
        self.node_mut(parent).children.remove(&head);
        if self.is_free_leaf(parent) {
            self.leaves.insert((self.node(parent).accessed, parent));
        }
    }

    /// The salt of the sequences through `id`.
    fn seed_of(&self, id: NodeId) -> u64 {
        let mut at = id;
        while let Some(parent) = self.node(at).parent {
            at = parent;
        }
        self.roots.iter().find(|(_, root)| **root == at).map_or(0, |(seed, _)| *seed)
    }
}

/// The head of an edge that is or was that of `id`.
fn head_of(edge: &[Run], page: u32, tree: &Tree, id: NodeId) -> Head {
    // Only pages of several token ids are hashed with the salt.
    let salted = page > 1 && matches!(edge.first(), Some(Run::Tokens { .. }));
    let seed = if salted { tree.seed_of(id) } else { 0 };
    edge[0].head(0, page, seed)
}

/// The first `pages` pages, and the others.
fn cut(edge: &[Run], pages: u64, page: u32) -> (Vec<Run>, Vec<Run>) {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    let mut at = 0;
    for run in edge {
        let here = pages.saturating_sub(at).min(run.pages());
        if here > 0 {
            front.push(run.cut(0, here, page));
        }
        if here < run.pages() {
            back.push(run.cut(here, run.pages() - here, page));
        }
        at += run.pages();
    }
    (front, back)
}

/// Keeps the first `pages` pages.
fn shorten(edge: &mut Vec<Run>, pages: u64, page: u32) {
    let mut before = 0;
    for (index, run) in edge.iter_mut().enumerate() {
        if before + run.pages() >= pages {
            *run = run.cut(0, pages - before, page);
            edge.truncate(index + 1);
            return;
        }
        before += run.pages();
    }
}

/// For tests: what the counts stand for, counted.
impl Tree {
    /// Whether counts and index say what the nodes say.
    pub(super) fn consistent(&self) -> bool {
        let live: Vec<NodeId> =
            (0..self.nodes.len() as NodeId).filter(|id| self.node(*id).parent.is_some()).collect();
        let sum = |locked: bool| -> u64 {
            let of = |id: &&NodeId| (self.node(**id).locks > 0) == locked;
            live.iter().filter(of).map(|id| self.node(*id).pages).sum()
        };
        let leaves: BTreeSet<(u64, NodeId)> = live
            .iter()
            .filter(|id| self.is_free_leaf(**id))
            .map(|id| (self.node(*id).accessed, *id))
            .collect();
        let edges = live.iter().all(|id| {
            let node = self.node(*id);
            node.pages > 0
                && node.pages == node.edge.iter().map(Run::pages).sum::<u64>()
                && (!self.telling || node.names.len() as u64 == node.pages)
                && node.children.values().all(|child| self.node(*child).locks <= node.locks)
        });
        edges && leaves == self.leaves && sum(false) == self.evictable && sum(true) == self.protected
    }
}
