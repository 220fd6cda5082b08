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
        (&["cut", "t.jsonl", "--from", "5s", "--to", "2s"], "is after --to"),
        (&["cut", "gone.jsonl"], "gone.jsonl"),
        (&["analyze", "t.jsonl", "--plot", "t.gif"], ".svg or .png"),
        (&["analyze", "t.jsonl", "--block-size", "0"], "0 is not in"),
        (&["scale", "t.jsonl", "--speedup-ratio", "0"], "--speedup-ratio 0"),
        (&["synthesize", "t.jsonl", "--block-size", "1", "--min-isl", "1000"], "--min-isl"),
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

#[test]
fn a_failure_beside_a_trace_on_stdout_is_told_alone() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    file(dir.path(), "untimed.jsonl", "{\"input_length\":1,\"output_length\":1}\n");
    let cases: &[(&[&str], &str)] = &[
        (&["merge", "t.jsonl", "untimed.jsonl"], "untimed.jsonl:1:1: `timestamp` is not given"),
        (&["scale", "t.jsonl", "--block-size", "1", "--isl-multiplier", "1e12"], "use a smaller multiplier"),
        (&["synthesize", "t.jsonl", "--block-size", "1", "--max-isl", "1"], "widen --min-isl and --max-isl"),
    ];
    for (args, cause) in cases {
        let said = trace(dir.path(), args);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        assert!(said.stderr.contains(cause), "{args:?}: {}", said.stderr);
        assert_eq!(said.stderr.matches("error:").count(), 1, "{args:?}: {}", said.stderr);
        assert!(!said.stderr.contains("could not be printed"), "{args:?}: {}", said.stderr);
    }
}

#[test]
fn a_block_size_of_its_own_is_told_and_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "b.csv", BURST);
    let needed =
        "blocks of 128 tokens: bench and simulate need --trace-block-size 128, trace verbs --block-size 128";
    let said =
        good(trace(dir.path(), &["convert", "b.csv", "--format", "burst_gpt", "-o", "b.jsonl", "--json"]));
    assert!(said.stderr.contains(needed), "{}", said.stderr);
    let json = said.json();
    assert_eq!((&json["block_size"], &json["block_size_needed"]), (&128.into(), &needed.into()));
    for verb in ["analyze", "synthesize"] {
        let said = trace(dir.path(), &[verb, "b.jsonl"]);
        assert_eq!(said.code, Some(2), "{verb}: {}", said.stdout);
        let what = "b.jsonl:1:1: `hash_ids` has 4 ids, but `input_length` 472 is 1 blocks of 512 tokens";
        assert!(said.stderr.contains(what) && said.stderr.contains("--block-size"), "{}", said.stderr);
        good(trace(dir.path(), &[verb, "b.jsonl", "--block-size", "128"]));
    }
    // The usual size needs no word, and without ids there is none.
    for (size, blocks, want) in [("512", "9", Value::from(512)), ("128", "0", Value::Null)] {
        let args =
            ["convert", "b.csv", "--format", "burstgpt", "--block-size", size, "--num-hash-blocks", blocks];
        let said = good(trace(dir.path(), &[&args[..], &["-o", "c.jsonl", "--json"]].concat()));
        assert!(!said.stderr.contains("--trace-block-size"), "{}", said.stderr);
        assert_eq!(said.json()["block_size"], want);
    }
}

#[test]
fn dynamo_requests_tell_their_block_size() {
    let dir = tempfile::tempdir().unwrap();
    let golden = include_str!("../../../workload/tests/golden/dynamo-1.6.1/request_trace.jsonl");
    file(dir.path(), "d.jsonl", golden);
    let said = good(trace(
        dir.path(),
        &["convert", "d.jsonl", "--format", "dynamo_requests", "-o", "o.jsonl", "--json"],
    ));
    assert_eq!(said.json()["block_size"], 64);
    assert!(said.stderr.contains("--trace-block-size 64"), "{}", said.stderr);
    good(trace(dir.path(), &["validate", "o.jsonl", "--block-size", "64"]));
}

#[test]
fn a_trace_without_rows_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "empty.jsonl", "");
    file(dir.path(), "t.jsonl", EXAMPLE);
    file(dir.path(), "bad.jsonl", "{\"timestamp\":\"x\"}\n");
    let cases: &[(&[&str], &str)] = &[
        (&["analyze", "empty.jsonl"], "empty.jsonl holds no row"),
        (&["synthesize", "empty.jsonl", "-o", "o.jsonl"], "empty.jsonl holds no row"),
        (&["cut", "empty.jsonl", "-o", "o.jsonl"], "empty.jsonl holds no row"),
        (&["scale", "empty.jsonl", "-o", "o.jsonl"], "empty.jsonl holds no row"),
        (&["merge", "t.jsonl", "empty.jsonl", "-o", "o.jsonl"], "empty.jsonl holds no row"),
        (&["scale", "bad.jsonl", "--skip-bad-rows", "-o", "o.jsonl"], "bad.jsonl:1:16"),
        (&["cut", "t.jsonl", "--from", "4s", "-o", "o.jsonl"], "its first 4 rows span 3 s"),
        (&["cut", "t.jsonl", "--skip-rows", "4", "-o", "o.jsonl"], "its first 4 rows span 3 s"),
        (&["cut", "t.jsonl", "--num-rows", "0", "-o", "o.jsonl"], "--num-rows 0 keeps nothing"),
        (&["convert", "empty.jsonl", "--format", "dynamo", "-o", "o.jsonl"], "no row of empty.jsonl is left"),
    ];
    for (args, what) in cases {
        let said = trace(dir.path(), args);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        assert!(said.stderr.contains(what) && said.stderr.contains("hint: "), "{args:?}: {}", said.stderr);
        assert!(!dir.path().join("o.jsonl").exists(), "{args:?}");
    }
    let said = trace(dir.path(), &["validate", "empty.jsonl"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stdout.contains("holds no row") && said.stdout.contains("hint: "), "{}", said.stdout);
    let json = trace(dir.path(), &["validate", "empty.jsonl", "--json"]).json();
    assert_eq!((&json["problems"]["no_row"], &json["exit_code"]), (&1.into(), &2.into()));
}

#[test]
fn a_cut_keeps_both_ends_of_its_window() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    let kept = |from: &str, to: &str| {
        let said = good(trace(dir.path(), &["cut", "t.jsonl", "--from", from, "--to", to, "--keep-times"]));
        rows(&said.stdout).iter().map(|row| row["timestamp"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(kept("1s", "2s"), [1_000, 2_000]);
    assert_eq!(kept("2s", "2s"), [2_000]);
}

#[test]
fn a_sine_that_would_not_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &str)] = &[
        // 7.5 requests a second for 13.4 million seconds, whole periods.
        (&["--time-duration", "13400000"], "--time-duration 13400000: makes about 100500000 requests"),
        (&["--process-interval", "1e-7"], "--process-interval 0.0000001: makes 1000000000 windows"),
        (&["--osl1", "10000001"], "--osl1 10000001: is above 10,000,000 tokens"),
        (
            &["--block-size", "1", "--isl2", "10000000", "--time-duration", "1000"],
            "--block-size 1: makes up to 75000000000 hash ids",
        ),
        (&["--total-blocks", "0"], "--total-blocks 0: must be above 0"),
    ];
    for (args, what) in cases {
        let said = trace(dir.path(), &[&["sine"], *args].concat());
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        assert!(said.stderr.contains(what) && said.stderr.contains("hint: "), "{args:?}: {}", said.stderr);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn numbers_below_zero_are_told_what_they_should_be() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    let cases: &[(&[&str], &str)] = &[
        (&["scale", "t.jsonl", "--isl-multiplier", "-1"], "hint: give a number above 0"),
        (&["scale", "t.jsonl", "--osl-multiplier", "-1e-3"], "hint: give a number above 0"),
        (&["synthesize", "t.jsonl", "--speedup-ratio", "-2"], "hint: give a number above 0"),
        (&["sine", "--time-duration", "-1"], "hint: give a number above 0"),
        (&["sine", "--request-rate-min", "-1"], "must lie between 0 and --request-rate-max"),
        (&["sine", "--isl-osl-ratio-min", "-0.5"], "a number from 0 to 1"),
        (&["convert", "t.jsonl", "--format", "azure", "--speed-ratio", "-1"], "hint: give a number above 0"),
        (&["analyze", "t.jsonl", "--block-size", "-1"], "-1 is not in 1.."),
        (&["cut", "t.jsonl", "--from", "-1s"], "'-1s' for '--from"),
    ];
    for (args, what) in cases {
        let said = trace(dir.path(), args);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        assert!(said.stderr.contains(what), "{args:?}: {}", said.stderr);
        assert!(!said.stderr.contains("unexpected argument"), "{args:?}: {}", said.stderr);
    }
}

#[test]
fn formats_go_by_both_spellings() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "b.csv", BURST);
    file(dir.path(), "t.jsonl", EXAMPLE);
    for format in ["burstgpt", "burst_gpt", "burst-gpt"] {
        good(trace(dir.path(), &["analyze", "b.csv", "--format", format]));
        good(trace(dir.path(), &["convert", "b.csv", "--format", format]));
    }
    good(trace(dir.path(), &["analyze", "t.jsonl", "--format", "mooncake", "--block-size", "1"]));
    for format in ["sharegpt", "share_gpt", "share-gpt", "dynamo", "dynamo_requests", "dynamo-requests"] {
        let said = trace(dir.path(), &["convert", "gone", "--format", format]);
        assert!(said.code == Some(2) && said.stderr.contains("gone"), "{}", said.stderr);
        assert!(!said.stderr.contains("invalid value"), "{}", said.stderr);
    }
}

#[test]
fn num_hash_blocks_is_the_highest_number_of_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let mut csv = BURST.lines().next().unwrap().to_owned();
    csv.push_str(&"\n1,ChatGPT,128,1,129,API log".repeat(64));
    file(dir.path(), "b.csv", &csv);
    let said =
        good(trace(dir.path(), &["convert", "b.csv", "--format", "burstgpt", "--num-hash-blocks", "1"]));
    // Of one block each: both numbers, 0 and 1, are drawn, and become the ids of their first appearance.
    let ids: std::collections::BTreeSet<u64> =
        rows(&said.stdout).iter().map(|row| row["hash_ids"][0].as_u64().unwrap()).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn without_ids_lengths_stay_whole_inputs() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "b.csv", include_str!("../../../workload/tests/golden/burst_gpt/release_2.csv"));
    let args =
        ["convert", "b.csv", "--format", "burstgpt", "--num-hash-blocks", "0", "-o", "b.jsonl", "--json"];
    let json = good(trace(dir.path(), &args)).json();
    assert_eq!((&json["rows_written"], &json["sessions_dropped"]), (&4.into(), &3.into()));
    let text = fs::read_to_string(dir.path().join("b.jsonl")).unwrap();
    assert!(!text.contains("session_id") && !text.contains("hash_ids"), "{text}");
    let found = |file: &str, format: &str| {
        good(trace(dir.path(), &["analyze", file, "--format", format, "--json"])).json()["input_length"]
            .clone()
    };
    let (source, made) = (found("b.csv", "burstgpt"), found("b.jsonl", "mooncake"));
    assert_eq!(source["mean"], 162.5);
    assert_eq!(source, made);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced_by_one() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "t.jsonl", EXAMPLE);
    fs::create_dir(dir.path().join("d")).unwrap();
    std::os::unix::fs::symlink("t.jsonl", dir.path().join("link.jsonl")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    for name in ["d", "link.jsonl", "socket"] {
        let before = dir.path().join(name).symlink_metadata().unwrap().file_type();
        for verb in [&["cut", "t.jsonl"][..], &["sine", "--time-duration", "2"]] {
            let said = trace(dir.path(), &[verb, &["-o", name]].concat());
            assert_eq!(said.code, Some(2), "{verb:?} {name}: {}", said.stderr);
            assert!(said.stderr.contains("is no file"), "{verb:?} {name}: {}", said.stderr);
        }
        assert_eq!(dir.path().join(name).symlink_metadata().unwrap().file_type(), before);
    }
    assert_eq!(fs::read_to_string(dir.path().join("t.jsonl")).unwrap(), EXAMPLE);
}
