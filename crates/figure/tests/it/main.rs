//! Pictures as they come out.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod golden;
mod labels;
mod paint;
mod places;
mod refused;
mod samples;
