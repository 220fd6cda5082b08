//! Counters of a running run, for the live line and the health series. One writer a lane, any number of readers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What one reactor has done so far.
#[derive(Debug, Default)]
pub struct Lane {
    /// Let go by the pacer.
    pub released: Counter,
    /// Put on the wire (attempt issued).
    pub sent: Counter,
    /// Ended, however.
    pub completed: Counter,
    /// Ended badly.
    pub failed: Counter,
    /// Content events.
    pub content_events: Counter,
    /// Records handed to the sink.
    pub recorded: Counter,
    /// Records the sink had no room for.
    pub lost: Counter,
    /// Attempts moved to a fresh connection because the kept one had been closed meanwhile.
    pub reopened: Counter,
    /// Connections opened.
    pub connections: Counter,
    /// Kernel id of the thread; 0 until it runs.
    pub thread: Counter,
    /// Wall-clock steps seen.
    pub clock_steps: Counter,
}

/// A counter with one writer: a plain load and store, no locked instruction on the wire's path.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds `n`. Only from its one writer.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
}

/// All lanes of a run.
#[derive(Debug, Default)]
pub struct Live {
    /// One a reactor.
    pub lanes: Vec<Lane>,
}

impl Live {
    /// Counters for `lanes` reactors.
    pub fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes).map(|_| Lane::default()).collect() }
    }

    /// A counter summed over the lanes.
    pub fn total(&self, which: impl Fn(&Lane) -> &Counter) -> u64 {
        self.lanes.iter().map(|lane| which(lane).get()).sum()
    }

    /// Attempts on the wire now.
    pub fn in_flight(&self) -> u64 {
        let completed = self.total(|l| &l.completed);
        self.total(|l| &l.released).saturating_sub(completed)
    }
}
