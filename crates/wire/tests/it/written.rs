//! Requests and replies as tokmark writes them.

use serde_json::{Value, json};
use tokmark_record::Usage;
use tokmark_wire::http::{HeaderError, encode_request};
use tokmark_wire::{
    Ask, Body, BodyOptions, EndpointKind, Exchange, Nvext, Own, ReplyReader, ReplyWriter, Request,
};

use crate::streams::read;

fn options(streaming: bool, extra: Value) -> BodyOptions {
    let Value::Object(extra) = extra else { panic!("{extra}") };
    BodyOptions {
        model: "m".to_owned(),
        streaming,
        max_tokens_field: "max_tokens",
        hold_osl: true,
        nvext: Nvext::default(),
        extra,
    }
}

fn body(kind: EndpointKind, options: &BodyOptions, body: &Body<'_>, osl: Option<u32>) -> String {
    String::from_utf8(kind.encode(options, body, osl)).unwrap()
}

#[test]
fn request_bodies() {
    let plain = options(true, json!({}));
    assert_eq!(
        body(EndpointKind::Chat, &plain, &Body::Text("a \"b\"\n"), Some(5)),
        r#"{"model":"m","messages":[{"role":"user","content":"a \"b\"\n"}],"max_tokens":5,"min_tokens":5,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}"#
    );
    assert_eq!(
        body(EndpointKind::Completions, &options(false, json!({})), &Body::Text("p"), None),
        r#"{"model":"m","prompt":"p","stream":false}"#
    );
    let free = BodyOptions {
        hold_osl: false,
        max_tokens_field: "max_completion_tokens",
        ..options(false, json!({}))
    };
    let messages = [json!({"role": "system", "content": "s"}), json!({"role": "user", "content": "u"})];
    assert_eq!(
        body(EndpointKind::Chat, &free, &Body::Messages(&messages), Some(7)),
        r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"max_completion_tokens":7,"stream":false}"#
    );
    assert_eq!(
        body(EndpointKind::Completions, &free, &Body::Messages(&messages), None),
        r#"{"model":"m","prompt":"s\nu","stream":false}"#
    );
}

#[test]
fn earlier_turns_come_first_and_a_system_prompt_is_said_once() {
    let plain = options(false, json!({}));
    let said = Body::System { system: "s", text: "one" };
    let ready = [json!({"role": "user", "content": "two"}), json!({"role": "user", "content": "three"})];
    let before = [Exchange { said, reply: "1" }, Exchange { said: Body::Messages(&ready), reply: "" }];
    let ask = |body| Ask { before: &before, ..Ask::of(body, None) };
    let written = |kind: EndpointKind, body| String::from_utf8(kind.encode_ask(&plain, &ask(body))).unwrap();
    let same = Body::System { system: "s", text: "four" };
    let messages = |last: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"system","content":"s"}},{{"role":"user","content":"one"}},{{"role":"assistant","content":"1"}},{{"role":"user","content":"two"}},{{"role":"user","content":"three"}},{{"role":"assistant","content":""}},{last}{{"role":"user","content":"four"}}],"stream":false}}"#
        )
    };
    assert_eq!(written(EndpointKind::Chat, same), messages(""));
    assert_eq!(written(EndpointKind::Chat, Body::Text("four")), messages(""));
    let other = Body::System { system: "t", text: "four" };
    assert_eq!(written(EndpointKind::Chat, other), messages(r#"{"role":"system","content":"t"},"#));
    let prompt =
        |last: &str| format!(r#"{{"model":"m","prompt":"sone1two\nthree{last}four","stream":false}}"#);
    assert_eq!(written(EndpointKind::Completions, same), prompt(""));
    assert_eq!(written(EndpointKind::Completions, other), prompt("t"));
}

#[test]
fn what_one_request_asks_for_is_stronger_and_a_payload_is_left_alone() {
    let common = options(true, json!({"temperature": 0.1, "top_p": 0.2, "top_k": 3}));
    let (class, row) =
        (object(json!({"top_p": 0.5, "priority": 9, "seed": 1})), object(json!({"seed": 2, "model": "row"})));
    let own = Own { model: Some("class"), priority: Some(4), extra: [Some(&class), Some(&row)] };
    let ask = |body| Ask { own, ..Ask::of(body, Some(5)) };
    assert_eq!(
        String::from_utf8(EndpointKind::Completions.encode_ask(&common, &ask(Body::Text("p")))).unwrap(),
        r#"{"prompt":"p","max_tokens":5,"min_tokens":5,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true},"temperature":0.1,"top_p":0.5,"top_k":3,"priority":9,"seed":2,"model":"row"}"#
    );
    let own = Own { extra: [None; 2], ..own };
    let body = EndpointKind::Completions
        .encode_ask(&options(false, json!({})), &Ask { own, ..Ask::of(Body::Text("p"), None) });
    assert_eq!(body, br#"{"model":"class","prompt":"p","stream":false,"priority":4}"#);
    let payload = json!({"prompt": "as it is", "n": 1.0, "stream": true});
    assert_eq!(
        EndpointKind::Completions.encode_ask(&common, &ask(Body::Payload(&payload))),
        payload.to_string().as_bytes()
    );
    assert!(EndpointKind::Completions.fits(&payload) && !EndpointKind::Chat.fits(&payload));
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value}") };
    map
}

#[test]
fn extra_keys_come_last_and_win_whole() {
    let extra = json!({"nvext": {"ignore_eos": true}, "min_tokens": 1, "temperature": 0.5, "stream_options": {"include_usage": false}});
    assert_eq!(
        body(EndpointKind::Completions, &options(true, extra), &Body::Text("p"), Some(9)),
        r#"{"model":"m","prompt":"p","max_tokens":9,"ignore_eos":true,"stream":true,"nvext":{"ignore_eos":true},"min_tokens":1,"temperature":0.5,"stream_options":{"include_usage":false}}"#
    );
}

#[test]
fn a_server_reads_what_a_client_wrote() {
    let written = EndpointKind::Chat.encode(&options(true, json!({})), &Body::Text("hi"), Some(5));
    let want = Request {
        model: Some("m".to_owned()),
        texts: vec!["hi".to_owned()],
        streaming: true,
        has_stream_options: true,
        include_usage: true,
        max_tokens: Some(5),
        min_tokens: Some(5),
        ignore_eos: true,
        ..Request::default()
    };
    assert_eq!(EndpointKind::Chat.decode_request(&written).unwrap(), want);
    let parts = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]});
    let read = EndpointKind::Chat.decode_request(parts.to_string().as_bytes()).unwrap();
    assert_eq!(read.texts, ["a"]);
    let ids = EndpointKind::Completions.decode_request(br#"{"prompt":[1,2,3]}"#).unwrap();
    assert_eq!((ids.token_ids, ids.ids, ids.texts), (Some(3), vec![1, 2, 3], vec![]));
    let who = br#"{"prompt":"a","priority":-2,"user":"u","nvext":{"agent_context":{"session_id":"s 1"}}}"#;
    let who = EndpointKind::Completions.decode_request(who).unwrap();
    assert_eq!(
        (who.priority, who.user.as_deref(), who.session.as_deref()),
        (Some(-2), Some("u"), Some("s 1"))
    );
    for (bad, want) in [("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "`prompt` is missing")] {
        let error = EndpointKind::Completions.decode_request(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(want) && error.contains("hint: "), "{error}");
    }
}

const USAGE: Usage = Usage { prompt: Some(3), completion: Some(2), cached: Some(1), reasoning: None };

#[test]
fn a_written_stream_reads_back() {
    for kind in [EndpointKind::Chat, EndpointKind::Completions] {
        let mut writer = ReplyWriter::new(kind, "id \"1\"", "m", 1);
        let mut out = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec();
        writer.role(&mut out);
        writer.content("a\n", None, &mut out);
        writer.content("é", None, &mut out);
        writer.finish("length", &mut out);
        writer.usage(&USAGE, &mut out);
        writer.done(&mut out);
        let (reply, _) = read(&mut ReplyReader::new(kind, true, true), &[&out]);
        assert_eq!(reply.failure, None);
        assert_eq!((reply.content_events, reply.usage), (2, Some(USAGE)));
        assert_eq!(reply.text.unwrap().output, "a\né");
        assert_eq!((reply.finish_reason.as_deref(), reply.done), (Some("length"), true));
    }
}

#[test]
fn a_written_body_and_a_written_error_read_back() {
    for kind in [EndpointKind::Chat, EndpointKind::Completions] {
        let body = ReplyWriter::new(kind, "1", "m", 1).body("a\n", "stop", &USAGE);
        let mut out = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec();
        out.extend(body);
        let (reply, _) = read(&mut ReplyReader::new(kind, false, true), &[&out]);
        assert_eq!((reply.failure, reply.content_events, reply.usage), (None, 1, Some(USAGE)));
        assert_eq!(reply.text.unwrap().output, "a\n");
        let mut out = b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec();
        out.extend(tokmark_wire::endpoint::error_body("overloaded", "try later", 503));
        let (reply, _) = read(&mut ReplyReader::new(kind, false, true), &[&out]);
        assert_eq!(reply.failure.unwrap().message, "try later");
    }
}

#[test]
fn reasoning_and_errors_are_written_as_servers_write_them() {
    let mut writer = ReplyWriter::new(EndpointKind::Chat, "1", "m", 1);
    let mut out = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec();
    writer.reasoning("h", Some(&USAGE), &mut out);
    writer.error("boom", &mut out);
    let (reply, _) = read(&mut ReplyReader::new(EndpointKind::Chat, true, true), &[&out]);
    assert_eq!((reply.content_events, reply.first_output, reply.first_event_tokens), (1, None, Some(2)));
    assert_eq!(reply.failure.unwrap().message, "boom");
}

#[test]
fn request_heads() {
    let none: [(&str, &str); 0] = [];
    let head = |method: &str, path: &str, headers: &[(&str, &str)]| {
        encode_request(method, path, "h:8000", headers, 7).map(|head| String::from_utf8(head).unwrap())
    };
    assert_eq!(
        head("POST", "/v1/completions", &[("X-A", "b c")]).unwrap(),
        "POST /v1/completions HTTP/1.1\r\nHost: h:8000\r\nX-A: b c\r\nContent-Length: 7\r\n\r\n"
    );
    assert_eq!(head("GET", "/health", &none).unwrap(), "GET /health HTTP/1.1\r\nHost: h:8000\r\n\r\n");
    assert_eq!(head("GET", "/", &[("host", "other")]).unwrap(), "GET / HTTP/1.1\r\nhost: other\r\n\r\n");
    let refused = |headers: &[(&str, &str)]| head("POST", "/", headers).unwrap_err();
    assert_eq!(
        refused(&[("Authorization", "Bearer secret\r\nX: y")]),
        HeaderError::Value { name: "Authorization".to_owned(), at: 13 }
    );
    assert!(!refused(&[("Authorization", "secret\n")]).to_string().contains("secret"));
    assert_eq!(refused(&[("A b", "c")]), HeaderError::Name("A b".to_owned()));
    assert_eq!(refused(&[("content-LENGTH", "1")]), HeaderError::Reserved("content-LENGTH".to_owned()));
    assert_eq!(head("GET", "/a b", &none), Err(HeaderError::Path("/a b".to_owned())));
    let names = EndpointKind::Chat.headers(true);
    assert!(names.contains(&("Accept-Encoding", "identity")));
}
