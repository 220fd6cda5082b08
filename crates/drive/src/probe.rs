//! One blocking request, for what is asked before and beside a load: health, models, a check request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokmark_base::{Clock, Micros};
use tokmark_wire::http::{Piece, ResponseReader, encode_request};
use tokmark_wire::message;
use tokmark_wire::url::Url;

use crate::DriveError;
use crate::clock::WallClock;
use crate::target::{Trust, address_of};

/// The largest body kept.
const BODY_LIMIT: usize = 4 << 20;

/// A reply to a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeReply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl ProbeReply {
    /// The server's own message, or the start of the body.
    pub fn excerpt(&self) -> String {
        message::of_body(&self.body)
    }

    pub(crate) fn describe(&self, path: &str) -> String {
        let excerpt = self.excerpt();
        let separator = if excerpt.is_empty() { "" } else { ": " };
        format!("{path} answers HTTP {}{separator}{excerpt}", self.status)
    }
}

/// Why a probe brought no reply.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The name, the certificate file or a header is wrong.
    #[error(transparent)]
    Setup(Box<DriveError>),
    /// No connection.
    #[error("{address}: {reason}")]
    Connect {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The connection broke or took too long.
    #[error("{0}")]
    Broken(String),
}

/// Asks `method` for `path` of a target and waits for the whole reply, at most `timeout` for it and for each step before.
pub fn request(
    method: &str,
    url: &Url,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
    trust: &Trust,
    timeout: Micros,
) -> Result<ProbeReply, ProbeError> {
    let setup = |e| ProbeError::Setup(Box::new(e));
    let address = address_of(url).map_err(setup)?;
    let limit = Duration::from_micros(timeout.0.max(1_000) as u64);
    let connect =
        |e: std::io::Error| ProbeError::Connect { address: address.to_string(), reason: e.to_string() };
    let mut stream = TcpStream::connect_timeout(&address, limit).map_err(connect)?;
    stream.set_read_timeout(Some(limit)).map_err(connect)?;
    stream.set_write_timeout(Some(limit)).map_err(connect)?;
    let mut headers = headers.to_vec();
    headers.push(("Connection".to_owned(), "close".to_owned()));
    let head = encode_request(method, &url.endpoint(path), &url.authority(), &headers, body.len())
        .map_err(|e| setup(DriveError::Header { reason: e.to_string() }))?;
    let message = [head.as_slice(), body].concat();
    match trust.pair(url).map_err(setup)? {
        None => exchange(&mut stream, &message, timeout),
        Some((config, name)) => {
            let tls =
                rustls::ClientConnection::new(config, name).map_err(|e| ProbeError::Broken(e.to_string()))?;
            exchange(&mut rustls::StreamOwned::new(tls, stream), &message, timeout)
        }
    }
}

fn exchange(
    stream: &mut (impl Read + Write),
    message: &[u8],
    timeout: Micros,
) -> Result<ProbeReply, ProbeError> {
    let clock = WallClock::start();
    let broken = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::InvalidData => {
            let tls = e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            ProbeError::Broken(tls.map_or_else(|| e.to_string(), crate::tls::describe))
        }
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            ProbeError::Broken("no reply in time".to_owned())
        }
        _ => ProbeError::Broken(e.to_string()),
    };
    stream.write_all(message).map_err(broken)?;
    stream.flush().map_err(broken)?;
    let mut reader = ResponseReader::new();
    let mut body = Vec::new();
    let mut buffer = [0_u8; 16 * 1024];
    loop {
        let n = match stream.read(&mut buffer) {
            // A peer that ends TLS without a close_notify has still closed.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => 0,
            other => other.map_err(broken)?,
        };
        if clock.now() > timeout {
            return Err(ProbeError::Broken(format!("no whole reply within {timeout}")));
        }
        if n == 0 {
            reader.close().map_err(ProbeError::Broken)?;
            break;
        }
        let mut input = &buffer[..n];
        let ended = loop {
            match reader.next(&mut input).map_err(|e| ProbeError::Broken(e.to_string()))? {
                Piece::NeedMore => break false,
                Piece::Head => {}
                Piece::Body(bytes) => {
                    let room = BODY_LIMIT.saturating_sub(body.len());
                    body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Piece::End => break true,
            }
        };
        if ended {
            break;
        }
    }
    let status = reader.head().map_or(0, |head| head.status);
    Ok(ProbeReply { status, body })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    fn serve_once(reply: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap()), false).unwrap();
        std::thread::spawn(move || {
            let mut peer = listener.accept().unwrap().0;
            let mut line = String::new();
            BufReader::new(&peer).read_line(&mut line).unwrap();
            peer.write_all(reply).unwrap();
        });
        url
    }

    fn get(url: &Url) -> Result<ProbeReply, ProbeError> {
        request("GET", url, "/health", &[], b"", &Trust::default(), Micros::from_millis(5_000))
    }

    #[test]
    fn a_reply_is_read_whole() {
        let url = serve_once(b"HTTP/1.1 503 Busy\r\nContent-Length: 20\r\n\r\n{\"message\":\"loading\"}");
        // Twenty of the twenty-one bytes: the length rules.
        let reply = get(&url).unwrap();
        assert_eq!((reply.status, reply.body.len()), (503, 20));
        let url = serve_once(b"HTTP/1.1 200 OK\r\n\r\n{\"data\":[]}");
        assert_eq!(get(&url).unwrap().body, b"{\"data\":[]}");
    }

    #[test]
    fn nothing_there_and_nothing_said_are_errors() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = Url::parse(&format!("http://{gone}"), false).unwrap();
        assert!(matches!(get(&url), Err(ProbeError::Connect { .. })));
        assert!(matches!(get(&serve_once(b"")), Err(ProbeError::Broken(_))));
    }
}
