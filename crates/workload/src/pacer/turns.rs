//! Turns to come: sessions between two turns, in the order in which their next ones are due, and how many requests a phase has left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use tokmark_base::{Micros, Phase};

use super::share::Share;
use crate::arrival::trace::Clockwork;
use crate::course::{Course, Numbering};
use crate::load::{Load, Phased};

/// The sessions of one lane that are under way.
#[derive(Debug)]
pub(super) struct Turns {
    course: Arc<dyn Course>,
    /// What a trace's time is in the run's.
    clockwork: Clockwork,
    /// (due, request), the earliest first.
    waiting: BinaryHeap<Reverse<(Micros, u64)>>,
    /// How many of them each phase has.
    waiting_of: [u64; 3],
    /// Sessions started that have turns to come which are not released yet, by phase.
    under_way: [u64; 3],
    /// Requests a phase still has, where items are sessions; `None`: as many as its sessions have.
    left: [Option<u64>; 3],
    /// Phases whose sessions have no more turns.
    over: [bool; 3],
    /// When sessions began whose later turns have times of their own: first request → its intended start.
    began: BTreeMap<u64, Micros>,
    /// Sessions that ended before their last turn because a turn failed.
    broken: u64,
}

impl Turns {
    pub(super) fn new(load: &Load, share: Share, course: Arc<dyn Course>, clockwork: Clockwork) -> Self {
        let counted = |extent: Option<Phased>| match extent {
            Some(Phased::Requests(n)) => Some(n),
            Some(Phased::For(_)) | None => None,
        };
        let left = match course.numbering() {
            Numbering::Single => [None; 3],
            Numbering::Turns => [counted(load.warmup), load.requests, counted(load.cooldown)]
                .map(|n| n.map(|n| share.of_first(n))),
        };
        Self {
            course,
            clockwork,
            waiting: BinaryHeap::new(),
            waiting_of: [0; 3],
            under_way: [0; 3],
            left,
            over: [false; 3],
            began: BTreeMap::new(),
            broken: 0,
        }
    }

    pub(super) fn numbering(&self) -> Numbering {
        self.course.numbering()
    }

    fn phase(&self, request: u64) -> Phase {
        self.numbering().address(request).phase
    }

    /// Sessions between two turns.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Sessions of the phase between two turns.
    pub(super) fn waiting_of(&self, phase: Phase) -> u64 {
        self.waiting_of[phase as usize]
    }

    /// The turns that wait.
    pub(super) fn requests(&self) -> impl Iterator<Item = u64> + '_ {
        self.waiting.iter().map(|Reverse((_, request))| *request)
    }

    /// Whether sessions of the phase have turns to come.
    pub(super) fn has_more(&self, phase: Phase) -> bool {
        self.under_way[phase as usize] > 0
    }

    /// Whether the phase has had all the requests it was to have.
    pub(super) fn used_up(&self, phase: Phase) -> bool {
        self.left[phase as usize] == Some(0)
    }

    /// The next turn: when it is due, and its phase.
    pub(super) fn next(&self) -> Option<(Micros, Phase)> {
        self.waiting.peek().map(|Reverse((due, request))| (*due, self.phase(*request)))
    }

    /// Takes the next turn, if it is due at `now`: when it was, and its request.
    pub(super) fn take(&mut self, now: Micros) -> Option<(Micros, u64)> {
        let Reverse((due, request)) = self.waiting.peek().copied().filter(|Reverse((due, _))| *due <= now)?;
        self.waiting.pop();
        self.waiting_of[self.phase(request) as usize] -= 1;
        Some((due, request))
    }

    /// Takes one of the requests that the phase still has.
    pub(super) fn spend(&mut self, phase: Phase) {
        if let Some(left) = &mut self.left[phase as usize] {
            *left = left.saturating_sub(1);
        }
    }

    /// A request goes. `intended` is when it was wanted, or now.
    pub(super) fn released(&mut self, request: u64, intended: Micros) {
        if self.numbering() == Numbering::Single {
            return;
        }
        let address = self.numbering().address(request);
        self.spend(address.phase);
        let last = address.turn + 1 >= self.course.turns(request);
        if address.turn == 0 {
            self.under_way[address.phase as usize] += u64::from(!last);
            if !last && self.course.at(request + 1).is_some() {
                self.began.insert(request, intended);
            }
        } else if last {
            self.leaves(request);
        }
    }

    /// The session of `request` has no more turns to come.
    fn leaves(&mut self, request: u64) {
        let address = self.numbering().address(request);
        let under_way = &mut self.under_way[address.phase as usize];
        *under_way = under_way.saturating_sub(1);
        self.began.remove(&(request - u64::from(address.turn)));
    }

    /// A request ended; its session's next turn, if there is one and its phase goes on, waits for its time, unless that comes at
    /// `end`, where the phase ends, or later. Whether one waits.
    pub(super) fn completed(&mut self, request: u64, now: Micros, well: bool, end: Option<Micros>) -> bool {
        if self.numbering() == Numbering::Single {
            return false;
        }
        let address = self.numbering().address(request);
        let phase = address.phase;
        if self.over[phase as usize] || self.used_up(phase) || address.turn + 1 >= self.course.turns(request)
        {
            return false;
        }
        if !well && self.course.keeps_history() {
            self.leaves(request);
            self.broken += 1;
            return false;
        }
        let next = request + 1;
        let after = now + self.clockwork.scaled(self.course.delay(next));
        let first = request - u64::from(address.turn);
        let own = self.began.get(&first).zip(self.course.at(first)).zip(self.course.at(next));
        let own = own.map(|((began, first), next)| {
            *began + (self.clockwork.wanted(next) - self.clockwork.wanted(first))
        });
        let due = own.map_or(after, |own| own.max(after));
        if end.is_some_and(|end| due >= end) {
            self.leaves(request);
            return false;
        }
        self.waiting.push(Reverse((due, next)));
        self.waiting_of[phase as usize] += 1;
        true
    }

    /// The phase is over: its sessions have no more turns.
    pub(super) fn end(&mut self, phase: Phase) {
        let index = phase as usize;
        self.over[index] = true;
        self.under_way[index] = 0;
        if self.waiting_of[index] > 0 {
            self.waiting_of[index] = 0;
            let numbering = self.numbering();
            self.waiting.retain(|Reverse((_, request))| numbering.address(*request).phase != phase);
        }
        let numbering = self.numbering();
        self.began.retain(|request, _| numbering.address(*request).phase != phase);
    }

    /// Sessions that a failed turn ended.
    pub(super) fn broken(&self) -> u64 {
        self.broken
    }
}
