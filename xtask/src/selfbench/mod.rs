//! **Is tokmark as good as it says?** Each bar of BENCHMARKS.md measured on this machine.
//!
//! In: release builds of tokmark and of this tool. Out: a Markdown table with the machine and the commit, for
//! BENCHMARKS.md. The known-schedule server has one core, the client another; repetitions of what is compared interleave;
//! medians are printed.
//! Start reading at [`ROWS`]. One more row is one module and one line in that list.

mod capture;
mod cpu;
mod held;
mod lab;
mod memory;
mod open_loop;
mod reader;
mod records;
mod start;
mod system;
mod table;
mod traces;
mod verdict;
mod words;

use std::error::Error;

use tokmark_metronome::{Config, serve};

use crate::Outcome;
use lab::Lab;
use table::Line;
use words::Words;

/// Every failure of a measurement is told in words.
type Fallible<T> = Result<T, Box<dyn Error>>;

/// A measurement: its name on the command line, what it measures, how.
struct Row {
    name: &'static str,
    about: &'static str,
    run: fn(&Lab) -> Fallible<Vec<Line>>,
}

/// In the order of BENCHMARKS.md.
const ROWS: &[Row] = &[
    Row { name: "cpu", about: "CPU per streamed event against the bare reader", run: cpu::run },
    Row {
        name: "open",
        about: "open loop: error of TTFT against the server's own, dispatch delay",
        run: open_loop::run,
    },
    Row { name: "held", about: "19,000 streams held by one process; an fd limit too small", run: held::run },
    Row { name: "start", about: "start of the process to the first request", run: start::run },
    Row { name: "memory", about: "memory of 1,000,000 requests against 10,000", run: memory::run },
    Row {
        name: "traces",
        about: "a million rows analysed and synthesised; plans of ten million requests",
        run: traces::run,
    },
    Row {
        name: "verdict",
        about: "the verdict under four disturbances and on clean runs",
        run: verdict::run,
    },
];

/// Rows that are run only when named: they need root, and once a release is enough.
const ON_REQUEST: &[Row] = &[Row {
    name: "capture",
    about: "the server's kernel stamps against an AF_PACKET capture",
    run: capture::run,
}];

/// `cargo xtask selfbench [ROW…] [--reps 5] [--clean 100] [--scratch DIR] [--no-build]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    match args.split_first() {
        Some((verb, rest)) if verb == "reader" => return reader::run(rest),
        Some((verb, rest)) if verb == "serve" => {
            serve(Config::from_args(rest)?)?;
            return Ok(());
        }
        Some((verb, _)) if matches!(verb.as_str(), "list" | "help" | "--help" | "-h") => {
            list();
            return Ok(());
        }
        _ => {}
    }
    let words = Words::new(args);
    let rows = chosen(&words.plain(lab::KEYS))?;
    let lab = Lab::new(&words)?;
    let mut lines = Vec::new();
    for row in rows {
        eprintln!("selfbench {}: {}", row.name, row.about);
        // One row that cannot be measured must not take the others' figures with it.
        match (row.run)(&lab) {
            Ok(more) => {
                for line in &more {
                    eprintln!("  {line}");
                }
                lines.extend(more);
            }
            Err(problem) => lines.push(Line::unmeasured(row.about, problem.as_ref())),
        }
    }
    println!("{}", table::markdown(&lab, &lines));
    Ok(())
}

fn chosen(names: &[&str]) -> Fallible<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let all = || ROWS.iter().chain(ON_REQUEST);
    names
        .iter()
        .map(|name| {
            all().find(|row| row.name == *name).ok_or_else(|| {
                let known: Vec<_> = all().map(|row| row.name).collect();
                format!("there is no row `{name}`\n  hint: {}", known.join(", ")).into()
            })
        })
        .collect()
}

fn list() {
    for row in ROWS.iter().chain(ON_REQUEST) {
        println!("{:10}{}", row.name, row.about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_name() {
        let names = |rows: Vec<&Row>| rows.iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(chosen(&["start", "capture"]).unwrap()), ["start", "capture"]);
        assert_eq!(chosen(&[]).unwrap().len(), ROWS.len());
        assert!(chosen(&["speed"]).err().unwrap().to_string().contains("hint: cpu, open"));
    }
}
