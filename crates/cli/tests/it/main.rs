//! Tests of the command line, one binary. Those that need a service start one of `play`'s in this process.

mod aiperf;
mod benchmark_config;
mod keys;
mod layers;
mod parsing;
mod real_engine;
mod snapshots;
mod target;
mod tool;
