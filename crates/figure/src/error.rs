//! What cannot be drawn.

/// Why there is no picture. Nothing is left out or moved in silence.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FigureError {
    /// A value without a place on its axis.
    #[error("{series}: value {at} on {axis} is {value}, which {why}\nhint: {hint}")]
    Value {
        /// The series.
        series: String,
        /// Which of its values, from 0.
        at: usize,
        /// Title of the axis.
        axis: String,
        /// The value.
        value: f64,
        /// What is wrong with it.
        why: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Parts of one series that do not go together.
    #[error("{series}: {what}\nhint: {hint}")]
    Series {
        /// The series.
        series: String,
        /// What does not go together.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// A picture of a size that cannot be made.
    #[error("{title}: {what}\nhint: {hint}")]
    Size {
        /// Title of the figure.
        title: String,
        /// What was asked.
        what: String,
        /// What to do.
        hint: &'static str,
    },
}

impl FigureError {
    /// Parts of a series that do not go together.
    pub(crate) fn series(series: &str, what: impl Into<String>, hint: &'static str) -> Self {
        Self::Series { series: series.to_owned(), what: what.into(), hint }
    }
}
