//! Every fault, as a client sees it.

use std::time::Instant;

use tokmark_base::Micros;
use tokmark_play::{Fault, FaultRule, Server};

use crate::client::{Client, ask, chat, config, faulty, until};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn statuses_carry_their_body_and_header() {
    for (code, body, retry_after, content_type) in [
        (401, "no", None, "text/plain; charset=utf-8"),
        (415, "", None, "text/plain; charset=utf-8"),
        (429, r#"{"error": "slow down"}"#, Some(7), "application/json"),
        (500, "Internal Server Error", None, "text/plain; charset=utf-8"),
        (503, r#"{"detail": "busy"}"#, Some(1), "application/json"),
    ] {
        let server = faulty(Fault::Status { code, body: body.to_owned(), retry_after });
        let reply = chat(&server, &ask(true, 4));
        assert_eq!(reply.status, code);
        assert_eq!(reply.body, body);
        assert_eq!(reply.header("content-type"), Some(content_type));
        let seconds = retry_after.map(|s: u32| s.to_string());
        assert_eq!(reply.header("retry-after"), seconds.as_deref());
        assert!(reply.complete);
        // It never got to the engine.
        assert_eq!(server.stop().census.arrived, 0);
    }
}

#[test]
fn a_redirect_points_elsewhere() {
    let server = faulty(Fault::Redirect { location: "http://elsewhere/v1".to_owned() });
    let reply = chat(&server, &ask(true, 4));
    assert_eq!(reply.status, 307);
    assert_eq!(reply.header("location"), Some("http://elsewhere/v1"));
}

#[test]
fn never_means_not_a_byte_until_the_server_ends() {
    let server = faulty(Fault::NeverAnswer);
    let mut client = Client::connect(server.address());
    client.send_post(CHAT, &ask(true, 4));
    until("the request is read", || server.stats().requests == 1);
    drop(server);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_late_answer_is_good_but_not_early() {
    let delay = Micros(30_000);
    let server = faulty(Fault::AnswerAfter { delay });
    let start = Instant::now();
    let reply = chat(&server, &ask(true, 4));
    assert!(start.elapsed().as_micros() as i64 >= delay.0);
    assert_eq!((reply.status, reply.content_events()), (200, 4));
}

#[test]
fn an_empty_reply_is_a_closed_connection() {
    let server = faulty(Fault::EmptyReply);
    let mut client = Client::connect(server.address());
    client.send_post(CHAT, &ask(true, 4));
    assert_eq!(client.rest(), b"");
}

#[test]
fn bad_http_is_no_status_line() {
    let server = faulty(Fault::BadHttp);
    let mut client = Client::connect(server.address());
    client.send_post(CHAT, &ask(true, 4));
    let seen = String::from_utf8(client.rest()).unwrap();
    assert!(seen.starts_with("220 ") && !seen.contains("HTTP"), "{seen}");
}

#[test]
fn a_drip_arrives_whole_and_slowly() {
    let server = faulty(Fault::Drip { bytes_per_sec: 20_000 });
    let start = Instant::now();
    let reply = chat(&server, &ask(false, 4));
    let took = start.elapsed();
    assert!(reply.complete);
    assert_eq!(reply.json()["usage"]["completion_tokens"], 4);
    // The head is longer than a hundred bytes; each byte but the first waited for its time.
    let bytes = reply.body.len() as u128 + 99;
    assert!(took.as_micros() >= bytes * 50, "{} bytes in {took:?}", reply.body.len());
}

#[test]
fn an_encoding_that_was_not_asked_for() {
    let server = faulty(Fault::ContentEncoding { name: "gzip".to_owned() });
    for stream in [true, false] {
        assert_eq!(chat(&server, &ask(stream, 2)).header("content-encoding"), Some("gzip"));
    }
}

#[test]
fn a_cut_stream_lacks_its_end() {
    for tokens in [0, 1, 3] {
        let server = faulty(Fault::CutAfter { tokens });
        // So many that the engine cannot be through before it is told.
        let reply = chat(&server, &ask(true, 100_000));
        assert_eq!(reply.status, 200);
        assert!(!reply.complete, "the last chunk must be missing");
        assert_eq!(reply.content_events(), tokens as usize);
        assert!(!reply.body.contains("[DONE]") && !reply.body.contains("\"length\""));
        until("the engine is told", || server.stats().census.cancelled == 1);
    }
}

#[test]
fn an_early_end_is_clean_http_and_nothing_more() {
    let server = faulty(Fault::EndAfter { tokens: 3 });
    let reply = chat(&server, &ask(true, 8));
    assert!(reply.complete);
    assert_eq!((reply.content_events(), reply.events().len()), (3, 4));
    assert!(!reply.body.contains("[DONE]") && !reply.body.contains("\"length\""));
}

#[test]
fn a_stall_is_silent_until_the_server_ends() {
    let server = faulty(Fault::StallAfter { tokens: 2 });
    let mut client = Client::connect(server.address());
    client.send_post(CHAT, &ask(true, 8));
    assert_eq!(client.head().status, 200);
    let mut seen = String::new();
    while seen.matches("\"content\":").count() < 3 {
        seen += &String::from_utf8(client.chunk().unwrap()).unwrap();
    }
    // The engine has made every token, and still none comes.
    until("the engine is through", || server.stats().census.finished == 1);
    drop(server);
    assert_eq!(client.rest(), b"");
}

#[test]
fn an_error_inside_a_good_stream() {
    let server = faulty(Fault::ErrorAfter { tokens: 2, message: "CUDA out of memory".to_owned() });
    let reply = chat(&server, &ask(true, 8));
    assert_eq!((reply.status, reply.complete), (200, true));
    let events = reply.events();
    assert_eq!((reply.content_events(), events.len()), (2, 5));
    assert!(events[3].starts_with(r#"{"error":{"message":"CUDA out of memory""#), "{}", events[3]);
    assert_eq!(events[4], "[DONE]");
}

#[test]
fn an_event_that_is_not_json() {
    let server = faulty(Fault::NotJsonAfter { tokens: 1 });
    let reply = chat(&server, &ask(true, 3));
    assert!(reply.complete);
    let bad =
        |event: &&&str| **event != "[DONE]" && serde_json::from_str::<serde_json::Value>(event).is_err();
    assert_eq!(reply.events().iter().filter(bad).count(), 1);
    assert_eq!(reply.content_events(), 3);
}

#[test]
fn bodies_in_one_piece_go_wrong_too() {
    let whole = chat(&Server::start(config()).unwrap(), &ask(false, 4)).body;
    let cut = chat(&faulty(Fault::CutAfter { tokens: 2 }), &ask(false, 4));
    assert_eq!(cut.header("content-length"), Some(whole.len().to_string().as_str()));
    assert!(!cut.complete && cut.body.len() == whole.len() / 2);
    let message = "boom".to_owned();
    let error = chat(&faulty(Fault::ErrorAfter { tokens: 1, message }), &ask(false, 4));
    assert_eq!((error.status, error.json()["error"]["message"].as_str()), (200, Some("boom")));
    let bad = chat(&faulty(Fault::NotJsonAfter { tokens: 1 }), &ask(false, 4));
    assert!(bad.complete && serde_json::from_str::<serde_json::Value>(&bad.body).is_err());
    let bare = chat(&faulty(Fault::NoUsage), &ask(false, 4));
    assert!(bare.json().get("usage").is_none() && bare.complete);
}

#[test]
fn counts_and_ends_as_some_servers_have_them() {
    let reply = chat(&faulty(Fault::NoUsage), &ask(true, 3));
    assert!(!reply.body.contains("usage") && reply.body.contains("[DONE]"));
    let reply = chat(&faulty(Fault::NoDone), &ask(true, 3));
    assert!(reply.complete && !reply.body.contains("[DONE]") && reply.body.contains("usage"));
    let reply = chat(&faulty(Fault::UsageEveryEvent), &ask(true, 3));
    assert_eq!(reply.body.matches("\"usage\"").count(), 4);
    let reply = chat(&faulty(Fault::TokensPerEvent { tokens: 4 }), &ask(true, 10));
    // 1, 4, 4, 1
    assert_eq!(reply.content_events(), 4);
    assert!(reply.body.contains("\"completion_tokens\":10"));
}

#[test]
fn only_every_nth_request_is_hit() {
    let mut config = config();
    config.faults.push(FaultRule { every: 3, fault: Fault::EmptyReply });
    let server = Server::start(config).unwrap();
    let answered: Vec<bool> = (0..6)
        .map(|_| {
            let mut client = Client::connect(server.address());
            client.send(
                "POST /v1/completions HTTP/1.1\r\nconnection: close\r\ncontent-type: application/json",
                &ask(true, 1).to_string(),
            );
            !client.rest().is_empty()
        })
        .collect();
    assert_eq!(answered, [true, true, false, true, true, false]);
    assert_eq!(server.stop().requests, 6);
}
