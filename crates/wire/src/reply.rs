//! One reply, from its first byte to its end.

use tokmark_record::{Failure, ReplyText, Usage};

use crate::endpoint::EndpointKind;

/// Reads one HTTP/1.1 reply and the stream of events or the body in it. Reusable: [`ReplyReader::reset`] between replies of a
/// kept-alive connection.
#[derive(Debug)]
pub struct ReplyReader {}

/// What one read completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The response head was completed by this read.
    pub head: bool,
    /// Events completed, of any kind (comments not counted; a body without streaming is one event).
    pub events: u32,
    /// Content events completed.
    pub content: u32,
    /// The read's last byte is the last byte of its last content event (framing of that event's HTTP chunk included).
    pub tail: bool,
    /// The reply is over, well or not; nothing more is to be fed.
    pub complete: bool,
}

/// Everything one reply said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// HTTP status, if a head was read.
    pub status: Option<u16>,
    /// Whether it was an event stream.
    pub streamed: bool,
    /// Ordinal among content events of the first that is not reasoning.
    pub first_output: Option<u32>,
    /// Tokens in the first content event (usage on every chunk).
    pub first_event_tokens: Option<u32>,
    /// Content events in all.
    pub content_events: u64,
    /// The server's reason to stop.
    pub finish_reason: Option<String>,
    /// `data: [DONE]` seen.
    pub done: bool,
    /// The server's counts.
    pub usage: Option<Usage>,
    /// The text, if it was to be kept.
    pub text: Option<ReplyText>,
    /// `None` if the reply ended well.
    pub failure: Option<Failure>,
    /// Whether the connection can carry another request.
    pub keep_alive: bool,
}

impl ReplyReader {
    /// A reader for replies of `endpoint`. `streaming` is what was asked for; the reply's content type decides what is read.
    pub fn new(endpoint: EndpointKind, streaming: bool, keep_text: bool) -> Self {
        let _ = (endpoint, streaming, keep_text);
        todo!()
    }

    /// Takes the bytes of one read.
    pub fn feed(&mut self, bytes: &[u8]) -> Progress {
        let _ = bytes;
        todo!()
    }

    /// The peer closed its side.
    pub fn close(&mut self) -> Progress {
        todo!()
    }

    /// What the reply said, and a clean reader for the next one.
    pub fn take(&mut self) -> Reply {
        todo!()
    }

    /// Whether any byte of this reply has been seen.
    pub fn started(&self) -> bool {
        todo!()
    }
}
