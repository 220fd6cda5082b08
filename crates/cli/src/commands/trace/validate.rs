//! `tokmark trace validate`.

use std::fmt::Write as _;

use tokmark_workload::trace::{Check, Checker, TraceRow};

use super::files;
use crate::args::trace::ValidateArgs;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs the verb.
pub(super) fn run(args: &ValidateArgs, context: &Context) -> Result<Exit, Failure> {
    let mut rows = files::rows(&args.file, args.format)?;
    let mut checker = Checker::new(args.block_size, args.show);
    let mut row = TraceRow::default();
    while let Some(read) = rows.next_row(&mut row) {
        match read {
            Ok(()) => checker.row(rows.file(), &row),
            Err(error) => {
                let broken = error.fatal;
                checker.unreadable(error);
                if broken {
                    break;
                }
            }
        }
    }
    let found = checker.finish(rows.file());
    let exit = if found.all() == 0 { Exit::Good } else { Exit::Usage };
    context.screen.result(&text(&found, rows.file()));
    let mut object = serde_json::to_value(&found)
        .map_err(|e| Failure::internal(format!("the findings could not be written as JSON: {e}")))?;
    object["file"] = rows.file().into();
    object["exit_code"] = exit.code().into();
    context.screen.object(&object);
    Ok(exit)
}

fn text(found: &Check, file: &str) -> String {
    if found.all() == 0 {
        return format!("{file}: {} rows, nothing wrong\n", found.rows);
    }
    let mut out = String::new();
    for problem in &found.first {
        let _ = writeln!(
            out,
            "{}:{}:{}: {}\n  hint: {}",
            problem.file, problem.line, problem.column, problem.what, problem.hint
        );
    }
    let kinds: Vec<String> = found.problems.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let _ = writeln!(
        out,
        "{file}: {} rows, {} of them bad, {} problems: {}",
        found.rows,
        found.bad_rows,
        found.all(),
        kinds.join(", ")
    );
    out
}
