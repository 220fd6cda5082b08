//! One worker: a scheduler that composes passes, a timing model that says how long they take, and the moment the pass in flight
//! ends.

use tokmark_base::{Micros, Stream};
use tokmark_kv::KvEvent;
use tokmark_kv::tier::TierReport;
use tokmark_perf::{Step, Timing};

use crate::{Arrival, Census, Engine, Gauges, Out, RequestId, Scheduler};

/// See the module.
pub struct Worker<S, T> {
    scheduler: S,
    timing: T,
    noise: Stream,
    now: Micros,
    flight: Option<Flight>,
    /// An idle worker got something to do at this moment; it begins when it is next advanced, so that everything that arrives at
    /// one moment shares the first pass.
    begin_at: Option<Micros>,
    /// No pass begins before this moment.
    stalled: Micros,
    look_ahead: bool,
    stepwise: bool,
}

/// The pass in flight, and those planned behind it.
struct Flight {
    /// When the pass in flight ends, then when each pass ends that is sure to follow it. All but the last bring one token a sequence
    /// and change nothing else; the last is the one after which something may change.
    ends: Vec<Micros>,
    /// How many of them are over.
    over: usize,
}

/// Passes planned at a time: enough to make planning cheap, few enough that a plan cut short by an arrival wastes little.
const AHEAD: u32 = 256;

impl<S: Scheduler, T: Timing> Worker<S, T> {
    /// A worker that has nothing to do yet. `noise` feeds timing models with a deviation.
    pub fn new(scheduler: S, timing: T, noise: Stream) -> Self {
        Self {
            scheduler,
            timing,
            noise,
            now: Micros(i64::MIN),
            flight: None,
            begin_at: None,
            stalled: Micros(i64::MIN),
            look_ahead: false,
            stepwise: false,
        }
    }

    /// The timing model, to change it while the worker runs; holds from the next pass on.
    pub fn timing_mut(&mut self) -> &mut T {
        &mut self.timing
    }

    fn begin(&mut self, at: Micros, out: &mut Out) {
        let step = self.scheduler.begin(at, out);
        self.flight = step.map(|step| self.plan(at, step));
        if self.flight.is_none() {
            self.begin_at = self.scheduler.next_due().map(|due| due.max(at).max(self.stalled));
        }
    }

    /// When the pass begun at `at` ends, and those behind it as far as they are sure.
    fn plan(&mut self, at: Micros, mut step: Step) -> Flight {
        let steady = if self.look_ahead { self.scheduler.steady().min(AHEAD) } else { 0 };
        let mut ends = Vec::with_capacity(steady as usize + 1);
        let mut end = at;
        for _ in 0..=steady {
            if self.timing.is_noisy() {
                step.noise = self.noise.normal();
            }
            end += self.timing.duration(&step);
            ends.push(end);
            step.decode_context += u64::from(step.decode_sequences);
        }
        Flight { ends, over: 0 }
    }

    /// Everything due at `to` or before.
    fn happen(&mut self, to: Micros, out: &mut Out) {
        self.fly(to, out);
        while let Some(at) = self.begin_at.filter(|at| *at < to) {
            self.begin_at = None;
            self.begin(at, out);
            self.fly(to, out);
        }
        self.now = self.now.max(to);
    }

    /// Passes that end at `to` or before, and those behind them.
    fn fly(&mut self, to: Micros, out: &mut Out) {
        while let Some(flight) = &mut self.flight {
            let ahead = &flight.ends[flight.over..];
            let due = ahead.partition_point(|end| *end <= to);
            if due == 0 {
                break;
            }
            let steady = due.min(ahead.len() - 1);
            if steady > 0 {
                self.scheduler.repeat(&ahead[..steady], out);
            }
            if due == steady {
                flight.over += steady;
                continue;
            }
            let end = ahead[steady];
            self.scheduler.end(end, out);
            if self.stepwise && end >= to {
                self.flight = None;
                self.begin_at = Some(end);
                break;
            }
            self.begin(end, out);
        }
    }

    /// What is behind the pass in flight is no longer sure.
    fn disturb(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.ends.truncate(flight.over + 1);
        }
    }

    /// After a command: a worker that stood still is to start.
    fn wake(&mut self, now: Micros) {
        self.disturb();
        if self.flight.is_none() {
            let at = now.max(self.stalled);
            self.begin_at = Some(self.begin_at.map_or(at, |before| before.min(at)));
        }
        debug_assert_eq!(self.scheduler.census().check(), Ok(()));
    }
}

impl<S: Scheduler, T: Timing> Engine for Worker<S, T> {
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        self.scheduler.arrive(now, arrival, out);
        self.wake(now);
    }

    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        self.scheduler.cancel(now, request, out);
        self.wake(now);
    }

    fn advance(&mut self, now: Micros, out: &mut Out) {
        let now = now.max(self.now);
        let ends_first = self.stepwise && self.begin_at.is_none_or(|at| at < now);
        self.happen(now, out);
        if ends_first {
            return;
        }
        if let Some(at) = self.begin_at.take_if(|at| *at <= now) {
            self.begin(at, out);
            self.happen(now, out);
        }
        debug_assert_eq!(self.scheduler.census().check(), Ok(()));
    }

    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        self.scheduler.reserve(now, arrival, out);
        self.wake(now);
    }

    fn release(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        self.scheduler.release(now, request, out);
        self.wake(now);
    }

    fn cached(&self, arrival: &Arrival) -> u32 {
        self.scheduler.cached(arrival)
    }

    fn stall(&mut self, now: Micros, until: Micros, out: &mut Out) {
        // What ends at this very moment no longer does.
        let before = Micros(now.max(self.now).0.saturating_sub(1)).max(self.now);
        self.happen(before, out);
        let longer = until.since(now.max(self.stalled));
        self.disturb();
        if let Some(flight) = &mut self.flight {
            flight.ends.iter_mut().for_each(|end| *end += longer);
        }
        self.stalled = self.stalled.max(until);
        self.begin_at = self.begin_at.map(|at| at.max(until));
    }

    fn next_due(&self) -> Option<Micros> {
        let end = self.flight.as_ref().and_then(|flight| flight.ends.last().copied());
        self.begin_at.or(end)
    }

    fn look_ahead(&mut self, allowed: bool) {
        self.look_ahead = allowed;
        if !allowed {
            self.disturb();
        }
    }

    fn stepwise(&mut self, wanted: bool) {
        self.stepwise = wanted;
    }

    fn census(&self) -> Census {
        self.scheduler.census()
    }

    fn gauges(&self) -> Gauges {
        self.scheduler.gauges()
    }

    fn tier_report(&self) -> Option<TierReport> {
        self.scheduler.tier_report()
    }

    fn kv_events(&mut self, into: &mut Vec<(Micros, KvEvent)>) {
        self.scheduler.kv_events(into);
    }

    fn tell_kv(&mut self, wanted: bool) {
        self.scheduler.tell_kv(wanted);
    }

    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        self.scheduler.crash(now, lost, out);
        self.flight = None;
        self.begin_at = None;
        self.stalled = Micros(i64::MIN);
    }
}
