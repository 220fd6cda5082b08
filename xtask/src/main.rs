//! **Is the house in order?** The checks, generated documents and self-benchmarks of this repository.
//!
//! In: the repository itself. Out: a list of what is wrong, or the figures of BENCHMARKS.md.
//! Invariant: nothing here is shipped; a room never depends on it.
//! Start reading at [`VERBS`]. One more verb is one module and one line in that list.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the house speaks to the terminal")]
#![allow(clippy::disallowed_methods, reason = "it times what it runs, and finds programs by the environment")]

use std::error::Error;
use std::process::ExitCode;

mod docs;
mod engine;
mod fuzz;
mod parity;
mod proc;
mod referee;
mod selfbench;
mod suite;
mod tidy;
mod tree;

/// What a verb returns; the message of the error is what the user reads.
type Outcome = Result<(), Box<dyn Error>>;

/// One verb: its name, what it takes, what it does.
struct Verb {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

/// Every verb of `cargo xtask`.
const VERBS: &[Verb] = &[
    Verb {
        name: "test",
        about: "install what the tests need, then run every test (what .ci/run calls)",
        run: suite::run,
    },
    Verb { name: "tidy", about: "check the house rules that a compiler cannot", run: tidy::run },
    Verb { name: "docs", about: "write the generated parts of the documents", run: docs::run },
    Verb {
        name: "fuzz",
        about: "TARGET [--time 60s]: run one fuzz target; without a target: list them",
        run: fuzz::run,
    },
    Verb {
        name: "selfbench",
        about: "measure tokmark itself against the bars of BENCHMARKS.md",
        run: selfbench::run,
    },
    Verb { name: "engine", about: "install the small real engine and print where it is", run: engine::run },
    Verb {
        name: "referee",
        about: "run AIPerf and tokmark on one real engine and print both results",
        run: referee::run,
    },
    Verb {
        name: "parity",
        about: "[dynamo|live|vllm]: hold the simulated engines against Dynamo's replay and a real vLLM",
        run: parity::run,
    },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let Some(known) = VERBS.iter().find(|v| v.name == verb) else {
        return usage(&verb);
    };
    match (known.run)(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Lists the verbs; asked for, that is a success.
fn usage(typed: &str) -> ExitCode {
    let asked = matches!(typed, "" | "help" | "-h" | "--help");
    if !asked {
        eprintln!("error: there is no verb `{typed}`");
    }
    println!("cargo xtask VERB\n");
    for verb in VERBS {
        println!("  {:<10} {}", verb.name, verb.about);
    }
    ExitCode::from(if asked { 0 } else { 2 })
}
