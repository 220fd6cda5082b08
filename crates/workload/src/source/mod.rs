//! Sources: where the words of requests come from. One file each.
//!
//! One more is one file with a type that is a [`Source`], and one line in [`crate::Plan::new`].

use crate::plan::PlannedRequest;

pub mod jsonl;
pub mod synthetic;

pub use jsonl::{Jsonl, JsonlError};
pub use synthetic::Synthetic;

/// Says what item `item` is: a pure function.
pub trait Source: Send + Sync {
    /// The request of item `item`; its index is set by the plan.
    fn item(&self, item: u64) -> PlannedRequest;

    /// How many distinct items there are; `None`: each is new.
    fn distinct(&self) -> Option<u64>;

    /// Everything that decides the words and lengths, part of the plan's digest.
    fn canonical(&self) -> Vec<(&'static str, String)>;
}
