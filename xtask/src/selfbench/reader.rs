//! The bare reader: the least a client can do, as the yardstick of CPU per event.
//!
//! The same closed loop over the same requests: level-triggered `epoll_wait(256)`, one `recv(64 KiB)` a report, no
//! parsing. A reply is over when a read ends in the last chunk, which the server sends with the rest of its tail.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use tokmark_metronome::socket::{self, Epoll};

use super::Fallible;
use super::words::Words;
use crate::Outcome;

/// The end of every chunked reply of the server.
const END: &[u8] = b"0\r\n\r\n";

/// `selfbench reader --port=P --streams=N --requests=N --events=N`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let words = Words::new(args);
    let port: u16 = words.number("--port")?;
    let streams: usize = words.number("--streams")?;
    let requests: usize = words.number("--requests")?;
    let request = request(words.number("--events")?);
    let mut epoll = Epoll::new(256)?;
    let mut connections = Vec::with_capacity(streams);
    for token in 0..streams.min(requests) {
        let connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_nodelay(true)?;
        epoll.add(&connection, token as u64)?;
        connections.push(connection);
    }
    for connection in &connections {
        send(connection, &request)?;
    }
    let (mut sent, mut ended) = (connections.len(), 0);
    let mut buffer = vec![0; 64 << 10];
    while ended < requests {
        for i in 0..epoll.wait(None)? {
            let connection = &connections[epoll.ready(i).token as usize];
            let n = match socket::receive(connection.as_raw_fd(), &mut buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(n) => n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
                Err(e) => return Err(e.into()),
            };
            if buffer[..n].ends_with(END) {
                ended += 1;
                if sent < requests {
                    sent += 1;
                    send(connection, &request)?;
                }
            }
        }
    }
    Ok(())
}

fn send(connection: &TcpStream, request: &[u8]) -> Fallible<()> {
    let n = socket::send(connection.as_raw_fd(), request)?;
    if n < request.len() {
        return Err("the kernel did not take a request whole".into());
    }
    Ok(())
}

/// A request of the size and shape that tokmark sends for 16 input tokens.
fn request(events: u32) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"metronome","messages":[{{"role":"user","content":"{}"}}],"max_tokens":{events},"stream":true,"stream_options":{{"include_usage":true}},"ignore_eos":true,"min_tokens":{events}}}"#,
        "alpha beta gamma delta ".repeat(4).trim_end()
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bare-reader\r\naccept: \
         text/event-stream\r\ncontent-type: application/json\r\nx-request-id: bare-0\r\ncontent-length: \
         {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
