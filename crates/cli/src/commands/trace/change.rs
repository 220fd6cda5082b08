//! `tokmark trace cut`, `scale` and `merge`.

use serde_json::json;
use tokmark_workload::trace::{Cut, CutSpec, IdSpaces, Merged, ScaleSpec, Scaled};

use super::files::{self, Target};
use super::pass;
use crate::args::trace::{CutArgs, MergeArgs, ScaleArgs};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs `cut`.
pub(super) fn cut(args: &CutArgs, context: &Context) -> Result<Exit, Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::usage(format!("--from {from} is not before --to {to}\nhint: exchange them")));
    }
    let target = Target::of(&args.write.output, context.screen)?;
    let end = args.num_rows.map_or(u64::MAX, |n| args.skip_rows.saturating_add(n));
    let spec =
        CutSpec { from: args.from, to: args.to, rows: args.skip_rows..end, keep_times: args.keep_times };
    let rows = Cut::new(files::mooncake(&args.file)?, spec);
    pass(rows, &target, args.skip_bad_rows, context, || json!({}))
}

/// Runs `scale`.
pub(super) fn scale(args: &ScaleArgs, context: &Context) -> Result<Exit, Failure> {
    let factors = [
        ("speedup-ratio", args.speedup_ratio),
        ("isl-multiplier", args.isl_multiplier),
        ("osl-multiplier", args.osl_multiplier),
    ];
    if let Some((flag, value)) = factors.into_iter().find(|(_, x)| !x.is_finite() || *x <= 0.0) {
        return Err(not_a_factor(flag, value));
    }
    let target = Target::of(&args.write.output, context.screen)?;
    let spec = ScaleSpec {
        speedup_ratio: args.speedup_ratio,
        isl_multiplier: args.isl_multiplier,
        osl_multiplier: args.osl_multiplier,
        block_size: args.read.block_size,
    };
    let rows = Scaled::new(files::mooncake(&args.file)?, spec);
    pass(rows, &target, args.read.skip_bad_rows, context, || json!({}))
}

/// A flag that has to be above 0.
pub(super) fn not_a_factor(flag: &str, value: f64) -> Failure {
    Failure::usage(format!("--{flag} {value} is no factor\nhint: give a number above 0; 1 changes nothing"))
}

/// Runs `merge`.
pub(super) fn merge(args: &MergeArgs, context: &Context) -> Result<Exit, Failure> {
    let target = Target::of(&args.write.output, context.screen)?;
    let sources = args.files.iter().map(|file| files::mooncake(file)).collect::<Result<Vec<_>, _>>()?;
    let ids = if args.shared_ids { IdSpaces::Shared } else { IdSpaces::Apart };
    let rows = Merged::new(sources, ids, args.keep_times);
    pass(rows, &target, args.skip_bad_rows, context, || json!({}))
}
