//! What `--help` and `explain` look like.

use crate::tool::{command, run};

fn help(args: &[&str]) -> String {
    let said = run(args);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout
}

#[test]
fn help_of_the_tool() {
    insta::assert_snapshot!(help(&["--help"]));
}

#[test]
fn help_of_bench() {
    insta::assert_snapshot!(help(&["bench", "--help"]));
}

#[test]
fn help_of_aiperf_profile() {
    insta::assert_snapshot!(help(&["aiperf", "profile", "--help"]));
}

#[test]
fn explain_shows_every_value_and_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("spec.yaml");
    std::fs::write(
        &file,
        "load:\n  requests: 10x\ntarget:\n  headers:\n    Authorization: Bearer x-secret\n",
    )
    .unwrap();
    let output = command([
        "explain",
        "http://host:8000",
        "--concurrency",
        "1,8",
        "--tp",
        "4",
        "--workers",
        "1",
        "--set",
        "load.grace=5s",
        "-f",
    ])
    .arg(&file)
    .env("TOKMARK_ISL", "64")
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).replace(&file.display().to_string(), "spec.yaml");
    assert!(!text.contains("x-secret"));
    insta::assert_snapshot!(text);
}

#[test]
fn explain_of_the_sample_names_what_is_not_done() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/benchmark-config.yaml");
    let said = run(&["explain", "-f", sample]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let notes: Vec<&str> = said.stdout.lines().filter(|line| line.starts_with("note:")).collect();
    insta::assert_snapshot!(notes.join("\n").replace(sample, "benchmark-config.yaml"));
}
