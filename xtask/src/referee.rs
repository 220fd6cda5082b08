//! `cargo xtask referee [--requests N] [--concurrency N]`: AIPerf and tokmark on one target, both results side by side.
//!
//! The target is the small real engine. Both clients get the same command line, tokmark under `tokmark aiperf`, and both write
//! `profile_export_aiperf.json`, which is what is compared. It is no test: two runs differ, and it takes minutes.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::engine::{self, Engine, Running};
use crate::{Outcome, proc};

/// The AIPerf that is asked.
const AIPERF: &str = "aiperf==0.13.0";
/// What is shown of a metric.
const STATISTICS: &[&str] = &["avg", "p50", "p99"];

/// `cargo xtask referee`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut requests, mut concurrency) = ("60", "4");
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--requests" => requests = value,
            [flag, value] if flag == "--concurrency" => concurrency = value,
            _ => return Err("hint: cargo xtask referee [--requests N] [--concurrency N]".into()),
        }
    }
    let engine = engine::installed()?;
    let aiperf = install_aiperf()?;
    proc::run(&mut proc::cargo(&["build", "--release", "--locked"]))?;
    let folder = proc::target().join("referee");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let server = engine.start("referee", 4)?;
    let ask = |program: &Path, first: &[&str], name: &str| {
        let artifacts = folder.join(name);
        let mut command = Command::new(program);
        command.args(first).args(load(&engine, &server, requests, concurrency));
        command.arg("--artifact-dir").arg(&artifacts);
        ask(command, &artifacts)
    };
    let tokmark = proc::target().join("release/tokmark");
    // The one that measures second finds the engine warmer, so each measures once before its run counts.
    for round in ["warm-up", "run"] {
        ask(&aiperf, &["profile", "--ui", "none"], &format!("aiperf-{round}"))?;
        ask(&tokmark, &["aiperf", "profile"], &format!("tokmark-{round}"))?;
    }
    print_table(&read(&folder.join("aiperf-run"))?, &read(&folder.join("tokmark-run"))?);
    Ok(())
}

/// AIPerf in a virtual environment of its own in the cache. It is large, so uv, which is quick, installs it.
fn install_aiperf() -> Result<PathBuf, Box<dyn Error>> {
    let folder = proc::cache().join(AIPERF.replace("==", "-"));
    let program = folder.join("bin/aiperf");
    if program.is_file() {
        return Ok(program);
    }
    proc::run(Command::new(engine::python()?).args(["-m", "venv"]).arg(&folder))?;
    proc::run(Command::new(folder.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "uv",
    ]))?;
    proc::run(
        Command::new(folder.join("bin/uv"))
            .args(["pip", "install", "--quiet", "--python"])
            .arg(folder.join("bin/python"))
            .arg(AIPERF),
    )?;
    Ok(program)
}

/// The command line both get.
fn load(engine: &Engine, server: &Running, requests: &str, concurrency: &str) -> Vec<String> {
    let tokenizer = engine.tokenizer.to_string_lossy();
    let words = [
        ["--model", server.model.as_str()],
        ["--url", server.url.as_str()],
        ["--endpoint-type", "chat"],
        ["--tokenizer", &*tokenizer],
        ["--concurrency", concurrency],
        ["--request-count", requests],
        ["--warmup-request-count", concurrency],
        ["--synthetic-input-tokens-mean", "128"],
        ["--output-tokens-mean", "64"],
        ["--extra-inputs", "ignore_eos:true"],
        ["--random-seed", "1"],
    ];
    // Random weights say words that do not come out of their own text again, so the engine counts, not a tokenizer.
    let switches = ["--streaming", "--use-server-token-count"];
    words.concat().into_iter().chain(switches).map(str::to_owned).collect()
}

fn ask(mut command: Command, artifacts: &Path) -> Outcome {
    fs::create_dir_all(artifacts)?;
    let log = fs::File::create(artifacts.join("log.txt"))?;
    command.stdout(log.try_clone()?).stderr(log);
    // Without compiled modules AIPerf takes minutes to start, and offline it takes a folder for a name on the hub.
    command.env_remove("PYTHONDONTWRITEBYTECODE").env_remove("HF_HUB_OFFLINE");
    let start = Instant::now();
    proc::run(&mut command)
        .map_err(|problem| format!("{problem}\n  hint: see {}/log.txt", artifacts.display()))?;
    println!("  {:.1} s, its start included", start.elapsed().as_secs_f64());
    Ok(())
}

/// The summary somewhere under `folder`, found as scripts find it: by its name.
fn read(folder: &Path) -> Result<Value, Box<dyn Error>> {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name == "profile_export_aiperf.json") {
                return Ok(serde_json::from_str(&fs::read_to_string(path)?)?);
            }
        }
    }
    Err(format!("no profile_export_aiperf.json under {}", folder.display()).into())
}

/// Every metric that both have, its statistics side by side, and the names of the rest.
fn print_table(aiperf: &Value, tokmark: &Value) {
    let (theirs, ours) = (metrics(aiperf), metrics(tokmark));
    println!("\n{:<38} {:<4} {:>12} {:>12} {:>9}  unit", "", "", "AIPerf", "tokmark", "apart");
    for metric in theirs.intersection(&ours) {
        let (their, our) = (&aiperf[metric.as_str()], &tokmark[metric.as_str()]);
        for statistic in STATISTICS {
            let (Some(their), Some(our)) = (their[*statistic].as_f64(), our[*statistic].as_f64()) else {
                continue;
            };
            let apart =
                if their == 0.0 { String::new() } else { format!("{:+.1} %", 100.0 * (our / their - 1.0)) };
            println!(
                "{metric:<38} {statistic:<4} {their:>12.3} {our:>12.3} {apart:>9}  {}",
                unit(&tokmark[metric.as_str()])
            );
        }
    }
    let names =
        |metrics: Vec<&String>| metrics.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    println!("\nAIPerf alone has {}", names(theirs.difference(&ours).collect()));
    println!("tokmark alone has {}", names(ours.difference(&theirs).collect()));
}

/// The names of the metrics in a summary: entries with a unit.
fn metrics(summary: &Value) -> BTreeSet<String> {
    let entries = summary.as_object().into_iter().flatten();
    entries.filter(|(_, value)| value.get("unit").is_some()).map(|(name, _)| name.clone()).collect()
}

fn unit(metric: &Value) -> &str {
    metric["unit"].as_str().unwrap_or_default()
}
