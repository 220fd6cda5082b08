//! The parts of a run.

use serde::{Deserialize, Serialize};

/// Which part of the run an attempt belongs to. Only `profiling` is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before measuring, asked for with `--warmup`.
    Warmup,
    /// Measured.
    #[default]
    Profiling,
    /// After measuring, keeps the load on while the last measured attempts finish.
    Cooldown,
}
