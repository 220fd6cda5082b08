//! Starts for a while, none for a while, and again; the rate over whole cycles is what was asked, so while starts come they come
//! (on + off)/on times as fast.
//!
//! With r the rate, Z = on + off and n = r·Z the starts of a cycle, a gap of G mean starts takes G·on/n seconds of on-time and
//! K pauses of `off` each. A start's place within its cycle is even and independent of the gap after it, so K is ⌊G/n⌋ or one
//! more, with mean G/n and second moment (G/n)² + f(1 − f), f = G/n − ⌊G/n⌋. With it the gaps' mean is 1/r and
//!
//! CV² = c² + (r · off)² · E[f(1 − f)],
//!
//! exactly: the first term is the law's own, the second what the pauses add. E[f(1 − f)] is the law's
//! ([`crate::arrival::Process::wrapped`]).

use super::{Shape, deviation};
use crate::arrival::Process;

/// Positions this near to the end of a cycle are its end: sums of floating point shall not put a start before a pause that it
/// comes after.
const NEAR: f64 = 1e-9;

/// Starts in a part of each cycle only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnOff {
    /// Starts a second over whole cycles.
    pub rate: f64,
    /// Seconds in which starts come, at the beginning of each cycle.
    pub on: f64,
    /// Seconds in which none come.
    pub off: f64,
}

impl OnOff {
    fn cycle(&self) -> f64 {
        self.on + self.off
    }

    /// Starts a second while they come.
    pub fn peak(&self) -> f64 {
        self.rate * self.cycle() / self.on
    }
}

impl Shape for OnOff {
    fn describe(&self) -> String {
        format!("{} req/s, all within {} s of every {} s", self.rate, self.on, self.cycle())
    }

    fn at(&self, t: f64) -> f64 {
        if t % self.cycle() < self.on { self.peak() } else { 0.0 }
    }

    fn before(&self, t: f64) -> f64 {
        let cycles = libm::floor(t / self.cycle());
        let within = t - cycles * self.cycle();
        self.rate * self.cycle() * (cycles + (within / self.on).min(1.0))
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        let a_cycle = self.rate * self.cycle();
        let cycles = libm::floor((position + NEAR) / a_cycle);
        let rest = (position - cycles * a_cycle).max(0.0);
        Some(cycles * self.cycle() + rest / self.peak())
    }

    fn mean(&self) -> f64 {
        self.rate
    }

    fn mean_inverse(&self) -> f64 {
        1.0 / self.peak()
    }

    fn gap_cv(&self, law: &dyn Process) -> Option<f64> {
        let (c, pauses) = (law.gap_cv()?, self.rate * self.off);
        deviation(c * c + pauses * pauses * law.wrapped(self.rate * self.cycle())?)
    }

    fn canonical(&self) -> String {
        format!("on_off rate={:?} on={:?} off={:?}", self.rate, self.on, self.off)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use super::super::testing::{closed_form, statistics};
    use super::*;
    use crate::arrival::{Constant, Poisson};

    #[test]
    fn before_is_the_integral_and_time_of_its_inverse() {
        closed_form(&OnOff { rate: 4.0, on: 2.0, off: 8.0 }, 35.0);
        closed_form(&OnOff { rate: 0.7, on: 3.0, off: 7.0 }, 35.0);
    }

    #[test]
    fn an_even_arrival_fills_every_cycle_alike() {
        // Seven starts a cycle of 10 s, all within its first 3 s; 0.7 · 10 is no whole number in floating point.
        let rate = OnOff { rate: 0.7, on: 3.0, off: 7.0 };
        for start in 0..70_000 {
            let (cycle, place) = (start / 7, start % 7);
            let want = f64::from(cycle) * 10.0 + f64::from(place) * 3.0 / 7.0;
            let got = rate.time_of(f64::from(start)).unwrap();
            assert!((got - want).abs() < 1e-6, "start {start} at {got}, not {want}");
        }
    }

    #[test]
    fn the_deviation_of_even_gaps_by_hand() {
        // 10 starts a cycle of 5 s: nine gaps of 0.1 s and one of 0.1 + 4 s. Mean 0.5, variance 0.09 · 16 = 1.44.
        let rate = OnOff { rate: 2.0, on: 1.0, off: 4.0 };
        assert!((rate.gap_cv(&Constant).unwrap() - 1.2 / 0.5).abs() < 1e-12);
        // 0.4 starts a cycle: gaps of 2.5 cycles, which hold two pauses or three; two starts share neither cycle nor gap.
        let rare = OnOff { rate: 0.08, on: 1.0, off: 4.0 };
        assert!((rare.gap_cv(&Constant).unwrap() - 0.08 * 4.0 * 0.5).abs() < 1e-12);
        assert_eq!(rate.describe(), "2 req/s, all within 1 s of every 5 s");
        // As pauses vanish the law is left alone.
        let steady = OnOff { rate: 2.0, on: 1.0, off: 1e-9 };
        assert!((steady.gap_cv(&Poisson).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn starts_have_its_mean_and_deviation_with_many_starts_a_cycle_and_with_few() {
        statistics(&Rate::OnOff(OnOff { rate: 50.0, on: 0.1, off: 0.3 }), 0.0, 120.0);
        statistics(&Rate::OnOff(OnOff { rate: 50.0, on: 0.01, off: 0.02 }), 0.0, 120.0);
    }
}
