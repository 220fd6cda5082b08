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
pub mod timing;

pub use constant::{Constant, ConstantError};
pub use deployment::{Deployment, DeploymentError, Mode, Role};
pub use timing::{Step, StepTime, Timing};
