//! The bounded queue between a reactor and the writing thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tokmark_record::{Record, Sample, Sink};

/// The reactor's end of the queue; one clone a reactor.
#[derive(Clone)]
pub struct QueueSink {
    records: SyncSender<Box<Record>>,
    samples: SyncSender<Sample>,
    shared: Arc<Shared>,
    thread: Thread,
    /// Whether it waits for room instead of dropping.
    waits: bool,
}

impl QueueSink {
    /// The same sink for a driver that has no wire to protect (virtual time): where the queue is full, a record waits until half
    /// of it is written, and none is lost while the writing thread lives. The halves keep two threads that share a core from
    /// taking turns at every record. A clone of it waits too. [`crate::writer::VIRTUAL_TIME_CAPACITY`] is enough room.
    #[must_use]
    pub fn waiting(self) -> Self {
        Self { waits: true, ..self }
    }

    /// The queue's own numbers, for the client-health series.
    pub fn gauge(&self) -> QueueGauge {
        QueueGauge(Arc::clone(&self.shared))
    }
}

impl Sink for QueueSink {
    fn record(&mut self, record: Record) -> bool {
        // Counted before it is sent: the other side takes one off for each it receives.
        let length = self.shared.queued.fetch_add(1, Relaxed) + 1;
        let taken = self.send(Box::new(record));
        if !taken {
            self.shared.queued.fetch_sub(1, Relaxed);
            self.shared.lost_records.fetch_add(1, Relaxed);
        }
        // Each crossing upwards is seen by exactly one sender.
        if length == self.shared.capacity.div_ceil(2) {
            self.thread.unpark();
        }
        taken
    }

    fn room(&self) -> usize {
        if self.waits {
            return usize::MAX;
        }
        // Half the queue stays free for what cannot wait.
        (self.shared.capacity / 2).saturating_sub(self.shared.queued.load(Relaxed))
    }

    fn sample(&mut self, sample: Sample) -> bool {
        let taken = self.samples.try_send(sample).is_ok();
        if !taken {
            self.shared.lost_samples.fetch_add(1, Relaxed);
        }
        taken
    }
}

impl QueueSink {
    fn send(&self, record: Box<Record>) -> bool {
        let mut sent = self.records.try_send(record);
        while self.waits
            && let Err(TrySendError::Full(record)) = sent
        {
            // What waits out here is not in the queue.
            self.shared.queued.fetch_sub(1, Relaxed);
            self.thread.unpark();
            self.shared.wait_for_room();
            self.shared.queued.fetch_add(1, Relaxed);
            sent = self.records.try_send(record);
        }
        sent.is_ok()
    }
}

/// How full the queue is, readable from any thread.
#[derive(Clone)]
pub struct QueueGauge(Arc<Shared>);

impl QueueGauge {
    /// Records that may wait.
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Records that wait now.
    pub fn len(&self) -> usize {
        self.0.queued.load(Relaxed).min(self.0.capacity)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records dropped because the queue was full.
    pub fn lost(&self) -> u64 {
        self.0.lost_records.load(Relaxed)
    }

    /// Records on disk.
    pub fn recorded(&self) -> u64 {
        self.0.recorded.load(Relaxed)
    }
}

/// The senders' ends before the thread they wake is known.
pub(crate) struct Senders {
    pub(crate) records: SyncSender<Box<Record>>,
    pub(crate) samples: SyncSender<Sample>,
}

/// The writing thread's ends.
pub(crate) struct Receivers {
    pub(crate) records: Receiver<Box<Record>>,
    pub(crate) samples: Receiver<Sample>,
}

/// Both ends of a queue of `capacity` records. Samples wait apart, so that the one which tells of a full queue is not
/// dropped by it.
pub(crate) fn queue(capacity: usize) -> (Senders, Receivers, Arc<Shared>) {
    let capacity = capacity.max(1);
    let (records, records_out) = sync_channel(capacity);
    let (samples, samples_out) = sync_channel(SAMPLE_CAPACITY);
    let receivers = Receivers { records: records_out, samples: samples_out };
    (Senders { records, samples }, receivers, Arc::new(Shared { capacity, ..Shared::default() }))
}

impl Senders {
    /// A sink that wakes `thread`.
    pub(crate) fn sink(self, shared: Arc<Shared>, thread: Thread) -> QueueSink {
        QueueSink { records: self.records, samples: self.samples, shared, thread, waits: false }
    }
}

/// What both sides count.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) capacity: usize,
    pub(crate) queued: AtomicUsize,
    pub(crate) lost_records: AtomicU64,
    pub(crate) lost_samples: AtomicU64,
    pub(crate) recorded: AtomicU64,
    pub(crate) closing: AtomicBool,
    /// Sinks that wait for room.
    waiting: Mutex<u32>,
    room: Condvar,
}

impl Shared {
    /// The writing thread took a record off.
    pub(crate) fn taken(&self) {
        let left = self.queued.fetch_sub(1, Relaxed).wrapping_sub(1);
        // Each crossing downwards is seen once. The lock orders it: whoever waits has seen the crossing or is woken by it.
        if left == self.capacity / 2 {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if *waiting > 0 {
                self.room.notify_all();
            }
        }
    }

    /// Until half the queue is free, or it is time to look whether anybody still takes records.
    fn wait_for_room(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting += 1;
        let full = |_: &mut u32| self.queued.load(Relaxed) > self.capacity / 2;
        let waited = self.room.wait_timeout_while(waiting, LOOK_AGAIN, full);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *waiting -= 1;
    }
}

/// A writing thread that died wakes nobody.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One second of samples of a thousand sources, or a quarter of an hour of one.
const SAMPLE_CAPACITY: usize = 1_024;
