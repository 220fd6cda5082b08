//! **Where do runs live; how do foreign files come in and ours go out?**
//!
//! In: a directory's name, [`tokmark_record::Record`]s and samples as they are made, an analysis. Out: the run directory
//! of DESIGN, and a [`Run`] read back from one.
//! Invariant: what is on disk is whole. Documents are written beside, synced and renamed; records grow by whole frames;
//! no disk error blocks or ends a run; no secret gets into a file.
//! Start reading at [`layout`] (names and the check before the first request), then [`writer`] (the writing thread),
//! [`publish`] (every other file), [`open`] (reading back) and [`rebuild`] (analysing what is on disk).
//! One more file that others read is one file in `export/` and one method in [`publish`]; one more kind of file to read is one
//! module in [`import`].

mod disk;
pub mod error;
pub mod export;
mod frames;
mod header;
pub mod import;
pub mod layout;
pub mod open;
pub mod publish;
mod queue;
pub mod rebuild;
pub mod shelf;
pub mod writer;

pub use disk::{publish as publish_bytes, publish_with};
pub use error::StoreError;
pub use header::read_header;
pub use layout::{Point, RunDir, RunName, run_id};
pub use open::{LeftBehind, Lines, Run};
pub use publish::Publisher;
pub use shelf::FileShelf;
pub use writer::{Options, QueueGauge, QueueSink, WriterHandle, Written};
