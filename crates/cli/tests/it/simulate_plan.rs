//! `tokmark simulate` over plans with sessions, classes, cancellations and traces: the plan of `bench`, records that say whose they
//! are, and numbers held to hand-worked ones and to Dynamo's replay of the same file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use tokmark_record::file::LineReader;
use tokmark_record::{Cut, Outcome, Record};

use crate::target::run_dir;
use crate::tool::{Said, command, run};

/// Dynamo's results, and the traces they are of.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/tests/golden/dynamo-1.6.1");

fn simulate(out: &Path, args: &str) -> (Said, Vec<Record>) {
    let words: Vec<&str> = args.split_whitespace().collect();
    let output = command(["simulate", "--json"]).args(&words).arg("--out").arg(out).output().unwrap();
    let said = Said::of(&output);
    assert_eq!(said.code, Some(0), "{args}: {}", said.stderr);
    let mut reader = LineReader::new(File::open(run_dir(out).join("records.jsonl.zst")).unwrap()).unwrap();
    let mut records: Vec<Record> = std::iter::from_fn(|| reader.next_record()).map(Result::unwrap).collect();
    records.sort_by_key(|record| record.request);
    (said, records)
}

/// (turn, asked, cached) of every session, in its order.
fn sessions(records: &[Record]) -> Vec<Vec<(u32, u32, u32)>> {
    let mut sessions = BTreeMap::<u64, Vec<_>>::new();
    for record in records {
        let session = record.session.unwrap();
        let seen = (session.turn, record.asked.isl.unwrap(), record.usage.unwrap().cached.unwrap());
        sessions.entry(session.id).or_default().push(seen);
    }
    sessions.into_values().collect()
}

/// 100 in and 30 out a turn: 129 and 259 tokens are there when the second and third come, in blocks of 16 that is 128 and 256.
#[test]
fn sessions_say_again_what_was_said_and_find_it() {
    let out = tempfile::tempdir().unwrap();
    let load = "-c 2 --sessions 6 --turns 3 --turn-delay 500ms --isl 100 --osl 30";
    let (said, records) = simulate(out.path(), load);
    assert_eq!(sessions(&records), vec![vec![(0, 100, 0), (1, 230, 128), (2, 360, 256)]; 6]);
    // A turn comes half a second after the end of the one before.
    for pair in records.windows(2).filter(|pair| pair[1].session.unwrap().turn > 0) {
        let pause = pair[1].sent_us.unwrap() - pair[0].ended_us.unwrap();
        assert_eq!(pause.0, 500_000);
    }
    let turns = said.json()["summary"]["turns"].clone();
    let cached: Vec<f64> =
        turns.as_array().unwrap().iter().map(|turn| turn["cached_input_ratio"].as_f64().unwrap()).collect();
    assert_eq!(cached, [0.0, 128.0 / 230.0, 256.0 / 360.0]);
    assert!(said.stderr.contains("cached %"), "{}", said.stderr);
    // Nothing said again: every turn is a prompt of its own.
    let out = tempfile::tempdir().unwrap();
    let (_, records) = simulate(out.path(), &format!("{load} --history none"));
    assert_eq!(sessions(&records), vec![vec![(0, 100, 0), (1, 100, 0), (2, 100, 0)]; 6]);
}

#[test]
fn sessions_stay_where_affinity_keeps_them() {
    let load = "-c 8 --sessions 40 --turns 4 --isl 200 --osl 20 --workers 4 --router random";
    let cached = |affinity: &str| -> u32 {
        let out = tempfile::tempdir().unwrap();
        let (_, records) = simulate(out.path(), &format!("{load} {affinity}"));
        records.iter().map(|record| record.usage.unwrap().cached.unwrap()).sum()
    };
    // 219, 439 and 659 tokens in blocks of 16, of every session.
    assert_eq!(cached("--router-affinity soft"), 40 * (208 + 432 + 656));
    assert!(cached("") < 40 * (208 + 432 + 656));
}

#[test]
fn classes_are_told_apart() {
    let out = tempfile::tempdir().unwrap();
    let paid = r#"--class {"name":"paid","priority":0,"weight":1}"#;
    let free = r#"--class {"name":"free","priority":9,"weight":3}"#;
    let load = "--rate 40 --requests 400 --isl 400 --osl 40 --max-num-seqs 4 --scheduling-policy priority";
    let (said, records) = simulate(out.path(), &format!("{load} {paid} {free}"));
    let of = |class: u16| records.iter().filter(|record| record.class == Some(class)).count();
    assert_eq!(of(0) + of(1), 400);
    let summary = &said.json()["summary"];
    let p50 = |class: usize| {
        let metrics = summary["classes"][class]["metrics"].as_array().unwrap().clone();
        let ttft = metrics.into_iter().find(|metric| metric["tag"] == "time_to_first_token").unwrap();
        ttft["values"]["percentiles"][0]["value"].as_f64().unwrap()
    };
    assert_eq!(summary["classes"][1]["name"], "free");
    assert_eq!(summary["classes"][0]["succeeded"], of(0));
    assert!(p50(0) * 10.0 < p50(1), "who pays waits {} ms, who does not {} ms", p50(0), p50(1));
}

#[test]
fn clients_go_away_when_the_plan_says_so() {
    let out = tempfile::tempdir().unwrap();
    let args = "-c 4 --requests 100 --osl 200 --cancel-share 0.4 --cancel-after 500ms";
    let (said, records) = simulate(out.path(), args);
    let gone: Vec<&Record> =
        records.iter().filter(|record| record.outcome == Outcome::Cut { by: Cut::Plan }).collect();
    assert!((25..55).contains(&gone.len()), "{}", gone.len());
    for record in &gone {
        assert_eq!((record.ended_us.unwrap() - record.sent_us.unwrap()).0, 500_000);
        assert!(!record.reads.is_empty() && record.reads.content_count() < 200);
    }
    let counts = &said.json()["summary"]["counts"];
    assert_eq!(counts["cancelled"], gone.len());
    assert_eq!((&counts["succeeded"], &counts["failed"]), (&(100 - gone.len()).into(), &0.into()));
}

/// A trace of sessions from its file through the whole program, against what Dynamo 1.6.1's replay makes of it.
#[test]
fn a_trace_of_sessions_is_played_as_dynamo_plays_it() {
    let out = tempfile::tempdir().unwrap();
    let trace =
        format!("--input {GOLDEN}/sessions.jsonl --format mooncake --trace-block-size 64 --arrival trace");
    let engine = "--workers 2 --block-size 64 --num-gpu-blocks-override 1024 --max-num-batched-tokens 8192";
    let (said, records) = simulate(out.path(), &format!("{trace} {engine}"));
    let text = std::fs::read_to_string(format!("{GOLDEN}/vllm-2-sessions.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = golden["requests"].as_array().unwrap();
    assert_eq!(records.len(), rows.len());
    for row in rows {
        let session: u64 = row["session"].as_str().unwrap()[1..].parse().unwrap();
        let turn = row["turn"].as_u64().unwrap() as u32;
        let of_row = |r: &&Record| r.session.is_some_and(|s| (s.id, s.turn) == (session, turn));
        let record = records.iter().find(of_row).unwrap();
        let near = |key: &str, at: i64| {
            let (at, expected) = (at as f64 / 1e3, row[key].as_f64().unwrap());
            assert!((at - expected).abs() < 0.1, "{key} of {session}.{turn}: {at}, not {expected}");
        };
        near("arrival_ms", record.intended_us.unwrap().0);
        near("first_token_ms", record.reads.0[0].user.0);
        near("last_token_ms", record.ended_us.unwrap().0);
        let usage = record.usage.unwrap();
        assert_eq!(usage.cached.map(u64::from), row["reused_tokens"].as_u64());
        assert_eq!(usage.prompt.map(u64::from), row["input_tokens"].as_u64());
    }
    let metrics = said.json()["summary"]["metrics"].as_array().unwrap().clone();
    let ttft = metrics.iter().find(|metric| metric["tag"] == "time_to_first_token").unwrap();
    let (ours, theirs) =
        (ttft["values"]["mean"].as_f64().unwrap(), golden["summary"]["mean_ttft_ms"].as_f64().unwrap());
    assert!((ours - theirs).abs() < 0.01, "{ours} {theirs}");
}

#[test]
fn the_plan_is_that_of_bench_with_all_of_it() {
    let args =
        "--rate 20 --requests 60 --turns 3 --turns-stddev 1 --cancel-share 0.1 --cancel-after 1s --seed 3";
    let class = r#"--class {"name":"a"}"#;
    let words: Vec<&str> = args.split_whitespace().chain(class.split_whitespace()).collect();
    let out = tempfile::tempdir().unwrap();
    let _ = simulate(out.path(), &words.join(" "));
    let header = std::fs::read_to_string(run_dir(out.path()).join("run.json")).unwrap();
    let header: serde_json::Value = serde_json::from_str(&header).unwrap();
    for verb in [&["bench", "http://h"][..], &["simulate"]] {
        let planned = run(&[verb, &["--dry-run", "--json"], &words].concat());
        assert_eq!(planned.code, Some(0), "{}", planned.stderr);
        assert_eq!(planned.json()["plan"][0]["plan_digest"], header["plan_digest"], "{verb:?}");
    }
    assert_eq!(header["classes"], serde_json::json!(["a"]));
}
