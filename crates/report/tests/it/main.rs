//! Whole outputs as snapshots, from runs of exact arithmetic, and what must hold for all of them.

mod build;
mod markdown;
mod sweep;
mod terminal;
