//! The engines' own APIs, and what replies say of the engine's work.

use serde_json::{Value, json};
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Slots, Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Handle, Server};
use tokmark_record::catalogue::Server as Kind;

use crate::client::{Client, Reply, ask};

const PROMPT: &str = "say something nice to me";

/// Blocks of four tokens, and a millisecond for everything.
fn serve(plays: Kind) -> Handle {
    let params = VllmParams { block_size: 4, ..VllmParams::default() };
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let worker = Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0));
    Server::start(Config { plays, ..Config::new("m", worker) }).unwrap()
}

fn post(server: &Handle, path: &str, body: &Value) -> Reply {
    Client::connect(server.address()).post(path, body)
}

fn values(reply: &Reply) -> Vec<Value> {
    reply.events().into_iter().filter_map(|event| serde_json::from_str(event).ok()).collect()
}

#[test]
fn sglang_says_the_whole_text_in_every_event() {
    let server = serve(Kind::Sglang);
    let sampling = json!({"max_new_tokens": 3, "min_new_tokens": 3, "ignore_eos": true});
    let mut body = json!({"text": PROMPT, "sampling_params": sampling, "stream": true});
    post(&server, "/generate", &body);
    let reply = post(&server, "/generate", &body);
    assert_eq!(reply.events().last(), Some(&"[DONE]"));
    let events = values(&reply);
    let text = |event: &Value| event["text"].as_str().unwrap().to_owned();
    assert!(events.windows(2).all(|pair| text(&pair[1]).starts_with(&text(&pair[0]))));
    let last = &events.last().unwrap()["meta_info"];
    assert_eq!(last["finish_reason"], json!({"type": "length", "length": 3}));
    // Five words: a block of four is in the cache the second time, and said so although nobody asked.
    assert_eq!([&last["prompt_tokens"], &last["completion_tokens"], &last["cached_tokens"]], [5, 3, 4]);
    // A prefill and two steps of a millisecond, by the engine's own stamps.
    assert_eq!((&last["queue_time"], &last["first_token_latency"]), (&json!(0.0), &json!(0.001)));
    assert_eq!(last["e2e_latency"], 0.003);
    assert_eq!(events[0]["meta_info"]["finish_reason"], Value::Null);

    body["stream"] = false.into();
    let whole = post(&server, "/generate", &body).json();
    assert_eq!(whole["output_ids"].as_array().map(Vec::len), Some(3));
    assert_eq!(whole["meta_info"]["e2e_latency"], 0.003);
    let empty = post(&server, "/generate", &json!({"text": ""}));
    assert_eq!(empty.status, 400);
    assert_eq!(post(&server, "/generate_stream", &json!({"inputs": PROMPT})).status, 200);
}

#[test]
fn text_generation_inference_says_a_token_an_event() {
    let server = serve(Kind::Vllm);
    let body = json!({"inputs": PROMPT, "parameters": {"max_new_tokens": 3, "details": true}});
    let reply = post(&server, "/generate_stream", &body);
    let events = values(&reply);
    assert_eq!(events.len(), reply.events().len(), "no [DONE]");
    let words: String = events.iter().map(|event| event["token"]["text"].as_str().unwrap()).collect();
    let last = events.last().unwrap();
    assert_eq!(last["generated_text"], words.as_str());
    // The model may end it before: three tokens are the most.
    let made = last["details"]["generated_tokens"].as_u64().unwrap();
    assert!((1..=3).contains(&made));
    assert_eq!(last["details"]["finish_reason"], if made == 3 { "length" } else { "eos_token" });
    assert!(events[..events.len() - 1].iter().all(|event| event["generated_text"].is_null()));
    let whole = post(&server, "/generate", &body).json();
    assert_eq!(whole["details"]["input_length"], 5);
}

#[test]
fn dynamo_says_how_long_it_took_if_asked() {
    let server = serve(Kind::Dynamo);
    let mut body = ask(true, 3);
    body["nvext"] = json!({"extra_fields": ["timing"], "agent_hints": {"osl": 3, "priority": 2}});
    // Prefill and two steps of a millisecond each; nobody else is there.
    let times =
        json!({"prefill_wait_time_ms": 0.0, "prefill_time_ms": 1.0, "ttft_ms": 1.0, "total_time_ms": 3.0});
    for path in ["/v1/chat/completions", "/v1/completions"] {
        let events = values(&post(&server, path, &body));
        let said: Vec<&Value> = events.iter().filter(|event| event.get("nvext").is_some()).collect();
        assert_eq!(said.len(), 1, "{path}");
        assert_eq!(said[0]["choices"][0]["finish_reason"], "length");
        assert_eq!(said[0]["nvext"]["timing"], times);
    }
    body["stream"] = false.into();
    body.as_object_mut().unwrap().remove("stream_options");
    assert_eq!(post(&server, "/v1/completions", &body).json()["nvext"]["timing"], times);
    body["nvext"]["extra_fields"] = json!(["worker_id"]);
    assert!(post(&server, "/v1/completions", &body).json().get("nvext").is_none());
    body["nvext"]["extra_fields"] = json!("timing");
    assert_eq!(post(&server, "/v1/completions", &body).status, 400);
    // Others have no such thing.
    body["nvext"]["extra_fields"] = json!(["timing"]);
    assert!(post(&serve(Kind::Vllm), "/v1/completions", &body).json().get("nvext").is_none());
}

#[test]
fn the_queue_is_told_apart_from_the_prefill() {
    // One slot: the second of two waits for the first, which takes a prefill and nine steps.
    let timing = Constant::new(Micros(20_000), Micros(20_000)).unwrap();
    let config = Config { plays: Kind::Dynamo, ..Config::new("m", Slots::new(timing, 1).unwrap()) };
    let server = Server::start(config).unwrap();
    let mut body = ask(false, 10);
    body["nvext"] = json!({"extra_fields": ["timing"]});
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(server.address())).collect();
    for client in &mut clients {
        client.send_post("/v1/completions", &body);
    }
    let times: Vec<Value> = clients.iter_mut().map(|c| c.reply().json()["nvext"]["timing"].clone()).collect();
    let of = |time: &Value, key: &str| time[key].as_f64().unwrap();
    let waited: Vec<f64> = times.iter().map(|time| of(time, "prefill_wait_time_ms")).collect();
    assert!(waited.contains(&0.0) && waited.iter().any(|wait| *wait > 0.0), "{times:?}");
    for time in &times {
        let first = of(time, "prefill_wait_time_ms") + of(time, "prefill_time_ms");
        assert!((first - of(time, "ttft_ms")).abs() < 1e-9 && of(time, "total_time_ms") > first, "{time}");
    }
}
