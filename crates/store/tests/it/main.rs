//! The run directory from outside: written, killed, read back, and held against files that AIPerf wrote.

// Clippy knows test functions, but not the functions they share.
#![allow(clippy::unwrap_used)]

mod deployment;
mod golden;
mod kill;
mod timing;
