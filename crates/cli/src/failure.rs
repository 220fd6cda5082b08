//! What ends a command before its own end: a message for people and the exit code that says of what kind it is.

use tokmark_drive::DriveError;
use tokmark_drive::gate::GateError;
use tokmark_store::StoreError;

use crate::exit::Exit;
use crate::spec::SpecError;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The spec was refused.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The driver refused to start, or the target is not there.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// A run directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything else, with the exit code it means.
    #[error("{message}")]
    Other {
        /// The exit code.
        exit: Exit,
        /// What happened, with a hint.
        message: String,
    },
}

impl Failure {
    /// Usage or configuration (2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Other { exit: Exit::Usage, message: message.into() }
    }

    /// Tokmark's own (1).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Other { exit: Exit::Internal, message: message.into() }
    }

    /// What the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Spec(_) => Exit::Usage,
            Self::Drive(error) => drive_exit(error),
            Self::Store(error) => store_exit(error),
            Self::Other { exit, .. } => *exit,
        }
    }
}

fn drive_exit(error: &DriveError) -> Exit {
    match error {
        // The target is fine; which of its models is meant was not said.
        DriveError::Gate(GateError::ModelUnclear { served, .. }) if served.len() > 1 => Exit::Usage,
        DriveError::Dns { .. } | DriveError::Gate(_) => Exit::Target,
        DriveError::System { .. } => Exit::Internal,
        _ => Exit::Usage,
    }
}

fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Encode { .. }
        | StoreError::Thread { .. }
        | StoreError::WriterDied
        | StoreError::Write { .. } => Exit::Internal,
        _ => Exit::Usage,
    }
}
