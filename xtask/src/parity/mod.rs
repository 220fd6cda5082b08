//! `cargo xtask parity [dynamo|live|vllm] [--quick]`: the simulated engines held against the real thing. Not part of the tests: it takes
//! minutes, and `vllm` wants the machine for itself.
//!
//! - `dynamo`: Dynamo's own offline replay on the same requests ([`dynamo`]);
//! - `live`: the same spec over HTTP and in virtual time ([`live`]);
//! - `vllm`: vLLM on this CPU, profiled into a table, then simulated with it and measured ([`vllm`]).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, proc};

mod dynamo;
mod live;
mod vllm;

/// `cargo xtask parity`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let quick = args.iter().any(|arg| arg == "--quick");
    let names: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--quick").collect();
    proc::run(&mut proc::cargo(&["build", "--release", "--locked"]))?;
    let folder = proc::target().join("parity");
    std::fs::create_dir_all(&folder)?;
    match names[..] {
        [] => [dynamo::run, live::run, vllm::run].iter().try_for_each(|part| part(&folder, quick)),
        ["dynamo"] => dynamo::run(&folder, quick),
        ["live"] => live::run(&folder, quick),
        ["vllm"] => vllm::run(&folder, quick),
        _ => Err("hint: cargo xtask parity [dynamo|live|vllm] [--quick]".into()),
    }
}

/// Runs the release binary with `--json` and gives its object. Exit codes that a measurement may well end with are no failure.
fn tokmark(args: &[String]) -> Result<Value, Box<dyn Error>> {
    let program = proc::target().join("release/tokmark");
    let out = Command::new(&program).args(args).args(["--json", "-q"]).output()?;
    let object: Value = serde_json::from_slice(&out.stdout)
        .map_err(|e| format!("tokmark {}: {e}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr)))?;
    if object.get("summary").is_none() {
        return Err(format!("tokmark {}: {}", args.join(" "), object["error"]).into());
    }
    Ok(object)
}

/// One statistic of a metric of a run's summary: `mean`, or a percentile as `50`.
fn statistic(run: &Value, tag: &str, which: &str) -> Option<f64> {
    let metrics = run["summary"]["metrics"].as_array()?;
    let values = &metrics.iter().find(|metric| metric["tag"] == tag)?["values"];
    if which == "mean" {
        return values["mean"].as_f64();
    }
    let p: f64 = which.parse().ok()?;
    values["percentiles"].as_array()?.iter().find(|entry| entry["p"].as_f64() == Some(p))?["value"].as_f64()
}

/// Where a run's files are.
fn run_dir(run: &Value) -> Result<PathBuf, Box<dyn Error>> {
    run["run_dir"].as_str().map(|dir| Path::new(dir).to_owned()).ok_or_else(|| "no run_dir".into())
}

/// `ours` against `theirs`, in percent.
fn percent(ours: f64, theirs: f64) -> f64 {
    (ours / theirs - 1.0) * 100.0
}
