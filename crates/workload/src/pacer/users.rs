//! A lane of users who come round at equal gaps, each served one turn at a time.
//!
//! The run's turns are numbered as they are wanted: turn m is wanted when the rate comes to position m (at a steady rate m/λ), by
//! user m mod N. So phases are ranges of these numbers, known before the run, and who says what does not depend on the lanes or
//! on other users: in a phase that begins with turn F, the user of turn F + v says items v, v + N, v + 2N, …, each a request or a
//! session from its first turn to its last. A turn goes when it is wanted, or when its user's last one has ended, and the delay
//! after that is over, if that is later; its intended start is when it was wanted. What a phase's time leaves behind of a user
//! who lags is never sent, and the user goes on with the next phase, in a session of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tokmark_base::{Micros, Phase};

use super::forecast::PHASES;
use super::share::Share;
use super::{Next, Release, Unsent};
use crate::course::{Course, Numbering};
use crate::load::Load;
use crate::rate::{Rate, Steady};

mod turnstile;

use turnstile::{Span, Turnstile};

/// A turn of a user that is not released yet.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    turn: u64,
    /// Index into [`PHASES`].
    phase: usize,
    /// Items of the phase behind the user.
    items: u64,
    /// The turn of the session.
    place: u32,
}

#[derive(Clone, Copy, Debug)]
struct User {
    /// Number in the run.
    number: u64,
    /// Their next turn, if what is in flight goes well; `None`: they are through.
    next: Option<Cursor>,
    in_flight: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct UsersLane {
    share: Share,
    users_in_all: u64,
    course: Arc<dyn Course>,
    turnstile: Turnstile,
    spans: [Span; 3],
    /// Sessions the measured part may start, where items are sessions.
    sessions: Option<u64>,
    users: Vec<User>,
    /// (due, turn, index of the user), the earliest first: users who wait.
    due: BinaryHeap<Reverse<(Micros, u64, usize)>>,
    /// Users whose next turn is in this phase.
    going: [u64; 3],
    /// Items begun, by phase.
    issued: [u64; 3],
    /// Phases whose time is over and whose late turns are taken off.
    swept: [bool; 3],
    broken: u64,
    unsent: Vec<Unsent>,
    finished: bool,
}

impl UsersLane {
    pub(super) fn new(load: &Load, users: u32, share: Share, course: Arc<dyn Course>) -> Self {
        // `LoadSpec::resolve` sees to it that users have a rate.
        let rate = load.rate.clone().unwrap_or(Rate::Steady(Steady { rate: 1.0 }));
        let turnstile = Turnstile::new(rate);
        let numbering = course.numbering();
        let mut lane = Self {
            share,
            users_in_all: u64::from(users),
            course,
            spans: turnstile.spans(load, numbering),
            turnstile,
            sessions: if numbering == Numbering::Turns { load.sessions } else { None },
            users: Vec::new(),
            due: BinaryHeap::new(),
            going: [0; 3],
            issued: [0; 3],
            swept: [false; 3],
            broken: 0,
            unsent: Vec::new(),
            finished: false,
        };
        for index in 0..share.slots() {
            let number = share.slot(index);
            lane.users.push(User { number, next: None, in_flight: false });
            let first = Cursor { turn: number, phase: 0, items: 0, place: 0 };
            lane.goes_on(index as usize, lane.settled(number, first));
            lane.waits(index as usize, Micros::ZERO);
        }
        lane
    }

    pub(super) fn poll(&mut self, now: Micros) -> Next {
        loop {
            if self.finished {
                return Next::Finished;
            }
            if let Some(Reverse((due, _, index))) =
                self.due.peek().copied().filter(|Reverse((due, ..))| *due <= now)
            {
                self.due.pop();
                let phase = self.users[index].next.map(|next| next.phase);
                if phase.and_then(|phase| self.deadline(phase)).is_some_and(|deadline| due >= deadline) {
                    self.leave_behind(index, now);
                    self.waits(index, Micros::ZERO);
                } else if let Some(release) = self.release(index) {
                    return Next::Release(release);
                }
                continue;
            }
            if self.sweep(now) {
                continue;
            }
            if self.going == [0; 3] {
                self.finished = true;
                continue;
            }
            let due = self.due.peek().map(|Reverse((due, ..))| *due);
            return Next::Wait { until: due.into_iter().chain(self.deadlines().map(|(_, at)| at)).min() };
        }
    }

    /// Phases whose time is not yet over, and when it will be.
    fn deadlines(&self) -> impl Iterator<Item = (usize, Micros)> + '_ {
        let after_warmup =
            (0..PHASES.len()).filter(|phase| PHASES[*phase] != Phase::Warmup && !self.swept[*phase]);
        after_warmup.filter_map(|phase| Some((phase, self.spans[phase].deadline?)))
    }

    /// When turns of a phase are no longer wanted. A warm-up that lags goes on into the measured part, but not beyond.
    fn deadline(&self, phase: usize) -> Option<Micros> {
        let phase = if PHASES[phase] == Phase::Warmup { Phase::Profiling as usize } else { phase };
        self.spans[phase].deadline
    }

    fn release(&mut self, index: usize) -> Option<Release> {
        let User { number, next, .. } = self.users[index];
        let cursor = next?;
        self.issued[cursor.phase] += u64::from(cursor.place == 0);
        self.goes_on(index, self.after(number, cursor));
        self.users[index].in_flight = true;
        Some(self.release_of(number, cursor))
    }

    fn release_of(&self, number: u64, cursor: Cursor) -> Release {
        let phase = PHASES[cursor.phase];
        let request = self.course.numbering().index(phase, self.item(number, cursor), cursor.place);
        Release { request, phase, intended: Some(self.turnstile.wanted(cursor.turn)) }
    }

    fn item(&self, number: u64, cursor: Cursor) -> u64 {
        let n = self.users_in_all;
        (number + n - self.spans[cursor.phase].first % n) % n + cursor.items * n
    }

    /// The turn after `cursor`, if that goes well.
    fn after(&self, number: u64, cursor: Cursor) -> Option<Cursor> {
        let turns = self.course.turns(self.release_of(number, cursor).request);
        let goes_on = cursor.place + 1 < turns;
        let (items, place) = if goes_on { (cursor.items, cursor.place + 1) } else { (cursor.items + 1, 0) };
        self.settled(number, Cursor { turn: cursor.turn + self.users_in_all, items, place, ..cursor })
    }

    /// The cursor in the phase that its turn belongs to, with a session of its own if that is another; `None` past the last.
    fn settled(&self, number: u64, mut cursor: Cursor) -> Option<Cursor> {
        while self.spans.get(cursor.phase).is_some_and(|span| cursor.turn >= span.end) {
            cursor = Cursor { phase: cursor.phase + 1, items: 0, place: 0, ..cursor };
        }
        let most = self.sessions.filter(|_| PHASES.get(cursor.phase) == Some(&Phase::Profiling));
        let through = cursor.phase >= PHASES.len()
            || (cursor.place == 0 && most.is_some_and(|most| self.item(number, cursor) >= most));
        (!through).then_some(cursor)
    }

    /// The user's next turn is `next`.
    fn goes_on(&mut self, index: usize, next: Option<Cursor>) {
        if let Some(before) = std::mem::replace(&mut self.users[index].next, next) {
            self.going[before.phase] -= 1;
        }
        if let Some(next) = next {
            self.going[next.phase] += 1;
        }
    }

    /// The user waits for their next turn, which cannot go before `ready`.
    fn waits(&mut self, index: usize, ready: Micros) {
        if let Some(next) = self.users[index].next {
            let due = self.turnstile.wanted(next.turn).max(ready);
            self.due.push(Reverse((due, next.turn, index)));
        }
    }

    /// Takes off the user's turns whose phase's time is over at `now`.
    fn leave_behind(&mut self, index: usize, now: Micros) {
        while let Some(cursor) = self.users[index].next {
            if self.deadline(cursor.phase).is_none_or(|deadline| now < deadline) {
                break;
            }
            self.drop_turn(index, cursor);
        }
    }

    fn drop_turn(&mut self, index: usize, cursor: Cursor) {
        let number = self.users[index].number;
        self.unsent.push(self.release_of(number, cursor));
        self.goes_on(index, self.after(number, cursor));
    }

    /// When a phase's time is over, and all that came in time is gone: what is left of it is of users who lag. Whether one was.
    fn sweep(&mut self, now: Micros) -> bool {
        let over: Vec<usize> =
            self.deadlines().filter(|(_, at)| *at <= now).map(|(phase, _)| phase).collect();
        for phase in &over {
            self.swept[*phase] = true;
        }
        if over.is_empty() {
            return false;
        }
        let kept = |user: &User, lane: &Self| {
            user.next.is_none_or(|next| lane.deadline(next.phase).is_none_or(|deadline| now < deadline))
        };
        let waiting = std::mem::take(&mut self.due);
        for Reverse((due, turn, index)) in waiting {
            if kept(&self.users[index], self) {
                self.due.push(Reverse((due, turn, index)));
            } else {
                self.leave_behind(index, now);
                self.waits(index, Micros::ZERO);
            }
        }
        for index in 0..self.users.len() {
            if self.users[index].in_flight {
                self.leave_behind(index, now);
            }
        }
        true
    }

    pub(super) fn completed(&mut self, request: u64, now: Micros, well: bool) -> bool {
        let numbering = self.course.numbering();
        let address = numbering.address(request);
        let first = self.spans[address.phase as usize].first;
        let number = (address.item + first) % self.users_in_all;
        let index = self.users.partition_point(|user| user.number < number);
        debug_assert!(self.users[index].in_flight, "request {request} ended and none was in flight");
        self.users[index].in_flight = false;
        let Some(mut next) = self.users[index].next else { return false };
        let mut goes_on = next.place > 0 && self.release_of(number, next).request == request + 1;
        if goes_on && !well && self.course.keeps_history() {
            self.broken += 1;
            goes_on = false;
            let anew = self.settled(number, Cursor { items: next.items + 1, place: 0, ..next });
            self.goes_on(index, anew);
            let Some(anew) = anew else { return false };
            next = anew;
        }
        let delay =
            if goes_on { self.course.delay(self.release_of(number, next).request) } else { Micros::ZERO };
        self.waits(index, now + delay);
        goes_on
    }

    /// Later turns of users who wait.
    pub(super) fn waiting_turns(&self) -> impl Iterator<Item = u64> + '_ {
        let waiting = self.users.iter().filter(|user| !user.in_flight);
        let turns = waiting.filter_map(|user| Some((user.number, user.next.filter(|next| next.place > 0)?)));
        turns.map(|(number, next)| self.release_of(number, next).request)
    }

    /// Takes off what was wanted up to `now`.
    pub(super) fn due(&mut self, now: Micros) -> Vec<Unsent> {
        for index in 0..self.users.len() {
            while let Some(cursor) =
                self.users[index].next.filter(|next| self.turnstile.wanted(next.turn) <= now)
            {
                self.drop_turn(index, cursor);
            }
        }
        self.unsent(true)
    }

    /// Drains what was never sent, once nothing more will be.
    pub(super) fn unsent(&mut self, stopped: bool) -> Vec<Unsent> {
        if !self.finished && !stopped {
            return Vec::new();
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        unsent.sort_by_key(|unsent| (unsent.intended, unsent.request));
        unsent
    }

    pub(super) fn broken(&self) -> u64 {
        self.broken
    }

    pub(super) fn slots(&self) -> u64 {
        self.users.len() as u64
    }

    /// Items of a phase that are this lane's, if that is known.
    fn total(&self, phase: usize) -> Option<u64> {
        if self.going[..=phase].iter().all(|going| *going == 0) {
            return Some(self.issued[phase]);
        }
        let Span { first, end, .. } = self.spans[phase];
        let end = match self.course.numbering() {
            Numbering::Single => end,
            Numbering::Turns if first == end => end,
            Numbering::Turns => {
                first.saturating_add(self.sessions.filter(|_| phase == Phase::Profiling as usize)?)
            }
        };
        (end < u64::MAX).then(|| self.share.of_first(end) - self.share.of_first(first))
    }

    /// Requests of this lane over all phases, if that is known.
    pub(super) fn starts(&self) -> Option<u64> {
        let single = self.course.numbering() == Numbering::Single;
        (0..PHASES.len()).map(|phase| self.total(phase).filter(|_| single)).sum()
    }

    /// The n-th item to begin, as long as every user keeps up.
    pub(super) fn nth(&self, mut n: u64) -> Option<u64> {
        for (index, phase) in PHASES.into_iter().enumerate() {
            let total = self.total(index).unwrap_or(u64::MAX);
            let first = self.spans[index].first;
            if n < total {
                let turn = self.share.nth(self.share.of_first(first).checked_add(n)?)?;
                return Some(self.course.numbering().index(phase, turn - first, 0));
            }
            n -= total;
        }
        None
    }
}
