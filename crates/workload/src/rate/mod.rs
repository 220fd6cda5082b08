//! Rates: how the mean number of starts a second goes over time. One file each; [`Rate`] is the list.
//!
//! An arrival ([`crate::arrival`]) gives positions on a line where one start a unit is the mean; a rate says when a position is
//! reached. So every law of gaps goes with every rate, and a file here knows nothing of gaps, phases or threads.
//!
//! A rate's clock is the run's: a warm-up has the rate's beginning, and a rate that ends ends the run.

use std::fmt;

use crate::arrival::Process;

pub mod exponential;
pub mod on_off;
mod pieces;
pub mod ramp;
pub mod series;
pub mod stages;
pub mod steady;
#[cfg(test)]
mod testing;
pub mod wave;

pub use exponential::Exponential;
pub use on_off::OnOff;
pub use ramp::Ramp;
pub use series::Series;
pub use stages::Stages;
pub use steady::Steady;
pub use wave::Wave;

/// How the rate of an open loop goes over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// The same all the time.
    Steady(Steady),
    /// Rising (or falling) along a line, then steady.
    Ramp(Ramp),
    /// Rising (or falling) by equal ratios, then steady.
    Exponential(Exponential),
    /// Up and down as a sine does.
    Wave(Wave),
    /// Starts in a part of each cycle only.
    OnOff(OnOff),
    /// Steps, and the end after the last.
    Stages(Stages),
    /// Along lines from point to point, and the end at the last.
    Series(Series),
}

/// What every rate can say of itself. Times are seconds from the start of the run, positions are mean starts.
pub trait Shape: fmt::Debug {
    /// In words, with its numbers: `12 req/s`.
    fn describe(&self) -> String;

    /// Starts a second at `t`.
    fn at(&self, t: f64) -> f64;

    /// Mean starts before `t`: the integral of [`Shape::at`] from 0, in closed form.
    fn before(&self, t: f64) -> f64;

    /// When `position` is reached, the inverse of [`Shape::before`]; `None` if it never is. Where nothing starts for a while, the
    /// end of that while: an even arrival's next start opens the next part, as its first one opens the run.
    fn time_of(&self, position: f64) -> Option<f64>;

    /// Mean starts a second over the long run: of one period where it repeats, of the whole where it ends, of the steady part
    /// otherwise.
    fn mean(&self) -> f64;

    /// The long-run mean of 1/rate, seconds, over the time in which there are starts; ∞ where the rate touches 0.
    fn mean_inverse(&self) -> f64;

    /// Coefficient of variation of the gaps that `law` gives under this rate; `None` where there is no closed form.
    ///
    /// Unless a rate knows better, that of the limit in which it changes slowly against the gaps: of all starts, rate(t)/mean of
    /// those in dt have gaps of mean 1/rate(t) and second moment (1 + c²)/rate(t)², so CV² = (1 + c²) · mean · mean(1/rate) − 1,
    /// with c that of the law itself. A rate that touches 0 has no such limit.
    fn gap_cv(&self, law: &dyn Process) -> Option<f64> {
        let c = law.gap_cv()?;
        deviation((1.0 + c * c) * self.mean() * self.mean_inverse() - 1.0)
    }

    /// When it ends, seconds, if it does: nothing is wanted after that.
    fn end(&self) -> Option<f64> {
        None
    }

    /// Name and numbers, part of the plan's digest.
    fn canonical(&self) -> String;
}

/// The root of a squared coefficient of variation, unless it is without bound. Rounding may take a 0 below it.
fn deviation(squared: f64) -> Option<f64> {
    squared.is_finite().then(|| libm::sqrt(squared.max(0.0)))
}

impl Rate {
    /// The rate itself.
    pub fn shape(&self) -> &dyn Shape {
        match self {
            Self::Steady(rate) => rate,
            Self::Ramp(rate) => rate,
            Self::Exponential(rate) => rate,
            Self::Wave(rate) => rate,
            Self::OnOff(rate) => rate,
            Self::Stages(rate) => rate,
            Self::Series(rate) => rate,
        }
    }
}
