//! Arrivals: when requests are wanted. One file each; [`Arrival`] is the list.
//!
//! An open arrival is a sequence of positions on a line where one start a unit is the mean; [`crate::rate`] turns positions into
//! times, so a file here knows nothing of time, phases or threads. Three are no law of gaps: a closed loop, whose pace the service
//! sets, a trace, whose starts are given, and users, who come round at equal gaps each.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::Stream;

pub mod burst;
pub mod closed;
pub mod constant;
pub mod gamma;
pub mod poisson;
pub mod trace;
pub mod users;

pub use burst::Burst;
pub use closed::Closed;
pub use constant::Constant;
pub use gamma::Gamma;
pub use poisson::Poisson;
pub use trace::Trace;
pub use users::Users;

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
    /// The trace's own times.
    Trace,
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
    /// Starts as a trace has them.
    Trace(Trace),
    /// A fixed number of users, each of whom is served one turn at a time and comes back at equal gaps.
    Users(Users),
}

/// What every arrival can say of itself.
pub trait Process: fmt::Debug {
    /// In words, with its numbers but not the rate: `gamma (burstiness 0.5)`.
    fn describe(&self) -> String;

    /// Standard deviation over mean of the gaps between starts at a steady rate; `None` where there are none to speak of.
    fn gap_cv(&self) -> Option<f64>;

    /// The mean of f·(1 − f), where f is what a gap has beyond whole multiples of `span` mean gaps, as a fraction of it: what pauses
    /// every `span` starts do to the gaps' deviation ([`crate::rate::on_off`]). `None` where there are no gaps to speak of.
    fn wrapped(&self, _span: f64) -> Option<f64> {
        None
    }

    /// One start: the position before it goes in, its own position comes out with the one after it. `None` where positions say
    /// nothing.
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
            Self::Trace(a) => a,
            Self::Users(a) => a,
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

/// The mean of f·(1 − f) over `n` gaps, as drawn.
#[cfg(test)]
fn wrapped(process: &dyn Process, span: f64, n: u32) -> f64 {
    let mut stream = tokmark_base::Seed(8).stream("arrival", 1);
    let draw = |_| {
        let step = process.step(0.0, &mut stream).unwrap();
        let gaps = if step.at > 0.0 { step.at } else { step.next } / span;
        let f = gaps - gaps.floor();
        f * (1.0 - f)
    };
    (0..n).map(draw).sum::<f64>() / f64::from(n)
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
