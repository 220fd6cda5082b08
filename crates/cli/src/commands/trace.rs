//! `tokmark trace`: what a trace holds, and traces made out of others.

mod analyze;
mod change;
mod convert;
mod files;
mod make;
mod plot;
mod table;
mod validate;

use serde_json::{Value, json};
use tokmark_workload::source::RowError;
use tokmark_workload::trace::{TraceRow, TraceRows, row_line};

use crate::args::trace::{TraceArgs, TraceVerb};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use files::Target;

/// Runs the verb.
pub fn run(args: &TraceArgs, context: &Context) -> Result<Exit, Failure> {
    match &args.verb {
        TraceVerb::Analyze(args) => analyze::run(args, context),
        TraceVerb::Synthesize(args) => make::synthesize(args, context),
        TraceVerb::Sine(args) => make::sine(args, context),
        TraceVerb::Convert(args) => convert::run(args, context),
        TraceVerb::Cut(args) => change::cut(args, context),
        TraceVerb::Scale(args) => change::scale(args, context),
        TraceVerb::Merge(args) => change::merge(args, context),
        TraceVerb::Validate(args) => validate::run(args, context),
    }
}

/// Bad rows that are named when they are left out.
const NAMED: usize = 10;
/// Rows between two looks of who waits at the screen.
const BEAT: u64 = 1 << 16;

/// Reads rows to their end: bad ones stop it, or are counted and named.
struct Reading<'a> {
    screen: &'a Screen,
    skip_bad_rows: bool,
    read: u64,
    bad: u64,
    named: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(screen: &'a Screen, skip_bad_rows: bool) -> Self {
        Self { screen, skip_bad_rows, read: 0, bad: 0, named: Vec::new() }
    }

    /// The next good row; `false` at the end.
    fn next(&mut self, rows: &mut dyn TraceRows, row: &mut TraceRow) -> Result<bool, Failure> {
        loop {
            match rows.next_row(row) {
                None => {
                    self.screen.rewrite("");
                    return Ok(false);
                }
                Some(Ok(())) => break,
                Some(Err(error)) => self.wrong(error)?,
            }
        }
        self.read += 1;
        if self.read.is_multiple_of(BEAT) {
            self.screen.rewrite(&format!("{} rows", self.read));
        }
        Ok(true)
    }

    /// A row that cannot be used.
    fn wrong(&mut self, error: RowError) -> Result<(), Failure> {
        if error.fatal || !self.skip_bad_rows {
            self.screen.rewrite("");
            let more = if error.fatal { "" } else { ", or leave such rows out with --skip-bad-rows" };
            return Err(Failure::usage(format!("{error}{more}")));
        }
        self.bad += 1;
        if self.named.len() < NAMED {
            let RowError { file, line, column, what, .. } = error;
            self.named.push(format!("{file}:{line}:{column}: {what}"));
        }
        Ok(())
    }

    /// Says which rows were left out, and gives the same as members of an object.
    fn told(&self) -> Value {
        if self.bad > 0 {
            self.screen.alarm(&format!("warning: {} rows left out that cannot be used", self.bad));
            self.named.iter().for_each(|named| self.screen.alarm(&format!("  {named}")));
            if self.bad > self.named.len() as u64 {
                self.screen.alarm("  …");
            }
        }
        json!({"rows_read": self.read, "bad_rows": self.bad, "first_bad_rows": self.named})
    }
}

/// Writes all rows of `rows` to `target`, and says so. `ended` hears how many there were, and may refuse.
fn pass<R: TraceRows>(
    mut rows: R,
    target: &Target,
    skip_bad_rows: bool,
    context: &Context,
    ended: impl Fn(&R, u64) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut reading = Reading::new(&context.screen, skip_bad_rows);
    let mut row = TraceRow::default();
    let written = target.write(context.screen, |line| {
        if !reading.next(&mut rows, &mut row)? {
            return ended(&rows, reading.read).map(|()| false).inspect_err(|_| drop(reading.told()));
        }
        row_line(&row, line);
        Ok(true)
    })?;
    let mut object = reading.told();
    finish(&mut object, written, target, context);
    context.screen.object(&object);
    Ok(Exit::Good)
}

/// A trace of which nothing can be said or made.
fn no_row(file: &str) -> Failure {
    Failure::usage(format!("{file} holds no row that can be used\nhint: give a trace with at least one row"))
}

/// Says how many rows were written where.
fn finish(object: &mut Value, written: u64, target: &Target, context: &Context) {
    context.screen.note(&format!("{written} rows written to {target}"));
    object["rows_written"] = written.into();
    object["output"] = target.to_string().into();
}

/// Puts the members of `more` into `object`.
fn merge_into(object: &mut Value, more: Value) {
    if let Value::Object(more) = more {
        for (key, value) in more {
            object[key] = value;
        }
    }
}
