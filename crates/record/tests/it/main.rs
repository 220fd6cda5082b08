//! The catalogue against what the real servers say of themselves (`tests/fixtures/`).

// Clippy spares `unwrap` in `#[test]` functions, but not in what they call.
#![allow(clippy::unwrap_used)]

mod catalogue;
mod scrape;
