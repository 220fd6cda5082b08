//! `tokmark simulate`: the same spec as `bench`, in virtual time.

use crate::args::BenchArgs;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Home, Means};
use crate::source::sources;

/// Runs the verb.
pub fn run(args: &BenchArgs, context: &Context) -> Result<Exit, Failure> {
    let resolved = sources(&args.source, &context.environment)?.resolve()?;
    session::measure(resolved, Means::Virtual, &Home::Fresh, args.dry_run, context)
}
