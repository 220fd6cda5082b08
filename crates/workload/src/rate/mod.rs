//! Rates: how the mean number of starts a second goes over time. One file each; [`Rate`] is the list.
//!
//! An arrival ([`crate::arrival`]) gives positions on a line where one start a unit is the mean; a rate says when a position is
//! reached. So every law of gaps goes with every rate, and a file here knows nothing of gaps, phases or threads.

use std::fmt;

pub mod ramp;
pub mod steady;

pub use ramp::Ramp;
pub use steady::Steady;

/// How the rate of an open loop goes over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// The same all the time.
    Steady(Steady),
    /// Rising (or falling) along a line, then steady.
    Ramp(Ramp),
}

/// What every rate can say of itself. Times are seconds from the start of the run, positions are mean starts.
pub trait Shape: fmt::Debug {
    /// In words, with its numbers: `12 req/s`.
    fn describe(&self) -> String;

    /// Starts a second at `t`.
    fn at(&self, t: f64) -> f64;

    /// Mean starts before `t`: the integral of [`Shape::at`] from 0, in closed form.
    fn before(&self, t: f64) -> f64;

    /// When `position` is reached, the inverse of [`Shape::before`]; `None` if it never is.
    fn time_of(&self, position: f64) -> Option<f64>;

    /// Mean starts a second over the long run: of one period where it repeats, of the whole where it ends, of the steady part
    /// otherwise.
    fn mean(&self) -> f64;

    /// The long-run mean of 1/rate, seconds, over the time in which there are starts; ∞ where the rate touches 0.
    ///
    /// With it the coefficient of variation of gaps has a closed form in the limit of a rate that changes slowly against the
    /// gaps: CV² = (1 + c²) · mean · mean(1/rate) − 1, with c that of the law itself.
    fn mean_inverse(&self) -> f64;

    /// When it ends, seconds, if it does: nothing is wanted after that.
    fn end(&self) -> Option<f64> {
        None
    }

    /// Name and numbers, part of the plan's digest.
    fn canonical(&self) -> String;
}

impl Rate {
    /// The rate itself.
    pub fn shape(&self) -> &dyn Shape {
        match self {
            Self::Steady(rate) => rate,
            Self::Ramp(rate) => rate,
        }
    }
}
