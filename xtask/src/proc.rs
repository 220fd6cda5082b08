//! Other programs: where they are, and how to run one so that its failure is understood.

use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one folder below the top").to_owned()
}

/// Where what the tests need is kept between runs: `$XDG_CACHE_HOME/tokmark`, else a folder of `target/`.
pub(crate) fn cache() -> PathBuf {
    match std::env::var_os("XDG_CACHE_HOME") {
        Some(home) if !home.is_empty() => Path::new(&home).join("tokmark"),
        _ => target().join("tokmark-test-cache"),
    }
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The cargo that runs us, at the top of the repository.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Runs a command with our own terminal, after printing it.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = told(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}").into()),
        Err(problem) => Err(format!("`{line}` could not be started: {problem}").into()),
    }
}

/// Runs a command and gives what it printed on stdout; its stderr is part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let line = told(command);
    let out = command.output().map_err(|problem| format!("`{line}` could not be started: {problem}"))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(format!("`{line}` ended with {}: {}", out.status, said.trim()).into())
}

/// Whether a program is on the path.
pub(crate) fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether we may install Debian packages.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Installs Debian packages if we may. The error says which are missing and what would help.
pub(crate) fn install(packages: &[&str]) -> Outcome {
    let names = packages.join(" ");
    if !is_root() {
        return Err(format!(
            "{names} missing, and only root may install it\n  hint: sudo apt-get install {names}"
        )
        .into());
    }
    if !found("apt-get") {
        return Err(format!(
            "{names} missing, and this is not a Debian machine\n  hint: install {names} by hand"
        )
        .into());
    }
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]).args(args);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], packages].concat())
}

/// The command as a person would type it.
fn told(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    std::iter::once(command.get_program().to_string_lossy()).chain(args).collect::<Vec<_>>().join(" ")
}
