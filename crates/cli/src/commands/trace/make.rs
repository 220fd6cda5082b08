//! `tokmark trace synthesize` and `tokmark trace sine`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokmark_base::Seed;
use tokmark_workload::trace::sine::Wave;
use tokmark_workload::trace::tree::TreeBuilder;
use tokmark_workload::trace::{
    Sine, SineSpec, SynthesisSpec, Synthesizer, TraceRow, TraceRows as _, row_line,
};

use super::files::{self, Target};
use super::{Reading, finish, merge_into, no_row};
use crate::args::trace::{SineArgs, SynthesizeArgs};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs `synthesize`.
pub(super) fn synthesize(args: &SynthesizeArgs, context: &Context) -> Result<Exit, Failure> {
    let screen = &context.screen;
    let usage = |error: tokmark_workload::trace::SynthesisError| Failure::usage(error.to_string());
    let spec = spec(args);
    // What is wrong with the flags need not wait for the file.
    spec.check().map_err(usage)?;
    let target = Target::of(&args.write.output, *screen)?;
    let mut rows = files::mooncake(&args.file)?;
    let mut builder = TreeBuilder::new(args.read.block_size);
    let mut reading = Reading::new(screen, args.read.skip_bad_rows);
    let mut row = TraceRow::default();
    while reading.next(&mut rows, &mut row)? {
        if let Err(unfit) = builder.add(&row) {
            reading.wrong(unfit.at(rows.file(), row.line))?;
        }
    }
    let mut object = reading.told();
    let tree = builder.finish();
    if tree.rows() == 0 {
        return Err(no_row(rows.file()));
    }
    let dropped = [
        (
            tree.sessions_dropped,
            "sessions_dropped",
            "had a session or a delay: they become requests of their own",
        ),
        (tree.fields_dropped, "fields_dropped", "had further fields: these are not kept"),
    ];
    for (n, key, what) in dropped {
        object[key] = n.into();
        if n > 0 {
            screen.alarm(&format!("warning: {n} rows {what}"));
        }
    }
    merge_into(
        &mut object,
        json!({
            "source_rows": tree.rows(),
            "shared_prefixes": tree.shared_steps(),
            "shared_blocks": tree.shared_blocks(),
            "seed": args.seed,
        }),
    );
    let mut maker = Synthesizer::new(tree, spec).map_err(usage)?;
    let written = target.write(*screen, |line| match maker.next_row(&mut row) {
        None => Ok(false),
        Some(made) => {
            made.map_err(usage)?;
            row_line(&row, line);
            Ok(true)
        }
    })?;
    object["rows_outside_limits"] = maker.filtered().into();
    finish(&mut object, written, &target, context);
    screen.object(&object);
    Ok(Exit::Good)
}

fn spec(args: &SynthesizeArgs) -> SynthesisSpec {
    SynthesisSpec {
        num_requests: args.num_requests,
        speedup_ratio: args.speedup_ratio,
        prefix_len_multiplier: args.prefix_len_multiplier,
        prefix_root_multiplier: args.prefix_root_multiplier,
        prompt_len_multiplier: args.prompt_len_multiplier,
        osl_multiplier: args.osl_multiplier,
        min_isl: args.min_isl,
        max_isl: args.max_isl,
        min_osl: args.min_osl,
        max_osl: args.max_osl,
        seed: Seed(args.seed),
    }
}

/// Runs `sine`.
pub(super) fn sine(args: &SineArgs, context: &Context) -> Result<Exit, Failure> {
    let screen = &context.screen;
    let spec = SineSpec {
        block_size: args.block_size,
        total_blocks: args.total_blocks,
        time_duration: args.time_duration,
        process_interval: args.process_interval,
        request_rate: Wave {
            min: args.request_rate_min,
            max: args.request_rate_max,
            period: args.request_rate_period,
        },
        first: (args.isl1, args.osl1),
        second: (args.isl2, args.osl2),
        ratio: Wave {
            min: args.isl_osl_ratio_min,
            max: args.isl_osl_ratio_max,
            period: args.isl_osl_ratio_period,
        },
        seed: Seed(args.seed),
    };
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(spec.name()));
    let mut maker = Sine::new(spec).map_err(|error| Failure::usage(error.to_string()))?;
    let target = Target::of(Path::new(&output), *screen)?;
    let mut row = TraceRow::default();
    let written = target.write(*screen, |line| {
        let more = maker.next_row(&mut row).is_some();
        if more {
            row_line(&row, line);
        }
        Ok(more)
    })?;
    let mut object: Value = json!({"seed": args.seed});
    finish(&mut object, written, &target, context);
    screen.object(&object);
    Ok(Exit::Good)
}
