//! The bytes of a reply, made once: an OpenAI chat stream in chunked transfer, one HTTP chunk an event.

/// The model served.
pub const MODEL: &str = "metronome";
/// The text of every content event but the first, which has no leading space.
pub const TICK: &str = " tick";

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: \
                           no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

/// The parts of a stream that are the same for every request.
#[derive(Debug, Default)]
pub struct Parts {
    /// Status line and headers of a stream, sent as soon as the request is read.
    pub head: Vec<u8>,
    /// The first content event, with the role event in front if it stands apart.
    pub first: Vec<u8>,
    /// Every further content event.
    pub next: Vec<u8>,
}

impl Parts {
    /// Parts with the role inside the first content event, or in front of it.
    pub fn new(role_apart: bool) -> Self {
        let first_word = TICK.trim_start();
        let first = if role_apart {
            let mut bytes = event(&delta(r#""role":"assistant","content":"""#));
            bytes.extend(event(&delta(&format!(r#""content":"{first_word}""#))));
            bytes
        } else {
            event(&delta(&format!(r#""role":"assistant","content":"{first_word}""#)))
        };
        Self {
            head: STREAM_HEAD.as_bytes().to_vec(),
            first,
            next: event(&delta(&format!(r#""content":"{TICK}""#))),
        }
    }
}

/// All that follows the last content event, for one send: finish, usage, `[DONE]`, last chunk. The usage has no prompt
/// count, because the server counts no tokens of the prompt and must not invent any.
pub fn tail(events: u32) -> Vec<u8> {
    let mut bytes =
        event(&object(r#"[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]"#, ""));
    bytes.extend(event(&object("[]", &format!(r#","usage":{{"completion_tokens":{events}}}"#))));
    bytes.extend(event("[DONE]"));
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// The whole reply to a request that did not ask for a stream.
pub fn whole(events: u32) -> Vec<u8> {
    let text = format!("{}{}", TICK.trim_start(), TICK.repeat(events as usize - 1));
    plain(
        200,
        "application/json",
        format!(
            r#"{{"id":"chatcmpl-metronome","object":"chat.completion","created":0,"model":"{MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"length"}}],"usage":{{"completion_tokens":{events}}}}}"#
        )
        .as_bytes(),
    )
}

/// A reply with a known length.
pub fn plain(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        404 => "Not Found",
        411 => "Length Required",
        413 => "Content Too Large",
        _ => "Bad Request",
    };
    let mut bytes = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    bytes
}

/// The body of `/v1/models`.
pub fn models() -> String {
    format!(
        r#"{{"object":"list","data":[{{"id":"{MODEL}","object":"model","created":0,"owned_by":"tokmark"}}]}}"#
    )
}

fn delta(inside: &str) -> String {
    object(&format!(r#"[{{"index":0,"delta":{{{inside}}},"logprobs":null,"finish_reason":null}}]"#), "")
}

fn object(choices: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-metronome","object":"chat.completion.chunk","created":0,"model":"{MODEL}","choices":{choices}{rest}}}"#
    )
}

/// One server-sent event in an HTTP chunk of its own.
fn event(data: &str) -> Vec<u8> {
    let line = format!("data: {data}\n\n");
    format!("{:x}\r\n{line}\r\n", line.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_holds_exactly_one_event() {
        let text = String::from_utf8(Parts::new(false).next).unwrap();
        let (size, rest) = text.split_once("\r\n").unwrap();
        let data = rest.strip_suffix("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(size, 16), Ok(data.len()));
        assert!(
            data.starts_with("data: {") && data.ends_with("}\n\n") && data.contains(r#""content":" tick""#)
        );
        let tail = String::from_utf8(tail(64)).unwrap();
        assert!(tail.contains(r#""completion_tokens":64"#) && tail.ends_with("0\r\n\r\n"));
        assert_eq!(tail.matches("data: ").count(), 3);
    }

    #[test]
    fn the_role_stands_where_it_was_asked() {
        let events = |parts: Parts| String::from_utf8(parts.first).unwrap().matches("data: ").count();
        assert_eq!((events(Parts::new(false)), events(Parts::new(true))), (1, 2));
    }

    #[test]
    fn a_whole_reply_has_every_word() {
        let text = String::from_utf8(whole(3)).unwrap();
        assert!(text.contains("\"tick tick tick\""), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())));
    }
}
