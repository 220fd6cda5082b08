//! **Send it for real**: plan × targets × sinks.
//!
//! In: a [`Job`] (requests, pacers, targets). Out: [`tokmark_record::Record`]s and client-health samples through a
//! [`tokmark_record::Sink`], a [`RunEnd`].
//! A session's later turns say again what was said before and what was really answered: the answer's text, not its reasoning and not
//! the tools it calls (a chat: a message each; a completion: all texts behind each other with nothing in between). They go to the
//! target the session began at, on any connection to it.
//! Invariant: stamps are taken before parsing; nothing on a reactor's thread blocks, tokenises or touches a file.
//! Start reading at [`job::run`], then `reactor.rs`. One more transport is one more way to move bytes in `connection.rs`.

mod body;
mod clock;
mod connection;
mod ending;
mod error;
pub mod gate;
mod health;
pub mod job;
pub mod live;
mod prepare;
pub mod probe;
mod reactor;
mod socket;
pub mod target;
mod tls;

pub use body::check_headers;
pub use clock::WallClock;
pub use error::DriveError;
pub use gate::{GateError, GateSpec};
pub use job::{Control, Job, RunEnd, Target, check_file_limit, run};
pub use live::Live;
pub use target::TargetSpec;
