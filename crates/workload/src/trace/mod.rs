//! Traces as data: what is in one, and how to make one out of another.
//!
//! A trace is rows in Mooncake's layout: a time, an input and an output length, ids of the blocks the input is made of. Everything
//! here works on [`TraceRow`]s that come from [`TraceRows`] and go out through [`row_line`], one at a time; only the analysis and
//! the prefix tree keep something of every row (its lengths and its ids as 32-bit numbers).
//!
//! Start reading at [`row`] and [`read`], then [`analyze`] (what a trace holds), [`tree`] and [`synthesize`] (another trace of the
//! same kind). One more operation is one file here with a type that is a [`TraceRows`].

pub mod analyze;
pub mod arrivals;
pub mod check;
pub mod convert;
pub mod cut;
pub mod intern;
pub mod lru;
pub mod merge;
pub mod plain;
pub mod read;
pub mod row;
pub mod scale;
pub mod sine;
pub mod sort;
pub mod spread;
pub mod synthesize;
pub mod tree;
pub mod write;

pub use analyze::{Analysis, Analyzer, Values};
pub use arrivals::Arrivals;
pub use check::{Check, Checker};
pub use convert::{Blocks, Converted};
pub use cut::{Cut, CutSpec};
pub use merge::{IdSpaces, Merged};
pub use read::{FromRows, MooncakeLines};
pub use row::{TraceRow, TraceRows, Unfit};
pub use scale::{ScaleSpec, Scaled};
pub use sine::{Sine, SineError, SineSpec};
pub use sort::Sorted;
pub use spread::Spread;
pub use synthesize::{SynthesisError, SynthesisSpec, Synthesizer};
pub use tree::PrefixTree;
pub use write::row_line;

#[cfg(test)]
mod tests;
