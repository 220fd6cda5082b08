//! What the router knows of the workers' caches: from their events, or guessed from where requests went.

use tokmark_base::Micros;
use tokmark_kv::index::{ApproximateIndex, LaggedIndex, Overlap};
use tokmark_kv::{KvEvent, SequenceHash};

use super::WorkerId;
use super::spec::RouterSpec;

/// See the module.
#[derive(Debug)]
pub(super) enum Knowledge {
    /// From events.
    Told(LaggedIndex),
    /// Guessed.
    Guessed(ApproximateIndex),
}

impl Knowledge {
    /// What `spec` asks for; nothing if its policy does not ask about caches.
    pub(super) fn of(spec: &RouterSpec, workers: usize) -> Option<Self> {
        spec.policy.asks_caches().then(|| {
            if spec.kv_events {
                Self::Told(LaggedIndex::new(workers, spec.event_lag.0))
            } else {
                Self::Guessed(ApproximateIndex::new(workers, spec.ttl.0))
            }
        })
    }

    /// Whether events matter.
    pub(super) fn is_told(&self) -> bool {
        matches!(self, Self::Told(_))
    }

    pub(super) fn observe(&mut self, at: Micros, worker: WorkerId, event: KvEvent) {
        if let Self::Told(index) = self {
            index.observe(at, worker.0, event);
        }
    }

    pub(super) fn routed(&mut self, now: Micros, worker: WorkerId, names: &[SequenceHash]) {
        if let Self::Guessed(index) = self {
            index.routed(now, worker.0, names);
        }
    }

    pub(super) fn forget(&mut self, worker: WorkerId) {
        match self {
            Self::Told(index) => index.forget(worker.0),
            Self::Guessed(index) => index.forget(worker.0),
        }
    }

    pub(super) fn overlaps(&mut self, now: Micros, names: &[SequenceHash], into: &mut Vec<Overlap>) {
        match self {
            Self::Told(index) => index.overlaps(now, names, into),
            Self::Guessed(index) => index.overlaps(now, names, into),
        }
    }
}
