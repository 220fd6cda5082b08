//! A rate that goes up and down as a sine does, beginning at its least: λ(t) = m − a·cos(2πt/P), with m the middle of least and
//! greatest and a half their difference.
//!
//! m·t − a·P/(2π)·sin(2πt/P) starts lie before t. The inverse of that has no formula: it is found within its period by Newton's
//! steps, halving instead wherever a step would leave the bracket, until a step moves less than a hundredth of a nanosecond.
//! Over a period the mean of λ is m and that of 1/λ is 1/√(m² − a²).

use std::f64::consts::TAU;

use super::Shape;

/// Newton needs about five steps, sixty halvings are as many as a number has bits; with both the search ends.
const MOST_STEPS: u32 = 200;
/// Seconds a last step may move.
const NEAR: f64 = 1e-11;

/// A wave. Its greatest rate is above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wave {
    /// The least rate, starts a second.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Length of one wave, seconds.
    pub period: f64,
}

impl Wave {
    fn middle(&self) -> f64 {
        f64::midpoint(self.min, self.max)
    }

    fn amplitude(&self) -> f64 {
        (self.max - self.min) / 2.0
    }

    /// λ at `u`, a time within the first period.
    fn rate(&self, u: f64) -> f64 {
        self.middle() - self.amplitude() * libm::cos(TAU * u / self.period)
    }

    /// Starts before `u`, a time within the first period.
    fn within(&self, u: f64) -> f64 {
        self.middle() * u - self.amplitude() * self.period / TAU * libm::sin(TAU * u / self.period)
    }
}

impl Shape for Wave {
    fn describe(&self) -> String {
        format!("{} to {} req/s in waves of {} s", self.min, self.max, self.period)
    }

    fn at(&self, t: f64) -> f64 {
        self.rate(t % self.period)
    }

    fn before(&self, t: f64) -> f64 {
        let waves = libm::floor(t / self.period);
        waves * self.middle() * self.period + self.within(t - waves * self.period)
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        let whole = self.middle() * self.period;
        let waves = libm::floor(position / whole);
        let rest = (position - waves * whole).clamp(0.0, whole);
        let (mut low, mut high) = (0.0, self.period);
        let mut u = rest / self.middle();
        for _ in 0..MOST_STEPS {
            let beyond = self.within(u) - rest;
            if beyond == 0.0 {
                break;
            }
            if beyond > 0.0 {
                high = u;
            } else {
                low = u;
            }
            let step = u - beyond / self.rate(u);
            let next = if step > low && step < high { step } else { f64::midpoint(low, high) };
            let moved = (next - u).abs();
            u = next;
            if moved < NEAR {
                break;
            }
        }
        Some(waves * self.period + u)
    }

    fn mean(&self) -> f64 {
        self.middle()
    }

    fn mean_inverse(&self) -> f64 {
        // m² − a² is the product of least and greatest.
        1.0 / libm::sqrt(self.min * self.max)
    }

    fn canonical(&self) -> String {
        format!("wave min={:?} max={:?} period={:?}", self.min, self.max, self.period)
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
        for (min, max) in [(5.0, 45.0), (0.0, 20.0), (3.0, 3.0), (0.001, 1_000.0)] {
            closed_form(&Wave { min, max, period: 12.0 }, 40.0);
        }
    }

    #[test]
    fn the_inverse_is_exact_to_a_nanosecond_after_many_waves_and_where_the_rate_touches_0() {
        for wave in [Wave { min: 5.0, max: 45.0, period: 600.0 }, Wave { min: 0.0, max: 40.0, period: 60.0 }]
        {
            // A hundredth of the way into a wave that begins at 0 the slope is small, and still a slope.
            for part in [0.01, 0.1, 0.25, 0.5, 0.9, 0.99] {
                for waves in [0.0, 1.0, 7.0] {
                    let t = (waves + part) * wave.period;
                    let found = wave.time_of(wave.before(t)).unwrap();
                    assert!((found - t).abs() < 1e-9, "{wave:?} at {t}: {}", found - t);
                }
            }
            assert!(wave.time_of(0.0).unwrap() < 1e-12);
        }
    }

    #[test]
    fn it_begins_at_its_least_and_is_greatest_in_the_middle() {
        let wave = Wave { min: 5.0, max: 45.0, period: 600.0 };
        assert_eq!((wave.at(0.0), wave.mean()), (5.0, 25.0));
        assert!((wave.at(300.0) - 45.0).abs() < 1e-12 && (wave.at(150.0) - 25.0).abs() < 1e-12);
        assert_eq!(wave.describe(), "5 to 45 req/s in waves of 600 s");
        // mean · mean(1/λ) = 25/15.
        assert!((wave.gap_cv(&Constant).unwrap() - libm::sqrt(25.0 / 15.0 - 1.0)).abs() < 1e-12);
        assert_eq!(Wave { min: 0.0, ..wave }.gap_cv(&Poisson), None);
    }

    #[test]
    fn starts_have_its_mean_and_deviation() {
        statistics(&Rate::Wave(Wave { min: 20.0, max: 180.0, period: 50.0 }), 0.0, 100.0);
    }
}
