//! The live server against virtual time: one spec, measured over HTTP by `tokmark bench` and played by `tokmark simulate`.
//!
//! Lengths vary: where all replies are equally long, streams that end in one pass start again in one pass for ever, to the
//! microsecond in virtual time, while over HTTP the first of them gets a pass alone.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{percent, statistic, tokmark};
use crate::Outcome;

/// What is compared, and within what.
const SHOWN: [(&str, &str); 4] = [
    ("time_to_first_token", "50"),
    ("time_to_first_token", "99"),
    ("inter_token_latency", "50"),
    ("inter_token_latency", "99"),
];

/// Engines compared, each with what makes it one.
const CASES: &[(&str, u32, &str)] = &[
    ("vllm", 1, "round_robin"),
    ("vllm", 4, "kv"),
    ("sglang", 1, "round_robin"),
    ("trtllm", 1, "round_robin"),
];

/// Every case, a line each.
pub(super) fn run(folder: &Path, quick: bool) -> Outcome {
    let folder = folder.join("live");
    fs::create_dir_all(&folder)?;
    println!("| engine | | TTFT p50 ms | p99 | ITL p50 ms | p99 |");
    println!("|---|---|---|---|---|---|");
    for &(kind, workers, router) in CASES {
        let path = folder.join("spec.json");
        fs::write(&path, spec(kind, workers, router, &folder, if quick { 256 } else { 1_024 }).to_string())?;
        let ask = |verb: &str| -> Result<[Option<f64>; 4], Box<dyn Error>> {
            let run = tokmark(
                &[verb, "-f", &path.display().to_string(), "--validity", "report"].map(str::to_owned),
            )?;
            Ok(SHOWN.map(|(tag, which)| statistic(&run, tag, which)))
        };
        print(&format!("{kind} × {workers}, {router}"), ask("bench")?, ask("simulate")?);
    }
    Ok(())
}

fn spec(kind: &str, workers: u32, router: &str, folder: &Path, requests: u32) -> Value {
    json!({
        "workload": {"isl": 512, "isl_stddev": 128, "osl": 64, "osl_stddev": 16, "prefix": {"length": 256, "pool": 8}},
        "load": {"concurrency": 64, "requests": requests, "warmup": 64},
        "engine": {"kind": kind}, "deployment": {"workers": workers}, "router": {"policy": router},
        "output": {"dir": folder},
    })
}

fn print(case: &str, live: [Option<f64>; 4], virtual_time: [Option<f64>; 4]) {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    println!("| {case} | live | {} |", live.map(number).join(" | "));
    println!("| {case} | virtual time | {} |", virtual_time.map(number).join(" | "));
    let mut differences = [const { String::new() }; 4];
    for (cell, pair) in differences.iter_mut().zip(live.into_iter().zip(virtual_time)) {
        *cell = match pair {
            (Some(live), Some(twin)) => format!("{:+.2} ms ({:+.1} %)", live - twin, percent(live, twin)),
            _ => "–".to_owned(),
        };
    }
    println!("| {case} | live − virtual | {} |", differences.join(" | "));
}
