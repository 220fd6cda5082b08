//! Sessions, classes and clients that go away, from the command line to the files, over real HTTP.

use std::path::Path;

use serde_json::Value;
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Fault, FaultRule, Handle, Server};
use tokmark_record::{Cut, Outcome, Record};
use tokmark_store::Run;

use crate::target::{MODEL, bench, run_dir, serve_with};
use crate::tool::{Said, run_in};

/// vLLM with blocks of four tokens and a millisecond for everything.
fn vllm(faults: Vec<FaultRule>) -> Handle {
    blocks_of(4, faults)
}

fn blocks_of(block_size: u32, faults: Vec<FaultRule>) -> Handle {
    let params = VllmParams { block_size, ..VllmParams::default() };
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let worker = Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0));
    Server::start(Config { faults, ..Config::new(MODEL, worker) }).unwrap()
}

fn records(dir: &Path) -> Vec<Record> {
    let mut records: Vec<Record> =
        Run::open(dir).unwrap().records().unwrap().collect::<Result<_, _>>().unwrap();
    records.sort_by_key(|record| record.request);
    records
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// `tokmark bench` of 6 sessions of 3 turns.
fn talk(url: &str, out: &Path, args: &[&str]) -> Said {
    let sessions = ["--turns", "3", "--sessions", "6", "--isl", "16", "--osl", "8", "--concurrency", "3"];
    let rest = ["--validity", "report", "--json"];
    run_in(out, &[&["bench", url], &sessions[..], &rest[..], args].concat())
}

#[test]
fn later_turns_find_the_earlier_ones_in_the_cache() {
    for (history, grows) in [("reply", true), ("none", false)] {
        let server = vllm(Vec::new());
        let out = tempfile::tempdir().unwrap();
        let said = talk(&server.url(), out.path(), &["--history", history, "--turn-delay", "5ms"]);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let records = records(&run_dir(out.path()));
        assert_eq!(records.len(), 18);
        for session in records.chunks(3) {
            for (turn, record) in (0..3).zip(session) {
                let place = record.session.unwrap();
                assert_eq!((place.turn, place.of), (turn, 3));
                assert_eq!(record.session.map(|p| p.id), session[0].session.map(|p| p.id));
                assert!(record.outcome.is_success());
                let usage = record.usage.unwrap();
                let said_before = if grows { turn * (16 + 8) } else { 0 };
                // A word is a token to this server; o200k may put a word in two.
                assert!(usage.prompt.unwrap() >= said_before + 8, "{usage:?}");
                assert_eq!(usage.cached.unwrap() > 0, grows && turn > 0, "{usage:?}");
                assert_eq!(record.asked.isl.is_some(), !grows || turn == 0);
            }
            for pair in session.windows(2) {
                assert!(pair[1].sent_us.unwrap() >= pair[0].ended_us.unwrap() + Micros::from_millis(5));
            }
        }
    }
}

/// 40 in and 25 out a turn: 64 and 129 tokens are there when the second and third come, all of the turns before but the last token
/// of the last reply, in blocks of 16. The block from 32 to 48 is of words and a reply, which only who knows both can name.
#[test]
fn over_http_and_in_virtual_time_a_turn_finds_the_same() {
    let load = ["--turns", "3", "--sessions", "4", "--isl", "40", "--osl", "25", "--concurrency", "2"];
    let rest = ["--validity", "report", "--json"];
    let seen = |verb: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let said = run_in(out.path(), &[verb, &load[..], &rest[..]].concat());
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let mut seen = Vec::new();
        for record in records(&run_dir(out.path())) {
            let usage = record.usage.unwrap();
            seen.push((record.session.unwrap().turn, usage.prompt.unwrap(), usage.cached.unwrap()));
        }
        seen
    };
    let simulated = seen(&["simulate", "--engine", "vllm", "--block-size", "16"]);
    assert_eq!(simulated, [(0, 40, 0), (1, 105, 64), (2, 170, 128)].repeat(4));
    for no_stream in [&[][..], &["--no-stream"]] {
        let server = blocks_of(16, Vec::new());
        assert_eq!(seen(&[&["bench", &server.url()][..], no_stream].concat()), simulated);
    }
}

#[test]
fn a_session_that_ends_early_is_told() {
    // Half of all requests cannot all be the last turns of their sessions.
    let refusal = Fault::Status { code: 500, body: String::new(), retry_after: None };
    let server = vllm(vec![FaultRule { every: 2, fault: refusal }]);
    let out = tempfile::tempdir().unwrap();
    let said = talk(&server.url(), out.path(), &[]);
    let records = records(&run_dir(out.path()));
    let failed_early = |r: &&Record| !r.outcome.is_success() && r.session.is_some_and(|p| p.turn + 1 < p.of);
    let broken = records.iter().filter(failed_early).count();
    let told = said.stderr.lines().find(|line| line.contains("sessions that ended early"));
    assert!(broken > 0, "{}", said.stderr);
    assert!(told.is_some_and(|told| told.contains(&format!("early: {broken};"))), "{}", said.stderr);
    assert_eq!(said.json()["broken_sessions"], broken);
    assert!(records.len() < 18);
}

#[test]
fn clients_that_go_away_are_counted_apart() {
    let timing = Constant::new(Micros(1_000), Micros(20_000)).unwrap();
    let server = serve_with(|config| {
        config.engine = Box::new(tokmark_engine::Slots::new(timing, 64).unwrap());
    });
    let out = tempfile::tempdir().unwrap();
    let cancel =
        ["--cancel-share", "0.5", "--cancel-after", "30ms", "--requests", "24", "--max-error-rate", "0"];
    let said = bench(&server.url(), out.path(), &cancel);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let dir = run_dir(out.path());
    let records = records(&dir);
    let gone: Vec<&Record> = records.iter().filter(|r| r.outcome == Outcome::Cut { by: Cut::Plan }).collect();
    assert!(!gone.is_empty() && gone.len() < 24, "{}", gone.len());
    let waited = |r: &&Record| r.ended_us.unwrap() - r.sent_end_us.unwrap() >= Micros::from_millis(30);
    assert!(gone.iter().all(waited));
    assert!(records.iter().all(|r| r.outcome.is_success() || r.outcome.is_planned()));
    let summary = said.json()["summary"].clone();
    assert_eq!(summary["counts"]["cancelled"], gone.len());
    assert_eq!(summary["counts"]["succeeded"], 24 - gone.len());
    assert_eq!((&summary["counts"]["failed"], &summary["counts"]["cut"]), (&0.into(), &0.into()));
    let told = format!("{} cancelled as planned", gone.len());
    assert!(said.stderr.contains(&told) && !said.stderr.contains("∞"), "{}", said.stderr);
    assert!(std::fs::read_to_string(dir.join("summary.md")).unwrap().contains(&told));
    let errors = &json(&dir.join("profile_export_aiperf.json"))["error_summary"];
    assert_eq!(errors[0]["error_details"]["type"], "RequestCancellationError");
    assert_eq!(errors[0]["error_details"]["code"], 499);
    assert_eq!(errors[0]["error_details"]["message"], "Request cancelled 0.030s after being sent");
    assert_eq!(errors[0]["count"], gone.len());
}

#[test]
fn classes_have_models_of_their_own_that_a_simulated_target_knows() {
    let out = tempfile::tempdir().unwrap();
    let gold = r#"{"name": "gold", "weight": 1, "model": "gold-lora", "adapter": true, "priority": -1, "headers": {"X-Tier": "gold"}}"#;
    let args = ["bench", "--class", gold, "--class", r#"{"name": "rest", "weight": 3}"#, "--requests", "40"];
    let small = ["--isl", "8", "--osl", "2", "--concurrency", "8", "--validity", "report", "--json"];
    let said = run_in(out.path(), &[&args[..], &small[..]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let dir = run_dir(out.path());
    let records = records(&dir);
    assert!(records.iter().all(|r| r.outcome.is_success()), "{}", said.stderr);
    assert_eq!(json(&dir.join("run.json"))["classes"], serde_json::json!(["gold", "rest"]));
    let gold = records.iter().filter(|r| r.class == Some(0)).count();
    // 10 ± 2.7 of 40.
    assert!((2..22).contains(&gold) && records.iter().all(|r| r.class.is_some()), "{gold}");
}

#[test]
fn a_header_that_cannot_be_sent_is_refused_before_anything_is_done() {
    let server = vllm(Vec::new());
    let out = tempfile::tempdir().unwrap();
    for (args, told) in [
        (
            ["--class", r#"{"name": "a", "headers": {"X Y": "b"}}"#],
            "workload.classes `a`: `X Y` is not a header name",
        ),
        (["--session-header", "My Session"], "workload.sessions.header: `My Session` is not a header name"),
    ] {
        for dry in [&[][..], &["--dry-run"][..]] {
            let said = talk(&server.url(), out.path(), &[&args[..], dry].concat());
            assert_eq!(said.code, Some(2), "{}", said.stderr);
            assert!(said.stderr.contains(told), "{}", said.stderr);
        }
    }
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}
