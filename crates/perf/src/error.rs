//! Why a timing model could not be built.

use crate::table::TableError;

/// What is wrong with `timing:`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TimingError {
    /// A number out of range, or none at all.
    #[error("timing.{key} is {value}\nhint: it must be {must}")]
    Range {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        must: &'static str,
    },
    /// A parameter that the chosen model does not have.
    #[error("timing.{key} is given, but timing.model is {model}, which has no such parameter\nhint: {hint}")]
    OtherModel {
        /// The key.
        key: &'static str,
        /// The model chosen.
        model: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A parameter without which the chosen model says nothing.
    #[error("timing.model is {model}, but timing.{key} is not given\nhint: {hint}")]
    Missing {
        /// The key.
        key: &'static str,
        /// The model chosen.
        model: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A parameter that only means something beside another.
    #[error("timing.{key} is given without timing.{other}\nhint: {hint}")]
    Needs {
        /// The key given.
        key: &'static str,
        /// The key missing.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Too much spread for the law.
    #[error(
        "timing.{key} is {stddev_ms} ms, more than 30 % of the mean of {mean_ms} ms\nhint: give at most {} ms; times are drawn from a normal law cut at ±70 % of the mean",
        0.3 * mean_ms
    )]
    Spread {
        /// The key.
        key: &'static str,
        /// The deviation.
        stddev_ms: f64,
        /// The mean it belongs to.
        mean_ms: f64,
    },
    /// Experts that cannot be spread evenly.
    #[error(
        "{slots} slots of experts ({formula}) cannot be spread evenly over timing.expert_parallel = {ranks} ranks\nhint: give a number of ranks that divides them, or eplb_slots that fill them up"
    )]
    Uneven {
        /// Experts and copies.
        slots: u64,
        /// Where the number comes from.
        formula: String,
        /// Ranks.
        ranks: u32,
    },
    /// `auto` and nothing to work it out from.
    #[error(
        "timing.cuda_graph_sizes is auto, but the engine's largest batch is not known here\nhint: list the sizes, as in 1,2,4,8"
    )]
    UnresolvedSizes,
    /// The table was not read.
    #[error(
        "timing.table is {path}, but nobody read it\nhint: this is a defect of tokmark; please report it"
    )]
    TableNotRead {
        /// The file or folder.
        path: String,
    },
    /// The table is there and cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl TimingError {
    /// `value` of `key`, which must be `must`.
    pub(crate) fn range(key: &'static str, value: impl Into<String>, must: &'static str) -> Self {
        Self::Range { key, value: value.into(), must }
    }
}

/// Refuses what is not a number of at least `least`.
pub(crate) fn at_least(
    key: &'static str,
    value: f64,
    least: f64,
    must: &'static str,
) -> Result<(), TimingError> {
    if value.is_finite() && value >= least {
        Ok(())
    } else {
        Err(TimingError::range(key, value.to_string(), must))
    }
}

/// Refuses what is not a time from zero to an hour, milliseconds: the bound keeps every sum of times far from the end of its type.
pub(crate) fn time(key: &'static str, ms: f64) -> Result<(), TimingError> {
    const HOUR_MS: f64 = 3_600_000.0;
    if (0.0..=HOUR_MS).contains(&ms) {
        return Ok(());
    }
    Err(TimingError::range(key, format!("{ms} ms"), "a time from zero to an hour, with its unit, as in 20ms"))
}
