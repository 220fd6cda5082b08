//! Where records go as they are made.

use crate::{Record, Sample};

/// Takes records and samples from a driver. Must not block: the caller is on the wire's time. A driver in virtual time has no
/// wire, and may be given a sink that waits rather than drops.
pub trait Sink: Send {
    /// Takes a record; `false` if it had to be dropped (the queue was full), which is counted as lost and never hidden.
    fn record(&mut self, record: Record) -> bool;

    /// Takes a sample; `false` if it was dropped.
    fn sample(&mut self, sample: Sample) -> bool;

    /// How many records it would surely take now. A driver with many to hand over at once, none of them urgent (what a stop
    /// left unsent), hands over no more than this.
    fn room(&self) -> usize {
        usize::MAX
    }
}

/// Keeps everything, for tests and virtual time.
#[derive(Debug, Default)]
pub struct Kept {
    /// Records in order of completion.
    pub records: Vec<Record>,
    /// Samples in order.
    pub samples: Vec<Sample>,
}

impl Sink for Kept {
    fn record(&mut self, record: Record) -> bool {
        self.records.push(record);
        true
    }

    fn sample(&mut self, sample: Sample) -> bool {
        self.samples.push(sample);
        true
    }
}
