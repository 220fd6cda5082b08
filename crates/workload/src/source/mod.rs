//! Sources: where the words of requests come from. One file each.
//!
//! One more is one file with a type that is a [`Source`], and one line in [`crate::Plan::new`].

use tokmark_base::Content;
use tokmark_base::content::segment_id;

use crate::plan::{PlannedRequest, Shape};

pub mod jsonl;
pub mod synthetic;

pub use jsonl::{Jsonl, JsonlError};
pub use synthetic::Synthetic;

/// Says what item `item` is: a pure function.
pub trait Source: Send + Sync {
    /// The request of item `item`; its index is set by the plan.
    fn item(&self, item: u64) -> PlannedRequest;

    /// The shape of item `item`, without making its words where that can be had.
    fn shape(&self, item: u64) -> Shape {
        let PlannedRequest { isl, osl, .. } = self.item(item);
        Shape { isl, osl, content: Content::of(segment_id("item", item), isl.unwrap_or(0)) }
    }

    /// How many distinct items there are; `None`: each is new.
    fn distinct(&self) -> Option<u64>;

    /// Everything that decides the words and lengths, part of the plan's digest.
    fn canonical(&self) -> Vec<(&'static str, String)>;
}
