//! A lane of an open loop: its starts of the common schedule, in order, each as soon as it is due and the cap lets it. Where items
//! are sessions, a start is that of a first turn; the others are due when their time has come after the turn before.
//!
//! The queue in front of the cap is the schedule itself: what is due and not yet taken. So it takes no memory and is first in,
//! first out by construction.

use tokmark_base::{Micros, Phase};

use super::forecast::{Forecast, PHASES};
use super::share::Share;
use super::turns::Turns;
use super::{Next, Release, Unsent};
use crate::course::Numbering;
use crate::load::{Load, Phased};
use crate::schedule::{Schedule, Start};

/// See the module.
#[derive(Debug)]
pub(super) struct OpenLane {
    share: Share,
    forecast: Forecast,
    turns: Turns,
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

/// What is due next: a start of the schedule, or a later turn.
#[derive(Clone, Copy, Debug)]
struct Head {
    due: Micros,
    phase: Phase,
    turn: bool,
}

impl OpenLane {
    pub(super) fn new(load: &Load, schedule: Schedule, share: Share, turns: Turns) -> Self {
        let numbering = turns.numbering();
        let warmup = match load.warmup {
            None => Some(0),
            Some(Phased::Requests(n)) => (numbering == Numbering::Single).then_some(n),
            // A warm-up's length decides its starts, so they can be counted before the run.
            Some(Phased::For(_)) => {
                Some(schedule.clone().take_while(|start| start.phase == Phase::Warmup).count() as u64)
            }
        };
        let cooldown = match load.cooldown {
            None => Some(0),
            Some(Phased::Requests(n)) => (numbering == Numbering::Single).then_some(n),
            Some(Phased::For(_)) => None,
        };
        let measured = match numbering {
            Numbering::Single => [load.requests, load.sessions].into_iter().flatten().min(),
            Numbering::Turns => load.sessions,
        };
        let planned = [warmup, measured, cooldown].map(|n| n.map(|n| share.of_first(n)));
        let mut lane = Self {
            share,
            forecast: Forecast::new(share, numbering, planned),
            turns,
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
            if self.finished {
                return Next::Finished;
            }
            self.end_phases(now);
            let Some(head) = self.head() else {
                // Sessions in flight may have turns to come, until their phase ends.
                let more = PHASES
                    .iter()
                    .filter(|phase| self.turns.has_more(**phase) && !self.turns.used_up(**phase));
                if more.clone().next().is_some() {
                    return Next::Wait { until: more.filter_map(|phase| self.ends[*phase as usize]).min() };
                }
                self.finished = true;
                continue;
            };
            if head.due > now {
                return Next::Wait { until: Some(head.due) };
            }
            if self.turns.used_up(head.phase) {
                self.turns.end(head.phase);
                self.skip(head.phase);
                continue;
            }
            if self.slots().is_some_and(|cap| self.in_flight >= cap) {
                // A warm-up that queues goes on into the measured part, where it is no more than load.
                let end =
                    Some(head.phase).filter(|p| *p != Phase::Warmup).and_then(|p| self.ends[p as usize]);
                if end.is_none_or(|end| now < end) {
                    return Next::Wait { until: end };
                }
                // Its time is over and it is still queueing: never sent.
                let unsent = self.take(head, now);
                self.turns.spend(head.phase);
                self.unsent.extend(unsent);
                continue;
            }
            let Some(release) = self.take(head, now) else { continue };
            if !head.turn {
                let _ = self.forecast.release(head.phase);
            }
            self.turns.released(release.request, release.intended.unwrap_or(now));
            self.in_flight += 1;
            return Next::Release(release);
        }
    }

    /// What is due first, a turn before a start.
    fn head(&self) -> Option<Head> {
        let start = self.next.map(|start| Head { due: start.at, phase: start.phase, turn: false });
        let turn = self.turns.next().map(|(due, phase)| Head { due, phase, turn: true });
        turn.into_iter().chain(start).min_by_key(|head| head.due)
    }

    /// Takes what [`OpenLane::head`] said, which is due.
    fn take(&mut self, head: Head, now: Micros) -> Option<Release> {
        if head.turn {
            let (due, request) = self.turns.take(now)?;
            return Some(Release { request, phase: head.phase, intended: Some(due) });
        }
        let start = self.next?;
        self.advance();
        Some(self.release(start))
    }

    /// Sessions in flight have no more turns once their phase's time is over and what was due in time is gone.
    fn end_phases(&mut self, now: Micros) {
        for phase in PHASES {
            let past = self.ends[phase as usize].is_some_and(|end| now >= end);
            if past && self.turns.has_more(phase) && self.turns.waiting_of(phase) == 0 {
                self.turns.end(phase);
            }
        }
    }

    /// The phase has had all its requests: on to the next one's starts, which begin as if this one had ended here.
    fn skip(&mut self, phase: Phase) {
        if self.next.is_some_and(|start| start.phase == phase) {
            self.schedule.end_phase(phase);
            self.advance();
        }
    }

    pub(super) fn completed(&mut self, request: u64, now: Micros, well: bool) -> bool {
        debug_assert!(self.in_flight > 0, "request {request} ended and none was in flight");
        self.in_flight = self.in_flight.saturating_sub(1);
        let phase = self.turns.numbering().address(request).phase;
        self.turns.completed(request, now, well, self.ends[phase as usize])
    }

    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    fn release(&self, start: Start) -> Release {
        let request = start.request(self.turns.numbering());
        Release { request, phase: start.phase, intended: Some(start.at) }
    }

    /// Takes what is due at `now` off the schedule, never to be sent.
    pub(super) fn due(&mut self, now: Micros) -> Vec<Unsent> {
        let mut due = Vec::new();
        while let Some(head) = self.head().filter(|head| !self.finished && head.due <= now) {
            if self.turns.used_up(head.phase) {
                self.turns.end(head.phase);
                self.skip(head.phase);
                continue;
            }
            due.extend(self.take(head, now));
            self.turns.spend(head.phase);
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
        for phase in PHASES {
            if after.is_none_or(|after| phase < after) {
                self.forecast.end(phase);
            }
        }
    }
}
