//! What can be wrong with a load.

/// What is wrong with a load.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Two keys that cannot both hold.
    #[error("{key} contradicts {other}\nhint: {hint}")]
    Contradiction {
        /// The one key.
        key: &'static str,
        /// The other.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A key that only means something beside another.
    #[error("{key} needs {other}\nhint: {hint}")]
    Needs {
        /// The key given.
        key: &'static str,
        /// The key missing.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A multiple of a concurrency that is not there.
    #[error(
        "{key}: {value} is a multiple of the concurrency, and this load has none\nhint: write a count, or give load.max_concurrency (--max-concurrency)"
    )]
    NoConcurrency {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// A number out of range.
    #[error("{key} is {value}\nhint: it must be {must}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// A stage that says too little or too much.
    #[error(
        "load.stages: stage {n} {what}\nhint: a stage is a rate or a concurrency, and a duration: --stage '{{\"rate\": 4, \"duration\": \"60s\"}}'"
    )]
    Stage {
        /// Which one, from 1.
        n: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A point of a series that cannot stand where it stands.
    #[error(
        "load.series: {what}\nhint: a series is a list of points, [[seconds, starts a second], …], from 0 seconds on, in the order of time"
    )]
    Point {
        /// What is wrong with which.
        what: String,
    },
    /// A series whose points are still in their file.
    #[error(
        "load.series names the file {file}, and its points were not read\nhint: read it (rate::series::read_series) and put the points in its place before the load is resolved"
    )]
    SeriesNotRead {
        /// The file.
        file: String,
    },
}
