//! `tokmark trace cut`, `scale` and `merge`.

use tokmark_workload::trace::{Cut, CutSpec, IdSpaces, Merged, ScaleSpec, Scaled, TraceRows};

use super::files::{self, Target};
use super::{no_row, pass};
use crate::args::trace::{CutArgs, MergeArgs, ScaleArgs};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs `cut`.
pub(super) fn cut(args: &CutArgs, context: &Context) -> Result<Exit, Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(Failure::usage(format!("--from {from} is after --to {to}\nhint: exchange them")));
    }
    let target = Target::of(&args.write.output, context.screen)?;
    let end = args.num_rows.map_or(u64::MAX, |n| args.skip_rows.saturating_add(n));
    let spec =
        CutSpec { from: args.from, to: args.to, rows: args.skip_rows..end, keep_times: args.keep_times };
    let rows = Cut::new(files::mooncake(&args.file)?, spec);
    pass(rows, &target, args.skip_bad_rows, context, |rows, kept| match (kept, rows.read()) {
        (0, n) => Err(nothing_kept(rows, n, args)),
        _ => Ok(()),
    })
}

/// A cut that leaves nothing.
fn nothing_kept(rows: &Cut<impl TraceRows>, read: u64, args: &CutArgs) -> Failure {
    let file = rows.file();
    if args.num_rows == Some(0) {
        return Failure::usage("--num-rows 0 keeps nothing\nhint: give a number above 0, or leave it out");
    }
    match rows.span() {
        _ if read == 0 => no_row(file),
        Some(span) => Failure::usage(format!(
            "nothing of {file} is kept: its first {read} rows span {} s from the first on\nhint: give a --from, --to, --skip-rows and --num-rows within",
            span.as_secs_f64()
        )),
        None => Failure::usage(format!(
            "nothing of {file} is kept: it has {read} rows, and none that can be used has a time\nhint: give --skip-rows and --num-rows within"
        )),
    }
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
    pass(rows, &target, args.read.skip_bad_rows, context, |rows, read| match read {
        0 => Err(no_row(rows.file())),
        _ => Ok(()),
    })
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
    pass(rows, &target, args.skip_bad_rows, context, |rows, _| match rows.without_rows().next() {
        Some(file) => Err(no_row(file)),
        None => Ok(()),
    })
}
