//! **What happened?** Facts of every attempt, the run header, the file format, and the border records cross.
//!
//! In: what a driver (`drive` over HTTP, `engine` in virtual time) saw. Out: [`Record`]s, one JSON line an attempt, in
//! self-contained zstd frames.
//! Invariant: a record holds facts only (stamps, counts, status), never a derived number; what is unknown is `None`.
//! Start reading at [`attempt::Record`]; [`reads::Reads`] is where an event becomes an interval.
//! Beside the facts of a run, [`catalogue`] keeps as data which metrics the servers expose.
//! One more fact is one optional field in `attempt.rs` (old files read on: a missing field is `None`).

pub mod attempt;
pub mod catalogue;
pub mod file;
pub mod header;
pub mod reads;
pub mod sample;
pub mod sink;

pub use attempt::{
    Asked, Connect, Count, CountSource, Cut, Failure, FailureKind, Outcome, Record, ReplyText, ServerSaid,
    SessionTurn, Usage,
};
pub use catalogue::{Catalogue, Exposition, Server};
pub use header::RunHeader;
pub use reads::{ContentEvent, Read, Reads};
pub use sample::Sample;
pub use sink::Sink;
pub use tokmark_base::Phase;
