//! Fuzzing with libFuzzer on a stable compiler.
//!
//! What cargo-fuzz passes to a nightly compiler for coverage are plain code generation options; `fuzz/rustc.sh` passes them
//! for the crates of this workspace. Only the address sanitizer would need nightly, and what is fuzzed has no unsafe to
//! sanitise. The corpora are replayed by the ordinary tests of the crate `fuzz/`, which need no libFuzzer.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, proc};

/// How long a run is without `--time`.
const DEFAULT_SECONDS: u64 = 60;

/// `cargo xtask fuzz [TARGET] [--time 60s]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut target, mut seconds) = (None, DEFAULT_SECONDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--time" => seconds = parse_seconds(args.next().map_or("", String::as_str))?,
            flag if flag.starts_with('-') => {
                return Err(format!("there is no flag `{flag}`\n  hint: --time 60s").into());
            }
            name => target = Some(name),
        }
    }
    let names = targets()?;
    let Some(name) = target else {
        println!("{}", names.join("\n"));
        return Ok(());
    };
    if !names.iter().any(|known| known == name) {
        return Err(format!("there is no fuzz target `{name}`\n  hint: {}", names.join(", ")).into());
    }
    Build::make()?.search(name, seconds, None)
}

/// Every target: each has a program in `fuzz/targets`.
pub(crate) fn targets() -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(proc::root().join("fuzz/targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// `90`, `90s`, `5m`, `2h`.
fn parse_seconds(text: &str) -> Result<u64, Box<dyn Error>> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: Option<u64> = text.strip_suffix(unit).and_then(|number| number.parse().ok());
    let seconds = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    match (number, seconds) {
        (Some(number), Some(seconds)) => Ok(number * seconds),
        _ => Err(format!("`{text}` is no time\n  hint: --time 60s, 5m or 2h").into()),
    }
}

/// The built targets.
pub(crate) struct Build {
    programs: PathBuf,
}

impl Build {
    /// Builds every target; as root a C++ compiler, which libFuzzer is written for, is installed if there is none.
    pub(crate) fn make() -> Result<Self, Box<dyn Error>> {
        if !proc::found("c++") && std::env::var_os("CXX").is_none() {
            proc::install(&["g++"])?;
        }
        let mut cargo =
            proc::cargo(&["build", "--quiet", "--locked", "-p", "tokmark-fuzz", "--features", "libfuzzer"]);
        cargo
            .env("RUSTC_WORKSPACE_WRAPPER", proc::root().join("fuzz/rustc.sh"))
            .env("CARGO_INCREMENTAL", "0");
        proc::run(&mut cargo)?;
        Ok(Self { programs: proc::target().join("debug") })
    }

    /// Looks for an input that breaks the target. What adds coverage is kept under `target/`, what breaks it under
    /// `fuzz/artifacts/`.
    pub(crate) fn search(&self, target: &str, seconds: u64, seed: Option<u32>) -> Outcome {
        let found = proc::target().join("fuzz-corpus").join(target);
        fs::create_dir_all(&found)?;
        let mut program = self.program(target)?;
        program.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        program.args(seed.map(|seed| format!("-seed={seed}")));
        program.arg(found).arg(corpus(target));
        proc::run(&mut program).map_err(|problem| {
            let text = format!("{problem}\n  hint: the input lies in fuzz/artifacts/{target}/; mend, then add it to fuzz/corpus/{target}/");
            text.into()
        })
    }

    fn program(&self, target: &str) -> Result<Command, Box<dyn Error>> {
        let artifacts = proc::root().join("fuzz").join("artifacts").join(target);
        fs::create_dir_all(&artifacts)?;
        let mut program = Command::new(self.programs.join(target));
        program.arg(format!("-artifact_prefix={}/", artifacts.display()));
        program.args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=16384",
            "-verbosity=0",
            "-print_funcs=0",
        ]);
        Ok(program)
    }
}

fn corpus(target: &str) -> PathBuf {
    proc::root().join("fuzz").join("corpus").join(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(parse_seconds("90").unwrap(), 90);
        assert_eq!(parse_seconds("5m").unwrap(), 300);
        assert!(parse_seconds("soon").is_err());
    }

    #[test]
    fn targets_are_the_programs() {
        let found = targets().unwrap();
        assert!(found.iter().any(|name| name == "stream") && found.len() > 10, "{found:?}");
    }
}
