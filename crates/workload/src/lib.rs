//! **What shall be sent, and exactly when?**
//!
//! In: [`WorkloadSpec`] and [`LoadSpec`] (their part of the spec), a seed, a lexicon. Out: a [`Plan`] (request `i` is a pure
//! function of the spec, the seed and `i`) and a [`Pacer`] (sans-I/O: what is due now, and when to look again).
//! Invariant: one seed gives the same bytes and the same intended starts on every machine, for any thread count.

pub mod pacer;
pub mod plan;

pub use pacer::{Next, Pacer, Release, Unsent};
pub use plan::{PlannedRequest, Prompt, Requests};
