//! **How does each endpoint speak?**
//!
//! In: bytes as they were read. Out: a [`Reply`] and, for each read, what it completed ([`Progress`]); request bodies and
//! heads as bytes; replies encoded for a simulated server.
//! Invariant: sans-I/O and incremental; any split of the same bytes gives the same reply.

pub mod endpoint;
pub mod reply;

pub use endpoint::{Body, EndpointKind};
pub use reply::{Progress, Reply, ReplyReader};
