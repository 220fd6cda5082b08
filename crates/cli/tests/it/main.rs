//! Tests of the command line, one binary. Those that need a service start one of `play`'s in this process.

// Clippy knows test functions, but not the functions they share.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod aiperf;
mod benchmark_config;
mod calibrate;
mod endpoints;
mod engine;
mod keys;
mod layers;
mod parsing;
mod real_engine;
mod router;
mod sessions;
mod simulate;
mod simulate_plan;
mod snapshots;
mod target;
mod tool;
mod trace;
