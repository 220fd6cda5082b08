//! One reply, from its first byte to its end.

use tokmark_record::{Failure, FailureKind, ReplyText, ServerSaid, Usage};

use crate::endpoint::EndpointKind;
use crate::http::{Head, HttpError, Piece, ResponseReader};
use crate::message;
use crate::sse::EventReader;
use crate::transcript::Transcript;

/// Longest body of a reply that is no stream, bytes.
pub const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Most bytes of an error's body that are read for its message.
pub const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Reads one HTTP/1.1 reply and the stream of events or the body in it. Reusable: [`ReplyReader::take`] leaves it clean for
/// the next reply of a kept-alive connection.
#[derive(Debug)]
pub struct ReplyReader {
    streaming: bool,
    http: ResponseReader,
    events: EventReader,
    transcript: Transcript,
    /// What the body is taken for.
    mode: Mode,
    /// The body, unless it is a stream.
    body: Vec<u8>,
    started: bool,
    complete: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// The head has not ended.
    #[default]
    Unknown,
    /// Server-sent events.
    Events,
    /// One JSON object.
    Whole,
    /// Not a success: the body is the server's message.
    Refusal,
}

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
    /// What else it says of its work.
    pub server: Option<ServerSaid>,
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
        Self {
            streaming,
            http: ResponseReader::new(),
            events: EventReader::new(),
            transcript: Transcript::new(endpoint, keep_text),
            mode: Mode::Unknown,
            body: Vec::new(),
            started: false,
            complete: false,
        }
    }

    /// How the next reply was asked for, where that is not as the reader was made. Between replies only.
    pub fn expect(&mut self, streaming: bool, keep_text: bool) {
        self.streaming = streaming;
        self.transcript.keep(keep_text);
    }

    /// Takes the bytes of one read. Bytes behind the reply's end belong to no reply: the connection is not kept alive.
    pub fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut progress = Progress::default();
        let mut input = bytes;
        self.started |= !bytes.is_empty();
        if self.complete {
            self.transcript.reply.keep_alive &= bytes.is_empty();
        }
        while !self.complete {
            match self.http.next(&mut input) {
                Ok(Piece::NeedMore) => break,
                Ok(Piece::Head) => {
                    progress.head = true;
                    self.begin_body();
                }
                Ok(Piece::Body(slice)) => self.take_body(slice, &mut progress),
                Ok(Piece::End) => {
                    self.end(&mut progress);
                    self.transcript.reply.keep_alive &= input.is_empty();
                }
                Err(error) => self.bad_http(error),
            }
        }
        progress.tail &= input.is_empty() && (self.http.at_body_edge() || self.mode == Mode::Whole);
        progress.complete = self.complete;
        progress
    }

    /// The peer closed its side.
    pub fn close(&mut self) -> Progress {
        let mut progress = Progress::default();
        if !self.complete {
            let missing = self.http.close().err();
            // Half an event at the end of a body that only the close delimits is a cut, not a server that cannot write JSON.
            let half = self.mode == Mode::Events && self.events.is_pending();
            match missing {
                _ if !self.started => {
                    self.stop(FailureKind::EmptyReply, "the peer closed without a byte of reply");
                }
                Some(_) if self.mode == Mode::Refusal => self.end_refusal(),
                Some(missing) => self.stop(FailureKind::CutShort, &missing),
                None => self.end(&mut progress),
            }
            if let Some(failure) = &mut self.transcript.reply.failure
                && half
                && failure.kind == FailureKind::NotJson
            {
                failure.kind = FailureKind::CutShort;
                "the peer closed within an event".clone_into(&mut failure.message);
            }
        }
        self.transcript.reply.keep_alive = false;
        progress.complete = true;
        progress
    }

    /// What the reply said, and a clean reader for the next one. A reply that is not complete has no failure of its own: the
    /// caller knows why it stopped.
    pub fn take(&mut self) -> Reply {
        let complete = std::mem::take(&mut self.complete);
        self.http.reset();
        self.events.reset();
        self.mode = Mode::Unknown;
        self.body.clear();
        self.body.shrink_to(16 * 1024);
        self.started = false;
        let mut reply = self.transcript.take();
        reply.keep_alive &= complete;
        reply
    }

    /// Whether any byte of this reply has been seen.
    pub fn started(&self) -> bool {
        self.started
    }

    /// The reply's head, once it is complete.
    pub fn head(&self) -> Option<&Head> {
        self.http.head()
    }

    /// Decides what the body is from the head.
    fn begin_body(&mut self) {
        let Some(head) = self.http.head() else { return };
        let reply = &mut self.transcript.reply;
        reply.status = Some(head.status);
        reply.keep_alive = head.keep_alive;
        if !(200..300).contains(&head.status) {
            self.mode = Mode::Refusal;
            return;
        }
        if let Some(encoding) = &head.content_encoding {
            let text = format!("the body is {encoding}-encoded, which was not asked for");
            self.stop(FailureKind::ContentEncoding, &text);
            return;
        }
        self.mode = match head.content_type.as_deref().map(|t| t.split(';').next().unwrap_or(t).trim()) {
            Some("text/event-stream") => Mode::Events,
            None | Some("" | "text/plain" | "application/octet-stream") if self.streaming => Mode::Events,
            _ => Mode::Whole,
        };
        reply.streamed = self.mode == Mode::Events;
    }

    fn take_body(&mut self, slice: &[u8], progress: &mut Progress) {
        match self.mode {
            Mode::Events => self.take_events(slice, progress),
            Mode::Refusal => {
                let room = ERROR_BODY_LIMIT - self.body.len();
                self.body.extend_from_slice(&slice[..slice.len().min(room)]);
                if self.body.len() == ERROR_BODY_LIMIT {
                    self.end_refusal();
                }
            }
            Mode::Whole | Mode::Unknown => {
                if self.body.len() + slice.len() > BODY_LIMIT {
                    self.stop(FailureKind::NotJson, "the body is longer than 64 MiB");
                } else {
                    self.body.extend_from_slice(slice);
                }
            }
        }
    }

    fn take_events(&mut self, slice: &[u8], progress: &mut Progress) {
        let transcript = &mut self.transcript;
        let mut content_end = None;
        let fed = self.events.feed(slice, |event, end| {
            let counted = transcript.event(&event);
            progress.events += counted.events;
            if counted.content > 0 {
                progress.content += counted.content;
                content_end = Some(end);
            }
            !transcript.failed()
        });
        progress.tail = content_end == Some(slice.len());
        if let Err(error) = fed {
            self.stop(FailureKind::NotJson, &error.to_string());
        } else if self.transcript.failed() {
            self.give_up();
        }
    }

    /// The reply ended as its framing says.
    fn end(&mut self, progress: &mut Progress) {
        self.complete = true;
        match self.mode {
            Mode::Events => {
                let transcript = &mut self.transcript;
                // A last event without its blank line is whole: HTTP says that nothing is missing.
                let fed = self.events.finish(|event| {
                    let counted = transcript.event(&event);
                    progress.events += counted.events;
                    progress.content += counted.content;
                    !transcript.failed()
                });
                if let Err(error) = fed {
                    self.stop(FailureKind::NotJson, &error.to_string());
                }
                self.transcript.ended();
            }
            Mode::Whole | Mode::Unknown => {
                let counted = self.transcript.body(&self.body);
                progress.events += counted.events;
                progress.content += counted.content;
                progress.tail = counted.content > 0;
                self.transcript.ended();
            }
            Mode::Refusal => {
                let keep_alive = self.transcript.reply.keep_alive;
                self.end_refusal();
                self.transcript.reply.keep_alive = keep_alive;
            }
        }
    }

    /// A reply that is no success: its kind by its status, its message by its body.
    fn end_refusal(&mut self) {
        let Some(head) = self.http.head() else { return };
        let status = head.status;
        let kind = match status {
            300..400 => FailureKind::Redirect,
            400..500 => FailureKind::HttpClientError,
            500..600 => FailureKind::HttpServerError,
            _ => FailureKind::HttpOther,
        };
        let told = match (&head.location, &head.content_encoding) {
            (Some(location), _) if kind == FailureKind::Redirect => format!("{status} to {location}"),
            (_, Some(encoding)) => format!("{} (the body is {encoding}-encoded)", head.reason),
            _ => message::told(&self.body),
        };
        let told = if told.is_empty() { head.reason.clone() } else { told };
        self.stop(kind, &told);
    }

    fn bad_http(&mut self, error: HttpError) {
        let kind = match error {
            HttpError::TransferEncoding => FailureKind::ContentEncoding,
            _ => FailureKind::BadHttp,
        };
        self.stop(kind, &error.to_string());
    }

    /// Ends the reply with a failure.
    fn stop(&mut self, kind: FailureKind, text: &str) {
        self.transcript.fail(kind, text);
        self.give_up();
    }

    /// Ends the reply before its end: the connection still carries the rest of it.
    fn give_up(&mut self) {
        self.complete = true;
        self.transcript.reply.keep_alive = false;
    }
}
