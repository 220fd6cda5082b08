//! **How wrong is the client?** A server whose every send is on a known schedule, and which knows what it really did.
//!
//! In: a [`Config`] (time to first token, gap, events) and requests over HTTP/1.1. Out: chat streams on that schedule, a
//! [`Truth`] a request (kernel stamps of the last request byte in and the first content out), its own [`Lateness`], and
//! [`compare`] and [`curve`], which hold what a client reported against it.
//! Invariant: it shares no room with the client, not even an HTTP or JSON parser, so that no mistake can cancel out; and
//! every send is due at `last request byte + TTFT + k · ITL`, whatever became of the sends before it.
//! Start reading at [`server`]; unsafe code is in [`socket`] alone. One more fact about a request is one field of
//! [`truth::Truth`] and one key in its line.

pub mod child;
pub mod compare;
pub mod config;
mod connection;
pub mod curve;
pub mod lateness;
pub mod pin;
pub mod reply;
pub mod request;
pub mod schedule;
pub mod server;
pub mod socket;
pub mod truth;

pub use child::Child;
pub use config::{Config, Keep};
pub use lateness::Lateness;
pub use schedule::Schedule;
pub use server::{Server, serve};
pub use truth::Truth;
