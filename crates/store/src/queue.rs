//! The bounded queue between a reactor and the writing thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Thread;

use tokmark_record::{Record, Sample, Sink};

/// The reactor's end of the queue; one clone a reactor.
#[derive(Clone)]
pub struct QueueSink {
    records: SyncSender<Box<Record>>,
    samples: SyncSender<Sample>,
    shared: Arc<Shared>,
    thread: Thread,
}

impl QueueSink {
    /// The queue's own numbers, for the client-health series.
    pub fn gauge(&self) -> QueueGauge {
        QueueGauge(Arc::clone(&self.shared))
    }
}

impl Sink for QueueSink {
    fn record(&mut self, record: Record) -> bool {
        // Counted before it is sent: the other side takes one off for each it receives.
        let length = self.shared.queued.fetch_add(1, Relaxed) + 1;
        let taken = self.records.try_send(Box::new(record)).is_ok();
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
        QueueSink { records: self.records, samples: self.samples, shared, thread }
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
}

/// One second of samples of a thousand sources, or a quarter of an hour of one.
const SAMPLE_CAPACITY: usize = 1_024;
