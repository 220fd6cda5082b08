//! The pacer: which request goes now, and when to ask again. Sans-I/O; `drive` and `engine` drive the same one.
//!
//! A run has up to three phases: warm-up, profiling (measured), cool-down. They follow each other without a pause: a closed
//! loop hands its slots over as they become free, an open loop its schedule runs on. One pacer serves one lane (a reactor); the
//! lanes of a run share out slots and requests by `pacer/share.rs` and know nothing of each other, except for when all measured
//! attempts have ended, which ends the cool-down.
//!
//! How a driver uses it: `poll(now)`; on [`Next::Release`] send it and poll again; on [`Next::Wait`] sleep until `until` or the
//! next completion, whichever is first; report every end by `completed`, then poll; on [`Next::Finished`] fetch
//! [`Pacer::unsent`] and give what is in flight its grace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokmark_base::{Micros, Phase, Seed};

use crate::arrival::Arrival;
use crate::load::Load;
use crate::schedule::Schedule;

mod closed;
mod forecast;
mod open;
mod share;

use closed::ClosedLane;
use open::OpenLane;
use share::Share;

/// What the pacer says when asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Send this one now, then ask again.
    Release(Release),
    /// Nothing is due. Ask again at `until`, or after the next completion if that is `None` (or earlier).
    Wait {
        /// When something will be due without any completion.
        until: Option<Micros>,
    },
    /// Nothing will ever be due again. Attempts may still be in flight.
    Finished,
}

/// A request let go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Release {
    /// Index into the plan.
    pub request: u64,
    /// Part of the run it belongs to.
    pub phase: Phase,
    /// When the plan wanted it (open loop; `None` in a closed loop).
    pub intended: Option<Micros>,
}

/// A request that was due before the stop and was never let go.
pub type Unsent = Release;

/// See the module. One a reactor ("lane"): lane `k` of `n` owns its share of the slots or arrivals.
#[derive(Debug)]
pub struct Pacer {
    lane: Lane,
    /// A burst: every start is wanted at the same moment.
    at_once: bool,
    stopped: bool,
}

#[derive(Debug)]
enum Lane {
    Closed(Box<ClosedLane>),
    Open(Box<OpenLane>),
}

impl Pacer {
    /// Lane `lane` of `lanes`, on its own: its cool-down ends when its own measured attempts have. A run of several lanes takes
    /// [`Pacer::lanes`].
    pub fn new(load: &Load, seed: Seed, lane: u32, lanes: u32) -> Self {
        Self::lane(load, seed, lane, lanes, &Arc::new(Ended::of(1)))
    }

    /// All lanes of a run. Their cool-downs keep the load on until the measured attempts of every lane have ended.
    pub fn lanes(load: &Load, seed: Seed, lanes: u32) -> Vec<Self> {
        let lanes = lanes.max(1);
        let ended = Arc::new(Ended::of(lanes));
        (0..lanes).map(|lane| Self::lane(load, seed, lane, lanes, &ended)).collect()
    }

    fn lane(load: &Load, seed: Seed, lane: u32, lanes: u32, ended: &Arc<Ended>) -> Self {
        // Slots decide who owns what, so that a lane with more slots gets more requests and all end together.
        let slots = load.arrival.concurrency().or(load.cap);
        let share = Share::new(lane, lanes, slots);
        let measured = Measured::new(Arc::clone(ended));
        let lane = match Schedule::new(load, seed) {
            Some(schedule) => Lane::Open(Box::new(OpenLane::new(load, schedule, share, measured))),
            None => Lane::Closed(Box::new(ClosedLane::new(load, share, measured))),
        };
        let at_once = matches!(load.arrival, Arrival::Burst(_));
        Self { lane, at_once, stopped: false }
    }

    /// What to do at `now`.
    pub fn poll(&mut self, now: Micros) -> Next {
        if self.stopped {
            return Next::Finished;
        }
        match &mut self.lane {
            Lane::Closed(lane) => lane.poll(now),
            Lane::Open(lane) => lane.poll(now),
        }
    }

    /// An attempt ended (however it ended).
    pub fn completed(&mut self, request: u64, now: Micros) {
        // The time is for arrivals that follow the end of another attempt; none of today's does.
        let _ = now;
        match &mut self.lane {
            Lane::Closed(lane) => lane.completed(request),
            Lane::Open(lane) => lane.completed(request),
        }
    }

    /// Let nothing more go (Ctrl-C). Returns what was due and is now never sent; nothing in a closed loop, where a request is
    /// due only when it goes.
    pub fn stop(&mut self, now: Micros) -> Vec<Unsent> {
        if std::mem::replace(&mut self.stopped, true) {
            return Vec::new();
        }
        match &mut self.lane {
            Lane::Closed(_) => Vec::new(),
            Lane::Open(lane) => lane.due(now),
        }
    }

    /// What was due when the stop rule ended issuing (a duration passed while a cap held starts back). Empty before
    /// [`Next::Finished`]; drained by the call.
    pub fn unsent(&mut self) -> Vec<Unsent> {
        match &mut self.lane {
            Lane::Closed(_) => Vec::new(),
            Lane::Open(lane) => lane.unsent(self.stopped),
        }
    }

    /// The most attempts this lane can have in flight at once, if it is bounded (closed loop, cap, burst).
    pub fn most_in_flight(&self) -> Option<u64> {
        let (slots, starts) = match &self.lane {
            Lane::Closed(lane) => (Some(lane.slots()), lane.forecast().starts()),
            Lane::Open(lane) => (lane.slots(), lane.forecast().starts()),
        };
        match (slots, starts) {
            (Some(slots), Some(starts)) => Some(slots.min(starts)),
            // At a rate, a count does not bound what is open at once.
            (None, Some(starts)) => self.at_once.then_some(starts),
            (slots, None) => slots,
        }
    }

    /// Plan indices this lane will release, in order: the n-th release of this lane is request `nth_request(n)`; `None` past the
    /// last. Lets a driver prepare bodies ahead.
    ///
    /// It is a forecast: where a phase ends by time or by a completion, what comes after it is known only once it has ended.
    /// So a driver checks [`Release::request`] against what it has prepared.
    pub fn nth_request(&self, n: u64) -> Option<u64> {
        match &self.lane {
            Lane::Closed(lane) => lane.forecast().nth(n),
            Lane::Open(lane) => lane.forecast().nth(n),
        }
    }
}

/// How many lanes of a run still have measured attempts to make or in flight.
#[derive(Debug)]
struct Ended {
    lanes_left: AtomicU32,
}

impl Ended {
    fn of(lanes: u32) -> Self {
        Self { lanes_left: AtomicU32::new(lanes) }
    }
}

/// The measured attempts of one lane.
#[derive(Debug)]
struct Measured {
    run: Arc<Ended>,
    in_flight: u64,
    all_issued: bool,
    told: bool,
}

impl Measured {
    fn new(run: Arc<Ended>) -> Self {
        Self { run, in_flight: 0, all_issued: false, told: false }
    }

    fn released(&mut self) {
        self.in_flight += 1;
    }

    fn completed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.tell();
    }

    fn all_issued(&mut self) {
        self.all_issued = true;
        self.tell();
    }

    fn tell(&mut self) {
        if self.all_issued && self.in_flight == 0 && !std::mem::replace(&mut self.told, true) {
            self.run.lanes_left.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether the measured attempts of every lane of the run have ended.
    fn all_ended(&self) -> bool {
        self.run.lanes_left.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests;
