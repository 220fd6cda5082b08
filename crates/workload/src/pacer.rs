//! The pacer: which request goes now, and when to ask again. Sans-I/O; `drive` and `engine` drive the same one.

use tokmark_base::{Micros, Phase};

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
pub struct Pacer {}

impl Pacer {
    /// What to do at `now`.
    pub fn poll(&mut self, now: Micros) -> Next {
        let _ = now;
        todo!()
    }

    /// An attempt ended (however it ended).
    pub fn completed(&mut self, request: u64, now: Micros) {
        let _ = (request, now);
        todo!()
    }

    /// Let nothing more go (Ctrl-C). Returns what was due and is now never sent.
    pub fn stop(&mut self, now: Micros) -> Vec<Unsent> {
        let _ = now;
        todo!()
    }

    /// What was due when the stop rule ended issuing (a duration passed while a cap held starts back). Empty before
    /// [`Next::Finished`]; drained by the call.
    pub fn unsent(&mut self) -> Vec<Unsent> {
        todo!()
    }

    /// The most attempts this lane can have in flight at once, if it is bounded (closed loop, cap, count).
    pub fn most_in_flight(&self) -> Option<u64> {
        todo!()
    }

    /// Plan indices this lane will release, in order: the n-th release of this lane is request `nth_request(n)`; `None` past the
    /// last. Lets a driver prepare bodies ahead.
    pub fn nth_request(&self, n: u64) -> Option<u64> {
        let _ = n;
        todo!()
    }
}
