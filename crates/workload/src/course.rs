//! How the requests of a plan hang together: which follow which, how long after, and which times a trace has of its own. It is
//! all the pacer has to know of what is said.

use std::fmt;

use tokmark_base::{Micros, Phase};

/// Width of a phase's range of indices.
const RANGE: u64 = 1 << 40;

/// Turns a session can have where the plan has sessions.
pub const MOST_TURNS: u32 = 1 << TURN_BITS;

/// Bits of an index that count turns.
const TURN_BITS: u32 = 12;

/// How a plan numbers its requests.
///
/// Indices below 2⁴⁰ are measured requests. Warm-up and cool-down have ranges of their own, so that measured request `i` says
/// the same whether or not there is a warm-up, and is not one the service has just been warmed with. Within a range item `n`
/// is request `n`; where items are sessions, turn `t` of session `n` is request `n · 4096 + t`, so that a request is known from
/// its index without counting the turns of all sessions before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbering {
    /// An item is one request.
    #[default]
    Single,
    /// An item is a session of turns.
    Turns,
}

/// What an index stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Part of the run.
    pub phase: Phase,
    /// The item within the phase.
    pub item: u64,
    /// The turn within the item, from 0.
    pub turn: u32,
}

impl Numbering {
    /// The index of a turn of item `item`.
    pub const fn index(self, phase: Phase, item: u64, turn: u32) -> u64 {
        match self {
            Self::Single => index_of(phase, item),
            Self::Turns => index_of(phase, (item << TURN_BITS) | turn as u64),
        }
    }

    /// What an index stands for.
    pub const fn address(self, index: u64) -> Address {
        let (phase, n) = phase_of(index);
        match self {
            Self::Single => Address { phase, item: n, turn: 0 },
            Self::Turns => {
                let turn = (n & (MOST_TURNS as u64 - 1)) as u32;
                Address { phase, item: n >> TURN_BITS, turn }
            }
        }
    }
}

/// The index of number `n` of a phase.
pub const fn index_of(phase: Phase, n: u64) -> u64 {
    match phase {
        Phase::Profiling => n,
        Phase::Warmup => RANGE + n,
        Phase::Cooldown => 2 * RANGE + n,
    }
}

/// The phase an index belongs to, and its number within that phase.
pub const fn phase_of(index: u64) -> (Phase, u64) {
    match index / RANGE {
        0 => (Phase::Profiling, index),
        1 => (Phase::Warmup, index - RANGE),
        _ => (Phase::Cooldown, index - 2 * RANGE),
    }
}

/// See the module. Requests are named by their index in the plan.
pub trait Course: Send + Sync + fmt::Debug {
    /// How indices are made.
    fn numbering(&self) -> Numbering {
        Numbering::Single
    }

    /// Turns of the session that `request` belongs to, at least 1.
    fn turns(&self, _request: u64) -> u32 {
        1
    }

    /// How long after the end of the turn before it `request` is wanted.
    fn delay(&self, _request: u64) -> Micros {
        Micros::ZERO
    }

    /// When the trace had it, counted from the trace's first start; `None` if it has no times.
    fn at(&self, _request: u64) -> Option<Micros> {
        None
    }

    /// Items that have times of their own; `None` if the plan is no trace with times.
    fn timed_items(&self) -> Option<u64> {
        None
    }

    /// Whether a later turn says what was said and answered before, so that it cannot go once a turn has failed.
    fn keeps_history(&self) -> bool {
        false
    }
}

/// Requests that stand for themselves: no sessions, no times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Independent;

impl Course for Independent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_tell_their_phase() {
        for phase in [Phase::Warmup, Phase::Profiling, Phase::Cooldown] {
            for n in [0, 1, RANGE - 1] {
                assert_eq!(phase_of(index_of(phase, n)), (phase, n));
            }
        }
    }

    #[test]
    fn an_index_tells_item_and_turn() {
        for phase in [Phase::Warmup, Phase::Profiling, Phase::Cooldown] {
            for (item, turn) in [(0, 0), (0, 4_095), (7, 1), ((1 << 28) - 1, 4_095)] {
                let index = Numbering::Turns.index(phase, item, turn);
                assert_eq!(Numbering::Turns.address(index), Address { phase, item, turn });
            }
            assert_eq!(
                Numbering::Single.address(Numbering::Single.index(phase, 9, 0)),
                Address { phase, item: 9, turn: 0 }
            );
        }
    }
}
