//! When the turns of users are wanted, and which of them each phase has: all known before the run.

use tokmark_base::Micros;

use crate::course::Numbering;
use crate::load::{Load, Phased};
use crate::rate::Rate;

/// The turns of a phase.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) first: u64,
    /// Past the last one.
    pub(super) end: u64,
    /// When its time is over, if it has one.
    pub(super) deadline: Option<Micros>,
}

/// When turns are wanted.
#[derive(Debug)]
pub(super) struct Turnstile {
    rate: Rate,
}

impl Turnstile {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate }
    }

    /// When a turn is wanted.
    pub(super) fn wanted(&self, turn: u64) -> Micros {
        self.rate.shape().time_of(turn as f64).map_or(Micros::MAX, Micros::from_secs_f64)
    }

    /// The first turn wanted at `time` or later.
    fn first_at(&self, time: Micros) -> u64 {
        let mut turn = libm::floor(self.rate.shape().before(time.as_secs_f64())) as u64;
        // The rounding of positions and of microseconds may be one off either way.
        while turn > 0 && self.wanted(turn - 1) >= time {
            turn -= 1;
        }
        while self.wanted(turn) < time {
            turn += 1;
        }
        turn
    }

    /// The turns of all phases.
    pub(super) fn spans(&self, load: &Load, numbering: Numbering) -> [Span; 3] {
        let (mut first, mut began) = (0, Micros::ZERO);
        let items = if numbering == Numbering::Single { load.sessions } else { None };
        let measured = (load.requests.into_iter().chain(items).min(), load.duration);
        let of = |extent: Option<Phased>| match extent {
            None => (Some(0), None),
            Some(Phased::Requests(n)) => (Some(n), None),
            Some(Phased::For(length)) => (None, Some(length)),
        };
        [of(load.warmup), measured, of(load.cooldown)].map(|(count, length)| {
            if first == u64::MAX {
                return Span { first, end: first, deadline: None };
            }
            let by_count = count.map(|n| first.saturating_add(n));
            let deadline = length.map(|length| began + length);
            let by_time = deadline.map(|deadline| self.first_at(deadline));
            let end = by_count.into_iter().chain(by_time).min().unwrap_or(u64::MAX);
            let span = Span { first, end, deadline };
            began = match deadline {
                Some(deadline) if by_time == Some(end) => deadline,
                _ if end == u64::MAX => Micros::MAX,
                _ => self.wanted(end),
            };
            first = end;
            span
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::LoadSpec;
    use crate::rate::{Ramp, Steady};

    fn spans(json: &str) -> [(u64, u64, Option<i64>); 3] {
        let load = serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap();
        let turnstile = Turnstile::new(load.rate.clone().unwrap());
        turnstile
            .spans(&load, Numbering::Single)
            .map(|span| (span.first, span.end, span.deadline.map(|d| d.0)))
    }

    #[test]
    fn phases_follow_each_other_by_counts_and_times() {
        let counts = spans(r#"{"rate": 4, "users": 3, "requests": 10, "warmup": 3, "cooldown": 2}"#);
        assert_eq!(counts, [(0, 3, None), (3, 13, None), (13, 15, None)]);
        // 1 s of warm-up has the turns at 0, 0.25, 0.5 and 0.75 s; 10 measured ones follow, up to 3.5 s.
        let mixed = spans(r#"{"rate": 4, "users": 3, "requests": 10, "warmup": "1s", "cooldown": "600ms"}"#);
        assert_eq!(mixed, [(0, 4, Some(1_000_000)), (4, 14, None), (14, 17, Some(4_100_000))]);
        // A turn that is wanted when a phase's time is over is not the phase's.
        let times = spans(r#"{"rate": 4, "users": 3, "duration": "2s", "cooldown": 1}"#);
        assert_eq!(times, [(0, 0, None), (0, 8, Some(2_000_000)), (8, 9, None)]);
        let both = spans(r#"{"rate": 4, "users": 3, "duration": "2s", "requests": 5, "cooldown": "1s"}"#);
        assert_eq!(both, [(0, 0, None), (0, 5, Some(2_000_000)), (5, 9, Some(2_250_000))]);
    }

    #[test]
    fn the_first_turn_of_a_time_is_found_whatever_the_rounding() {
        let ramp = Rate::Ramp(Ramp { from: 0.0, to: 1_000.0 / 7.0, length: 3.0 });
        for turnstile in [Turnstile::new(Rate::Steady(Steady { rate: 1_000.0 / 7.0 })), Turnstile::new(ramp)]
        {
            for turn in 1..500 {
                let at = turnstile.wanted(turn);
                assert_eq!(turnstile.first_at(at), turn);
                assert_eq!(turnstile.first_at(at + Micros(1)), turn + 1);
            }
            assert_eq!(turnstile.first_at(Micros::ZERO), 0);
        }
    }
}
