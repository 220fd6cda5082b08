//! The run's time line: CLOCK_MONOTONIC since the anchor, and kernel CLOCK_REALTIME stamps mapped onto it.

use tokmark_base::{Clock, Micros};

use crate::socket::{monotonic_ns, realtime_ns};

/// Two anchors whose offsets differ by more than this disagree: the wall clock was stepped between them. Reading three clocks
/// in a row takes 0.15 µs; a pre-emption in between widens the pair, which is measured and taken into account.
const STEP_NS: i64 = 20_000;

/// The wall clock of a run. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// CLOCK_MONOTONIC at t = 0.
    epoch_ns: i64,
    /// CLOCK_REALTIME at t = 0.
    epoch_unix_ns: i64,
}

impl WallClock {
    /// A clock whose t = 0 is now.
    pub fn start() -> Self {
        let anchor = Anchor::take();
        Self { epoch_ns: anchor.monotonic, epoch_unix_ns: anchor.monotonic + anchor.offset }
    }

    /// Nanoseconds since the Unix epoch at t = 0: the run's one wall-clock anchor.
    pub fn anchor_unix_ns(&self) -> i64 {
        self.epoch_unix_ns
    }

    /// The kernel's monotonic nanoseconds at a point of the time line, for absolute timers.
    pub(crate) fn monotonic_of(&self, at: Micros) -> i64 {
        self.epoch_ns.saturating_add(at.0.saturating_mul(1_000))
    }

    pub(crate) fn of_monotonic(&self, ns: i64) -> Micros {
        Micros((ns - self.epoch_ns).div_euclid(1_000))
    }
}

impl Clock for WallClock {
    fn now(&self) -> Micros {
        self.of_monotonic(monotonic_ns())
    }
}

/// Anchors are taken at least this often while a run goes on (METHOD: every second).
const ANCHOR_EVERY_NS: i64 = 1_000_000_000;

/// A pair of clock readings: (monotonic, realtime, monotonic), the middle of the outer two against the inner one.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    /// CLOCK_MONOTONIC, nanoseconds.
    monotonic: i64,
    /// realtime − monotonic, nanoseconds.
    offset: i64,
    /// Half the distance of the outer readings, nanoseconds: the offset is known to within this.
    slack: i64,
}

impl Anchor {
    /// The tightest of up to four tries: a pre-emption between the readings blurs the pair.
    fn take() -> Self {
        let mut best = Self::take_once();
        for _ in 0..3 {
            if best.slack <= 1_000 {
                break;
            }
            let again = Self::take_once();
            if again.slack < best.slack {
                best = again;
            }
        }
        best
    }

    fn take_once() -> Self {
        let before = monotonic_ns();
        let real = realtime_ns();
        let after = monotonic_ns();
        let middle = before + (after - before) / 2;
        Self { monotonic: middle, offset: real - middle, slack: (after - before) / 2 }
    }

    fn agrees_with(&self, other: &Self) -> bool {
        (self.offset - other.offset).abs() <= STEP_NS + self.slack + other.slack
    }
}

/// Maps kernel stamps. Between two anchors that disagree nothing can be mapped, which is known only afterwards: a stamp is
/// provisional until [`KernelClock::confirm`] has been called after it.
#[derive(Debug)]
pub(crate) struct KernelClock {
    wall: WallClock,
    last: Anchor,
    /// Spans of the time line in which the wall clock was stepped.
    steps: Vec<(Micros, Micros)>,
}

impl KernelClock {
    pub(crate) fn new(wall: WallClock) -> Self {
        Self { wall, last: Anchor::take(), steps: Vec::new() }
    }

    /// Maps a kernel CLOCK_REALTIME stamp.
    pub(crate) fn map(&self, kernel_unix_ns: i64) -> Micros {
        self.wall.of_monotonic(kernel_unix_ns - self.last.offset)
    }

    /// Takes a new anchor and compares. Call it after a stamp was mapped and before it is relied upon.
    pub(crate) fn confirm(&mut self) {
        let now = Anchor::take();
        if !now.agrees_with(&self.last) {
            let span = (self.wall.of_monotonic(self.last.monotonic), self.wall.of_monotonic(now.monotonic));
            self.steps.push(span);
        }
        self.last = now;
    }

    /// [`KernelClock::confirm`] if the last anchor is old.
    pub(crate) fn confirm_if_old(&mut self, now: Micros) {
        if self.wall.monotonic_of(now) - self.last.monotonic > ANCHOR_EVERY_NS {
            self.confirm();
        }
    }

    /// Whether a stamp taken at `user` can be trusted, by everything known now.
    pub(crate) fn trusts(&self, user: Micros) -> bool {
        !self.steps.iter().any(|(from, to)| (*from..=*to).contains(&user))
    }

    /// How often the wall clock was stepped.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_stamp_lands_between_the_user_stamps_around_it() {
        let wall = WallClock::start();
        let clock = KernelClock::new(wall);
        let before = wall.now();
        let real = realtime_ns();
        let after = wall.now();
        // The offset is exact to within its own slack; a microsecond covers the rounding.
        assert!(clock.map(real) >= before - Micros(50) && clock.map(real) <= after + Micros(50));
    }

    #[test]
    fn a_step_drops_the_stamps_between_the_anchors_that_disagree() {
        let wall = WallClock { epoch_ns: 0, epoch_unix_ns: 0 };
        let mut clock = KernelClock::new(wall);
        clock.last = Anchor { offset: clock.last.offset + 5_000_000, ..clock.last };
        let at = wall.of_monotonic(clock.last.monotonic);
        assert!(clock.trusts(at));
        clock.confirm();
        assert!(!clock.trusts(at));
        assert_eq!(clock.steps(), 1);
        assert!(clock.trusts(at + Micros::from_secs_f64(1e6)));
        clock.confirm();
        assert_eq!(clock.steps(), 1);
    }
}
