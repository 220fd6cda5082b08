//! **How long should a step take on this hardware?**
//!
//! In: a step (tokens to prefill, sequences to decode). Out: its duration. Invariant: pure; the same step always takes the same
//! time. One more model is one file and one line in the list below.

pub mod constant;

use tokmark_base::Micros;

/// How long one request's parts take. `engine` asks it; every timing model implements it.
pub trait Timing: Send + Sync {
    /// Time from a request's admission to its first token, for a prompt of `input` tokens.
    fn prefill(&self, input: u32) -> Micros;
    /// Time from one token to the next, with `active` sequences in decode.
    fn decode(&self, active: u32) -> Micros;
}
