//! What a lane has started and what it will: the order of its items over all phases. Where items are sessions, their first turns
//! stand for them here: when the others go is up to the service.

use tokmark_base::Phase;

use super::share::Share;
use crate::course::Numbering;

/// The phases in their order; [`Phase`] as a number indexes the arrays below.
pub(super) const PHASES: [Phase; 3] = [Phase::Warmup, Phase::Profiling, Phase::Cooldown];

/// Items started by one lane, past and to come.
#[derive(Clone, Debug)]
pub(super) struct Forecast {
    share: Share,
    numbering: Numbering,
    /// Releases of each phase as planned; `None`: a phase that something other than a count ends.
    planned: [Option<u64>; 3],
    /// Releases of each phase so far.
    issued: [u64; 3],
    /// Which phases are over.
    over: [bool; 3],
}

impl Forecast {
    /// A lane that plans this many releases a phase.
    pub(super) fn new(share: Share, numbering: Numbering, planned: [Option<u64>; 3]) -> Self {
        Self { share, numbering, planned, issued: [0; 3], over: [false; 3] }
    }

    /// Releases of a phase so far.
    pub(super) fn issued(&self, phase: Phase) -> u64 {
        self.issued[phase as usize]
    }

    /// Whether all planned releases of a phase were made.
    pub(super) fn exhausted(&self, phase: Phase) -> bool {
        self.planned[phase as usize].is_some_and(|n| self.issued(phase) >= n)
    }

    /// Counts a release; its index in the plan.
    pub(super) fn release(&mut self, phase: Phase) -> Option<u64> {
        let n = self.share.nth(self.issued(phase))?;
        self.issued[phase as usize] += 1;
        Some(self.numbering.index(phase, n, 0))
    }

    /// A phase is over; it will have no more releases.
    pub(super) fn end(&mut self, phase: Phase) {
        self.over[phase as usize] = true;
    }

    /// Releases of a phase in all, if that is known.
    fn total(&self, phase: Phase) -> Option<u64> {
        if self.over[phase as usize] { Some(self.issued(phase)) } else { self.planned[phase as usize] }
    }

    /// Releases over all phases, if that is known.
    pub(super) fn starts(&self) -> Option<u64> {
        PHASES.iter().map(|phase| self.total(*phase)).sum()
    }

    /// The n-th release.
    pub(super) fn nth(&self, mut n: u64) -> Option<u64> {
        for phase in PHASES {
            let total = self.total(phase).unwrap_or(u64::MAX);
            if n < total {
                return self.share.nth(n).map(|i| self.numbering.index(phase, i, 0));
            }
            n -= total;
        }
        None
    }
}
