//! `tokmark aiperf profile`: AIPerf's command line, the same job.

use std::path::PathBuf;

use crate::aiperf::translate;
use crate::args::aiperf::{AiperfArgs, AiperfVerb};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Home, Means};

/// Runs the verb.
pub fn run(args: &AiperfArgs, context: &Context) -> Result<Exit, Failure> {
    let AiperfVerb::Profile(args) = &args.verb;
    let translated = translate(args, &context.environment)?;
    let mut resolved = translated.sources.resolve()?;
    resolved.notes.extend(translated.notes);
    let home = Home::Exact(PathBuf::from(translated.artifact_dir));
    session::measure(resolved, Means::Wire, &home, false, context)
}
