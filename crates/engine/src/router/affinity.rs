//! Which worker a conversation stays on, around any policy.
//!
//! A conversation is remembered while a request of it is active, and for a while after. Source: shared facts on the session affinity
//! of `dynamo-kv-router` 1.6.1, whose table has room for as many.

use std::collections::{BTreeMap, HashMap};

use tokmark_base::Micros;

use super::WorkerId;
use crate::RequestId;

/// Conversations remembered at most; those that find no room go where the policy says.
const MAX_SESSIONS: usize = 65_536;

/// Where a conversation is.
#[derive(Clone, Copy, Debug)]
struct Binding {
    worker: WorkerId,
    /// Which of the conversation's beginnings this is.
    number: u64,
    /// Its requests in flight.
    active: u64,
    /// When it is forgotten unless a request comes; counts only while none is active.
    idle_until: Micros,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Sessions {
    /// Whether a conversation must not move.
    pub(super) hard: bool,
    ttl: Micros,
    bindings: BTreeMap<u64, Binding>,
    /// The conversation of each request in flight, and the number of its binding.
    requests: HashMap<RequestId, (u64, u64)>,
    count: u64,
}

impl Sessions {
    pub(super) fn new(hard: bool, ttl: Micros) -> Self {
        Self { hard, ttl, bindings: BTreeMap::new(), requests: HashMap::new(), count: 0 }
    }

    /// Where the conversation is, if it is remembered.
    pub(super) fn worker(&mut self, now: Micros, session: u64) -> Option<WorkerId> {
        let binding = self.bindings.get(&session)?;
        if binding.active == 0 && binding.idle_until <= now {
            self.bindings.remove(&session);
            return None;
        }
        Some(binding.worker)
    }

    /// A request of the conversation goes to `worker`, and so will the next.
    pub(super) fn bind(&mut self, now: Micros, session: u64, request: RequestId, worker: WorkerId) {
        if !self.bindings.contains_key(&session) && self.bindings.len() >= MAX_SESSIONS {
            self.bindings.retain(|_, binding| binding.active > 0 || binding.idle_until > now);
            if self.bindings.len() >= MAX_SESSIONS {
                return;
            }
        }
        let idle_until = self.until(now);
        let number = self.count;
        self.count += 1;
        let new = Binding { worker, number, active: 0, idle_until };
        let binding = self.bindings.entry(session).or_insert(new);
        binding.worker = worker;
        binding.active += 1;
        self.requests.insert(request, (session, binding.number));
    }

    /// A request is gone.
    pub(super) fn gone(&mut self, now: Micros, request: RequestId) {
        let Some((session, number)) = self.requests.remove(&request) else {
            return;
        };
        let idle_until = self.until(now);
        if let Some(binding) = self.bindings.get_mut(&session).filter(|binding| binding.number == number) {
            binding.active -= 1;
            binding.idle_until = idle_until;
        }
    }

    /// The conversation starts anew with its next request.
    pub(super) fn release(&mut self, session: u64) {
        self.bindings.remove(&session);
    }

    /// A worker is gone; its conversations start anew.
    pub(super) fn forget(&mut self, worker: WorkerId) {
        self.bindings.retain(|_, binding| binding.worker != worker);
    }

    /// Whether no request of any conversation is in flight.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.bindings.values().all(|binding| binding.active == 0)
    }

    fn until(&self, now: Micros) -> Micros {
        Micros(now.0.saturating_add(self.ttl.0))
    }
}
