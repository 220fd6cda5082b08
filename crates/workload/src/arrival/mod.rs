//! Arrivals: when requests are wanted. One file each; [`Arrival`] is the list.
//!
//! An open arrival is a sequence of positions on a line where one start a unit is the mean; [`crate::schedule`] turns
//! positions into times (rate, ramp), so a file here knows nothing of time, phases or threads.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::Stream;

pub mod burst;
pub mod closed;
pub mod constant;
pub mod gamma;
pub mod poisson;

pub use burst::Burst;
pub use closed::Closed;
pub use constant::Constant;
pub use gamma::Gamma;
pub use poisson::Poisson;

/// The law of an open loop's starts, as a spec names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalKind {
    /// Independent starts: exponential gaps.
    #[default]
    Poisson,
    /// Equal gaps.
    Constant,
    /// Gamma gaps, shape `burstiness`.
    Gamma,
}

/// How requests arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrival {
    /// A fixed number of streams, each sends its next request when its last one ended.
    Closed(Closed),
    /// Everything at once.
    Burst(Burst),
    /// Equal gaps.
    Constant(Constant),
    /// Gamma gaps.
    Gamma(Gamma),
    /// Exponential gaps.
    Poisson(Poisson),
}

/// What every arrival can say of itself.
pub trait Process: fmt::Debug {
    /// In words, with its numbers: `Poisson, 12 req/s`.
    fn describe(&self) -> String;

    /// Mean starts a second; `None` where the server sets the pace or all start at once.
    fn mean_rate(&self) -> Option<f64>;

    /// Standard deviation over mean of the gaps between starts; `None` where there are none to speak of.
    fn gap_cv(&self) -> Option<f64>;

    /// One start: the position before it goes in, its own position comes out with the one after it. `None` in a closed loop.
    fn step(&self, position: f64, stream: &mut Stream) -> Option<Step>;

    /// Name and numbers, part of the plan's digest.
    fn canonical(&self) -> String;
}

/// Where a start lies, in mean gaps, and where the next one's gap begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The start.
    pub at: f64,
    /// The position after it.
    pub next: f64,
}

impl Arrival {
    /// The arrival itself.
    pub fn process(&self) -> &dyn Process {
        match self {
            Self::Closed(a) => a,
            Self::Burst(a) => a,
            Self::Constant(a) => a,
            Self::Gamma(a) => a,
            Self::Poisson(a) => a,
        }
    }

    /// The concurrency, in a closed loop.
    pub fn concurrency(&self) -> Option<u32> {
        match self {
            Self::Closed(closed) => Some(closed.concurrency),
            _ => None,
        }
    }
}

/// Mean and coefficient of variation of `n` gaps, for the tests of each arrival.
#[cfg(test)]
fn moments(process: &dyn Process, n: u32) -> (f64, f64) {
    let mut stream = tokmark_base::Seed(7).stream("arrival", 1);
    let (mut position, mut last, mut gaps) = (0.0, 0.0, Vec::new());
    for _ in 0..n {
        let step = process.step(position, &mut stream).unwrap();
        gaps.push(step.at - last);
        (position, last) = (step.next, step.at);
    }
    // The first gap of an even arrival is 0: its first start is at the origin.
    let gaps = &gaps[1..];
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let var = gaps.iter().map(|g| (g - mean) * (g - mean)).sum::<f64>() / gaps.len() as f64;
    (mean, var.sqrt() / mean)
}
