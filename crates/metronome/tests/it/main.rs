//! The server over real sockets: the bytes of its replies and the truths it keeps. No timing bounds.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use tokmark_metronome::server::Done;
use tokmark_metronome::{Config, Keep, Schedule, Server, Truth};

fn start(config: Config) -> (SocketAddr, JoinHandle<Done>) {
    let server = Server::bind(config).unwrap();
    let address = server.address();
    (address, thread::spawn(move || server.run().unwrap()))
}

fn quick() -> Config {
    Config { schedule: Schedule::from_micros(200, 50, 3), keep: Keep::Sends, ..Config::default() }
}

fn post(id: &str, headers: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\nx-request-id: {id}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads up to and including `end`.
fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    let mut one = [0; 1];
    while !bytes.ends_with(end.as_bytes()) {
        assert_eq!(socket.read(&mut one).unwrap(), 1, "{}", String::from_utf8_lossy(&bytes));
        bytes.push(one[0]);
    }
    String::from_utf8(bytes).unwrap()
}

fn get(address: SocketAddr, method: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
    write!(socket, "{method} {path} HTTP/1.1\r\n{length}connection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    reply
}

/// The data lines of a chunked stream, checking that each chunk is one event.
fn events(stream: &str) -> Vec<String> {
    let (head, mut rest) = stream.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked") && head.contains("text/event-stream"));
    let mut events = Vec::new();
    loop {
        let (size, after) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            assert_eq!(after, "\r\n");
            return events;
        }
        let data = after[..size].strip_prefix("data: ").unwrap();
        events.push(data.strip_suffix("\n\n").unwrap().to_owned());
        rest = after[size..].strip_prefix("\r\n").unwrap();
    }
}

#[test]
fn streams_and_truths() {
    let (address, server) = start(quick());
    let mut socket = TcpStream::connect(address).unwrap();
    let body = r#"{"model":"metronome","messages":[],"stream":true,"max_tokens":2}"#;
    // Keep-alive: the second request on the same connection, the third written in two pieces.
    socket.write_all(post("r-0", "", r#"{"stream":true}"#).as_bytes()).unwrap();
    let first = events(&read_until(&mut socket, "0\r\n\r\n"));
    assert_eq!(first.len(), 6, "three of content, finish, usage, [DONE]");
    assert!(first[0].contains(r#""role":"assistant","content":"tick""#));
    assert!(first[2].contains(r#""content":" tick""#) && first[3].contains(r#""finish_reason":"length""#));
    assert!(first[4].contains(r#""usage":{"completion_tokens":3}"#) && first[5] == "[DONE]");
    let second = post("r-1", "", body);
    socket.write_all(&second.as_bytes()[..60]).unwrap();
    socket.write_all(&second.as_bytes()[60..]).unwrap();
    assert_eq!(events(&read_until(&mut socket, "0\r\n\r\n")).len(), 5);
    let wishes = "x-metronome-events: 1\r\nx-metronome-ttft-us: 7\r\n";
    socket.write_all(post("r-2", wishes, body).as_bytes()).unwrap();
    assert_eq!(events(&read_until(&mut socket, "0\r\n\r\n")).len(), 4);

    let text = get(address, "GET", "/truth");
    let truths = Truth::parse_lines(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let summary: Vec<_> = truths.iter().map(|t| (t.id.as_str(), t.events, t.ttft_ns)).collect();
    assert_eq!(summary, [("r-0", 3, 200_000), ("r-1", 2, 200_000), ("r-2", 1, 7_000)]);
    for truth in &truths {
        assert_eq!(truth.sends_ns.len(), truth.events as usize);
        let due = |k: usize| (truth.ttft_ns + truth.itl_ns * k as u64) as i64;
        assert!(truth.sends_ns.iter().enumerate().all(|(k, ns)| *ns >= due(k)), "never early: {truth:?}");
        // Stamps of the kernel on both sides of the same wire time: out after in.
        assert!(truth.ttft_ns().unwrap() >= truth.ttft_ns as i64, "{truth:?}");
    }
    assert!(get(address, "GET", "/lateness").contains("\"sends\":6"));
    get(address, "POST", "/stop");
    let done = server.join().unwrap();
    assert_eq!((done.requests, done.truths), (3, truths));
}

#[test]
fn plain_replies_and_bad_requests() {
    let (address, server) = start(Config { role_apart: true, spin_ns: 0, ..quick() });
    assert!(get(address, "GET", "/health").starts_with("HTTP/1.1 200"));
    assert!(get(address, "GET", "/v1/models").contains(r#""id":"metronome""#));
    assert!(get(address, "GET", "/nowhere").starts_with("HTTP/1.1 404"));
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(post("p", "", r#"{"max_tokens":2}"#).as_bytes()).unwrap();
    assert!(read_until(&mut socket, "}}").contains(r#""content":"tick tick""#));
    // Two requests in one write are answered one after the other.
    let one = post("q", "", r#"{"stream":true}"#);
    socket.write_all(format!("{one}{one}").as_bytes()).unwrap();
    for _ in 0..2 {
        let events = events(&read_until(&mut socket, "0\r\n\r\n"));
        assert_eq!(events.len(), 7);
        assert!(events[0].contains(r#""role":"assistant","content":"""#));
    }
    socket.write_all(b"rubbish\r\n\r\n").unwrap();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 400"), "{rest}");
    // A client that leaves in the middle takes nothing with it.
    let mut leaver = TcpStream::connect(address).unwrap();
    leaver.write_all(post("gone", "", r#"{"stream":true,"max_tokens":100000}"#).as_bytes()).unwrap();
    read_until(&mut leaver, "\r\n\r\n");
    drop(leaver);
    get(address, "POST", "/stop");
    assert_eq!(server.join().unwrap().requests, 4);
}

#[test]
fn a_slow_reader_loses_nothing() {
    let (address, server) = start(Config {
        schedule: Schedule::from_micros(0, 0, 40_000),
        keep: Keep::Nothing,
        ..Config::default()
    });
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(post("s", "", r#"{"stream":true}"#).as_bytes()).unwrap();
    // Nothing is read before another connection has been served, so that this one's buffers run full.
    for _ in 0..50 {
        get(address, "GET", "/health");
    }
    let mut bytes = Vec::new();
    let mut part = vec![0; 1 << 20];
    while !bytes.ends_with(b"0\r\n\r\n") {
        let n = socket.read(&mut part).unwrap();
        assert!(n > 0);
        bytes.extend_from_slice(&part[..n]);
    }
    assert_eq!(events(std::str::from_utf8(&bytes).unwrap()).len(), 40_003);
    get(address, "POST", "/stop");
    assert!(server.join().unwrap().truths.is_empty());
}
