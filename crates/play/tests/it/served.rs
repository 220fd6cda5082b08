//! What a good server does.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokmark_base::{Lexicon, Micros, Secret, Stream};
use tokmark_engine::Slots;
use tokmark_perf::Constant;
use tokmark_play::{Config, Load, Server, StartError};

use crate::client::{Client, ask, chat, config, until};

/// Counts: `one two three four …`, up to what the tests need.
struct Counting;

impl Lexicon for Counting {
    fn id(&self) -> String {
        "counting".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, _stream: &mut Stream) -> u32 {
        for _ in 0..tokens {
            let said = text.split_whitespace().count();
            text.push_str(["one", " two", " three", " four"][said]);
        }
        tokens
    }
}

fn counting() -> Config {
    Config { lexicon: Arc::new(Counting), ..config() }
}

/// The text with the one value replaced that differs from run to run.
fn undated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\"created\":") {
        let (before, after) = rest.split_at(at + 10);
        out.push_str(before);
        out.push('0');
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

#[test]
fn a_chat_stream_byte_for_byte() {
    let server = Server::start(counting()).unwrap();
    let reply = chat(&server, &ask(true, 3));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert!(reply.complete);
    let event = |delta: &str, reason: &str| {
        format!(
            r#"data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":0,"model":"m","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}]}}"#
        )
    };
    let expected = [
        event(r#"{"role":"assistant","content":""}"#, "null"),
        event(r#"{"content":"one"}"#, "null"),
        event(r#"{"content":" two"}"#, "null"),
        event(r#"{"content":" three"}"#, "null"),
        event("{}", r#""length""#),
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":0,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}"#.to_owned(),
        "data: [DONE]".to_owned(),
    ];
    let seen = undated(&reply.body);
    assert_eq!(seen.split_terminator("\n\n").collect::<Vec<_>>(), expected);
}

#[test]
fn a_completion_stream_and_its_body_say_the_same() {
    let server = Server::start(counting()).unwrap();
    let mut client = Client::connect(server.address());
    let streamed = client.post("/v1/completions", &ask(true, 4));
    let words: String = streamed
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter_map(|event| event["choices"][0]["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(words, "one two three four");
    // The same connection again.
    let whole = client.post("/v1/completions", &ask(false, 4));
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("application/json"));
    let body = whole.json();
    assert_eq!(body["object"], "text_completion");
    assert_eq!(body["choices"][0]["text"], words);
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["usage"], json!({"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}));
    assert_eq!(server.stop().connections, 1);
}

#[test]
fn a_chat_in_one_piece() {
    let server = Server::start(counting()).unwrap();
    let body = chat(&server, &ask(false, 2)).json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["message"], json!({"role": "assistant", "content": "one two"}));
}

#[test]
fn lengths_are_kept_as_asked() {
    let timing = Constant::new(Micros(100), Micros(10)).unwrap();
    let engine = Slots::new(timing, 2).unwrap().natural_output(6).unwrap();
    let server = Server::start(Config::new("m", engine)).unwrap();
    for (asked, tokens, reason) in [
        (json!({"max_tokens": 4}), 4, "length"),
        (json!({"max_tokens": 9}), 6, "stop"),
        (json!({"max_tokens": 9, "ignore_eos": true}), 9, "length"),
        (json!({"max_tokens": 9, "min_tokens": 8}), 8, "stop"),
        (json!({"max_completion_tokens": 3}), 3, "length"),
        (json!({}), 6, "stop"),
    ] {
        let mut body = json!({"model": "m", "prompt": [1, 2, 3], "stream": false});
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let reply = Client::connect(server.address()).post("/v1/completions", &body).json();
        assert_eq!(reply["usage"]["completion_tokens"], tokens, "{asked}");
        assert_eq!(reply["usage"]["prompt_tokens"], 3);
        assert_eq!(reply["choices"][0]["finish_reason"], reason, "{asked}");
    }
}

#[test]
fn usage_comes_as_asked() {
    let server = Server::start(config()).unwrap();
    let mut plain = ask(true, 2);
    plain.as_object_mut().unwrap().remove("stream_options");
    assert!(!chat(&server, &plain).body.contains("usage"));
    plain["stream_options"] = json!({"include_usage": true, "continuous_usage_stats": true});
    let reply = chat(&server, &plain);
    let counts: Vec<&str> = reply
        .events()
        .into_iter()
        .filter_map(|event| event.split("\"completion_tokens\":").nth(1))
        .map(|rest| &rest[..1])
        .collect();
    assert_eq!(counts, ["1", "2", "2"]);
}

#[test]
fn what_is_asked_wrongly_is_refused_as_the_field_does() {
    let server = Server::start(config()).unwrap();
    let post = "POST /v1/chat/completions HTTP/1.1";
    let json = "content-type: application/json";
    let good = ask(true, 2).to_string();
    let mut other_model = ask(true, 2);
    other_model["model"] = "x".into();
    let mut crossed = ask(true, 2);
    crossed["min_tokens"] = 3.into();
    for (head, body, status, words) in [
        (post.to_owned(), good.clone(), 415, "application/json"),
        (format!("{post}\r\ncontent-type: text/plain"), good.clone(), 415, "application/json"),
        (format!("{post}\r\n{json}"), "{oops".to_owned(), 400, "not JSON"),
        (format!("{post}\r\n{json}"), "{\"model\": \"m\"}".to_owned(), 400, "messages"),
        (format!("{post}\r\n{json}"), ask(true, 0).to_string(), 400, "max_tokens"),
        (format!("{post}\r\n{json}"), crossed.to_string(), 400, "min_tokens is 3"),
        (format!("{post}\r\n{json}"), other_model.to_string(), 404, "The model `x` does not exist."),
        ("POST /v1/chat HTTP/1.1".to_owned(), good.clone(), 404, "no /v1/chat here"),
        ("GET /v1/completions HTTP/1.1".to_owned(), String::new(), 405, "takes POST"),
        ("POST /health HTTP/1.1".to_owned(), good.clone(), 405, "takes GET"),
    ] {
        let mut client = Client::connect(server.address());
        client.send(&head, &body);
        let reply = client.reply();
        assert_eq!(reply.status, status, "{head} {body}");
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{message}");
        assert_eq!(reply.json()["error"]["code"], status);
    }
    // With parameters it is still JSON.
    let mut client = Client::connect(server.address());
    client.send(&format!("{post}\r\ncontent-type: Application/JSON; charset=utf-8"), &good);
    assert_eq!(client.reply().status, 200);
}

#[test]
fn models_health_and_key() {
    let mut config = config();
    config.models = vec!["a".to_owned(), "b".to_owned()];
    config.api_key = Some(Secret::new("sk-secret"));
    config.health.refuse_first = 2;
    let server = Server::start(config).unwrap();
    let mut client = Client::connect(server.address());
    let health: Vec<u16> = (0..3).map(|_| client.get("/health").status).collect();
    assert_eq!(health, [503, 503, 200]);
    let refused = client.get("/v1/models");
    assert_eq!((refused.status, refused.json()["error"]["code"].as_u64()), (401, Some(401)));
    client.send("GET /v1/models HTTP/1.1\r\nauthorization: Bearer sk-secret", "");
    let models = client.reply().json();
    let names: Vec<_> = models["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(client.post("/v1/completions", &ask(true, 1)).status, 401);
}

#[test]
fn a_full_queue_is_503_and_counted() {
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let engine = Slots::new(timing, 1).unwrap().queue_limit(0);
    let server = Server::start(Config::new("m", engine)).unwrap();
    let mut first = Client::connect(server.address());
    first.send_post("/v1/chat/completions", &ask(true, 100_000));
    assert_eq!(first.head().status, 200);
    let second = chat(&server, &ask(true, 1));
    assert_eq!(second.status, 503);
    assert!(second.body.contains("queue is full"), "{}", second.body);
    assert_eq!(server.stats().census.rejected, 1);
}

#[test]
fn a_client_that_leaves_gives_its_slot_back() {
    let server = Server::start(config()).unwrap();
    for (stream, cancelled) in [(true, 1), (false, 2)] {
        let mut client = Client::connect(server.address());
        client.send_post("/v1/chat/completions", &ask(stream, 100_000));
        if stream {
            client.head();
        }
        until("the request arrives", || server.stats().census.arrived == cancelled);
        drop(client);
        until("the request is cancelled", || server.stats().census.cancelled == cancelled);
    }
    let stats = server.stop();
    assert_eq!(stats.census.in_flight(), 0);
    assert_eq!(stats.census.check(), Ok(()));
}

#[test]
fn sixty_four_streams_at_once_lose_nothing() {
    for threads in [1, 3] {
        let timing = Constant::new(Micros(2_000), Micros(1_000)).unwrap();
        let engine = Slots::new(timing, 48).unwrap();
        let server = Server::start(Config { threads, ..Config::new("m", engine) }).unwrap();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..64)
                .map(|n| {
                    let server = &server;
                    scope.spawn(move || (chat(server, &ask(true, 20 + n % 3)), 20 + n % 3))
                })
                .collect();
            for client in clients {
                let (reply, tokens) = client.join().unwrap();
                assert!(reply.complete);
                assert_eq!(reply.content_events(), tokens as usize);
                assert!(reply.body.ends_with("data: [DONE]\n\n"));
            }
        });
        let stats = server.stop();
        assert_eq!((stats.requests, stats.census.finished, stats.connections), (64, 64, 64));
        assert_eq!(stats.census.check(), Ok(()));
        // At most one write a token; several that were due together may share one.
        assert!(stats.lateness.count >= 64 && stats.lateness.count <= stats.census.tokens_emitted);
        assert!(stats.lateness.p99 <= stats.lateness.max);
    }
}

#[test]
fn a_client_that_reads_late_gets_everything_in_order() {
    // More bytes than the sockets hold, made while nobody reads; the first token comes when the head is long out.
    let timing = Constant::new(Micros(30_000), Micros(1)).unwrap();
    for threads in [1, 2] {
        let server =
            Server::start(Config { threads, ..Config::new("m", Slots::new(timing, 1).unwrap()) }).unwrap();
        let mut client = Client::connect(server.address());
        let tokens = 60_000;
        let mut body = ask(true, tokens);
        body["stream_options"] = json!({"include_usage": true, "continuous_usage_stats": true});
        client.send_post("/v1/chat/completions", &body);
        until("all of it is made", || server.stats().census.finished == 1);
        let reply = client.reply();
        assert!(reply.complete);
        let counts: Vec<u64> = reply
            .events()
            .into_iter()
            .filter_map(|event| event.split("\"completion_tokens\":").nth(1))
            .map(|rest| rest.split(',').next().unwrap().parse().unwrap())
            .collect();
        assert!(counts.windows(2).all(|pair| pair[0] <= pair[1]), "out of order");
        assert_eq!(reply.content_events(), tokens as usize);
        // The connection is still good.
        assert_eq!(client.post("/v1/completions", &ask(false, 1)).status, 200);
    }
}

#[test]
fn http_1_0_gets_a_stream_without_chunks() {
    let server = Server::start(config()).unwrap();
    let mut client = Client::connect(server.address());
    client.send("POST /v1/completions HTTP/1.0\r\ncontent-type: application/json", &ask(true, 3).to_string());
    let all = String::from_utf8(client.rest()).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200") && !head.contains("chunked"), "{head}");
    assert!(body.starts_with("data: {") && body.ends_with("\n\ndata: [DONE]\n\n"), "{body}");
}

#[test]
fn more_workers_than_the_machine_can_serve_are_refused() {
    let timing = Constant::new(Micros(1_000), Micros(1)).unwrap();
    let load = Load::of(&timing, 1_000, 8);
    let Err(error) = Server::start(Config { load: Some(load), ..config() }) else {
        panic!("a billion tokens a second");
    };
    let text = error.to_string();
    assert!(
        matches!(error, StartError::TooFast(_)) && text.starts_with("1000 workers") && text.contains("hint:"),
        "{text}"
    );
    for (name, config) in [
        ("threads", Config { threads: 0, ..config() }),
        ("stream_interval", Config { stream_interval: 0, ..config() }),
    ] {
        let text = Server::start(config).err().unwrap().to_string();
        assert!(text.starts_with(&format!("{name} is 0")) && text.contains("hint:"), "{text}");
    }
}

#[test]
fn equal_requests_get_equal_words() {
    let words = |server: &tokmark_play::Handle| chat(server, &ask(false, 30)).json()["choices"].clone();
    let one = words(&Server::start(config()).unwrap());
    let other = words(&Server::start(config()).unwrap());
    assert_eq!(one, other);
    let text = one[0]["message"]["content"].as_str().unwrap();
    assert_eq!(text.split(' ').count(), 30);
}

#[test]
fn a_port_in_use_is_said_so() {
    let first = Server::start(config()).unwrap();
    let mut taken = config();
    taken.address = first.address();
    let Err(error) = Server::start(taken) else {
        panic!("two servers on one port");
    };
    assert!(matches!(error, StartError::Bind { .. }));
    let text = error.to_string();
    assert!(text.contains(&first.address().to_string()) && text.contains("hint:"), "{text}");
    // Stopped, the port is free again.
    let address: SocketAddr = first.address();
    drop(first);
    let mut again = config();
    again.address = address;
    assert_eq!(Server::start(again).unwrap().url(), format!("http://{address}"));
}
