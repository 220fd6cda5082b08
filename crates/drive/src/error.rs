//! What can stop a run before it starts. What goes wrong with one attempt is a [`tokmark_record::Failure`].

use std::io;
use std::path::PathBuf;

/// Why a run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// A URL is not one.
    #[error(
        "target `{url}`: {reason}\nhint: write http://host:port or https://host:port, with a path if the service has one"
    )]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// No target was given.
    #[error("no target\nhint: give the service's URL, as in `tokmark bench http://127.0.0.1:8000`")]
    NoTarget,
    /// The host has no address.
    #[error(
        "target `{url}`: host `{host}` has no address ({reason})\nhint: check the name and this machine's DNS"
    )]
    Dns {
        /// As given.
        url: String,
        /// The part that was looked up.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The certificate authority file cannot be used.
    #[error("certificate authorities `{}`: {reason}\nhint: --ca-file takes a PEM file with at least one certificate", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS could not be set up.
    #[error("TLS: {reason}")]
    TlsSetup {
        /// What is wrong.
        reason: String,
    },
    /// A header cannot be sent.
    #[error("{reason}")]
    Header {
        /// What is wrong.
        reason: String,
    },
    /// The API key cannot be read.
    #[error("API key from {source_name}: {reason}\nhint: {hint}")]
    ApiKey {
        /// The variable or file.
        source_name: String,
        /// What is wrong.
        reason: String,
        /// The fix.
        hint: &'static str,
    },
    /// More streams than this process may open.
    #[error("{} need {needed} open files, and this process may have {limit}\nhint: {}", at_once(*streams), more_files(*fits, *needed))]
    FileLimit {
        /// Streams asked for.
        streams: u64,
        /// Files they need.
        needed: u64,
        /// The limit.
        limit: u64,
        /// Streams that would fit.
        fits: u64,
    },
    /// The target could not be reached or is not healthy.
    #[error(transparent)]
    Gate(#[from] crate::gate::GateError),
    /// The system refused something the client itself needs.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn at_once(streams: u64) -> String {
    match streams {
        // The least an open loop without a cap is asked to fit.
        0 | 1 => "one stream and the files of the run itself".to_owned(),
        streams => format!("{streams} streams at once and the files of the run itself"),
    }
}

fn more_files(fits: u64, needed: u64) -> String {
    match fits {
        0 => format!("raise the limit (ulimit -n {needed})"),
        fits => format!("lower the concurrency to {fits} or raise the limit (ulimit -n {needed})"),
    }
}

impl DriveError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
