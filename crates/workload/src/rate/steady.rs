//! The same rate all the time: s starts lie before s/λ.

use super::Shape;

/// A steady rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steady {
    /// Starts a second.
    pub rate: f64,
}

impl Shape for Steady {
    fn describe(&self) -> String {
        format!("{} req/s", self.rate)
    }

    fn at(&self, _t: f64) -> f64 {
        self.rate
    }

    fn before(&self, t: f64) -> f64 {
        self.rate * t
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        Some(position / self.rate)
    }

    fn mean(&self) -> f64 {
        self.rate
    }

    fn mean_inverse(&self) -> f64 {
        1.0 / self.rate
    }

    fn canonical(&self) -> String {
        format!("steady rate={:?}", self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use super::super::testing::{closed_form, statistics};
    use super::*;

    #[test]
    fn before_is_the_integral_and_time_of_its_inverse() {
        closed_form(&Steady { rate: 7.0 }, 30.0);
    }

    #[test]
    fn starts_have_its_mean_and_deviation() {
        statistics(&Rate::Steady(Steady { rate: 49.0 }), 0.0, 100.0);
    }
}
