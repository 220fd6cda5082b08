//! `cargo xtask test`: what the tests need, then every test.
//!
//! A step that lacks something only root may install is left out by name, and so is a test that finds its engine
//! missing; a step that fails is a failure, and the steps after it still run.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::engine::Engine;
use crate::{Outcome, engine, fuzz, proc, tidy};

/// Seconds each fuzz target looks for new inputs.
const FUZZ_SECONDS: u64 = 5;
/// The fuzz targets' seed here: a failure repeats.
const FUZZ_SEED: u32 = 1;

/// What happened so far.
#[derive(Default)]
struct Tally {
    /// Steps in order, with their seconds.
    done: Vec<(&'static str, f64)>,
    /// What failed, and why.
    failed: Vec<String>,
    /// What was left out, and why.
    left_out: Vec<String>,
}

/// `cargo xtask test`.
pub(crate) fn run(_args: &[String]) -> Outcome {
    let mut tally = Tally::default();
    let engine = prepare(&mut tally);
    tally.step("fmt", || proc::run(&mut proc::cargo(&["fmt", "--all", "--check"])));
    tally.step("clippy", || {
        proc::run(&mut proc::cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    run_tests(&mut tally, engine.as_ref());
    tally.step("tidy", || tidy::run(&[]));
    run_fuzzers(&mut tally);
    tally.close()
}

/// Installs the real engine; without it the tests that want it are left out. As root nothing may be missing.
fn prepare(tally: &mut Tally) -> Option<Engine> {
    let start = Instant::now();
    let installed = engine::installed();
    tally.done.push(("engine", start.elapsed().as_secs_f64()));
    installed.map_err(|problem| tally.missing("the small real engine", &problem.to_string())).ok()
}

/// Runs every test of the workspace. A test that lacks something writes a line to the file named by
/// `TOKMARK_LEFT_OUT`: its name, a tab, what it lacks.
fn run_tests(tally: &mut Tally, engine: Option<&Engine>) {
    let list = proc::target().join("left-out.txt");
    let _ = fs::remove_file(&list);
    let mut cargo = proc::cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    cargo.env("TOKMARK_LEFT_OUT", &list);
    if let Some(engine) = engine {
        cargo.env("TOKMARK_TEST_ENGINE", &engine.folder).env("TOKMARK_TEST_TOKENIZER", &engine.tokenizer);
    }
    tally.step("tests", || proc::run(&mut cargo));
    tally.left_out.extend(left_out(&list));
}

fn left_out(list: &PathBuf) -> Vec<String> {
    let text = fs::read_to_string(list).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(|line| line.replace('\t', ": ")).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Each fuzz target looks a few seconds for new inputs; the known ones were replayed by the tests.
fn run_fuzzers(tally: &mut Tally) {
    let names = match fuzz::targets() {
        Ok(names) => names,
        Err(problem) => return tally.failed.push(problem.to_string()),
    };
    let start = Instant::now();
    let build = match fuzz::Build::make() {
        Ok(build) => build,
        Err(problem) => {
            return tally.missing(&format!("fuzzing {}", names.join(", ")), &problem.to_string());
        }
    };
    tally.done.push(("fuzz build", start.elapsed().as_secs_f64()));
    for name in &names {
        tally.step("fuzz", || build.search(name, FUZZ_SECONDS, Some(FUZZ_SEED)));
    }
}

impl Tally {
    fn step(&mut self, name: &'static str, act: impl FnOnce() -> Outcome) {
        println!("\n=== {name}");
        let start = Instant::now();
        if let Err(problem) = act() {
            self.failed.push(format!("{name}: {problem}"));
        }
        self.done.push((name, start.elapsed().as_secs_f64()));
    }

    /// Something could not be installed: without root that is to be expected, as root it is a failure.
    fn missing(&mut self, what: &str, why: &str) {
        if proc::is_root() {
            self.failed.push(format!("{what}: {why}"));
        } else {
            self.left_out.push(format!("{what}: {why}"));
        }
    }

    fn close(self) -> Outcome {
        println!("\n=== summary");
        for (name, seconds) in &self.done {
            println!("{seconds:>7.1} s  {name}");
        }
        println!("{:>7.1} s  in all", self.done.iter().map(|(_, seconds)| seconds).sum::<f64>());
        println!("{:>7} packages in Cargo.lock", locked_packages());
        if !self.left_out.is_empty() {
            println!("\nleft out:");
            self.left_out.iter().for_each(|line| println!("  {}", line.replace('\n', "\n  ")));
        }
        if self.failed.is_empty() {
            println!("\nevery test that ran has passed");
            return Ok(());
        }
        Err(format!("{} failed\n{}", self.failed.len(), self.failed.join("\n")).into())
    }
}

fn locked_packages() -> usize {
    let lock = fs::read_to_string(proc::root().join("Cargo.lock")).unwrap_or_default();
    lock.lines().filter(|line| *line == "[[package]]").count()
}
