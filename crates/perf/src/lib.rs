//! **How long should a step take on this hardware?**
//!
//! In: a step (tokens to prefill, sequences to decode), or a [`Deployment`] (what runs where, as a neutral value). Out: its
//! duration; the number of GPUs behind a target.
//! Invariant: pure; the same step always takes the same time, and what a deployment does not say is unknown, never assumed.
//! Start reading at [`Timing`]. One more timing model is one file beside `constant.rs` that implements it, and one line below.
//!
//! Not yet: every model but the constant one (load factor, polynomial, table, estimate).

mod constant;
mod deployment;

pub use constant::{Constant, ConstantError};
pub use deployment::{Deployment, DeploymentError, Mode, Role};
use tokmark_base::Micros;

/// How long one request's parts take. `engine` asks it; every timing model implements it.
///
/// A model answers for a moment, without memory: what an engine is doing meanwhile is in the arguments.
pub trait Timing: Send + Sync {
    /// Time from a request's admission to its first token, for a prompt of `input` tokens; `None` if unknown.
    fn prefill(&self, input: Option<u32>) -> Micros;
    /// Time from one token of a sequence to its next, with `active` sequences holding a slot.
    fn decode(&self, active: u32) -> Micros;
}
