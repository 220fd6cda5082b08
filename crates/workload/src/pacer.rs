//! The pacer: which request goes now, and when to ask again. Sans-I/O; `drive` and `engine` drive the same one.
//!
//! A run has up to three phases: warm-up, profiling (measured), cool-down. They follow each other without a pause: a closed
//! loop hands its slots over as they become free, an open loop its schedule runs on, users come round. A cool-down keeps the load on for its whole
//! count or time, however early the measured attempts end. One pacer serves one lane (a reactor); the lanes of a run share out
//! slots and requests by `pacer/share.rs` and know nothing of each other, except for when the measured part is over on all of
//! them: the time of a closed loop's cool-down counts from there.
//!
//! How a driver uses it: `poll(now)`; on [`Next::Release`] send it and poll again; on [`Next::Wait`] sleep until `until` or the
//! next completion, whichever is first; report every end by `completed`, then poll; on [`Next::Finished`] fetch
//! [`Pacer::unsent`] and give what is in flight its grace.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use tokmark_base::{Micros, Phase, Seed};

use crate::arrival::Arrival;
use crate::course::{Course, Independent};
use crate::load::Load;
use crate::schedule::Schedule;

mod closed;
mod forecast;
mod open;
mod share;
mod turns;
mod users;

use closed::ClosedLane;
use open::OpenLane;
use share::Share;
use turns::Turns;
use users::UsersLane;

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
    Users(Box<UsersLane>),
}

impl Pacer {
    /// Lane `lane` of `lanes` for independent requests, on its own: the time of its cool-down counts from the end of its own
    /// measured part. A run of several lanes takes [`Pacer::lanes`].
    pub fn new(load: &Load, seed: Seed, lane: u32, lanes: u32) -> Self {
        let course: Arc<dyn Course> = Arc::new(Independent);
        let schedule = Schedule::new(load, seed, &course);
        Self::lane(load, schedule, lane, lanes, &Arc::new(Issued::of(1)), &course)
    }

    /// All lanes of a run whose requests follow each other as `course` says. Their cool-downs keep the load on until all are over.
    pub fn lanes(load: &Load, seed: Seed, lanes: u32, course: &Arc<dyn Course>) -> Vec<Self> {
        let lanes = lanes.max(1);
        let issued = Arc::new(Issued::of(lanes));
        let schedule = Schedule::new(load, seed, course);
        (0..lanes).map(|lane| Self::lane(load, schedule.clone(), lane, lanes, &issued, course)).collect()
    }

    /// The one lane of a run in one thread.
    pub fn alone(load: &Load, seed: Seed, course: &Arc<dyn Course>) -> Self {
        Self::lane(load, Schedule::new(load, seed, course), 0, 1, &Arc::new(Issued::of(1)), course)
    }

    fn lane(
        load: &Load,
        schedule: Option<Schedule>,
        lane: u32,
        lanes: u32,
        issued: &Arc<Issued>,
        course: &Arc<dyn Course>,
    ) -> Self {
        let users = match load.arrival {
            Arrival::Users(users) => Some(users.users),
            _ => None,
        };
        // Slots decide who owns what, so that a lane with more slots gets more requests and all end together.
        let slots = load.arrival.concurrency().or(users).or(load.cap);
        let share = Share::new(lane, lanes, slots);
        let course = Arc::clone(course);
        let lane = match (schedule, users) {
            (Some(schedule), _) => {
                let turns = Turns::new(load, share, course, schedule.clockwork().clone());
                Lane::Open(Box::new(OpenLane::new(load, schedule, share, turns)))
            }
            (None, Some(users)) => Lane::Users(Box::new(UsersLane::new(load, users, share, course))),
            (None, None) => Lane::Closed(Box::new(ClosedLane::new(load, share, Arc::clone(issued), course))),
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
            Lane::Users(lane) => lane.poll(now),
        }
    }

    /// An attempt ended, well or not. After a failure a session that says again what was answered cannot go on. Tells whether the
    /// next turn of its session waits for its time now: whether there is something to prepare.
    pub fn completed(&mut self, request: u64, now: Micros, well: bool) -> bool {
        if self.stopped {
            return false;
        }
        match &mut self.lane {
            Lane::Closed(lane) => lane.completed(request, now, well),
            Lane::Open(lane) => lane.completed(request, now, well),
            Lane::Users(lane) => lane.completed(request, now, well),
        }
    }

    /// Turns that wait for their time, in no order: what a driver may hold prepared, beside what was released.
    pub fn waiting_turns(&self) -> impl Iterator<Item = u64> + '_ {
        let (turns, users) = match &self.lane {
            Lane::Closed(lane) => (Some(lane.turns()), None),
            Lane::Open(lane) => (Some(lane.turns()), None),
            Lane::Users(lane) => (None, Some(lane.as_ref())),
        };
        let turns = turns.into_iter().flat_map(Turns::requests);
        turns.chain(users.into_iter().flat_map(UsersLane::waiting_turns))
    }

    /// Sessions that ended before their last turn because a turn had failed.
    pub fn broken_sessions(&self) -> u64 {
        match &self.lane {
            Lane::Closed(lane) => lane.turns().broken(),
            Lane::Open(lane) => lane.turns().broken(),
            Lane::Users(lane) => lane.broken(),
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
            Lane::Users(lane) => lane.due(now),
        }
    }

    /// What was due when the stop rule ended issuing (a duration passed while a cap held starts back). Empty before
    /// [`Next::Finished`]; drained by the call.
    pub fn unsent(&mut self) -> Vec<Unsent> {
        match &mut self.lane {
            Lane::Closed(_) => Vec::new(),
            Lane::Open(lane) => lane.unsent(self.stopped),
            Lane::Users(lane) => lane.unsent(self.stopped),
        }
    }

    /// The most attempts this lane can have in flight at once, if it is bounded (closed loop, cap, burst, users).
    pub fn most_in_flight(&self) -> Option<u64> {
        let (slots, starts) = match &self.lane {
            Lane::Closed(lane) => (Some(lane.slots()), lane.forecast().starts()),
            Lane::Open(lane) => (lane.slots(), lane.forecast().starts()),
            Lane::Users(lane) => (Some(lane.slots()), lane.starts()),
        };
        match (slots, starts) {
            (Some(slots), Some(starts)) => Some(slots.min(starts)),
            // At a rate, a count does not bound what is open at once.
            (None, Some(starts)) => self.at_once.then_some(starts),
            (slots, None) => slots,
        }
    }

    /// Plan indices this lane will release, in order, later turns of sessions left out: the n-th of them is request
    /// `nth_request(n)`; `None` past the last. Lets a driver prepare bodies ahead.
    ///
    /// It is a forecast: where a phase ends by time or by a completion, what comes after it is known only once it has ended, and
    /// users who wait for their replies come out of step.
    /// So a driver checks [`Release::request`] against what it has prepared.
    pub fn nth_request(&self, n: u64) -> Option<u64> {
        match &self.lane {
            Lane::Closed(lane) => lane.forecast().nth(n),
            Lane::Open(lane) => lane.forecast().nth(n),
            Lane::Users(lane) => lane.nth(n),
        }
    }
}

/// How far the lanes of a closed loop are with the measured part.
#[derive(Debug)]
struct Issued {
    lanes_left: AtomicU32,
    /// The latest end of the measured part, microseconds.
    end: AtomicI64,
}

impl Issued {
    fn of(lanes: u32) -> Self {
        Self { lanes_left: AtomicU32::new(lanes), end: AtomicI64::new(0) }
    }

    /// A lane will start no more measured attempts; its part ended at `end`. To be told once a lane.
    fn lane_is_through(&self, end: Micros) {
        self.end.fetch_max(end.0, Ordering::Relaxed);
        // Whoever reads 0 must see every lane's end.
        self.lanes_left.fetch_sub(1, Ordering::AcqRel);
    }

    /// When the measured part ended, once it has on every lane.
    fn end(&self) -> Option<Micros> {
        (self.lanes_left.load(Ordering::Acquire) == 0).then(|| Micros(self.end.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests;
