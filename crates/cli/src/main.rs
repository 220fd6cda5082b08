//! The tokmark binary: reads the command line, hands it on, ends with the exit code.

use std::process::ExitCode;

use tokmark::args::Cli;
use tokmark::commands;
use tokmark::environment::Environment;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    match Cli::read() {
        Ok(cli) => commands::run(cli, &arguments, Environment::of_this_process()).into(),
        Err(answer) => commands::not_parsed(&answer, &arguments).into(),
    }
}
