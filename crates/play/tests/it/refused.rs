//! Bodies that ask for what cannot be meant, or for what is not simulated.

use serde_json::{Value, json};
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Handle, Server};
use tokmark_record::catalogue::Server as Kind;

use crate::client::{Client, Reply, config};

/// A server that plays `plays` with vLLM's engine, whose context holds 20 tokens.
fn of_twenty(plays: Kind) -> Handle {
    let params = VllmParams { block_size: 4, max_model_len: Some(20), ..VllmParams::default() };
    let timing = Constant::new(Micros(100), Micros(10)).unwrap();
    let engine = Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0));
    Server::start(Config { plays, max_model_len: Some(20), ..Config::new("m", engine) }).unwrap()
}

fn complete(server: &Handle, keys: &Value) -> Reply {
    let mut body = json!({"prompt": "a b c", "max_tokens": 2, "ignore_eos": true});
    body.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    Client::connect(server.address()).post("/v1/completions", &body)
}

fn message(reply: &Reply) -> String {
    reply.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_bad_completion_is_400_and_names_the_field() {
    let server = Server::start(config()).unwrap();
    for (keys, said) in [
        (json!({"prompt": ["a b", "c d"]}), "`prompt`: not simulated yet"),
        (json!({"prompt": [[1, 2], [3]]}), "`prompt`: not simulated yet"),
        (json!({"prompt": [-1]}), "`prompt[0]` is -1"),
        (json!({"prompt": ""}), "`prompt` is empty"),
        (json!({"prompt": []}), "`prompt` is empty"),
        (json!({"max_tokens": -3}), "`max_tokens` is -3"),
        (json!({"max_tokens": "5"}), "`max_tokens` is \"5\""),
        (json!({"max_tokens": 0}), "max_tokens must be at least 1"),
        (json!({"n": 2}), "`n` above 1: not simulated yet"),
        (json!({"stop": ["x"]}), "(`stop`): not simulated yet"),
        (json!({"stream": 1}), "`stream` is 1"),
        (json!({"stream_options": {"include_usage": true}}), "`stream_options` are for streams"),
    ] {
        let reply = complete(&server, &keys);
        assert_eq!(
            (reply.status, &reply.json()["error"]["type"]),
            (400, &json!("BadRequestError")),
            "{keys}"
        );
        assert!(message(&reply).contains(said), "{keys}: {}", message(&reply));
    }
    let empty = json!({"messages": []});
    let reply = Client::connect(server.address()).post("/v1/chat/completions", &empty);
    assert!(reply.status == 400 && message(&reply).contains("`messages` is empty"), "{}", reply.body);
    assert_eq!(server.stats().census.tokens_emitted, 0);
    // One prompt in a list is one prompt.
    for (prompt, tokens) in [(json!(["a b"]), 2), (json!([[1, 2, 3]]), 3)] {
        assert_eq!(complete(&server, &json!({"prompt": prompt})).json()["usage"]["prompt_tokens"], tokens);
    }
}

#[test]
fn only_sglang_takes_stream_options_without_a_stream() {
    for (plays, status) in [(Kind::Vllm, 400), (Kind::Trtllm, 400), (Kind::Dynamo, 400), (Kind::Sglang, 200)]
    {
        let server = Server::start(Config { plays, ..config() }).unwrap();
        let reply = complete(&server, &json!({"stream_options": {"include_usage": true}}));
        assert_eq!(reply.status, status, "{plays}");
        assert_eq!(complete(&server, &json!({"stream_options": {}})).status, 200, "{plays}");
    }
}

#[test]
fn an_output_longer_than_the_context_is_refused_or_cut_as_each_server_does() {
    // Three tokens of prompt leave room for seventeen.
    for (plays, asked, made) in [
        (Kind::Vllm, 17, Some(17)),
        (Kind::Vllm, 18, Some(17)),
        (Kind::Vllm, 20, Some(17)),
        (Kind::Vllm, 21, None),
        (Kind::Dynamo, 20, Some(17)),
        (Kind::Dynamo, 21, None),
        (Kind::Trtllm, 21, None),
        (Kind::Sglang, 17, Some(17)),
        (Kind::Sglang, 18, None),
    ] {
        let server = of_twenty(plays);
        let reply = complete(&server, &json!({"max_tokens": asked}));
        if let Some(made) = made {
            assert_eq!(reply.json()["usage"]["completion_tokens"], made, "{plays} {asked}");
            assert_eq!(reply.json()["choices"][0]["finish_reason"], "length", "{plays} {asked}");
        } else {
            let said = format!("`max_tokens` is {asked}");
            assert!(
                reply.status == 400 && message(&reply).contains(&said),
                "{plays} {asked}: {}",
                reply.body
            );
        }
    }
    // A prompt that leaves no room at all.
    let reply = complete(&of_twenty(Kind::Vllm), &json!({"prompt": vec![1; 20], "max_tokens": 1}));
    assert_eq!((reply.status, message(&reply).contains("20 tokens")), (400, true), "{}", reply.body);
}
