//! The verbs, a file each: what they do with parsed arguments, and the exit code they end with.

pub mod aiperf;
pub mod bench;
pub mod calibrate;
pub mod engine;
pub mod explain;
pub mod metronome;
pub mod report;
pub mod simulate;
pub mod trace;

use crate::args::{Cli, Verb};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::screen::{self, Screen};

/// What every verb gets.
#[derive(Clone, Debug)]
pub struct Context {
    /// What surrounds the process.
    pub environment: Environment,
    /// The command line, secrets masked.
    pub command: Vec<String>,
    /// Where text goes.
    pub screen: Screen,
}

/// Help, the version, or what was wrong with the command line.
pub fn not_parsed(answer: &clap::Error, arguments: &[String]) -> Exit {
    screen::answer(answer);
    if !answer.use_stderr() {
        return printed(Exit::Good);
    }
    let screen = Screen::of_this_process(arguments.iter().any(|a| a == "--json"), false, false);
    screen.object(&serde_json::json!({"error": answer.to_string(), "exit_code": Exit::Usage.code()}));
    Exit::Usage
}

/// Does what was asked; a failure is printed here and becomes its exit code.
pub fn run(cli: Cli, arguments: &[String], environment: Environment) -> Exit {
    let print = cli.verb.print();
    let no_color = environment.get("NO_COLOR").is_some();
    let context = Context {
        screen: Screen::of_this_process(print.json, print.quiet, no_color),
        command: crate::secret_fields::command(arguments),
        environment,
    };
    let done = match cli.verb {
        Verb::Aiperf(args) => aiperf::run(&args, &context),
        Verb::Bench(args) => bench::run(&args, &context),
        Verb::Engine(args) => engine::run(&args, &context),
        Verb::Simulate(args) => simulate::run(&args, &context),
        Verb::Explain(args) => explain::run(&args, &context),
        Verb::Report(args) => report::run(&args, &context),
        Verb::Calibrate(args) => calibrate::run(&args, &context),
        Verb::Metronome(args) => metronome::run(&args),
        Verb::Trace(args) => trace::run(&args, &context),
    };
    printed(done.unwrap_or_else(|failure| {
        context.screen.alarm(&format!("error: {failure}"));
        context.screen.object(&serde_json::json!({
            "error": failure.to_string(),
            "exit_code": failure.exit().code(),
        }));
        failure.exit()
    }))
}

/// The same exit, unless a result did not reach stdout: then nothing that is not worse than that counts.
fn printed(exit: Exit) -> Exit {
    Exit::first([exit].into_iter().chain(screen::lost().then_some(Exit::Internal)))
}
