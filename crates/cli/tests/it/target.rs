//! The tool against targets that behave and targets that do not: exit code, error kind, files.

mod bad_input;
mod documented;
mod faults;
mod runs;

use std::path::{Path, PathBuf};

use tokmark_base::Micros;
use tokmark_engine::Slots;
use tokmark_perf::Constant;
use tokmark_play::{Config, FaultRule, Handle, Server};

use crate::tool::{Said, command};

/// Name of the model every server here serves.
pub(crate) const MODEL: &str = "tiny";

/// A server that takes 1 ms to the first token and 1 ms a token, with these faults.
pub(crate) fn serve(faults: Vec<FaultRule>) -> Handle {
    serve_with(|config| config.faults = faults)
}

/// The same with any change.
pub(crate) fn serve_with(change: impl FnOnce(&mut Config)) -> Handle {
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let mut config = Config::new(MODEL, Slots::new(timing, 1_024).unwrap());
    change(&mut config);
    Server::start(config).unwrap()
}

/// `tokmark bench URL` with a small load; how well this shared machine measures is not asked here.
pub(crate) fn bench(url: &str, out: &Path, args: &[&str]) -> Said {
    let small = ["--osl", "8", "--validity", "report", "--json"];
    // A file of prompts has its own lengths.
    let lengths: &[&str] = if args.contains(&"--input") { &[] } else { &["--isl", "16"] };
    let load: &[&str] =
        if args.iter().any(|a| ["--rate", "--concurrency", "--burst", "--duration"].contains(a)) {
            &[]
        } else {
            &["--concurrency", "4"]
        };
    let count: &[&str] = if args.iter().any(|a| ["--requests", "--duration"].contains(a)) {
        &[]
    } else {
        &["--requests", "12"]
    };
    let output = command(["bench", url])
        .args(small)
        .args(lengths)
        .args(load)
        .args(count)
        .args(args)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    Said::of(&output)
}

/// The only directory in `out`.
pub(crate) fn run_dir(out: &Path) -> PathBuf {
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(out).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(dirs.len(), 1, "{dirs:?}");
    dirs.remove(0)
}
