//! A linear ramp: from rate `from` at 0 to rate `to` at the end of the ramp, steady from then on.
//!
//! With slope k = (to − from)/R, from·t + k·t²/2 starts lie before t ≤ R; the inverse is the root of that quadratic, written
//! such that it does not cancel when k is small.

use super::Shape;

/// A linear ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Starts a second at 0.
    pub from: f64,
    /// Starts a second from the end of the ramp on.
    pub to: f64,
    /// Length, seconds.
    pub length: f64,
}

impl Ramp {
    /// Starts within the ramp.
    fn within(&self) -> f64 {
        self.length * (self.from + self.to) / 2.0
    }
}

impl Shape for Ramp {
    fn describe(&self) -> String {
        format!("{} to {} req/s within {} s", self.from, self.to, self.length)
    }

    fn at(&self, t: f64) -> f64 {
        if t < self.length { self.from + (self.to - self.from) * t / self.length } else { self.to }
    }

    fn before(&self, t: f64) -> f64 {
        if t < self.length {
            t * (self.from + (self.to - self.from) * t / self.length / 2.0)
        } else {
            self.within() + self.to * (t - self.length)
        }
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        if position <= self.within() {
            let slope = (self.to - self.from) / self.length;
            let root = libm::sqrt((self.from * self.from + 2.0 * slope * position).max(0.0));
            let sum = self.from + root;
            return Some(if sum > 0.0 { 2.0 * position / sum } else { 0.0 });
        }
        (self.to > 0.0).then(|| self.length + (position - self.within()) / self.to)
    }

    fn mean(&self) -> f64 {
        self.to
    }

    fn mean_inverse(&self) -> f64 {
        1.0 / self.to
    }

    fn canonical(&self) -> String {
        format!("ramp from={:?} to={:?} length={:?}", self.from, self.to, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_is_the_integral_and_time_of_its_inverse() {
        for ramp in [
            Ramp { from: 0.0, to: 100.0, length: 10.0 },
            Ramp { from: 50.0, to: 5.0, length: 4.0 },
            Ramp { from: 7.0, to: 7.0, length: 3.0 },
        ] {
            for t in [0.0, 0.5, 2.0, 3.9, 5.0, 11.0, 40.0] {
                let s = ramp.before(t);
                assert!((ramp.time_of(s).unwrap() - t).abs() < 1e-9, "{ramp:?} at {t}");
                let h = 1e-5;
                let slope = (ramp.before(t + h) - s) / h;
                assert!((slope - ramp.at(t)).abs() < 0.01, "{ramp:?} at {t}: {slope}");
            }
        }
    }

    #[test]
    fn starts_have_its_mean_and_deviation() {
        use super::super::Rate;
        use super::super::testing::{closed_form, statistics};
        // The long run is the steady part; the ramp's own starts are compared window by window.
        for ramp in [Ramp { from: 0.0, to: 80.0, length: 20.0 }, Ramp { from: 200.0, to: 60.0, length: 30.0 }]
        {
            closed_form(&ramp, 40.0);
            statistics(&Rate::Ramp(ramp), ramp.length, 100.0);
        }
    }
}
