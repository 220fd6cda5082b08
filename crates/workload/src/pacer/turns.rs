//! Turns to come: sessions between two turns, in the order in which their next ones are due, and how many requests a phase has left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use tokmark_base::{Micros, Phase};

use super::share::Share;
use crate::course::{Course, Numbering};
use crate::load::{Load, Phased};

/// The sessions of one lane that are under way.
#[derive(Debug)]
pub(super) struct Turns {
    course: Arc<dyn Course>,
    /// (due, request), the earliest first.
    waiting: BinaryHeap<Reverse<(Micros, u64)>>,
    /// Sessions started that have turns to come which are not released yet, by phase.
    under_way: [u64; 3],
    /// Requests a phase still has, where items are sessions; `None`: as many as its sessions have.
    left: [Option<u64>; 3],
    /// When sessions began whose later turns have times of their own: first request → its intended start.
    began: BTreeMap<u64, Micros>,
    /// Sessions that ended before their last turn because a turn failed.
    broken: u64,
}

impl Turns {
    pub(super) fn new(load: &Load, share: Share, course: Arc<dyn Course>) -> Self {
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
            waiting: BinaryHeap::new(),
            under_way: [0; 3],
            left,
            began: BTreeMap::new(),
            broken: 0,
        }
    }

    pub(super) fn numbering(&self) -> Numbering {
        self.course.numbering()
    }

    /// Sessions between two turns.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Whether sessions of the phase have turns to come.
    pub(super) fn has_more(&self, phase: Phase) -> bool {
        self.under_way[phase as usize] > 0
    }

    /// Whether the phase has had all the requests it was to have.
    pub(super) fn used_up(&self, phase: Phase) -> bool {
        self.left[phase as usize] == Some(0)
    }

    /// When the next turn is due.
    pub(super) fn next_due(&self) -> Option<Micros> {
        self.waiting.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the next turn, if it is due at `now`: when it was, and its request.
    pub(super) fn take(&mut self, now: Micros) -> Option<(Micros, u64)> {
        let Reverse((due, request)) = self.waiting.peek().copied().filter(|Reverse((due, _))| *due <= now)?;
        self.waiting.pop();
        Some((due, request))
    }

    /// A request goes. `intended` is when it was wanted, or now.
    pub(super) fn released(&mut self, request: u64, intended: Micros) {
        if self.numbering() == Numbering::Single {
            return;
        }
        let address = self.numbering().address(request);
        let phase = address.phase as usize;
        if let Some(left) = &mut self.left[phase] {
            *left = left.saturating_sub(1);
        }
        let last = address.turn + 1 >= self.course.turns(request);
        if address.turn == 0 {
            self.under_way[phase] += u64::from(!last);
            if !last && self.course.at(request + 1).is_some() {
                self.began.insert(request, intended);
            }
        } else if last {
            self.under_way[phase] = self.under_way[phase].saturating_sub(1);
            self.began.remove(&(request - u64::from(address.turn)));
        }
    }

    /// A request ended; its session's next turn, if there is one and `phase` goes on, waits for its time.
    pub(super) fn completed(
        &mut self,
        request: u64,
        now: Micros,
        well: bool,
        phase: Option<Phase>,
        speed: Speed,
    ) {
        if self.numbering() == Numbering::Single {
            return;
        }
        let address = self.numbering().address(request);
        if Some(address.phase) != phase || address.turn + 1 >= self.course.turns(request) {
            return;
        }
        if !well && self.course.keeps_history() {
            self.under_way[address.phase as usize] -= 1;
            self.began.remove(&(request - u64::from(address.turn)));
            self.broken += 1;
            return;
        }
        let next = request + 1;
        let after = now + speed.of(self.course.delay(next));
        let first = request - u64::from(address.turn);
        let own = self.began.get(&first).zip(self.course.at(first)).zip(self.course.at(next));
        let own = own.map(|((began, first), next)| *began + speed.of(next - first));
        self.waiting.push(Reverse((own.map_or(after, |own| own.max(after)), next)));
    }

    /// The phase is over: its sessions have no more turns.
    pub(super) fn end(&mut self, phase: Phase) {
        let numbering = self.numbering();
        self.waiting.retain(|Reverse((_, request))| numbering.address(*request).phase != phase);
        self.under_way[phase as usize] = 0;
    }

    /// Drops turns of `phase` that would be due at `end` or later.
    pub(super) fn end_at(&mut self, phase: Phase, end: Micros) {
        let numbering = self.numbering();
        let before = self.waiting.len();
        self.waiting
            .retain(|Reverse((due, request))| numbering.address(*request).phase != phase || *due < end);
        let dropped = (before - self.waiting.len()) as u64;
        self.under_way[phase as usize] = self.under_way[phase as usize].saturating_sub(dropped);
    }

    /// Sessions that a failed turn ended.
    pub(super) fn broken(&self) -> u64 {
        self.broken
    }
}

/// How fast a trace's time passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speed(pub(super) f64);

impl Speed {
    pub(super) fn of_load(load: &Load) -> Self {
        match load.arrival {
            crate::arrival::Arrival::Trace(trace) => Self(trace.speed),
            _ => Self(1.0),
        }
    }

    fn of(self, time: Micros) -> Micros {
        if self.0 == 1.0 { time } else { Micros::from_secs_f64(time.as_secs_f64() / self.0) }
    }
}
