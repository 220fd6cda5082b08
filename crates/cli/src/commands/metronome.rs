//! `tokmark metronome` (hidden): the known-schedule server, in a process of its own.

use tokmark_metronome::{Config, serve};

use crate::args::MetronomeArgs;
use crate::exit::Exit;
use crate::failure::Failure;

/// Serves until its parent is gone.
pub fn run(args: &MetronomeArgs) -> Result<Exit, Failure> {
    let config = Config::from_args(&args.rest).map_err(Failure::usage)?;
    serve(config).map_err(|e| Failure::internal(format!("the known-schedule server: {e}")))?;
    Ok(Exit::Good)
}
