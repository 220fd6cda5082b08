//! An exponential ramp: from rate `from` at 0 by equal ratios to rate `to` at the end of the ramp, steady from then on.
//!
//! With growth g = ln(to/from)/R, from·(e^{g·t} − 1)/g starts lie before t ≤ R, and s starts before ln(1 + g·s/from)/g.

use super::Shape;

/// An exponential ramp. Both rates are above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    /// Starts a second at 0.
    pub from: f64,
    /// Starts a second from the end of the ramp on.
    pub to: f64,
    /// Length, seconds.
    pub length: f64,
}

impl Exponential {
    /// Growth of the rate's logarithm, 1/s.
    fn growth(&self) -> f64 {
        libm::log(self.to / self.from) / self.length
    }

    /// Starts before `t`, a time within the ramp.
    fn rising(&self, t: f64) -> f64 {
        let g = self.growth();
        if g == 0.0 { self.from * t } else { self.from * libm::expm1(g * t) / g }
    }
}

impl Shape for Exponential {
    fn describe(&self) -> String {
        format!("{} to {} req/s by equal ratios within {} s", self.from, self.to, self.length)
    }

    fn at(&self, t: f64) -> f64 {
        if t < self.length { self.from * libm::exp(self.growth() * t) } else { self.to }
    }

    fn before(&self, t: f64) -> f64 {
        self.rising(t.min(self.length)) + self.to * (t - self.length).max(0.0)
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        let within = self.rising(self.length);
        if position >= within {
            return Some(self.length + (position - within) / self.to);
        }
        let g = self.growth();
        Some(if g == 0.0 { position / self.from } else { libm::log1p(g * position / self.from) / g })
    }

    fn mean(&self) -> f64 {
        self.to
    }

    fn mean_inverse(&self) -> f64 {
        1.0 / self.to
    }

    fn canonical(&self) -> String {
        format!("exponential from={:?} to={:?} length={:?}", self.from, self.to, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use super::super::testing::{closed_form, statistics};
    use super::*;

    #[test]
    fn before_is_the_integral_and_time_of_its_inverse() {
        for (from, to) in [(1.0, 64.0), (50.0, 0.5), (7.0, 7.0), (7.0, 7.000_001)] {
            closed_form(&Exponential { from, to, length: 10.0 }, 25.0);
        }
    }

    #[test]
    fn equal_times_multiply_by_equal_ratios() {
        let ramp = Exponential { from: 2.0, to: 32.0, length: 8.0 };
        let at: Vec<f64> = [0.0, 2.0, 4.0, 6.0, 8.0, 9.0].iter().map(|t| ramp.at(*t)).collect();
        for (got, want) in at.iter().zip([2.0, 4.0, 8.0, 16.0, 32.0, 32.0]) {
            assert!((got - want).abs() < 1e-12, "{at:?}");
        }
        assert_eq!(ramp.describe(), "2 to 32 req/s by equal ratios within 8 s");
    }

    #[test]
    fn starts_have_its_mean_and_deviation() {
        // The long run is the steady part; the ramp's own starts are compared window by window.
        let ramp = Exponential { from: 5.0, to: 80.0, length: 20.0 };
        statistics(&Rate::Exponential(ramp), 20.0, 100.0);
    }
}
