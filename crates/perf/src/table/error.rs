//! What can be wrong with measured times, by the key they stand under.

/// Why a table cannot be used. Whoever read the file adds its name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Too little to say anything.
    #[error("{key} has {points}; at least {needed} are needed\nhint: measure more points")]
    TooFew {
        /// The array.
        key: &'static str,
        /// What it has: `1 value`, `2 different values`.
        points: String,
        /// How many it needs.
        needed: usize,
    },
    /// Arrays that belong together and do not fit.
    #[error(
        "{key} has {len} values, but {other} has {other_len}\nhint: both must have one value for each point"
    )]
    Length {
        /// The one.
        key: &'static str,
        /// Its length.
        len: usize,
        /// The other.
        other: &'static str,
        /// Its length.
        other_len: usize,
    },
    /// A grid that does not fit its axes.
    #[error(
        "{key} has the shape {shape}, but {axes} make it {expected}\nhint: one row for each value of the first axis, one column for each of the second"
    )]
    Shape {
        /// The array.
        key: &'static str,
        /// Its shape.
        shape: String,
        /// The axes.
        axes: String,
        /// What its shape has to be.
        expected: String,
    },
    /// Not a number, or below zero.
    #[error(
        "{key}[{at}] is {value}\nhint: numbers here are finite and not negative; leave points out that were not measured"
    )]
    Value {
        /// The array.
        key: &'static str,
        /// Which value, counted from 0; `i, j` in a grid.
        at: String,
        /// What it is.
        value: f64,
    },
    /// A measured length of zero.
    #[error("{key}[{at}] is 0\nhint: leave points out that were not measured")]
    Zero {
        /// The array.
        key: &'static str,
        /// Which value, counted from 0.
        at: usize,
    },
    /// An axis that stands still or goes back.
    #[error(
        "{key}[{at}] is {value}, not above {before} before it\nhint: the values of an axis must increase"
    )]
    Axis {
        /// The axis.
        key: &'static str,
        /// Which value, counted from 0.
        at: usize,
        /// What it is.
        value: f64,
        /// The one before.
        before: f64,
    },
    /// Not a cache.
    #[error("{key} is {value}\nhint: it must be the number of tokens the cache holds, above 0")]
    Capacity {
        /// The key.
        key: &'static str,
        /// What it is.
        value: f64,
    },
    /// Points that were to be interpolated and are no grid.
    #[error(
        "method is interpolate, but the decode points are no grid: {missing}\nhint: measure every number of sequences at every mean context, or use method: fit"
    )]
    NoGrid {
        /// What is not there.
        missing: String,
    },
    /// Another kind of file, or a newer one.
    #[error("schema is `{found}`; this tokmark reads `{known}`\nhint: check that the file is a timing table")]
    Schema {
        /// What the file says.
        found: String,
        /// What is known here.
        known: &'static str,
    },
}

/// A name and its values.
pub(super) type Named<'a> = (&'static str, &'a [f64]);

/// Refuses what is not finite or negative.
pub(super) fn numbers(key: &'static str, values: &[f64]) -> Result<(), TableError> {
    match values.iter().position(|value| !(value.is_finite() && *value >= 0.0)) {
        Some(at) => Err(TableError::Value { key, at: at.to_string(), value: values[at] }),
        None => Ok(()),
    }
}

/// Refuses two lengths.
pub(super) fn same_length(one: Named<'_>, other: Named<'_>) -> Result<(), TableError> {
    if one.1.len() == other.1.len() {
        return Ok(());
    }
    Err(TableError::Length { key: one.0, len: one.1.len(), other: other.0, other_len: other.1.len() })
}

/// Refuses an axis of less than `needed` values, and one that does not increase.
pub(super) fn ascending((key, values): Named<'_>, needed: usize) -> Result<(), TableError> {
    numbers(key, values)?;
    if values.len() < needed {
        return Err(TableError::TooFew { key, points: format!("{} value(s)", values.len()), needed });
    }
    match values.windows(2).position(|pair| pair[1] <= pair[0]) {
        Some(at) => Err(TableError::Axis { key, at: at + 1, value: values[at + 1], before: values[at] }),
        None => Ok(()),
    }
}

/// Refuses what is no size of a cache.
pub(super) fn capacity(key: &'static str, value: f64) -> Result<(), TableError> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(TableError::Capacity { key, value }) }
}
