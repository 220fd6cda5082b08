//! `tokmark trace`, from files to files.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::tool::{Said, command, run};

/// Runs `tokmark trace`, in `dir`.
fn trace(dir: &Path, args: &[&str]) -> Said {
    let mut all = vec!["trace"];
    all.extend(args);
    Said::of(&command(all).current_dir(dir).output().unwrap())
}

#[track_caller]
fn good(said: Said) -> Said {
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    said
}

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// The example of the README of Dynamo's data generator, in blocks of one token, a second apart.
const EXAMPLE: &str = r#"{"timestamp": 0, "input_length": 4, "output_length": 10, "hash_ids": [0, 1, 2, 3]}
{"timestamp": 1000, "input_length": 2, "output_length": 20, "hash_ids": [0, 1]}
{"timestamp": 2000, "input_length": 3, "output_length": 30, "hash_ids": [0, 1, 2]}
{"timestamp": 3000, "input_length": 3, "output_length": 40, "hash_ids": [0, 4, 5]}
"#;

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn analyze_says_what_a_trace_holds() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    let args = ["analyze", "t.jsonl", "--block-size", "1", "--cache-blocks", "2,1k", "--plot", "t.svg"];
    let said = good(trace(dir.path(), &args));
    insta::assert_snapshot!(said.stdout);
    let json = good(trace(dir.path(), &[&args[..], &["--json"]].concat())).json();
    assert_eq!(json["rows"], 4);
    assert_eq!(json["context_length"]["mean"], 2.25);
    assert_eq!(json["hit_rate"]["max"], 1.0);
    assert_eq!(json["hit_rate_of_blocks"], 0.5);
    assert_eq!(json["arrivals"]["rate_per_s"], 1.0);
    assert_eq!(json["arrivals"]["gap_cv"], 0.0);
    assert_eq!(json["caches"][1]["cache_blocks"], 1_000);
    assert_eq!(json["caches"][1]["hit_rate"], json["hit_rate"]);
    let picture = fs::read_to_string(dir.path().join("t.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("unique prompt"));
}

#[test]
fn a_trace_may_come_from_stdin() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = command(["trace", "cut", "-", "--skip-rows", "1", "--num-rows", "2"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(EXAMPLE.as_bytes()).unwrap();
    let said = good(Said::of(&child.wait_with_output().unwrap()));
    assert_eq!(
        said.stdout,
        "{\"timestamp\":0,\"input_length\":2,\"output_length\":20,\"hash_ids\":[0,1]}\n\
         {\"timestamp\":1000,\"input_length\":3,\"output_length\":30,\"hash_ids\":[0,1,2]}\n"
    );
    assert!(said.stderr.contains("2 rows written to stdout"), "{}", said.stderr);
}

#[test]
fn a_packed_trace_is_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    let packed = std::process::Command::new("gzip").arg("t.jsonl").current_dir(dir.path()).status().unwrap();
    assert!(packed.success());
    let said = good(trace(dir.path(), &["validate", "t.jsonl.gz", "--block-size", "1"]));
    assert_eq!(said.stdout, "t.jsonl.gz: 4 rows, nothing wrong\n");
}

#[test]
fn synthesize_makes_a_trace_like_its_source() {
    let dir = tempfile::tempdir().unwrap();
    good(trace(
        dir.path(),
        &["sine", "-o", "s.jsonl", "--total-blocks", "20", "--time-duration", "60", "--block-size", "64"],
    ));
    let args =
        ["synthesize", "s.jsonl", "--block-size", "64", "--num-requests", "1k", "-o", "made.jsonl", "--json"];
    let json = good(trace(dir.path(), &args)).json();
    assert_eq!((&json["rows_written"], &json["output"]), (&1_000.into(), &"made.jsonl".into()));
    let found = |name| good(trace(dir.path(), &["analyze", name, "--block-size", "64", "--json"])).json();
    let (source, made) = (found("s.jsonl"), found("made.jsonl"));
    for key in ["input_length", "output_length", "context_length"] {
        let (want, got) = (source[key]["mean"].as_f64().unwrap(), made[key]["mean"].as_f64().unwrap());
        assert!((got / want - 1.0).abs() < 0.05, "{key}: {got} instead of {want}");
    }
    // One seed, one trace.
    let first = fs::read(dir.path().join("made.jsonl")).unwrap();
    good(trace(dir.path(), &args));
    assert_eq!(fs::read(dir.path().join("made.jsonl")).unwrap(), first);
    good(trace(dir.path(), &[&args[..], &["--seed", "1"]].concat()));
    assert_ne!(fs::read(dir.path().join("made.jsonl")).unwrap(), first);
}

#[test]
fn sine_names_its_file_after_its_parameters() {
    let dir = tempfile::tempdir().unwrap();
    let said = good(trace(dir.path(), &["sine", "--time-duration", "2"]));
    let name = "sin_b512_t2_rr5-10-10_io1002000-5000100-0.2-0.8-10.jsonl";
    assert!(said.stderr.contains(name), "{}", said.stderr);
    for row in rows(&fs::read_to_string(dir.path().join(name)).unwrap()) {
        let kind = (row["input_length"].as_u64().unwrap(), row["output_length"].as_u64().unwrap());
        assert!([(100, 2_000), (5_000, 100)].contains(&kind), "{row}");
    }
}

/// Layout of BurstGPT 1.1, with a failed request, one of another model and one of another log.
const BURST: &str = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,230,1317,Conversation log
50,GPT-4,417,276,693,Conversation log
60,ChatGPT,100,0,100,Conversation log
118,ChatGPT,1360,647,2007,API log
120.5,ChatGPT,128,3,131,Conversation log
";

#[test]
fn burst_gpt_becomes_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "b.csv", BURST);
    let args =
        ["convert", "b.csv", "--format", "burstgpt", "--model", "ChatGPT", "--log-type", "Conversation log"];
    let more = ["--speed-ratio", "2", "--num-hash-blocks", "50", "-o", "b.jsonl", "--json"];
    let json = good(trace(dir.path(), &[&args[..], &more].concat())).json();
    assert_eq!(json["left_out"]["requests that failed (Response tokens 0)"], 1);
    assert_eq!(json["left_out"]["requests of another model or log"], 2);
    let made = rows(&fs::read_to_string(dir.path().join("b.jsonl")).unwrap());
    let of = |key: &str| made.iter().map(|row| row[key].as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("timestamp"), [0.0, 20_000.0, 57_750.0]);
    assert_eq!(of("input_length"), [472.0, 1_087.0, 128.0]);
    assert_eq!(of("output_length"), [18.0, 230.0, 3.0]);
    let blocks: Vec<usize> = made.iter().map(|row| row["hash_ids"].as_array().unwrap().len()).collect();
    assert_eq!(blocks, [4, 9, 1]);
    let cut = good(trace(
        dir.path(),
        &["convert", "b.csv", "--format", "burstgpt", "--skip-num-prompt", "1", "--num-prompt", "2"],
    ));
    let lengths: Vec<u64> =
        rows(&cut.stdout).iter().map(|row| row["input_length"].as_u64().unwrap()).collect();
    assert_eq!(lengths, [1_087, 417]);
    let said = trace(dir.path(), &["convert", "b.csv", "--format", "azure", "--model", "GPT-4"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
}

#[test]
fn azure_becomes_a_trace_without_ids() {
    let dir = tempfile::tempdir().unwrap();
    file(
        dir.path(),
        "a.csv",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n",
    );
    let said = good(trace(dir.path(), &["convert", "a.csv", "--format", "azure"]));
    assert_eq!(
        said.stdout,
        "{\"timestamp\":0,\"input_length\":4808,\"output_length\":10}\n{\"timestamp\":52,\"input_length\":3180,\"output_length\":8}\n"
    );
}

#[test]
fn share_gpt_becomes_a_trace_whose_blocks_are_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let answer = "a b c d e f";
    let talk = |asked: &str| serde_json::json!({"id": "x", "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]});
    let talks = serde_json::json!([
        talk("one two three four five six seven eight nine ten"),
        talk("one two three four five six seven eight and more"),
        talk("no"),
    ]);
    file(dir.path(), "s.json", &talks.to_string());
    let args = ["convert", "s.json", "--format", "sharegpt", "--block-size", "4", "-o", "s.jsonl", "--json"];
    let json = good(trace(dir.path(), &args)).json();
    assert_eq!(json["left_out"]["a question of fewer than 4 tokens"], 1);
    let made = rows(&fs::read_to_string(dir.path().join("s.jsonl")).unwrap());
    assert_eq!(made.len(), 2);
    assert_eq!(made[0]["hash_ids"], serde_json::json!([0, 1, 2]));
    assert_eq!(made[1]["hash_ids"], serde_json::json!([0, 1, 3]));
    assert_eq!((&made[0]["input_length"], &made[0]["output_length"]), (&10.into(), &6.into()));
}

#[test]
fn dynamo_requests_become_a_trace_in_the_order_of_their_starts() {
    let dir = tempfile::tempdir().unwrap();
    let event = |received: u64, ids: &[u64]| {
        serde_json::json!({
            "schema": "dynamo.request.trace.v1", "event_type": "request_end", "event_time_unix_ms": 9_000,
            "request": {"request_id": "r", "output_tokens": 7, "request_received_ms": received,
                "replay": {"trace_block_size": 16, "input_length": 20, "input_sequence_hashes": ids}},
        })
        .to_string()
    };
    file(dir.path(), "d.jsonl", &[event(5_500, &[1, 2]), event(5_000, &[1, 3])].join("\n"));
    let said = good(trace(dir.path(), &["convert", "d.jsonl", "--format", "dynamo"]));
    assert_eq!(
        said.stdout,
        "{\"timestamp\":0,\"input_length\":20,\"output_length\":7,\"hash_ids\":[1,3]}\n\
         {\"timestamp\":500,\"input_length\":20,\"output_length\":7,\"hash_ids\":[1,2]}\n"
    );
    let said = trace(dir.path(), &["convert", "d.jsonl", "--format", "dynamo", "--block-size", "512"]);
    assert!(said.code == Some(2) && said.stderr.contains("16"), "{}", said.stderr);
}

#[test]
fn scale_and_merge() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    let scaled = good(trace(
        dir.path(),
        &[
            "scale",
            "t.jsonl",
            "--block-size",
            "1",
            "--speedup-ratio",
            "4",
            "--isl-multiplier",
            "2",
            "--osl-multiplier",
            "0.5",
        ],
    ));
    let scaled = rows(&scaled.stdout);
    assert_eq!((&scaled[1]["timestamp"], &scaled[1]["input_length"]), (&250.into(), &4.into()));
    assert_eq!(scaled[1]["output_length"], 10);
    assert_eq!(scaled[1]["hash_ids"], serde_json::json!([0, 1, 2, 3]));
    let merged = good(trace(dir.path(), &["merge", "t.jsonl", "t.jsonl"]));
    let ids: Vec<Value> = rows(&merged.stdout).into_iter().map(|row| row["hash_ids"][0].clone()).collect();
    assert_eq!(ids, [0, 4, 0, 4, 0, 4, 0, 4]);
    let shared = good(trace(dir.path(), &["merge", "t.jsonl", "t.jsonl", "--shared-ids"]));
    assert!(rows(&shared.stdout).iter().all(|row| row["hash_ids"][0] == 0));
}

#[test]
fn validate_counts_everything_and_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "good.jsonl", EXAMPLE);
    let said = good(trace(dir.path(), &["validate", "good.jsonl", "--block-size", "1"]));
    assert_eq!(said.stdout, "good.jsonl: 4 rows, nothing wrong\n");
    let bad = EXAMPLE.replace("[0, 1, 2]", "[0, 1, -2]").replace("1000", "9000");
    file(dir.path(), "bad.jsonl", &bad);
    let said = trace(dir.path(), &["validate", "bad.jsonl", "--block-size", "2", "--show", "2"]);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    insta::assert_snapshot!(said.stdout);
    let said = trace(dir.path(), &["validate", "bad.jsonl", "--block-size", "2", "--json"]);
    let json = said.json();
    assert_eq!((said.code, &json["bad_rows"], &json["exit_code"]), (Some(2), &4.into(), &2.into()));
}

#[test]
fn a_bad_row_stops_unless_it_may_be_skipped() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", &EXAMPLE.replace("\"input_length\": 2", "\"input_length\": \"two\""));
    let args = ["cut", "t.jsonl", "-o", "out.jsonl"];
    let said = trace(dir.path(), &args);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("t.jsonl:2:") && said.stderr.contains("--skip-bad-rows"), "{}", said.stderr);
    // Nothing half-made is left.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let said = good(trace(dir.path(), &[&args[..], &["--skip-bad-rows", "--json"]].concat()));
    let json = said.json();
    assert_eq!((&json["rows_written"], &json["bad_rows"]), (&3.into(), &1.into()));
    assert!(said.stderr.contains("1 rows left out"), "{}", said.stderr);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    let cases: &[(&[&str], &str)] = &[
        (&["cut", "t.jsonl", "--json"], "--output FILE"),
        (&["cut", "t.jsonl", "-o", "t.jsonl.gz"], "not written packed"),
        (&["cut", "t.jsonl", "-o", "nowhere/t.jsonl"], "no directory"),
        (&["cut", "t.jsonl", "--from", "5s", "--to", "2s"], "not before"),
        (&["cut", "gone.jsonl"], "gone.jsonl"),
        (&["analyze", "t.jsonl", "--plot", "t.gif"], ".svg or .png"),
        (&["analyze", "t.jsonl", "--block-size", "0"], "0 is not in"),
        (&["scale", "t.jsonl", "--speedup-ratio", "0"], "--speedup-ratio 0"),
        (&["synthesize", "t.jsonl", "--min-isl", "1000"], "--min-isl"),
        (&["sine", "--request-rate-min", "20"], "--request-rate-min 20"),
        (&["convert", "t.jsonl", "--format", "burstgtp"], "burstgpt"),
        (&["analize", "t.jsonl"], "analyze"),
    ];
    for (args, hint) in cases {
        let said = trace(dir.path(), args);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        assert!(said.stderr.contains(hint), "{args:?}: {}", said.stderr);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn help_of_trace() {
    let mut text = String::new();
    for verb in ["analyze", "synthesize", "sine", "convert", "cut", "scale", "merge", "validate"] {
        text.push_str(&good(run(&["trace", verb, "--help"])).stdout);
        text.push_str("\n----\n\n");
    }
    insta::assert_snapshot!(text);
}
