//! Conformance: replies as bytes, and what they are taken for (`tests/streams/README.md`).

// Clippy spares `unwrap` in `#[test]` functions, but not in what they call.
#![allow(clippy::unwrap_used)]

mod fast_path;
mod hostile;
mod native;
mod split;
mod streams;
mod written;
