//! Requests from bytes, however they are cut.

use crate::schedule::Schedule;

/// Longest head accepted, bytes.
const MAX_HEAD: usize = 64 << 10;
/// Longest body accepted, bytes.
const MAX_BODY: usize = 256 << 20;

/// One request, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without query.
    pub path: String,
    /// `x-request-id`, cut to the characters an id may have (`A–Z a–z 0–9 . _ : -`, at most 64). Empty if there is none.
    pub id: String,
    /// Whether the body asks for a stream.
    pub stream: bool,
    /// Content events asked for, by header or by `max_tokens`.
    pub events: Option<u32>,
    /// `x-metronome-ttft-us`.
    pub ttft_us: Option<u64>,
    /// `x-metronome-itl-us`.
    pub itl_us: Option<u64>,
    /// Whether the client wants the connection closed after the reply.
    pub close: bool,
    /// Bytes of head and body.
    pub length: usize,
}

impl Request {
    /// The schedule of this request: its own wishes over the server's.
    pub fn schedule(&self, default: Schedule) -> Schedule {
        Schedule {
            ttft_ns: self.ttft_us.map_or(default.ttft_ns, |us| us.saturating_mul(1_000)),
            itl_ns: self.itl_us.map_or(default.itl_ns, |us| us.saturating_mul(1_000)),
            events: self.events.unwrap_or(default.events).max(1),
        }
    }
}

/// Why bytes are not a request; each is answered with its status and the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not HTTP.
    Malformed,
    /// A body without `content-length`.
    LengthRequired,
    /// A head or body beyond reason.
    TooLarge,
}

impl Bad {
    /// The status that answers it.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::LengthRequired => 411,
            Self::TooLarge => 413,
        }
    }
}

/// Reads one request from the front of `bytes`; `None` while more bytes are needed.
pub fn parse(bytes: &[u8]) -> Result<Option<Request>, Bad> {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD { Err(Bad::TooLarge) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| Bad::Malformed)?;
    let (mut request, body_length) = parse_head(head)?;
    let start = head_end + 4;
    if body_length > MAX_BODY {
        return Err(Bad::TooLarge);
    }
    let Some(body) = bytes.get(start..start + body_length) else {
        return Ok(None);
    };
    request.length = start + body_length;
    request.stream = field(body, b"\"stream\":").is_some_and(|v| v.starts_with(b"true"));
    if request.events.is_none() {
        request.events = [&b"\"max_completion_tokens\":"[..], b"\"max_tokens\":"]
            .into_iter()
            .find_map(|key| field(body, key).and_then(number));
    }
    Ok(Some(request))
}

fn parse_head(head: &str) -> Result<(Request, usize), Bad> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        return Err(Bad::Malformed);
    };
    let mut request = Request {
        method: method.to_owned(),
        path: target.split('?').next().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    let mut body_length = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Bad::Malformed)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => body_length = Some(value.parse().map_err(|_| Bad::Malformed)?),
            "transfer-encoding" => return Err(Bad::LengthRequired),
            "connection" => request.close = value.eq_ignore_ascii_case("close"),
            "x-request-id" => {
                request.id = value
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || "._:-".contains(*c))
                    .take(64)
                    .collect();
            }
            "x-metronome-ttft-us" => request.ttft_us = value.parse().ok(),
            "x-metronome-itl-us" => request.itl_us = value.parse().ok(),
            "x-metronome-events" => request.events = value.parse().ok(),
            _ => {}
        }
    }
    if method == "POST" && body_length.is_none() {
        return Err(Bad::LengthRequired);
    }
    Ok((request, body_length.unwrap_or(0)))
}

/// What follows `key` in a JSON body. Text inside a JSON string cannot contain `key`, because its closing quote would be
/// escaped. Searched from the end: the fields that matter follow the prompt.
fn field<'a>(body: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = body.windows(key.len()).rposition(|w| w == key)?;
    Some(body[at + key.len()..].trim_ascii_start())
}

fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(headers: &str, body: &str) -> Vec<u8> {
        format!(
            "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    #[test]
    fn cut_at_every_byte() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"say \"max_tokens\":9 ok"}],"stream": true,"max_tokens": 7}"#;
        let bytes = post("X-Request-ID: run-17\r\n", body);
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
        let request = parse(&bytes).unwrap().unwrap();
        assert_eq!(request.length, bytes.len());
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.id.as_str()),
            ("POST", "/v1/chat/completions", "run-17")
        );
        assert_eq!((request.stream, request.events, request.close), (true, Some(7), false));
        let mut two = bytes;
        two.extend(b"GET /health HTTP/1.1\r\n\r\n");
        assert_eq!(parse(&two).unwrap().unwrap(), request, "the next request is left alone");
    }

    #[test]
    fn a_request_has_its_own_schedule() {
        let headers = "x-metronome-ttft-us: 5\r\nx-metronome-itl-us: 6\r\nx-metronome-events: 3\r\nConnection: close\r\n";
        let request = parse(&post(headers, r#"{"max_tokens":9}"#)).unwrap().unwrap();
        assert!(request.close && !request.stream);
        let default = Schedule::from_micros(100, 10, 64);
        assert_eq!(request.schedule(default), Schedule::from_micros(5, 6, 3));
        assert_eq!(Request::default().schedule(default), default);
    }

    #[test]
    fn what_is_not_a_request_is_refused() {
        for (bytes, bad) in [
            (&b"hello\r\n\r\n"[..], Bad::Malformed),
            (b"GET / HTTP/1.0\r\n\r\n", Bad::Malformed),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", Bad::Malformed),
            (b"POST / HTTP/1.1\r\n\r\n", Bad::LengthRequired),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", Bad::LengthRequired),
            (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", Bad::TooLarge),
            (&vec![b'a'; MAX_HEAD + 1], Bad::TooLarge),
        ] {
            assert_eq!(
                parse(bytes),
                Err(bad),
                "{:?}",
                String::from_utf8_lossy(&bytes[..30.min(bytes.len())])
            );
        }
    }
}
