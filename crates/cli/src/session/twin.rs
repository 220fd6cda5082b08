//! The target in virtual time: the engine a spec describes, and the plan played against it.

use tokmark_base::Micros;
use tokmark_drive::{Control, Live, RunEnd, WallClock};
use tokmark_engine::{Engine, Limits, Slots};
use tokmark_perf::Constant;
use tokmark_record::header::Target;
use tokmark_record::{Record, Sample, Sink};
use tokmark_store::QueueSink;
use tokmark_workload::{Load, Pacer, Plan};

use crate::failure::Failure;
use crate::spec::Spec;

/// One run about to be simulated.
pub struct Simulation<'a> {
    /// Its spec.
    pub spec: &'a Spec,
    /// Its load.
    pub load: &'a Load,
    /// What is sent.
    pub plan: &'a Plan,
    /// How long attempts may take after the last start.
    pub grace: Option<Micros>,
    /// Counters for the live line.
    pub live: &'a Live,
    /// Ends it early.
    pub control: &'a Control,
}

/// Whether the spec describes an engine that can be built.
pub fn check(spec: &Spec) -> Result<(), Failure> {
    engine(spec).map(drop)
}

/// The engine that `spec` describes.
pub fn engine(_spec: &Spec) -> Result<Box<dyn Engine>, Failure> {
    let timing = Constant::default();
    let engine = Slots::new(timing, 256).map_err(|e| Failure::usage(e.to_string()))?;
    Ok(Box::new(engine))
}

/// The target as the run header names it.
pub fn header(_spec: &Spec) -> Target {
    Target { url: "simulated in virtual time".to_owned(), address: None }
}

impl Simulation<'_> {
    /// Plays the plan; records go to `sink`.
    pub fn play(&self, sink: QueueSink) -> Result<RunEnd, Failure> {
        let mut engine = engine(self.spec)?;
        let mut pacer = Pacer::new(self.load, self.plan.seed(), 0, 1);
        let mut counted = Counted { sink, live: self.live, handed_over: 0 };
        let limits = Limits {
            duration: self.load.duration,
            grace: self.grace,
            timeout: self.spec.target.timeout.map(|t| t.0),
        };
        let stop = || self.control.interrupts() > 0;
        let clock = WallClock::start();
        let played =
            tokmark_engine::simulate(&mut pacer, self.plan, &mut *engine, limits, &mut counted, &stop)
                .map_err(|e| Failure::internal(e.to_string()))?;
        Ok(RunEnd {
            anchor_unix_ns: clock.anchor_unix_ns(),
            ended: played.ended,
            issued: played.issued,
            recorded: counted.handed_over,
            lost: 0,
            interrupted: played.stopped,
        })
    }
}

/// Waits for room in the queue instead of dropping: no wire is kept waiting. Counts for the live line.
struct Counted<'a> {
    sink: QueueSink,
    live: &'a Live,
    handed_over: u64,
}

impl Sink for Counted<'_> {
    fn record(&mut self, record: Record) -> bool {
        let lane = &self.live.lanes[0];
        lane.released.add(1);
        lane.completed.add(1);
        lane.content_events.add(record.reads.content_count());
        if !record.outcome.is_success() {
            lane.failed.add(1);
        }
        while self.sink.room() == 0 {
            std::thread::yield_now();
        }
        self.handed_over += 1;
        self.sink.record(record)
    }

    fn sample(&mut self, sample: Sample) -> bool {
        self.sink.sample(sample)
    }
}
