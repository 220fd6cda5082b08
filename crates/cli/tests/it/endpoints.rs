//! The engines' own endpoints and what servers say of their work, from the command line to the files, over real HTTP.

use std::path::Path;

use serde_json::Value;
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Handle, Server};
use tokmark_record::Record;
use tokmark_record::catalogue::Server as Kind;
use tokmark_store::Run;

use crate::target::{MODEL, bench, run_dir};
use crate::tool::{Said, run_in};

/// Blocks of four tokens and a millisecond for everything.
fn serve(plays: Kind) -> Handle {
    let params = VllmParams { block_size: 4, ..VllmParams::default() };
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let worker = Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0));
    Server::start(Config { plays, ..Config::new(MODEL, worker) }).unwrap()
}

fn records(out: &Path) -> Vec<Record> {
    let run = Run::open(&run_dir(out)).unwrap();
    let mut records: Vec<Record> = run.records().unwrap().collect::<Result<_, _>>().unwrap();
    records.sort_by_key(|record| record.request);
    records
}

/// `metrics` of the result, by tag.
fn metric(said: &Said, tag: &str) -> Value {
    let metrics = said.json()["summary"]["metrics"].clone();
    let found = metrics.as_array().unwrap().iter().find(|metric| metric["tag"] == tag);
    found.cloned().unwrap_or(Value::Null)
}

/// What one request was, whoever served it.
type Shape = (Option<u32>, Option<u32>, Option<u32>);

fn shapes(out: &Path) -> Vec<Shape> {
    let shape = |record: &Record| {
        assert!(record.outcome.is_success(), "{:?}", record.outcome);
        let usage = record.usage.unwrap();
        (record.asked.isl, usage.prompt, usage.completion)
    };
    records(out).iter().map(shape).collect()
}

#[test]
fn an_engine_s_own_endpoint_gives_the_counts_that_chat_gives() {
    for stream in [&[][..], &["--no-stream"][..]] {
        let chat = {
            let out = tempfile::tempdir().unwrap();
            let said = bench(&serve(Kind::Vllm).url(), out.path(), stream);
            assert_eq!(said.code, Some(0), "{}", said.stderr);
            shapes(out.path())
        };
        assert_eq!(chat.len(), 12);
        for (endpoint, plays) in [("sglang", Kind::Sglang), ("tgi", Kind::Vllm)] {
            let server = serve(plays);
            let out = tempfile::tempdir().unwrap();
            let said = bench(&server.url(), out.path(), &[stream, &["--endpoint", endpoint]].concat());
            assert_eq!(said.code, Some(0), "{endpoint}: {}", said.stderr);
            assert_eq!(shapes(out.path()), chat, "{endpoint} {stream:?}");
            let told = said.stderr.matches("has no ignore_eos").count();
            assert_eq!(told, usize::from(endpoint == "tgi"), "{}", said.stderr);
            for record in records(out.path()) {
                assert_eq!(record.streamed, stream.is_empty());
                assert_eq!(record.output.map(|count| count.tokens), Some(8));
                // A token an event, and a body is one; the last event of a stream has no words of its own.
                let events = if stream.is_empty() { 8 } else { 1 };
                assert_eq!(record.reads.content_count(), events, "{endpoint}");
                assert_eq!(record.finish_reason.as_deref(), Some("length"));
            }
            let ttft = &metric(&said, "time_to_first_token")["values"]["min"];
            // The engine takes a millisecond to the first token.
            assert_eq!(ttft.as_f64().is_some_and(|ms| ms >= 1.0), stream.is_empty(), "{endpoint}: {ttft}");
        }
    }
}

#[test]
fn sglang_s_own_endpoint_keeps_sessions_and_says_what_was_cached() {
    let server = serve(Kind::Sglang);
    let out = tempfile::tempdir().unwrap();
    let load = ["--endpoint", "sglang", "--turns", "2", "--sessions", "5", "--isl", "16", "--osl", "8"];
    let rest = ["--concurrency", "3", "--validity", "report", "--json"];
    let said = run_in(out.path(), &[&["bench", &server.url()], &load[..], &rest[..]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let records = records(out.path());
    assert_eq!(records.len(), 10);
    for turns in records.chunks(2) {
        let usage = |turn: usize| turns[turn].usage.unwrap();
        assert_eq!(usage(0).cached, Some(0));
        // The second turn says the first one and its reply again, of which whole blocks are there.
        assert!(usage(1).prompt.unwrap() > usage(0).prompt.unwrap() + 8, "{:?}", usage(1));
        assert!(usage(1).cached.unwrap() >= 8, "{:?}", usage(1));
        for record in turns {
            let server = record.server.unwrap();
            assert!(server.queue_us.is_some() && server.first_token_us.unwrap() >= Micros(1_000));
            // By the server's own clock no longer than the client saw.
            let seen = record.ended_us.unwrap() - record.sent_us.unwrap();
            assert!(server.total_us.unwrap() <= seen, "{server:?} {seen}");
        }
    }
    let share = metric(&said, "cached_input_share")["value"].as_f64().unwrap();
    let (cached, prompt) = records.iter().fold((0, 0), |(cached, prompt), record| {
        let usage = record.usage.unwrap();
        (cached + usage.cached.unwrap(), prompt + usage.prompt.unwrap())
    });
    assert!((share - 100.0 * f64::from(cached) / f64::from(prompt)).abs() < 1e-9, "{share}");
    for told in ["Server queue", "Server TTFT", "Cached input"] {
        assert!(said.stderr.contains(told), "{told}: {}", said.stderr);
    }
}

#[test]
fn the_simulated_target_speaks_what_it_is_spoken_to_in() {
    let small = [
        "--requests",
        "6",
        "--concurrency",
        "2",
        "--isl",
        "8",
        "--osl",
        "4",
        "--validity",
        "report",
        "--json",
    ];
    for (args, timed) in [
        (&["--endpoint", "sglang"][..], true),
        (&["--endpoint", "tgi"], false),
        (&["--nvext-timing", "--nvext-hints"], true),
        (&["--nvext-timing", "--no-stream"], true),
        (&["--endpoint", "completions", "--nvext-timing"], true),
        (&["--nvext-hints"], false),
    ] {
        let out = tempfile::tempdir().unwrap();
        let said = run_in(out.path(), &[&["bench"], &small[..], args].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.stderr);
        assert!(records(out.path()).iter().all(|record| record.outcome.is_success()));
        // 20 ms to the first token by the engine's own stamps, and by its client's a little more.
        let server = metric(&said, "server_time_to_first_token");
        assert_eq!(server["values"]["mean"].as_f64(), timed.then_some(20.0), "{args:?}: {server}");
        assert_eq!(metric(&said, "server_queue_time").is_null(), !timed);
    }
}

#[test]
fn what_an_endpoint_has_no_place_for_is_told_once() {
    let out = tempfile::tempdir().unwrap();
    let args = ["--endpoint", "tgi", "--nvext-timing", "--dry-run", "--json"];
    let said = run_in(out.path(), &[&["bench", "http://127.0.0.1:9", "-m", "x"], &args[..]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(said.stderr.matches("target.nvext changes nothing here").count(), 1, "{}", said.stderr);
    assert_eq!(said.stderr.matches("output length is an upper bound").count(), 1, "{}", said.stderr);
}
