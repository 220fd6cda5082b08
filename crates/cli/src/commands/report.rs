//! `tokmark report`: print finished runs; finish those that were killed, from their records.

use std::path::Path;

use serde_json::{Value, json};
use tokmark_measure::{RunFacts, Summary};
use tokmark_report::{Style, sweep, terminal};
use tokmark_store::{Publisher, Run, rebuild};

use crate::args::ReportArgs;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::outcome::exit_of;
use crate::session::point::{finish, rfc3339, style};
use crate::spec::Spec;

/// Runs the verb.
pub fn run(args: &ReportArgs, context: &Context) -> Result<Exit, Failure> {
    let mut exits = Vec::new();
    let mut objects = Vec::new();
    for dir in &args.runs {
        let points =
            if dir.join(tokmark_store::layout::HEADER).is_file() { Vec::new() } else { Run::points(dir)? };
        let (exit, object) =
            if points.is_empty() { single(dir, context)? } else { several(&points, context)? };
        exits.push(exit);
        objects.push(object);
    }
    let exit = Exit::first(exits);
    let mut object = match <[Value; 1]>::try_from(objects) {
        Ok([one]) => one,
        Err(many) => json!({"runs": many}),
    };
    object["exit_code"] = exit.code().into();
    context.screen.object(&object);
    Ok(exit)
}

fn single(dir: &Path, context: &Context) -> Result<(Exit, Value), Failure> {
    let read = read(dir, context)?;
    context.screen.result(&terminal::run(&read.summary, read.style));
    Ok((read.exit, read.object))
}

fn several(points: &[std::path::PathBuf], context: &Context) -> Result<(Exit, Value), Failure> {
    let reads = points.iter().map(|dir| read(dir, context)).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<sweep::Point<'_>> =
        reads.iter().map(|read| sweep::Point { level: &read.level, summary: &read.summary }).collect();
    if let Some(first) = reads.first() {
        context.screen.result(&sweep::table(&rows, first.style));
    }
    let exit = Exit::first(reads.iter().map(|read| read.exit));
    let objects: Vec<Value> = reads.into_iter().map(|read| read.object).collect();
    Ok((exit, json!({"points": objects})))
}

/// A run as it is told.
struct Read {
    level: String,
    summary: Summary,
    style: Style,
    exit: Exit,
    object: Value,
}

fn read(dir: &Path, context: &Context) -> Result<Read, Failure> {
    let run = Run::open(dir)?;
    let spec: Spec = serde_json::from_value(run.header().spec.clone()).map_err(|e| {
        Failure::usage(format!(
            "{}: the spec in run.json cannot be read: {e}\nhint: the run was written by another version of tokmark; use that one",
            dir.display()
        ))
    })?;
    let summary = match run.summary()? {
        Some(summary) => summary,
        None => finish_killed(&run, &spec, context)?,
    };
    let exit = exit_of(&summary, summary.interrupted, &spec);
    Ok(Read {
        level: level(&spec, dir),
        object: json!({
            "run_dir": dir,
            "summary": serde_json::to_value(&summary).unwrap_or_default(),
        }),
        style: style(&spec, context.screen.colour),
        exit,
        summary,
    })
}

/// Finishes a run that was killed: the same analysis over the records that reached the disk.
fn finish_killed(run: &Run, spec: &Spec, context: &Context) -> Result<Summary, Failure> {
    context.screen.note(&format!(
        "{} was not finished: rebuilding its summary from the records on disk",
        run.dir().display()
    ));
    context.screen.alarm(&format!("warning: {}", run.left_behind()?));
    // Written before the load started, with a time somewhat too early.
    let mut header = run.header().clone();
    if let Some(anchor) = rebuild::exact_anchor(run)? {
        header.anchor_unix_ns = anchor;
        header.started_at = rfc3339(anchor);
        Publisher::new(run.dir(), &[]).header(&header)?;
    }
    let facts =
        RunFacts { calibrated: crate::calibration::load(&context.environment), ..rebuild::facts(&header) };
    let (analysis, published) = finish(run, &header, spec, &facts, &[]);
    published?;
    Ok(analysis.summary)
}

fn level(spec: &Spec, dir: &Path) -> String {
    match (spec.load.concurrency, spec.load.rate) {
        (Some(streams), _) => format!("concurrency {streams}"),
        (None, Some(rate)) => format!("rate {rate}"),
        (None, None) => dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}
