//! Later turns of sessions: begun as soon as their bodies are ready, whichever comes first, and forgotten when nobody wants them.

use std::collections::BTreeSet;

use tokmark_base::Micros;
use tokmark_record::SessionTurn;
use tokmark_workload::{Numbering, Release};

use super::{Reactor, TURNS_HELD};

impl Reactor {
    /// Whether a request follows another of its session.
    pub(super) fn is_later_turn(&self, request: u64) -> bool {
        self.shared.numbering.address(request).turn > 0
    }

    /// Begins a later turn, as soon as its body is ready: it was asked for when the turn before ended.
    pub(super) fn begin_turn(&mut self, release: Release, now: Micros) {
        match self.preparer.take_turn(release.request) {
            Some(prepared) => self.begin(release, now, prepared),
            None => self.waiting_turns.push((release, now)),
        }
    }

    /// Begins those that were let go before their bodies were ready.
    pub(super) fn begin_waiting_turns(&mut self) {
        for (release, released) in std::mem::take(&mut self.waiting_turns) {
            self.begin_turn(release, released);
        }
    }

    /// A phase that ends drops turns whose bodies may have been made; their words must not stay. Looking through what is held
    /// whenever it has doubled costs no more than holding it did.
    pub(super) fn bound_turns(&mut self) {
        if self.preparer.turns_held() >= self.turns_limit {
            self.forget_unwanted_turns();
            self.turns_limit = TURNS_HELD.max(2 * self.preparer.turns_held());
        }
    }

    /// Forgets every prepared turn that neither waits for its time nor has been let go.
    pub(super) fn forget_unwanted_turns(&mut self) {
        let waiting = (!self.finished).then(|| self.pacer.waiting_turns());
        let released = self.waiting_turns.iter().map(|(release, _)| release.request);
        let wanted: BTreeSet<u64> = waiting.into_iter().flatten().chain(released).collect();
        self.preparer.keep_turns(&wanted);
    }

    /// Session and class of a request that was never made ready.
    pub(super) fn place_of(&self, request: u64) -> (Option<SessionTurn>, Option<u16>) {
        let requests = &self.shared.requests;
        if self.shared.numbering == Numbering::Single && requests.classes().is_empty() {
            return (None, None);
        }
        let shape = requests.shape(request);
        let turn = |place: tokmark_workload::Place| SessionTurn {
            id: place.session,
            turn: place.turn,
            of: place.turns,
        };
        (shape.session.map(turn), shape.class)
    }
}
