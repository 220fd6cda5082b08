//! The writing thread: records leave the wire's time here.
//!
//! A reactor hands a record to [`QueueSink`], which never blocks: a full queue drops it and counts it as lost. The thread
//! wakes ten times a second, or when the queue is half full, rather than once a record: a wake-up costs the reactor a
//! system call, and on one core it costs it the processor. It runs the hook (token counting, the live view), appends
//! the line, and seals a frame every eight wake-ups, 256 records or 256 KiB, so that a kill loses less than a second.
//!
//! A driver in virtual time has no wire to protect and outruns any disk: its sink waits ([`QueueSink::waiting`]).
//!
//! A disk that fails must neither block nor end a run: the first error is kept and told by [`WriterHandle::finish`], what
//! is on disk is cut back to its last whole frame, and everything after it is counted as unwritten.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::mpsc::TryRecvError;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokmark_base::Secret;
use tokmark_base::secret::mask;
use tokmark_record::{Outcome, Record};

use crate::StoreError;
use crate::frames::Frames;
use crate::layout::{RECORDS, SERIES};
pub use crate::queue::{QueueGauge, QueueSink};
use crate::queue::{Receivers, Senders, Shared, queue};

/// What the writing thread does with each record before it is written: counts its tokens, feeds the live view.
pub type Hook = Box<dyn FnMut(&mut Record) + Send>;

/// The queue of a driver in virtual time: few enough records to be still in the processor's cache when they are written, enough to
/// change threads seldom where both share a core.
pub const VIRTUAL_TIME_CAPACITY: usize = 512;

/// How the writer shall work.
pub struct Options {
    /// Records that may wait. Each may hold its reply's text until the hook has run, so this bounds memory.
    pub capacity: usize,
    /// Runs on the writing thread for every record, before it is written.
    pub hook: Hook,
    /// Runs once on the writing thread as it starts: its priority, its processor.
    pub on_start: Option<Box<dyn FnOnce() + Send>>,
    /// Masked in the words of a failure, as a last defence.
    pub secrets: Vec<Secret>,
}

impl Default for Options {
    fn default() -> Self {
        Self { capacity: 16_384, hook: Box::new(|_| {}), on_start: None, secrets: Vec::new() }
    }
}

/// What became of everything that was handed in.
#[derive(Debug, Default)]
pub struct Written {
    /// Records on disk.
    pub records: u64,
    /// Samples on disk.
    pub samples: u64,
    /// Records that found the queue full.
    pub lost_records: u64,
    /// Samples that found their queue full.
    pub lost_samples: u64,
    /// Records taken from the queue that the disk did not take.
    pub unwritten_records: u64,
    /// Samples taken from the queue that the disk did not take.
    pub unwritten_samples: u64,
    /// The first error of the disk.
    pub error: Option<StoreError>,
}

impl Written {
    /// Records that were issued to the writer and are not on disk.
    pub fn missing_records(&self) -> u64 {
        self.lost_records + self.unwritten_records
    }
}

/// Starts the writing thread on `dir`, whose files it opens before it returns.
pub fn start(dir: &Path, mut options: Options) -> Result<(QueueSink, WriterHandle), StoreError> {
    let on_start = options.on_start.take();
    let (loop_, senders) = Loop::new(dir, options)?;
    let shared = Arc::clone(&loop_.shared);
    let thread = thread::Builder::new()
        .name("tokmark-store".to_owned())
        .spawn(move || {
            if let Some(f) = on_start {
                f();
            }
            loop_.run()
        })
        .map_err(|source| StoreError::Thread { source })?;
    let sink = senders.sink(Arc::clone(&shared), thread.thread().clone());
    Ok((sink, WriterHandle { thread: Some(thread), shared }))
}

/// The owner's end of the writing thread. Dropping it ends the thread, in order.
pub struct WriterHandle {
    thread: Option<JoinHandle<Written>>,
    shared: Arc<Shared>,
}

impl WriterHandle {
    /// Takes what still waits, seals, syncs and tells what became of it all. Call it when the load has ended.
    pub fn finish(mut self) -> Result<Written, StoreError> {
        self.end().unwrap_or(Err(StoreError::WriterDied))
    }

    fn end(&mut self) -> Option<Result<Written, StoreError>> {
        let thread = self.thread.take()?;
        self.shared.closing.store(true, Release);
        thread.thread().unpark();
        Some(thread.join().map_err(|_| StoreError::WriterDied))
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.end();
    }
}

const TICK: Duration = Duration::from_millis(100);
const TICKS_A_FRAME: u32 = 8;
const BYTES_A_FRAME: usize = 256 << 10;
/// With a hook that takes 3 ms a record (a long reply to tokenise) this is still less than a second.
const RECORDS_A_FRAME: u64 = 256;

struct Loop {
    receivers: Receivers,
    shared: Arc<Shared>,
    record_file: Frames,
    series_file: Frames,
    hook: Hook,
    secrets: Vec<Secret>,
    /// Wake-ups since the last seal.
    ticks: u32,
}

impl Loop {
    fn new(dir: &Path, options: Options) -> Result<(Self, Senders), StoreError> {
        let (senders, receivers, shared) = queue(options.capacity);
        let loop_ = Self {
            receivers,
            shared,
            record_file: Frames::open(dir.join(RECORDS))?,
            series_file: Frames::open(dir.join(SERIES))?,
            hook: options.hook,
            secrets: options.secrets,
            ticks: 0,
        };
        Ok((loop_, senders))
    }

    fn run(mut self) -> Written {
        while self.tick() {
            thread::park_timeout(TICK);
        }
        self.finish()
    }

    /// Takes all that waits; `false` if nothing more will come.
    fn tick(&mut self) -> bool {
        // Read before draining: what was sent before the close is seen by the drain after it.
        let closing = self.shared.closing.load(Acquire);
        let alive = self.drain();
        self.ticks += 1;
        if self.ticks >= TICKS_A_FRAME {
            self.seal();
        }
        alive && !closing
    }

    /// Takes all that waits; `false` once nobody can send any more.
    fn drain(&mut self) -> bool {
        loop {
            match self.receivers.records.try_recv() {
                Ok(record) => self.take(*record),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.drain_samples();
                    return false;
                }
            }
        }
        self.drain_samples();
        true
    }

    fn drain_samples(&mut self) {
        while let Ok(mut sample) = self.receivers.samples.try_recv() {
            // JSON has no word for these, and what could not be read is absent.
            sample.values.retain(|_, value| value.is_finite());
            self.series_file.line(&sample);
        }
    }

    fn take(&mut self, mut record: Record) {
        self.shared.taken();
        (self.hook)(&mut record);
        record.text = None;
        if let Outcome::Failed(failure) = &mut record.outcome
            && !self.secrets.is_empty()
        {
            failure.message = mask(&failure.message, &self.secrets);
        }
        self.record_file.record(&mut record);
        if self.record_file.pending() >= BYTES_A_FRAME || self.record_file.pending_lines() >= RECORDS_A_FRAME
        {
            self.drain_samples();
            self.seal();
        }
    }

    fn seal(&mut self) {
        self.ticks = 0;
        self.record_file.seal();
        self.series_file.seal();
        self.shared.recorded.store(self.record_file.written(), Relaxed);
    }

    fn finish(mut self) -> Written {
        self.seal();
        let records = self.record_file.finish();
        let samples = self.series_file.finish();
        Written {
            records: records.written,
            samples: samples.written,
            lost_records: self.shared.lost_records.load(Relaxed),
            lost_samples: self.shared.lost_samples.load(Relaxed),
            unwritten_records: records.unwritten,
            unwritten_samples: samples.unwritten,
            error: records.error.or(samples.error),
        }
    }
}

#[cfg(test)]
mod tests;
