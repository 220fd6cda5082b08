//! What a reply says of its prompt, and how many tokens share an event.

use serde_json::{Value, json};
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Fault, FaultRule, Handle, Server};

use crate::client::{Client, ask, chat, config};

/// vLLM with blocks of four tokens and a millisecond for everything.
fn vllm() -> Config {
    let params = VllmParams { block_size: 4, ..VllmParams::default() };
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    Config::new("m", Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0)))
}

fn completion(server: &Handle, prompt: &Value) -> Value {
    let body = json!({"model": "m", "prompt": prompt, "max_tokens": 1, "stream": false});
    Client::connect(server.address()).post("/v1/completions", &body).json()
}

#[test]
fn a_repeated_prompt_is_found_in_the_cache() {
    let server = Server::start(vllm()).unwrap();
    let cached = |prompt: Value| {
        completion(&server, &prompt)["usage"]["prompt_tokens_details"]["cached_tokens"].clone()
    };
    // Ten words: two complete blocks and a half.
    assert_eq!(cached(json!("a b c d e f g h i j")), 0);
    assert_eq!(cached(json!("a b c d e f g h i j")), 8);
    // Another last word of the second block: one block is left.
    assert_eq!(cached(json!("a b c d e f g X i j")), 4);
    assert_eq!(cached(json!("X b c d e f g h i j")), 0);
    // A prompt of two whole blocks that are both there: the last one is computed again.
    assert_eq!(cached(json!("a b c d e f g h")), 4);
    // Token ids are what they are.
    assert_eq!(cached(json!([1, 2, 3, 4, 5])), 0);
    assert_eq!(cached(json!([1, 2, 3, 4, 6])), 4);
}

#[test]
fn cached_tokens_stand_in_the_last_usage_of_a_stream() {
    let server = Server::start(vllm()).unwrap();
    let mut body = ask(true, 2);
    body["stream_options"] = json!({"include_usage": true, "continuous_usage_stats": true});
    let usages = |body: &Value| -> Vec<Value> {
        let reply = chat(&server, body);
        let events = reply.events().into_iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
        events.filter_map(|event| event.get("usage").cloned()).collect()
    };
    usages(&body);
    // Five words: one block and a word. Events in the middle say counts only, as vLLM's.
    let count = |completion: u32| json!({"prompt_tokens": 5, "completion_tokens": completion, "total_tokens": 5 + completion});
    let mut last = count(2);
    last["prompt_tokens_details"] = json!({"cached_tokens": 4});
    assert_eq!(usages(&body), [count(1), count(2), last]);
}

#[test]
fn details_are_told_only_if_there_are_any_and_they_are_wanted() {
    let silent = Server::start(Config { prompt_tokens_details: false, ..vllm() }).unwrap();
    // The slot engine has no cache to say anything about.
    for server in [silent, Server::start(config()).unwrap()] {
        assert!(completion(&server, &json!("a b"))["usage"].get("prompt_tokens_details").is_none());
    }
}

#[test]
fn adapters_are_models_whose_cache_is_their_own() {
    let server = Server::start(Config { adapters: vec!["tuned".to_owned()], ..vllm() }).unwrap();
    let cached = |model: &str| {
        let body = json!({"model": model, "prompt": "a b c d e", "max_tokens": 1});
        let reply = Client::connect(server.address()).post("/v1/completions", &body).json();
        assert_eq!(reply["model"], model);
        reply["usage"]["prompt_tokens_details"]["cached_tokens"].clone()
    };
    assert_eq!(["m", "m", "tuned", "tuned"].map(cached), [json!(0), json!(4), json!(0), json!(4)]);
    let models = Client::connect(server.address()).get("/v1/models").json();
    assert_eq!((&models["data"][1]["id"], &models["data"][1]["parent"]), (&json!("tuned"), &json!("m")));
}

#[test]
fn several_tokens_share_an_event() {
    let words = |events: Vec<&str>| -> Vec<usize> {
        let said = events.into_iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
        let said = said.filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned));
        said.map(|text| text.split_whitespace().count()).filter(|n| *n > 0).collect()
    };
    let server = Server::start(Config { stream_interval: 4, ..config() }).unwrap();
    // The first at once, then four each, the rest with the end.
    assert_eq!(words(chat(&server, &ask(true, 11)).events()), [1, 4, 4, 2]);
    assert_eq!(words(chat(&server, &ask(true, 1)).events()), [1]);
    // A rule knows better than the server.
    let rule = FaultRule::always(Fault::TokensPerEvent { tokens: 2 });
    let server = Server::start(Config { stream_interval: 4, faults: vec![rule], ..config() }).unwrap();
    assert_eq!(words(chat(&server, &ask(true, 4)).events()), [1, 2, 1]);
}

#[test]
fn continuous_usage_counts_every_token_of_a_shared_event() {
    let server = Server::start(Config { stream_interval: 3, ..config() }).unwrap();
    let mut body = ask(true, 5);
    body["stream_options"] = json!({"include_usage": true, "continuous_usage_stats": true});
    let reply = chat(&server, &body);
    let counts: Vec<u64> = reply
        .events()
        .into_iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok()?["usage"]["completion_tokens"].as_u64())
        .collect();
    assert_eq!(counts, [1, 4, 5, 5]);
}
