//! When each send is due, and which is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The timing of one reply. All content events are due at exact multiples, never "after the one before".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Last request byte in to first content event out, nanoseconds.
    pub ttft_ns: u64,
    /// From one content event to the next, nanoseconds.
    pub itl_ns: u64,
    /// Content events, at least 1.
    pub events: u32,
}

impl Schedule {
    /// From microseconds, as flags and headers give them.
    pub fn from_micros(ttft_us: u64, itl_us: u64, events: u32) -> Self {
        Self {
            ttft_ns: ttft_us.saturating_mul(1_000),
            itl_ns: itl_us.saturating_mul(1_000),
            events: events.max(1),
        }
    }

    /// Offset of content event `k` (from 0) from the last request byte: `ttft + k · itl`, nanoseconds.
    pub fn offset_ns(&self, k: u32) -> i64 {
        let gaps = self.itl_ns.saturating_mul(u64::from(k));
        i64::try_from(self.ttft_ns.saturating_add(gaps)).unwrap_or(i64::MAX)
    }

    /// Offset of the last content event.
    pub fn last_ns(&self) -> i64 {
        self.offset_ns(self.events.saturating_sub(1))
    }
}

/// The due sends of all connections, soonest first. Ties leave in order of connection slot.
#[derive(Debug, Default)]
pub struct Agenda(BinaryHeap<Reverse<(i64, u64)>>);

impl Agenda {
    /// Adds a send of `token`'s connection, due at `due_ns`.
    pub fn add(&mut self, due_ns: i64, token: u64) {
        self.0.push(Reverse((due_ns, token)));
    }

    /// When the next send is due.
    pub fn next_due(&self) -> Option<i64> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the next send if it is due at `now_ns`.
    pub fn take_due(&mut self, now_ns: i64) -> Option<(i64, u64)> {
        if self.next_due()? > now_ns {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_is_an_exact_multiple() {
        let s = Schedule::from_micros(100_000, 10_001, 64);
        assert_eq!(s.offset_ns(0), 100_000_000);
        assert_eq!(s.offset_ns(1), 110_001_000);
        assert_eq!(s.last_ns(), 100_000_000 + 63 * 10_001_000);
        let zero = Schedule::from_micros(0, 0, 0);
        assert_eq!((zero.events, zero.last_ns()), (1, 0));
        let endless = Schedule::from_micros(u64::MAX, u64::MAX, u32::MAX);
        assert_eq!(endless.last_ns(), i64::MAX, "saturates, never wraps");
    }

    #[test]
    fn the_agenda_gives_the_soonest_and_nothing_early() {
        let mut agenda = Agenda::default();
        for (due, token) in [(30, 3), (10, 1), (20, 2), (10, 0)] {
            agenda.add(due, token);
        }
        assert_eq!(agenda.next_due(), Some(10));
        assert_eq!(agenda.take_due(9), None);
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take_due(25)).collect();
        assert_eq!(taken, [(10, 0), (10, 1), (20, 2)]);
        assert_eq!(agenda.next_due(), Some(30));
    }
}
