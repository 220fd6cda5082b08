//! `tokmark trace convert`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokmark_base::Seed;
use tokmark_tokens::Tokenizer;
use tokmark_workload::source::burst_gpt::{BurstGpt, Only};
use tokmark_workload::source::share_gpt::Counter;
use tokmark_workload::source::{self, FileFormat, Rows};
use tokmark_workload::trace::convert::ConvertSpec;
use tokmark_workload::trace::read::Tokenise;
use tokmark_workload::trace::{Blocks, Converted, FromRows, Sorted, TraceRow, TraceRows, row_line};

use super::change::not_a_factor;
use super::files::{self, Target};
use super::{Reading, finish};
use crate::args::trace::{ConvertArgs, ConvertFormat};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::tokenizer_home;

/// Tokens a hash id of Mooncake's layout stands for unless something else is said.
const USUAL: u32 = 512;

/// Runs the verb.
pub(super) fn run(args: &ConvertArgs, context: &Context) -> Result<Exit, Failure> {
    check(args)?;
    let target = Target::of(&args.write.output, context.screen)?;
    let usual = if args.format == ConvertFormat::Burstgpt { 128 } else { USUAL };
    let mut reading = Reading::new(&context.screen, args.skip_bad_rows);
    let mut source = source(args, args.block_size.unwrap_or(usual), context)?;
    if args.format != ConvertFormat::Dynamo {
        let size = args.block_size.unwrap_or(usual);
        let mut rows = Converted::new(source, spec(args, size));
        let written = write(&mut rows, &mut reading, &target, context)?;
        let made = Made { left_out: rows.source().left_out(), written, ..Made::of(&rows, size) };
        return Ok(told(args, &reading, &made, &target, context));
    }
    // Dynamo writes requests in the order in which they ended.
    let sorted = Sorted::read(&mut source, |error| reading.wrong(error))?;
    let own = source.block_size();
    if let (Some(asked), Some(own)) = (args.block_size, own)
        && asked != own
    {
        return Err(Failure::usage(format!(
            "--block-size {asked}: the trace's own is {own}\nhint: leave it out; `tokmark trace scale` cannot change it either"
        )));
    }
    let size = own.unwrap_or(usual);
    let mut rows = Converted::new(sorted, spec(args, size));
    let written = write(&mut rows, &mut reading, &target, context)?;
    let made = Made { left_out: source.left_out(), written, ..Made::of(&rows, size) };
    Ok(told(args, &reading, &made, &target, context))
}

/// What became of the rows.
struct Made {
    left_out: BTreeMap<&'static str, u64>,
    written: u64,
    /// Tokens a hash id stands for; `None`: there are no ids.
    block_size: Option<u32>,
    sessions_dropped: u64,
}

impl Made {
    fn of<T: TraceRows>(rows: &Converted<T>, block_size: u32) -> Self {
        Self {
            left_out: BTreeMap::new(),
            written: 0,
            block_size: (rows.blocks() > 0).then_some(block_size),
            sessions_dropped: rows.sessions_dropped(),
        }
    }
}

fn write(
    rows: &mut dyn TraceRows,
    reading: &mut Reading<'_>,
    target: &Target,
    context: &Context,
) -> Result<u64, Failure> {
    let mut row = TraceRow::default();
    target.write(context.screen, |line| {
        let more = reading.next(rows, &mut row)?;
        if more {
            row_line(&row, line);
        } else if reading.read == 0 {
            return Err(Failure::usage(format!(
                "no row of {} is left to be converted\nhint: give a file with rows, and let --model, --log-type, --skip-num-prompt and --num-prompt leave some",
                rows.file()
            )));
        }
        Ok(more)
    })
}

/// Says what was done.
fn told(args: &ConvertArgs, reading: &Reading<'_>, made: &Made, target: &Target, context: &Context) -> Exit {
    let mut object = reading.told();
    for (why, n) in &made.left_out {
        context.screen.note(&format!("left out: {n} {why}"));
    }
    object["left_out"] = json!(made.left_out);
    object["seed"] = args.seed.into();
    object["sessions_dropped"] = made.sessions_dropped.into();
    if made.sessions_dropped > 0 {
        context.screen.alarm(&format!(
            "warning: {} rows had a session and lost it: without ids a later turn would be words on top of the turns before",
            made.sessions_dropped
        ));
    }
    object["block_size"] = json!(made.block_size);
    finish(&mut object, made.written, target, context);
    // Elsewhere 512 is what is taken unless said.
    if let Some(size) = made.block_size.filter(|size| *size != USUAL) {
        let needed = format!(
            "blocks of {size} tokens: bench and simulate need --trace-block-size {size}, trace verbs --block-size {size}"
        );
        context.screen.note(&needed);
        object["block_size_needed"] = needed.into();
    }
    context.screen.object(&object);
    Exit::Good
}

fn spec(args: &ConvertArgs, block_size: u32) -> ConvertSpec {
    let usual = if args.format == ConvertFormat::Burstgpt { 10_000 } else { 0 };
    let out_of = args.num_hash_blocks.unwrap_or(usual);
    // The numbers of blocks go from 0 to this, as where the flag comes from.
    let drawn = Blocks::Random { out_of: out_of.saturating_add(1), seed: Seed(args.seed) };
    ConvertSpec {
        block_size,
        blocks: if out_of > 0 { drawn } else { Blocks::AsGiven },
        speed_ratio: args.speed_ratio,
        skip: args.skip_num_prompt,
        limit: args.num_prompt,
    }
}

/// The rows of the file as they are.
fn source(args: &ConvertArgs, block_size: u32, context: &Context) -> Result<FromRows, Failure> {
    let (name, input) = files::open(&args.file)?;
    let plain = |format, input| source::rows(format, &name, input, &source::Reading::default());
    let rows: Box<dyn Rows> = match args.format {
        ConvertFormat::Burstgpt if args.model.is_some() || args.log_type.is_some() => {
            let only = Only {
                model: args.model.map(|model| model.name().to_owned()),
                log_type: args.log_type.map(|log| log.name().to_owned()),
            };
            Box::new(BurstGpt::filtered(&name, input, only))
        }
        ConvertFormat::Burstgpt => plain(FileFormat::BurstGpt, input),
        ConvertFormat::Azure => plain(FileFormat::Azure, input),
        ConvertFormat::Dynamo => plain(FileFormat::DynamoRequests, input),
        ConvertFormat::Sharegpt => {
            let tokenizer = Arc::new(tokenizer(args, context)?);
            let counting = tokenizer.clone();
            let count: Counter = Arc::new(move |text: &str| counting.count(text).ok());
            let reading = source::Reading { count: Some(count), first_turns: true };
            let tokenise: Tokenise = Box::new(move |text| tokenizer.ids(text).map_err(|e| e.to_string()));
            let rows = source::rows(FileFormat::ShareGpt, &name, input, &reading);
            return Ok(FromRows::new(&name, rows, Some((tokenise, block_size))));
        }
    };
    Ok(FromRows::new(&name, rows, None))
}

fn check(args: &ConvertArgs) -> Result<(), Failure> {
    if !args.speed_ratio.is_finite() || args.speed_ratio <= 0.0 {
        return Err(not_a_factor("speed-ratio", args.speed_ratio));
    }
    let given = [("model", args.model.is_some()), ("log-type", args.log_type.is_some())];
    if let Some((flag, _)) =
        given.into_iter().find(|(_, given)| *given && args.format != ConvertFormat::Burstgpt)
    {
        return Err(Failure::usage(format!(
            "--{flag} is about BurstGPT\nhint: leave it out, or give --format burstgpt"
        )));
    }
    let words = args.format == ConvertFormat::Sharegpt;
    if args.tokenizer.is_some() && !words {
        return Err(Failure::usage(
            "--tokenizer counts words, and this format has lengths\nhint: leave it out",
        ));
    }
    if args.num_hash_blocks.is_some_and(|n| n > 0) && (words || args.format == ConvertFormat::Dynamo) {
        return Err(Failure::usage(
            "--num-hash-blocks draws blocks, and this format has its own\nhint: leave it out",
        ));
    }
    Ok(())
}

fn tokenizer(args: &ConvertArgs, context: &Context) -> Result<Tokenizer, Failure> {
    let Some(name) = &args.tokenizer else { return Ok(Tokenizer::o200k()) };
    let Some(dir) = tokenizer_home::find(name, &context.environment) else {
        return Err(Failure::usage(format!(
            "--tokenizer `{name}`: no {} there\nhint: give the directory a model was downloaded to; nothing is downloaded here",
            tokenizer_home::FILE
        )));
    };
    let file = dir.join(tokenizer_home::FILE);
    let json = std::fs::read(&file).map_err(|e| {
        Failure::usage(format!("{}: {e}\nhint: --tokenizer takes a readable directory", file.display()))
    })?;
    Tokenizer::from_json(&file.display().to_string(), &json).map_err(|e| Failure::usage(e.to_string()))
}
