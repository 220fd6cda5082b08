//! As little of an HTTP client as the tests need, on a blocking socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tokmark_base::Micros;
use tokmark_engine::Slots;
use tokmark_perf::Constant;
use tokmark_play::{Config, Fault, FaultRule, Handle, Server};

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

/// One response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The body with its framing taken off.
    pub(crate) body: String,
    /// Whether the framing said that this was all.
    pub(crate) complete: bool,
}

/// A server of `m` with two slots and a millisecond for everything.
pub(crate) fn config() -> Config {
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    Config::new("m", Slots::new(timing, 2).unwrap())
}

/// The same, with `fault` on every request.
pub(crate) fn faulty(fault: Fault) -> Handle {
    let mut config = config();
    config.faults.push(FaultRule::always(fault));
    Server::start(config).unwrap()
}

/// A request for `tokens` tokens, of the five-word prompt.
pub(crate) fn ask(stream: bool, tokens: u32) -> Value {
    let mut body = json!({
        "model": "m",
        "messages": [{"role": "user", "content": "say something nice to me"}],
        "prompt": "say something nice to me",
        "stream": stream,
        "max_tokens": tokens,
        "ignore_eos": true,
    });
    if stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// Asks `/v1/chat/completions` once, on a connection of its own.
pub(crate) fn chat(server: &Handle, body: &Value) -> Reply {
    Client::connect(server.address()).post("/v1/chat/completions", body)
}

/// Waits for something that must come, and gives up on it long after it should have.
pub(crate) fn until(what: &str, mut come: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if come() {
            return;
        }
        std::thread::yield_now();
        std::thread::park_timeout(std::time::Duration::from_micros(500));
    }
    panic!("never happened: {what}");
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    pub(crate) fn send(&mut self, head: &str, body: &str) {
        let request = format!("{head}\r\nhost: test\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    pub(crate) fn send_post(&mut self, path: &str, body: &Value) {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json");
        self.send(&head, &body.to_string());
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.send_post(path, body);
        self.reply()
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1"), "");
        self.reply()
    }

    /// Status and headers.
    pub(crate) fn head(&mut self) -> Reply {
        let line = self.line().unwrap();
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let mut headers = Vec::new();
        while let Some((name, value)) = self.line().unwrap().split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Reply {
            status: status.unwrap_or_else(|| panic!("not a status line: {line:?}")),
            headers,
            body: String::new(),
            complete: false,
        }
    }

    /// The whole reply, or what came of it before the connection ended.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        let mut body = Vec::new();
        if let Some(length) = reply.header("content-length") {
            let length: usize = length.parse().unwrap();
            let read = (&mut self.0).take(length as u64).read_to_end(&mut body);
            reply.complete = read.is_ok_and(|read| read == length);
        } else {
            while let Some(chunk) = self.chunk() {
                reply.complete = chunk.is_empty();
                if reply.complete {
                    break;
                }
                body.extend(chunk);
            }
        }
        reply.body = String::from_utf8(body).unwrap();
        reply
    }

    /// The next chunk; empty at the end, `None` if the connection ended instead.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        Some(chunk)
    }

    /// Everything until the peer closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The `data:` of every event.
    pub(crate) fn events(&self) -> Vec<&str> {
        let events = self.body.split_terminator("\n\n");
        events.map(|event| event.strip_prefix("data: ").unwrap()).collect()
    }

    /// Events of a chat with words in them.
    pub(crate) fn content_events(&self) -> usize {
        let events = self.events();
        let words = |event: &&&str| event.contains(r#""content":""#) && !event.contains(r#""content":"""#);
        events.iter().filter(words).count()
    }
}
