//! Conversations: what a later turn finds in the cache of what the turns before it left there.

use serde_json::{Value, json};
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Handle, Server};

use crate::client::Client;

/// vLLM with blocks of four tokens and a millisecond for everything.
fn vllm() -> Handle {
    let params = VllmParams { block_size: 4, ..VllmParams::default() };
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let worker = Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0));
    Server::start(Config::new("m", worker)).unwrap()
}

/// Asks with everything a client of sessions and classes sends along; the reply's text, and cached of how many prompt tokens.
fn ask(server: &Handle, body: &Value) -> (String, u64, u64) {
    let head = "POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\nX-Session-ID: run-7\r\nX-Tier: gold";
    let mut client = Client::connect(server.address());
    client.send(head, &body.to_string());
    let reply = client.reply().json();
    let usage = &reply["usage"];
    let text = reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    (text, cached, usage["prompt_tokens"].as_u64().unwrap())
}

#[test]
fn each_turn_finds_what_was_said_before() {
    let server = vllm();
    let mut messages = vec![json!({"role": "system", "content": "one two three four"})];
    let mut said = 4;
    let mut found = Vec::new();
    for turn in 0..4 {
        let words: Vec<String> = (0..8).map(|n| format!("w{turn}-{n}")).collect();
        messages.push(json!({"role": "user", "content": words.join(" ")}));
        said += 8;
        let body =
            json!({"model": "m", "messages": messages, "max_tokens": 8, "ignore_eos": true, "priority": -1});
        let (text, cached, prompt) = ask(&server, &body);
        // A word is a token, that of a reply too.
        assert_eq!((prompt, text.split_ascii_whitespace().count()), (said, 8));
        messages.push(json!({"role": "assistant", "content": text}));
        found.push(cached);
        said += 8;
    }
    // Prompts of 12, 28, 44 and 60 words. Each finds the prompt and the reply before it, 20, 36 and 52 words, but the last word of the
    // reply, which never went through the model: so of the last block of four words three.
    assert_eq!(found, [0, 16, 32, 48]);
    // A reply that is said otherwise is another text: the prompt before it is there, and what is behind it is not.
    let mut otherwise = messages.clone();
    let said = otherwise[2]["content"].as_str().unwrap().replacen(' ', " or ", 1);
    otherwise[2]["content"] = json!(said);
    let body = json!({"model": "m", "messages": otherwise, "max_tokens": 1, "ignore_eos": true});
    assert_eq!(ask(&server, &body).1, 12);
    // Another system prompt, and nothing is the same any more.
    messages[0]["content"] = json!("one two three five");
    let body = json!({"model": "m", "messages": messages, "max_tokens": 1, "ignore_eos": true});
    assert_eq!(ask(&server, &body).1, 0);
}
