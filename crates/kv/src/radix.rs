//! SGLang's radix cache: sequences that begin alike share the pages of their common beginning.
//!
//! A tree whose edges are runs of pages. A running request holds a [`Lease`]: the part of its sequence that is in the tree, locked
//! from its end to the root, and pages of its own behind it. Pages of its own move into the tree as they are computed
//! ([`RadixCache::publish`]); where another request was faster, the copies are given back. What nobody locks stays until memory is
//! short; then the leaf goes first that nobody has used for longest, from its end.
//!
//! Source: SGLang 0.5.x `srt/mem_cache/radix_cache.py` (match, insert, split, lock references, LRU of unlocked leaves), and
//! Dynamo 1.6.1's model of it (`aisimulate-core` 0.13.0), after which go the points on which they differ: a leaf that only its
//! own request locks grows in place; eviction takes part of a leaf if a part is enough.
//! Counts are pages; a page is one token unless SGLang's `page_size` says otherwise. Invariant ([`RadixCache::adds_up`]):
//! free + evictable + protected + owned by leases = total.

mod sequence;
mod tree;

pub use sequence::Sequence;
use tree::{NodeId, Tree};

use crate::KvEvent;

/// See the module.
#[derive(Clone, Debug)]
pub struct RadixCache {
    tree: Tree,
    page: u32,
    total: u64,
    free: u64,
    owned: u64,
    reuse: bool,
}

/// What a running request holds. It must be given back by [`RadixCache::finish`] or [`RadixCache::release`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "pages are lost unless the lease is finished or released"]
pub struct Lease {
    node: NodeId,
    shared: u64,
    own: u64,
}

impl Lease {
    /// Pages held, shared ones included.
    pub fn pages(&self) -> u64 {
        self.shared + self.own
    }

    /// Of those, pages that are in the tree.
    pub fn shared(&self) -> u64 {
        self.shared
    }
}

impl RadixCache {
    /// An empty cache of `pages` pages of `page` tokens (at least 1).
    pub fn new(pages: u64, page: u32) -> Self {
        let page = page.max(1);
        Self { tree: Tree::new(page), page, total: pages, free: pages, owned: 0, reuse: true }
    }

    /// Nothing is kept for others (`--disable-radix-cache`).
    #[must_use]
    pub fn without_reuse(mut self) -> Self {
        self.reuse = false;
        self
    }

    /// Whether anything is kept for others.
    pub fn reuses(&self) -> bool {
        self.reuse
    }

    /// Tokens of a page.
    pub fn page(&self) -> u32 {
        self.page
    }

    /// Pages there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Pages with nothing in them.
    pub fn free(&self) -> u64 {
        self.free
    }

    /// Pages kept for others that may go.
    pub fn evictable(&self) -> u64 {
        self.tree.evictable
    }

    /// Pages in the tree that leases lock.
    pub fn protected(&self) -> u64 {
        self.tree.protected
    }

    /// Pages that leases hold outside the tree.
    pub fn owned(&self) -> u64 {
        self.owned
    }

    /// Whether every page is counted once, and every count is right. Walks the whole tree: for tests.
    pub fn adds_up(&self) -> bool {
        let sum = self.free + self.tree.evictable + self.tree.protected + self.owned;
        sum == self.total && self.tree.consistent()
    }

    /// Pages of `sequence` that would be found, of its first `limit`. Nothing changes, no access is noted.
    pub fn matched(&self, sequence: &Sequence, limit: u64) -> u64 {
        if self.reuse { self.tree.matched(sequence, limit) } else { 0 }
    }

    /// Memory for the first `pages` pages of `sequence`: what is found of its first `limit` pages is shared, the others are the
    /// request's own, for which others' leftovers go if need be. `None` if there is no room even so.
    pub fn admit(&mut self, sequence: &Sequence, limit: u64, pages: u64) -> Option<Lease> {
        let limit = if self.reuse { limit.min(pages) } else { 0 };
        let (shared, node) = if self.reuse {
            self.tree.lock_match(sequence, limit)
        } else {
            (0, self.tree.root(sequence.seed()))
        };
        let mut lease = Lease { node, shared, own: 0 };
        if self.grow(&mut lease, pages - shared) {
            return Some(lease);
        }
        self.release(lease);
        None
    }

    /// So many pages more, for which others' leftovers go if need be. Nothing happens if there is no room even so.
    pub fn grow(&mut self, lease: &mut Lease, pages: u64) -> bool {
        if pages > self.free + self.tree.evictable {
            return false;
        }
        self.make_room(pages);
        self.take(lease, pages);
        true
    }

    /// So many pages more that are free already ([`Self::make_room`]).
    ///
    /// # Panics
    /// If fewer are free: a caller that did not make room would go on with memory that is not there.
    pub fn take(&mut self, lease: &mut Lease, pages: u64) {
        assert!(pages <= self.free, "a lease takes {pages} pages of {} free", self.free);
        self.free -= pages;
        self.owned += pages;
        lease.own += pages;
    }

    /// Throws out leftovers until `pages` pages are free, as far as there are any.
    pub fn make_room(&mut self, pages: u64) {
        if pages > self.free {
            self.free += self.tree.evict(pages - self.free);
        }
    }

    /// What the lease holds of `sequence` may be shared from now on: its complete pages move into the tree, and stay locked.
    pub fn publish(&mut self, sequence: &Sequence, lease: &mut Lease) {
        let complete = sequence.pages().min(lease.pages());
        if !self.reuse || complete <= lease.shared {
            return;
        }
        let node = self.insert(sequence, lease, complete);
        if node != lease.node {
            self.tree.lock(node);
            self.tree.unlock(lease.node);
            lease.node = node;
        }
    }

    /// As many accesses as `publishes` calls of [`Self::publish`] would be have gone by.
    pub fn skip(&mut self, publishes: u64) {
        if self.reuse {
            self.tree.skip(publishes);
        }
    }

    /// The request is through: its complete pages stay for others, the rest is free.
    pub fn finish(&mut self, sequence: &Sequence, lease: Lease) {
        self.finish_at(sequence, sequence.tokens(), lease);
    }

    /// The same where only the first `tokens` of the sequence were computed.
    pub fn finish_at(&mut self, sequence: &Sequence, tokens: u64, mut lease: Lease) {
        let computed = tokens / u64::from(self.page);
        let complete = sequence.pages().min(lease.pages()).min(computed).max(lease.shared);
        if self.reuse && complete > 0 {
            let rest = lease.pages() - complete;
            self.give_back(&mut lease, rest);
            if complete > lease.shared {
                self.insert(sequence, &mut lease, complete);
            }
        }
        self.release(lease);
    }

    /// The request is thrown out: what is its own is free, what is in the tree stays for others.
    pub fn release(&mut self, mut lease: Lease) {
        let own = lease.own;
        self.give_back(&mut lease, own);
        self.tree.unlock(lease.node);
    }

    /// Moves the pages up to `complete` into the tree and gives copies back: the node at which they end.
    fn insert(&mut self, sequence: &Sequence, lease: &mut Lease, complete: u64) -> NodeId {
        let (node, new) = self.tree.insert(lease.node, sequence, lease.shared, complete);
        let moved = complete - lease.shared;
        lease.own -= moved;
        lease.shared = complete;
        self.owned -= moved;
        self.free += moved - new;
        node
    }

    fn give_back(&mut self, lease: &mut Lease, pages: u64) {
        lease.own -= pages;
        self.owned -= pages;
        self.free += pages;
    }

    /// Everything is gone, leases included.
    pub fn clear(&mut self) {
        let telling = self.tree.telling();
        self.tree = Tree::new(self.page);
        (self.free, self.owned) = (self.total, 0);
        if telling {
            self.tree.tell(true);
            self.tree.told.push(KvEvent::Cleared);
        }
    }

    /// Whether somebody wants [`Self::told`]. Names cost a hash for each page: with pages of one token, one for each token.
    pub fn tell(&mut self, wanted: bool) {
        self.tree.tell(wanted);
    }

    /// Whether [`Self::tell`] asked for names.
    pub fn telling(&self) -> bool {
        self.tree.telling()
    }

    /// Takes what changed since the last call: what became reusable, what is gone.
    pub fn told(&mut self) -> Vec<KvEvent> {
        std::mem::take(&mut self.tree.told)
    }
}

#[cfg(test)]
mod tests;
