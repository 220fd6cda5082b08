//! A lane of an open loop: its starts of the common schedule, in order, each as soon as it is due and the cap lets it.
//!
//! The queue in front of the cap is the schedule itself: what is due and not yet taken. So it takes no memory and is first in,
//! first out by construction.

use tokmark_base::{Micros, Phase};

use super::forecast::Forecast;
use super::share::Share;
use super::{Next, Release, Unsent};
use crate::load::{Load, Phased};
use crate::schedule::{Schedule, Start};

/// See the module.
#[derive(Debug)]
pub(super) struct OpenLane {
    share: Share,
    forecast: Forecast,
    schedule: Schedule,
    /// This lane's next start; `None` past the last.
    next: Option<Start>,
    /// When a phase ends by its length, once it has begun.
    ends: [Option<Micros>; 3],
    capped: bool,
    in_flight: u64,
    unsent: Vec<Unsent>,
    finished: bool,
}

impl OpenLane {
    pub(super) fn new(load: &Load, schedule: Schedule, share: Share) -> Self {
        let warmup = match load.warmup {
            None => Some(0),
            Some(Phased::Requests(n)) => Some(n),
            // A warm-up's length decides its starts, so they can be counted before the run.
            Some(Phased::For(_)) => {
                Some(schedule.clone().take_while(|start| start.phase == Phase::Warmup).count() as u64)
            }
        };
        let cooldown = match load.cooldown {
            None => Some(0),
            Some(Phased::Requests(n)) => Some(n),
            Some(Phased::For(_)) => None,
        };
        let of = |n: u64| share.of_first(n);
        let planned = [warmup.map(of), load.requests.map(of), cooldown.map(of)];
        let mut lane = Self {
            share,
            forecast: Forecast::new(share, planned),
            schedule,
            next: None,
            ends: [None; 3],
            capped: load.cap.is_some(),
            in_flight: 0,
            unsent: Vec::new(),
            finished: false,
        };
        lane.advance();
        lane
    }

    pub(super) fn slots(&self) -> Option<u64> {
        self.capped.then(|| self.share.slots())
    }

    pub(super) fn forecast(&self) -> &Forecast {
        &self.forecast
    }

    pub(super) fn poll(&mut self, now: Micros) -> Next {
        loop {
            let Some(start) = self.next.filter(|_| !self.finished) else {
                self.finished = true;
                return Next::Finished;
            };
            if start.at > now {
                return Next::Wait { until: Some(start.at) };
            }
            if self.slots().is_some_and(|cap| self.in_flight >= cap) {
                // A warm-up that queues goes on into the measured part, where it is no more than load.
                let end = self.ends[start.phase as usize].filter(|_| start.phase != Phase::Warmup);
                if end.is_none_or(|end| now < end) {
                    return Next::Wait { until: end };
                }
                // Its time is over and it is still queueing: never sent.
                self.unsent.push(release(start));
                self.advance();
                continue;
            }
            let _ = self.forecast.release(start.phase);
            self.in_flight += 1;
            self.advance();
            return Next::Release(release(start));
        }
    }

    pub(super) fn completed(&mut self, request: u64) {
        debug_assert!(self.in_flight > 0, "request {request} ended and none was in flight");
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Takes what is due at `now` off the schedule, never to be sent.
    pub(super) fn due(&mut self, now: Micros) -> Vec<Unsent> {
        let mut due = Vec::new();
        while let Some(start) = self.next.filter(|start| !self.finished && start.at <= now) {
            due.push(release(start));
            self.advance();
        }
        due
    }

    /// Drains what was never sent, once nothing more will be.
    pub(super) fn unsent(&mut self, stopped: bool) -> Vec<Unsent> {
        if self.finished || stopped { std::mem::take(&mut self.unsent) } else { Vec::new() }
    }

    /// Moves `next` to this lane's next start, and notes the ends of phases passed on the way.
    fn advance(&mut self) {
        self.next = loop {
            let next = self.schedule.next();
            if let Some((phase, end)) = self.schedule.phase_end() {
                self.ends[phase as usize] = Some(end);
            }
            match next {
                Some(start) if !self.share.owns(start.n) => {
                    // A lane that owns nothing must not look through an endless schedule.
                    if self.share.slots() == 0 {
                        break None;
                    }
                }
                next => break next,
            }
        };
        let after = self.next.map(|start| start.phase);
        for phase in super::forecast::PHASES {
            if after.is_none_or(|after| phase < after) {
                self.forecast.end(phase);
            }
        }
    }
}

fn release(start: Start) -> Release {
    Release { request: start.request(), phase: start.phase, intended: Some(start.at) }
}
