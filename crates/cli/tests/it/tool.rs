//! Runs the built binary with a clean environment.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What a run of the tool said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The object on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}\nstdout: {}\nstderr: {}", self.stdout, self.stderr))
    }
}

/// The tool, in an environment of nothing but what is needed to run at all. One that hangs is ended, with code 124.
pub(crate) fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["120", env!("CARGO_BIN_EXE_tokmark")]);
    clean(&mut command).args(args);
    command
}

/// The same as a process of its own, for tests that send it signals.
pub(crate) fn process<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokmark"));
    clean(&mut command).args(args);
    command
}

fn clean(command: &mut Command) -> &mut Command {
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "dumb").env("NO_COLOR", "1")
}

/// Runs it to its end.
pub(crate) fn run(args: &[&str]) -> Said {
    Said::of(&command(args).output().unwrap())
}

/// Runs it with results under `out`.
pub(crate) fn run_in(out: &Path, args: &[&str]) -> Said {
    Said::of(&command(args).arg("--out").arg(out).output().unwrap())
}
