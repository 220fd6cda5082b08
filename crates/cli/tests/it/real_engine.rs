//! tokmark against a real engine: llama.cpp's server with a tiny model and a real tokenizer (`xtask/engine/`).
//!
//! The engine counts tokens on its own, so every count of ours is held against one that we did not make: its `usage`, the
//! deltas of its counters, its own `/tokenize`.

mod server;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use server::Server;
use tokmark_record::file::LineReader;
use tokmark_record::{CountSource, Record};

const REQUESTS: u64 = 12;

/// Runs `tokmark bench` against `server` and reads back what it recorded. Whether the client was in time is not asked here:
/// engine, client and the other tests share the machine.
fn bench(server: &Server, args: &[&str]) -> Vec<Record> {
    let out = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_tokmark"))
        .args(["bench", &server.url, "--model", &server.model, "--requests", &REQUESTS.to_string()])
        .args(["--concurrency", "2", "--osl", "16", "--validity", "report", "--quiet", "--out"])
        .arg(out.path())
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let records = read_records(&only_folder(out.path()));
    assert_eq!(records.len() as u64, REQUESTS, "{said}");
    for record in &records {
        assert!(record.outcome.is_success(), "{record:?}");
    }
    records
}

fn only_folder(parent: &Path) -> PathBuf {
    let folders: Vec<PathBuf> = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.into_iter().next().unwrap()
}

fn read_records(run: &Path) -> Vec<Record> {
    let mut reader = LineReader::new(File::open(run.join("records.jsonl.zst")).unwrap()).unwrap();
    let records = std::iter::from_fn(|| reader.next_value::<Record>()).map(Result::unwrap).collect();
    assert!(!reader.truncated());
    records
}

/// A run over one endpoint, its counts against the engine's.
fn counts_agree(endpoint: &str, stream: &str, test: &str) {
    let Some(server) = Server::start(test) else { return };
    let before = server.counters();
    let records = bench(&server, &["--endpoint", endpoint, stream, "--isl", "48"]);
    let after = server.counters();
    let usage: Vec<_> = records.iter().map(|record| record.usage.unwrap()).collect();
    let sum = |part: fn(&tokmark_record::Usage) -> Option<u32>| -> u64 {
        usage.iter().map(|usage| u64::from(part(usage).unwrap_or(0))).sum()
    };
    let (prompt, cached) = (sum(|usage| usage.prompt), sum(|usage| usage.cached));
    assert_eq!(after.prompt - before.prompt, prompt - cached, "prompt tokens it had to read");
    assert_eq!(after.predicted - before.predicted, sum(|usage| usage.completion), "tokens it said");
    for record in &records {
        let usage = record.usage.unwrap();
        assert_eq!(usage.completion, record.asked.osl, "the asked length holds");
        let output = record.output.unwrap();
        assert_eq!((Some(output.tokens), output.source), (usage.completion, CountSource::Server));
        assert_eq!(record.input.map(|input| input.tokens), usage.prompt);
        assert_eq!(record.finish_reason.as_deref(), Some("length"));
        assert_eq!(record.streamed, stream == "--streaming");
        // A token that ends inside a character brings no text of its own, so events may be fewer than tokens, never more.
        let events = record.reads.content_count();
        assert!(
            (1..=u64::from(output.tokens)).contains(&events),
            "{events} events for {} tokens",
            output.tokens
        );
        assert!(record.streamed || events == 1);
    }
}

#[test]
fn chat_streamed() {
    counts_agree("chat", "--streaming", "real_engine::chat_streamed");
}

#[test]
fn chat_whole() {
    counts_agree("chat", "--no-stream", "real_engine::chat_whole");
}

#[test]
fn completions_streamed() {
    counts_agree("completions", "--streaming", "real_engine::completions_streamed");
}

#[test]
fn completions_whole() {
    counts_agree("completions", "--no-stream", "real_engine::completions_whole");
}

/// Prompts made with the engine's own tokenizer have exactly the length asked for, prefix included.
#[test]
fn input_lengths_are_exact() {
    let Some(server) = Server::start("real_engine::input_lengths_are_exact") else { return };
    let tokenizer = server.tokenizer.to_str().unwrap();
    let synthesis = ["--isl", "90", "--isl-stddev", "25", "--prefix-length", "32", "--prefix-pool", "2"];
    let counting = ["--endpoint", "completions", "--count-tokens", "tokenizer", "--tokenizer", tokenizer];
    let records = bench(&server, &[&synthesis[..], &counting[..]].concat());
    for record in &records {
        let said = record.usage.unwrap().prompt;
        assert_eq!(record.asked.isl, said, "the plan's length against the engine's count");
        let input = record.input.unwrap();
        assert_eq!((Some(input.tokens), input.source), (said, CountSource::Tokenizer));
        assert_eq!(record.output.unwrap().source, CountSource::Tokenizer);
    }
    let lengths: std::collections::BTreeSet<_> = records.iter().map(|record| record.asked.isl).collect();
    assert!(lengths.len() > 1, "lengths vary: {lengths:?}");
}

/// In a chat the template comes on top, and it is the same for every request.
#[test]
fn a_chat_template_adds_the_same_everywhere() {
    let Some(server) = Server::start("real_engine::a_chat_template_adds_the_same_everywhere") else { return };
    let tokenizer = server.tokenizer.to_str().unwrap();
    let records = bench(&server, &["--isl", "60", "--isl-stddev", "20", "--tokenizer", tokenizer]);
    let added: std::collections::BTreeSet<_> = records
        .iter()
        .map(|record| record.usage.unwrap().prompt.unwrap() - record.asked.isl.unwrap())
        .collect();
    assert_eq!(added.len(), 1, "{added:?}");
}

/// Our tokenizer and the engine's split the same text into the same number of tokens, its own word salad included.
#[test]
fn our_tokenizer_counts_as_the_engine_does() {
    let Some(server) = Server::start("real_engine::our_tokenizer_counts_as_the_engine_does") else { return };
    let file = server.tokenizer.join("tokenizer.json");
    let ours = tokmark_tokens::Tokenizer::from_json("tokenizer.json", &fs::read(file).unwrap()).unwrap();
    let salad = server.complete("Once upon a time", 64);
    let texts = [
        "Hello, world!",
        "  leading and  double  spaces\n\n\ttabs",
        "数字1234567と漢字、emoji 🦀🚀 und Umlaute äöüß",
        "fn main() { println!(\"{}\", 0x1f_u8); }",
        "it's we'll they'd I'M",
        &salad,
    ];
    for text in texts {
        assert_eq!(ours.count(text).unwrap() as usize, server.tokenize(text), "{text:?}");
    }
}

/// With the model's own template counted, the engine counts exactly the length asked for, system prompt included.
#[test]
fn the_chat_template_is_part_of_the_length_asked() {
    let Some(server) = Server::start("real_engine::the_chat_template_is_part_of_the_length_asked") else {
        return;
    };
    let tokenizer = server.tokenizer.to_str().unwrap();
    let counted = ["--isl", "60", "--isl-stddev", "10", "--tokenizer", tokenizer, "--apply-chat-template"];
    for system in [&[][..], &["--system-prompt-length", "20"]] {
        for record in bench(&server, &[&counted[..], system].concat()) {
            assert_eq!(record.asked.isl, record.usage.unwrap().prompt, "{system:?}");
        }
    }
}

/// A later turn says again what was said and answered: the engine counts all of it, and the turn's own words on top.
#[test]
fn sessions_say_again_what_the_engine_really_answered() {
    let Some(server) = Server::start("real_engine::sessions_say_again_what_the_engine_really_answered")
    else {
        return;
    };
    let mut records = bench(&server, &["--isl", "40", "--turns", "3", "--sessions", "4"]);
    records.sort_by_key(|record| record.session.map(|session| (session.id, session.turn)));
    for session in records.chunks(3) {
        let said: Vec<_> = session.iter().map(|record| record.usage.unwrap()).collect();
        let turns: Vec<_> = session.iter().map(|record| record.session.unwrap().turn).collect();
        assert_eq!(turns, [0, 1, 2]);
        for pair in said.windows(2) {
            // Words of the turn itself come on top of what the turn before had read and said.
            let known = pair[0].prompt.unwrap() + pair[0].completion.unwrap();
            assert!(pair[1].prompt.unwrap() > known, "{said:?}");
        }
    }
}
