//! Requests that wait in the router, in the order in which they go: by priority, then by the queue's policy, then by arrival.

use std::collections::BTreeMap;

use tokmark_base::Micros;

use super::Query;
use super::spec::QueuePolicy;
use crate::RequestId;

/// Smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    priority: i32,
    rank: i64,
    number: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Waiting {
    policy: QueuePolicy,
    /// Times its largest batch: a worker with more tokens to prefill than that makes requests wait.
    pub(super) threshold: f64,
    queued: BTreeMap<Key, Query>,
    keys: BTreeMap<RequestId, Key>,
    count: u64,
}

impl Waiting {
    pub(super) fn new(policy: QueuePolicy, threshold: f64) -> Self {
        Self { policy, threshold, queued: BTreeMap::new(), keys: BTreeMap::new(), count: 0 }
    }

    /// Whether [`Self::push`] must know what the caches hold.
    pub(super) fn asks_caches(&self) -> bool {
        self.policy == QueuePolicy::Wspt
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queued.len()
    }

    /// A request starts to wait. `cached`: tokens of its prompt in the best worker's cache.
    pub(super) fn push(&mut self, now: Micros, query: Query, cached: u64) {
        let rank = match self.policy {
            QueuePolicy::Fcfs => now.0,
            QueuePolicy::Lcfs => -now.0,
            QueuePolicy::Wspt => u64::from(query.input).saturating_sub(cached).max(1) as i64,
        };
        let key = Key { priority: query.priority, rank, number: self.count };
        self.count += 1;
        self.keys.insert(query.id, key);
        self.queued.insert(key, query);
    }

    /// The request that goes first.
    pub(super) fn pop(&mut self) -> Option<Query> {
        let (_, query) = self.queued.pop_first()?;
        self.keys.remove(&query.id);
        Some(query)
    }

    /// A request waits no longer. Whether it did.
    pub(super) fn remove(&mut self, request: RequestId) -> bool {
        self.keys.remove(&request).is_some_and(|key| self.queued.remove(&key).is_some())
    }
}
