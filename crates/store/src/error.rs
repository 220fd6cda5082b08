//! Everything that can go wrong with a run's files, each with the path and the fix.

use std::io;
use std::path::{Path, PathBuf};

use tokmark_record::file::LineError;

/// Why a run directory or one of its files could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `--name` breaks the field's rule.
    #[error(
        "`{name}` cannot name a run: {why}\nhint: use letters, digits, `_` and `-`, and any word but `plots`"
    )]
    Name {
        /// What was given.
        name: String,
        /// Which part of the rule it breaks.
        why: &'static str,
    },
    /// A file stands where the run directory should go.
    #[error(
        "{} is a file, but a directory is needed there\nhint: give another directory with --out, or move the file away",
        path.display()
    )]
    NotADirectory {
        /// The file in the way.
        path: PathBuf,
    },
    /// The directory cannot be written by this user.
    #[error(
        "{} cannot be written: {source}\nhint: give a directory you may write to with --out, or change its permissions",
        path.display()
    )]
    Unwritable {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The disk or the quota is full.
    #[error(
        "no space left for {}: {source}\nhint: free some space, or give a directory on another disk with --out",
        path.display()
    )]
    NoSpace {
        /// What was being written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is a run in the directory already.
    #[error(
        "{} holds a run already ({found})\nhint: give another directory, or remove the old run first",
        path.display()
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// The file that shows it.
        found: &'static str,
    },
    /// Not a run directory.
    #[error(
        "{} is not a run directory: it has no {missing}\nhint: give the directory that `tokmark bench` printed at its end",
        path.display()
    )]
    NotARun {
        /// The directory.
        path: PathBuf,
        /// The file a run would have.
        missing: &'static str,
    },
    /// Reading failed.
    #[error("{} cannot be read: {source}\nhint: check that the path exists and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Writing failed in a way that has no name of its own.
    #[error("{} could not be written: {source}\nhint: check the disk and the mount of this directory", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {source}\nhint: the file was changed by hand or by another tool; restore it", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A line of a record or series file is not what it should be.
    #[error("{}: {source}\nhint: the file was changed by hand or by another tool; restore it", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, and what is wrong.
        source: LineError,
    },
    /// A value cannot be written as JSON.
    #[error("{what} has no JSON form: {source}\nhint: this is a defect of tokmark; please report it")]
    Encode {
        /// Which file it was for.
        what: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The run was written by a schema this program does not know.
    #[error(
        "{} has schema version {found}; this tokmark reads versions 1 to {newest}\nhint: use the tokmark that wrote the run, or a newer one",
        path.display()
    )]
    Schema {
        /// `run.json`.
        path: PathBuf,
        /// What it says, or `none`.
        found: String,
        /// The newest version known here.
        newest: u32,
    },
    /// No thread for the writer.
    #[error(
        "the writing thread could not be started: {source}\nhint: raise the limit of processes (ulimit -u)"
    )]
    Thread {
        /// What the system says.
        source: io::Error,
    },
    /// The writing thread died.
    #[error(
        "the writing thread stopped before its end; records on disk up to its last second are whole\nhint: this is a defect of tokmark; `tokmark report` on the run directory rebuilds what is there"
    )]
    WriterDied,
}

impl StoreError {
    /// Sorts what the system says about writing `path`.
    pub(crate) fn writing(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as K;
        let path = path.to_owned();
        match source.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Self::NoSpace { path, source },
            K::PermissionDenied | K::ReadOnlyFilesystem => Self::Unwritable { path, source },
            K::NotADirectory => Self::NotADirectory { path },
            _ => Self::Write { path, source },
        }
    }

    /// Wraps what the system says about reading `path`.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}
