//! Lengths: how many tokens go in and how many are asked to come out.
//!
//! A [`Law`] is one length, [`Pairs`] are input and output together. One more law is one file with a type that is a
//! [`Distribution`] and its line in [`Law`]; one more way to write lengths down is one file and its line in [`parse`].

use tokmark_base::Stream;

pub mod empirical;
pub mod file;
pub mod fixed;
pub mod log_normal;
pub mod mixture;
mod moments;
pub mod normal;
pub mod pairs;
pub mod poisson;
pub mod scenario;
pub mod seq_dist;
mod text;
pub mod truncated;
pub mod uniform;

pub use empirical::Empirical;
pub use fixed::Fixed;
pub use log_normal::LogNormal;
pub use mixture::Mixture;
pub use normal::{Lengths, Normal, Rounding};
pub use pairs::Pairs;
pub use poisson::Poisson;
pub use text::LengthsError;
pub use truncated::Truncated;
pub use uniform::Uniform;

/// The longest length that is ever drawn, tokens: no model takes more, and a slip of the finger shall not fill the memory.
pub const MOST_TOKENS: u32 = 10_000_000;

/// What a distribution of lengths is known by, tokens: of the whole numbers really drawn, rounding and bounds included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub stddev: f64,
    /// Shortest length there is.
    pub least: u32,
    /// Longest length there is.
    pub most: u32,
}

/// A distribution of one length.
pub trait Distribution {
    /// One length, at least 1 and at most [`MOST_TOKENS`].
    fn draw(&self, stream: &mut Stream) -> u32;

    /// Its moments and support.
    fn moments(&self) -> Moments;

    /// Everything that decides what is drawn, part of the plan's digest.
    fn canonical(&self) -> String;
}

/// The laws there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// Always the same.
    Fixed(Fixed),
    /// Normal, rounded, with a floor.
    Normal(Normal),
    /// Normal without its part below zero.
    Truncated(Truncated),
    /// Log-normal.
    LogNormal(LogNormal),
    /// Every length of a range as often as any other.
    Uniform(Uniform),
    /// Poisson.
    Poisson(Poisson),
}

impl Law {
    fn inner(&self) -> &dyn Distribution {
        match self {
            Self::Fixed(law) => law,
            Self::Normal(law) => law,
            Self::Truncated(law) => law,
            Self::LogNormal(law) => law,
            Self::Uniform(law) => law,
            Self::Poisson(law) => law,
        }
    }
}

impl Distribution for Law {
    fn draw(&self, stream: &mut Stream) -> u32 {
        self.inner().draw(stream)
    }

    fn moments(&self) -> Moments {
        self.inner().moments()
    }

    fn canonical(&self) -> String {
        self.inner().canonical()
    }
}

/// Reads lengths as `workload.lengths` writes them: a traffic scenario ([`scenario`]) or a mixture of pairs ([`seq_dist`]).
pub fn parse(text: &str) -> Result<Pairs, LengthsError> {
    match text.trim_start().chars().next() {
        Some('{' | '[' | '0'..='9' | '.' | '(' | ';') => seq_dist::parse(text).map(Pairs::Mixture),
        _ => scenario::parse(text),
    }
}

#[cfg(test)]
mod tests;
