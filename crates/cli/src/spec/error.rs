//! Why a spec was refused. Every one of these ends with exit code 2.

/// Why a spec was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not YAML.
    #[error("{at}: {message}\nhint: the spec is YAML (or JSON); check the indentation and quoting there")]
    Syntax {
        /// File, line and column.
        at: String,
        /// What the reader said.
        message: String,
    },
    /// A value where a section belongs.
    #[error("{at}: {path} must be a section of keys\nhint: `tokmark explain` lists every key")]
    NotASection {
        /// File, line and column.
        at: String,
        /// The section.
        path: String,
    },
    /// A key nobody knows.
    #[error("{}unknown key `{path}`\nhint: {hint}", .at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default())]
    UnknownKey {
        /// File, line and column, if it was in a file.
        at: Option<String>,
        /// The key.
        path: String,
        /// What may have been meant.
        hint: String,
    },
    /// A `TOKMARK_…` variable nobody knows.
    #[error("unknown environment variable {name}\nhint: {hint}")]
    UnknownVariable {
        /// Its name.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// A value that does not fit its key.
    #[error("{path} ({origin}): {message}")]
    Value {
        /// The key.
        path: String,
        /// Who gave it: flag, variable, or file with line and column.
        origin: String,
        /// Why not.
        message: String,
    },
    /// `--set` without `=`.
    #[error("--set {text}: no `=` in it\nhint: write --set path.to.key=value, as in --set load.rate=4")]
    Set {
        /// What was typed.
        text: String,
    },
    /// `--set` of a whole section.
    #[error(
        "--set {path}: this is a section, not a key\nhint: name a key inside of it; `tokmark explain` lists them"
    )]
    SetSection {
        /// What was typed.
        path: String,
    },
    /// Two choices at once.
    #[error("{one} and {other} contradict each other\nhint: {hint}")]
    Contradiction {
        /// One.
        one: String,
        /// The other.
        other: String,
        /// What to do.
        hint: &'static str,
    },
    /// Values that are each fine and do not go together, or that a room refuses.
    #[error("{message}")]
    Refused {
        /// The room's own message, with its hint.
        message: String,
    },
    /// Two sweeps at once.
    #[error("both {one} and {other} are lists\nhint: a sweep goes over one of them")]
    TwoSweeps {
        /// One key.
        one: String,
        /// The other key.
        other: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {message}\nhint: {hint}")]
    File {
        /// The path as given.
        path: String,
        /// The system's message.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A BenchmarkConfig that cannot be run.
    #[error("{at}: {message}\nhint: {hint}")]
    BenchmarkConfig {
        /// File, line and column.
        at: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
}
