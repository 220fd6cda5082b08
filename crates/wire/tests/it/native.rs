//! The engines' own `/generate`: bodies as SGLang 0.5.23 and Text Generation Inference take them, streams as they answer.

use serde_json::{Map, Value, json};
use tokmark_base::Micros;
use tokmark_record::{ServerSaid, Usage};
use tokmark_wire::{Ask, Body, BodyOptions, EndpointKind, Exchange, Nvext, Own, ReplyReader, ReplyWriter};

use crate::streams::{all, read};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

fn options(extra: &Value) -> BodyOptions {
    BodyOptions {
        model: "m".to_owned(),
        streaming: true,
        max_tokens_field: "max_tokens",
        hold_osl: true,
        nvext: Nvext::default(),
        extra: extra.as_object().cloned().unwrap_or_default(),
    }
}

fn body(kind: EndpointKind, options: &BodyOptions, ask: &Ask<'_>) -> Value {
    serde_json::from_slice(&kind.encode_ask(options, ask)).unwrap()
}

#[test]
fn bodies_have_the_prompt_and_what_limits_the_output() {
    let ask = Ask::of(Body::System { system: "be brief ", text: "hello" }, Some(7));
    let more = options(&json!({"sampling_params": {"temperature": 0}, "rid": "r"}));
    let want = json!({
        "text": "be brief hello",
        "sampling_params": {"max_new_tokens": 7, "min_new_tokens": 7, "ignore_eos": true, "temperature": 0},
        "stream": true,
        "rid": "r",
    });
    assert_eq!(body(EndpointKind::Sglang, &more, &ask), want);
    let more = options(&json!({"parameters": {"seed": 1}}));
    let want =
        json!({"inputs": "be brief hello", "parameters": {"details": true, "max_new_tokens": 7, "seed": 1}});
    assert_eq!(body(EndpointKind::Tgi, &more, &ask), want);
    assert_eq!(EndpointKind::Tgi.path(true), "/generate_stream");
    assert_eq!(EndpointKind::Tgi.path(false), "/generate");
}

#[test]
fn dynamo_is_told_and_asked_what_is_wanted() {
    let ask = Ask { own: Own { priority: Some(3), ..Own::default() }, ..Ask::of(Body::Text("a"), Some(9)) };
    let nvext = |hints, timing| {
        let options = BodyOptions { nvext: Nvext { hints, timing }, ..options(&json!({})) };
        body(EndpointKind::Chat, &options, &ask)["nvext"].clone()
    };
    assert_eq!(nvext(false, false), Value::Null);
    assert_eq!(nvext(true, false), json!({"agent_hints": {"osl": 9, "priority": -3}}));
    assert_eq!(
        nvext(true, true),
        json!({"agent_hints": {"osl": 9, "priority": -3}, "extra_fields": ["timing"]})
    );
    // A server gets back what was meant: to Dynamo the larger number is served first.
    let options = BodyOptions {
        nvext: Nvext { hints: true, timing: true },
        extra: Map::from_iter([("priority".to_owned(), Value::Null)]),
        ..options(&json!({}))
    };
    let asked = EndpointKind::Chat.decode_request(&EndpointKind::Chat.encode_ask(&options, &ask)).unwrap();
    assert_eq!((asked.priority, asked.timing), (Some(3), true));
}

#[test]
fn a_stream_that_says_everything_again_counts_what_is_new() {
    let event = |text: &str, ids: &[u32], tokens: u32, finish: Value| {
        let meta = json!({"id": "x", "finish_reason": finish, "prompt_tokens": 3, "completion_tokens": tokens, "cached_tokens": 2});
        format!("data: {}\n\n", json!({"text": text, "output_ids": ids, "meta_info": meta}))
    };
    let length = json!({"type": "length", "length": 4});
    let whole = [
        event("a a", &[5, 5], 2, Value::Null),
        event("a a b", &[5, 5, 6], 3, Value::Null),
        event("a a b é", &[5, 5, 6, 7], 4, length.clone()),
    ];
    let new = [
        event("a a", &[5, 5], 2, Value::Null),
        event(" b", &[6], 3, Value::Null),
        event(" é", &[7], 4, length),
    ];
    for events in [whole, new] {
        let bytes = [HEAD, events.concat().as_bytes(), b"data: [DONE]\n\n"].concat();
        let (reply, _) = read(&mut ReplyReader::new(EndpointKind::Sglang, true, true), &[&bytes]);
        assert_eq!(reply.failure, None);
        assert_eq!((reply.content_events, reply.first_event_tokens, reply.done), (3, Some(2), true));
        assert_eq!(reply.text.unwrap().output, "a a b é");
        assert_eq!(reply.finish_reason.as_deref(), Some("length"));
        let usage = reply.usage.unwrap();
        assert_eq!((usage.prompt, usage.completion, usage.cached), (Some(3), Some(4), Some(2)));
    }
}

#[test]
fn what_is_written_reads_back() {
    let usage = Usage { prompt: Some(5), completion: Some(2), cached: Some(4), reasoning: None };
    for kind in [EndpointKind::Sglang, EndpointKind::Tgi] {
        let mut writer = ReplyWriter::new(kind, "1", "m", 1);
        let mut out = HEAD.to_vec();
        writer.role(&mut out);
        writer.content("a ", Some(&Usage { completion: Some(1), ..usage }), &mut out);
        writer.content("é", Some(&usage), &mut out);
        writer.finish("length", &mut out);
        writer.usage(&usage, &mut out);
        writer.done(&mut out);
        let (reply, _) = read(&mut ReplyReader::new(kind, true, true), &[&out]);
        assert_eq!((reply.failure, reply.content_events), (None, 2), "{kind:?}");
        assert_eq!(reply.text.unwrap().output, "a é");
        assert_eq!(reply.finish_reason.as_deref(), Some("length"));
        let known = reply.usage.unwrap();
        assert_eq!((known.prompt, known.completion), (Some(5), Some(2)));
        let body = ReplyWriter::new(kind, "1", "m", 1).body("a é", "length", &usage);
        let whole = [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", &body[..]].concat();
        let (reply, _) = read(&mut ReplyReader::new(kind, false, true), &[&whole]);
        assert_eq!((reply.failure, reply.content_events), (None, 1), "{kind:?}");
        assert_eq!(reply.text.unwrap().output, "a é");
    }
}

#[test]
fn the_servers_own_figures_are_read_where_they_are_given() {
    let said = |event: &Value| {
        let finish = json!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]});
        let bytes =
            [HEAD, format!("data: {finish}\n\ndata: {event}\n\ndata: [DONE]\n\n").as_bytes()].concat();
        let (reply, _) = read(&mut ReplyReader::new(EndpointKind::Chat, true, true), &[&bytes]);
        assert_eq!(reply.failure, None);
        reply.server
    };
    let empty = |more: Map<String, Value>| {
        let mut event = Map::from_iter([("choices".to_owned(), json!([]))]);
        event.extend(more);
        Value::Object(event)
    };
    let of = |key: &str, value: Value| empty(Map::from_iter([(key.to_owned(), value)]));
    // vLLM 0.32, `--enable-per-request-metrics`.
    let vllm = said(&of(
        "metrics",
        json!({"time_to_first_token_ms": 12.5, "queue_time_ms": 0.25, "generation_time_ms": 80, "mean_itl_ms": 4,
        "speculative_decoding": {"num_draft_tokens": 30, "num_accepted_draft_tokens": 21}}),
    ))
    .unwrap();
    // What it calls time to first token begins when the request is scheduled.
    let times = [vllm.queue_us, vllm.prefill_us, vllm.first_token_us, vllm.total_us];
    assert_eq!(times.map(|t| t.unwrap().0), [250, 12_500, 12_750, 92_750]);
    assert_eq!((vllm.drafted, vllm.accepted), (Some(30), Some(21)));
    // Dynamo 1.6.1, `nvext.extra_fields: ["timing"]`.
    let dynamo = said(&of("nvext", json!({"worker_id": {"prefill_worker_id": 1},
        "timing": {"prefill_wait_time_ms": 1.5, "prefill_time_ms": 20.0, "ttft_ms": 24.5, "total_time_ms": 79.8}})))
    .unwrap();
    let times = [dynamo.queue_us, dynamo.prefill_us, dynamo.first_token_us, dynamo.total_us];
    assert_eq!(times.map(|t| t.unwrap().0), [1_500, 20_000, 24_500, 79_800]);
    // llama.cpp.
    let llama = said(&of(
        "timings",
        json!({"cache_n": 12, "prompt_n": 1, "prompt_ms": 3.168, "draft_n": 8, "draft_n_accepted": 6}),
    ));
    let llama = llama.unwrap();
    assert_eq!((llama.prefill_us.unwrap().0, llama.cached), (3_168, Some(12)));
    assert_eq!((llama.drafted, llama.accepted), (Some(8), Some(6)));
    assert_eq!(said(&of("metrics", json!({"queue_time_ms": "soon"}))), None);
    assert_eq!(said(&of("timings", json!(7))), None);
}

#[test]
fn what_a_server_says_of_its_work_reads_back() {
    let usage = Usage { prompt: Some(5), completion: Some(2), cached: Some(4), reasoning: None };
    let times = ServerSaid {
        queue_us: Some(Micros(250)),
        first_token_us: Some(Micros(20_125)),
        total_us: Some(Micros(60_750)),
        ..ServerSaid::default()
    };
    for kind in [EndpointKind::Chat, EndpointKind::Completions, EndpointKind::Sglang] {
        let mut writer = ReplyWriter::new(kind, "1", "m", 1);
        writer.say(times);
        let mut out = HEAD.to_vec();
        writer.content("a", Some(&usage), &mut out);
        writer.finish("stop", &mut out);
        writer.usage(&usage, &mut out);
        writer.done(&mut out);
        let (reply, _) = read(&mut ReplyReader::new(kind, true, true), &[&out]);
        assert_eq!((reply.failure, reply.server), (None, Some(times)), "{kind:?}");
        assert_eq!(reply.finish_reason.as_deref(), Some("stop"));
        let body = writer.body("a", "length", &usage);
        let whole = [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", &body[..]].concat();
        let (reply, _) = read(&mut ReplyReader::new(kind, false, true), &[&whole]);
        assert_eq!((reply.failure, reply.server, reply.usage), (None, Some(times), Some(usage)), "{kind:?}");
    }
}

#[test]
fn earlier_turns_are_said_again_in_the_prompt() {
    for (kind, key) in [(EndpointKind::Sglang, "text"), (EndpointKind::Tgi, "inputs")] {
        let first = json!({key: "b "});
        let before = [
            Exchange { said: Body::System { system: "s ", text: "a " }, reply: "A " },
            Exchange { said: Body::Payload(&first), reply: "B " },
        ];
        let ask = Ask { before: &before, ..Ask::of(Body::System { system: "s ", text: "c" }, None) };
        assert_eq!(body(kind, &options(&json!({})), &ask)[key], "s a A b B c");
        assert!(kind.fits(&first) && !kind.fits(&json!({"prompt": "a"})));
    }
}

#[test]
fn reasoning_tokens_are_read_where_sglang_has_them() {
    let of = |usage: &str| {
        let body = format!(
            r#"{{"choices": [{{"message": {{"content": "a", "reasoning_content": "h"}}, "finish_reason": "stop"}}], "usage": {usage}}}"#
        );
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
        let (reply, _) = read(&mut ReplyReader::new(EndpointKind::Chat, false, true), &[whole.as_bytes()]);
        reply.usage.unwrap().reasoning
    };
    assert_eq!(
        of(r#"{"completion_tokens": 5, "reasoning_tokens": 3, "completion_tokens_details": null}"#),
        Some(3)
    );
    // A model whose reasoning SGLang does not know has 0 there.
    assert_eq!(of(r#"{"completion_tokens": 5, "reasoning_tokens": 0}"#), None);
    let both = r#"{"completion_tokens_details": {"reasoning_tokens": 2}, "completion_tokens": 5, "reasoning_tokens": 3}"#;
    assert_eq!(of(both), Some(2));
}

#[test]
fn a_stream_of_tokens_without_details_ends_with_the_whole_text() {
    let event = |text: &str, whole: Value| {
        format!(
            "data:{}\n\n",
            json!({"index": 1, "token": {"id": 5, "text": text, "special": false}, "generated_text": whole, "details": null})
        )
    };
    let read = |events: &[String]| {
        let bytes = [HEAD, events.concat().as_bytes()].concat();
        read(&mut ReplyReader::new(EndpointKind::Tgi, true, true), &[&bytes]).0
    };
    let good = read(&[event("a", Value::Null), event(" b", json!("a b"))]);
    assert_eq!((good.failure, good.text.unwrap().output), (None, "a b".to_owned()));
    assert!(read(&[event("a", Value::Null), event(" b", Value::Null)]).failure.is_some());
}

/// Of `streams/`, every reply in which a server says something of its work.
#[test]
fn what_servers_said_beside_the_replies_is_kept() {
    let told = |name: &str| {
        let stream = all().iter().find(|stream| stream.name == name).unwrap();
        let said = read(&mut stream.reader(), &[&stream.bytes]).0.server.unwrap_or_default();
        let times = [said.queue_us, said.prefill_us, said.first_token_us, said.total_us];
        (times.map(|time| time.map(|us| us.0)), [said.drafted, said.accepted, said.cached])
    };
    let none = [None; 3];
    // Milliseconds with nine digits behind the point, rounded to microseconds.
    assert_eq!(told("dynamo-chat-timing"), ([Some(1_119), Some(22_186), Some(23_305), Some(60_347)], none));
    assert_eq!(
        told("dynamo-chat-timing-body"),
        ([Some(2_549), Some(17_758), Some(20_308), Some(60_604)], none)
    );
    assert_eq!(
        told("dynamo-completions-timing"),
        ([Some(651), Some(17_487), Some(18_138), Some(58_536)], none)
    );
    // On every event; the last one stands.
    assert_eq!(told("llama-chat-timings"), ([None, Some(3_168), None, None], [None, None, Some(12)]));
    assert_eq!(told("made-llama-drafts"), ([None, Some(3_500), None, None], [Some(8), Some(6), Some(12)]));
    assert_eq!(
        told("made-vllm-metrics"),
        ([Some(750), Some(12_500), Some(13_250), Some(17_500)], [Some(4), Some(1), None])
    );
    assert_eq!(
        told("made-sglang"),
        ([Some(500), Some(19_000), Some(21_500), Some(42_500)], [Some(4), Some(2), None])
    );
    assert_eq!(told("made-sglang-incremental"), ([None, None, None, Some(42_500)], none));
    assert_eq!(told("made-tgi"), ([None; 4], none));
}
