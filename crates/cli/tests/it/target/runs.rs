//! Whole runs: files, sweeps, interruption, a kill, the dry run, the simulated target.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokmark_play::{Fault, FaultRule};

use super::{bench, run_dir, serve};
use crate::tool::{Said, process, run};

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_run_leaves_its_directory() {
    let server = serve(Vec::new());
    let out = tempfile::tempdir().unwrap();
    let said =
        bench(&server.url(), out.path(), &["--gpus", "2", "--name", "first", "--profile-export-jsonl"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let dir = run_dir(out.path());
    assert!(dir.file_name().unwrap().to_string_lossy().contains("-first-"));
    for file in [
        "run.json",
        "records.jsonl.zst",
        "series.jsonl.zst",
        "summary.json",
        "summary.md",
        "profile_export_aiperf.json",
        "profile_export_aiperf.csv",
        "profile_export.jsonl",
        "deployment_config.json",
    ] {
        assert!(dir.join(file).is_file(), "{file} is missing");
    }
    let header = json(&dir.join("run.json"));
    assert_eq!(header["model"], "tiny");
    assert_eq!(header["origins"]["target.model"], "derived");
    assert_eq!(header["origins"]["deployment.gpus"], "flag");
    assert_eq!(header["origins"]["workload.seed"], "default");
    assert_eq!(header["simulated"], false);
    let aiperf = json(&dir.join("profile_export_aiperf.json"));
    assert!(aiperf["time_to_first_token"]["avg"].is_number());
    let again = run(&["report", &dir.display().to_string(), "--json"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(again.json()["summary"], said.json()["summary"]);
}

#[test]
fn a_sweep_is_one_directory_a_point_and_one_table() {
    let server = serve(Vec::new());
    let out = tempfile::tempdir().unwrap();
    let said = bench(&server.url(), out.path(), &["--concurrency", "1,4", "--requests", "8"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let dir = run_dir(out.path());
    for point in ["c1", "c4"] {
        assert!(dir.join(point).join("summary.json").is_file(), "{point}");
    }
    assert_eq!(said.json()["points"].as_array().unwrap().len(), 2);
    let again = run(&["report", &dir.display().to_string()]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let said =
        bench(&server.url(), out.path().join("r").as_path(), &["--rate", "50,100", "--requests", "10"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

/// Reads the rest of a child's words once it has ended.
fn ended(mut child: Child) -> Said {
    let status = child.wait().unwrap();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Said { code: status.code(), stdout, stderr }
}

/// Starts a run that would take ten minutes and returns once records of it are on disk.
fn long_run(url: &str, out: &Path) -> Child {
    let child =
        process(["bench", url, "--duration", "10m", "--concurrency", "2", "--isl", "8", "--osl", "4"])
            .args(["--validity", "report", "--json", "--grace", "2s", "--out"])
            .arg(out)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    let written = || {
        let dir = std::fs::read_dir(out).ok()?.next()?.ok()?.path();
        Some(std::fs::metadata(dir.join("records.jsonl.zst")).ok()?.len())
    };
    // Until something is written; a test that hangs is ended by whoever runs it.
    while written().unwrap_or(0) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn an_interrupt_drains_reports_and_exits_130() {
    let server = serve(Vec::new());
    let out = tempfile::tempdir().unwrap();
    let child = long_run(&server.url(), out.path());
    signal(&child, "-INT");
    let said = ended(child);
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    let summary = &said.json()["summary"];
    assert_eq!(summary["interrupted"], true);
    assert!(summary["counts"]["succeeded"].as_u64().unwrap() > 0);
    assert!(run_dir(out.path()).join("summary.json").is_file());
}

#[test]
fn a_second_interrupt_cuts_what_is_in_flight() {
    let stalling = serve(vec![FaultRule { every: 5, fault: Fault::StallAfter { tokens: 1 } }]);
    let out = tempfile::tempdir().unwrap();
    let child = process([
        "bench",
        &stalling.url(),
        "--duration",
        "10m",
        "--concurrency",
        "16",
        "--isl",
        "8",
        "--osl",
        "4",
    ])
    .args(["--validity", "report", "--json", "--grace", "1h", "--out"])
    .arg(out.path())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    // Every stream ends up stalled sooner or later; records of the others come first.
    while stalling.stats().requests < 40 {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Two signals of one kind may be delivered as one; of two kinds both are heard.
    signal(&child, "-INT");
    signal(&child, "-TERM");
    let said = ended(child);
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    assert!(said.json()["summary"]["counts"]["cut"].as_u64().unwrap() > 0);
}

#[test]
fn a_killed_run_is_rebuilt_from_its_records() {
    let server = serve(Vec::new());
    let out = tempfile::tempdir().unwrap();
    let mut child = long_run(&server.url(), out.path());
    child.kill().unwrap();
    child.wait().unwrap();
    let dir = run_dir(out.path());
    assert!(!dir.join("summary.json").exists());
    let said = run(&["report", &dir.display().to_string(), "--json"]);
    let summary = &said.json()["summary"];
    assert_eq!(summary["complete"], false, "{}", said.stderr);
    assert!(summary["counts"]["succeeded"].as_u64().unwrap() > 0);
    assert!(dir.join("summary.json").is_file() && said.stderr.contains("rebuilding"));
    // The header was written before the load; what reached the disk of the health series has the exact time.
    let run = tokmark_store::Run::open(&dir).unwrap();
    let exact = tokmark_store::rebuild::exact_anchor(&run).unwrap();
    assert!(exact.is_none_or(|ns| run.header().anchor_unix_ns == ns), "{exact:?}");
    assert!(said.stderr.contains("records were read"), "{}", said.stderr);
}

#[test]
fn a_dry_run_says_what_it_would_do_and_sends_nothing() {
    let out = tempfile::tempdir().unwrap();
    let said = bench("http://127.0.0.1:9", out.path(), &["--dry-run", "--rate", "4", "--requests", "40"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let plan = &said.json()["plan"][0];
    assert_eq!((&plan["requests"], &plan["input_tokens"]), (&40.into(), &640.0.into()));
    assert_eq!(plan["output_tokens"], 320.0);
    assert_eq!(plan["samples_missing"][0]["percentile"], "p95");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn without_a_url_a_simulated_engine_is_measured_and_it_says_so() {
    let out = tempfile::tempdir().unwrap();
    let args = ["bench", "--requests", "8", "--osl", "4", "--validity", "report"];
    let said = crate::tool::run_in(out.path(), &args);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("SIMULATED TARGET"), "{}", said.stderr);
    assert_eq!(json(&run_dir(out.path()).join("run.json"))["simulated"], true);
}

#[test]
fn an_open_loop_may_ask_for_more_requests_than_files_may_be_open() {
    let server = serve(Vec::new());
    let out = tempfile::tempdir().unwrap();
    let line = format!(
        "ulimit -n 128; exec {} bench {} --rate 1000 --requests 300 --isl 8 --osl 2 --validity report --out {}",
        env!("CARGO_BIN_EXE_tokmark"),
        server.url(),
        out.path().display()
    );
    let said = Said::of(&std::process::Command::new("bash").args(["-c", &line]).output().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn every_way_to_load_runs() {
    let server = serve(Vec::new());
    for args in [
        &["--rate", "200", "--arrival", "constant"][..],
        &["--rate", "200", "--arrival", "gamma", "--burstiness", "0.5", "--max-concurrency", "2"],
        &["--burst"],
        &["--concurrency", "2", "--warmup", "2x", "--cooldown", "4"],
        &["--endpoint", "completions", "--no-stream"],
        &["--no-stream", "--count-tokens", "tokenizer"],
        &["--extra", "temperature:0", "--max-tokens-field", "max_completion_tokens"],
        &["--check-request", "--prefix-length", "8", "--prefix-pool", "2"],
    ] {
        let out = tempfile::tempdir().unwrap();
        let said = bench(&server.url(), out.path(), args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.stderr);
        assert_eq!(said.json()["summary"]["counts"]["succeeded"], 12, "{args:?}");
    }
}
