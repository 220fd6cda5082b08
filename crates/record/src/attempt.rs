//! One attempt: a request on the wire, as facts.

use serde::{Deserialize, Serialize};
use tokmark_base::{Micros, Phase};

use crate::reads::Reads;

/// Everything known about one attempt. All stamps are microseconds of CLOCK_MONOTONIC since the run's anchor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Ordinal of the attempt within the run.
    pub attempt: u64,
    /// Index of the planned request it carries.
    pub request: u64,
    /// Part of the run.
    pub phase: Phase,
    /// Index into [`crate::RunHeader::targets`].
    #[serde(default, skip_serializing_if = "is_zero_u16")]
    pub target: u16,
    /// Its session and turn, where the plan has sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionTurn>,
    /// Its class: index into [`crate::RunHeader::classes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u16>,
    /// What the plan asked of this request.
    #[serde(default)]
    pub asked: Asked,
    /// When the plan wanted it to start (open loop only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended_us: Option<Micros>,
    /// When the pacer let it go; `None` if the run stopped before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_us: Option<Micros>,
    /// First action of any kind on its behalf (a connect, or the first byte of the request).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_us: Option<Micros>,
    /// The connection, if this attempt opened it; `None` when it was reused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// First byte handed to the kernel; `None` if nothing was sent (refused, not sent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_us: Option<Micros>,
    /// Last byte of the request handed to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_end_us: Option<Micros>,
    /// Response head complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers_us: Option<Micros>,
    /// End of the attempt: clean HTTP end, failure, or our own cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_us: Option<Micros>,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether the reply was a stream of events.
    #[serde(default)]
    pub streamed: bool,
    /// Ordinal among the content events of the first one that is not reasoning; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_output: Option<u32>,
    /// Tokens in the first content event, where the server tells (usage on every chunk).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event_tokens: Option<u32>,
    /// Why the server stopped (`stop`, `length`, …), in its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// Whether `data: [DONE]` was seen.
    #[serde(default)]
    pub done: bool,
    /// The server's own counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What else the server said of how it served it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSaid>,
    /// Input length as asked for by `--count-tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Count>,
    /// Output length as asked for by `--count-tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Count>,
    /// The reasoning part of [`Record::output`], by the same source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Count>,
    /// Bytes of the request, head included.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Bytes of the reply, head included.
    #[serde(default)]
    pub bytes_received: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The reads that completed at least one event. Last in a line, because they are long: [`crate::file`] rests on it.
    #[serde(default, skip_serializing_if = "Reads::is_empty")]
    pub reads: Reads,
    /// The reply's text, kept only until a thread off the wire has counted its tokens. Never written.
    #[serde(skip)]
    pub text: Option<ReplyText>,
}

/// The words of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyText {
    /// What the answer says.
    pub output: String,
    /// Names and arguments of the tools it calls: generated like the answer, and no part of what it says.
    pub calls: String,
    /// What the reasoning says.
    pub reasoning: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero_u16(n: &u16) -> bool {
    *n == 0
}

/// What the plan asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Input tokens, if the plan knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isl: Option<u32>,
    /// Output tokens, if the plan asks for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub osl: Option<u32>,
}

/// A request's place in its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionTurn {
    /// The session: one number a run.
    pub id: u64,
    /// The turn, from 0.
    pub turn: u32,
    /// Turns the session has.
    pub of: u32,
}

/// What a server says of its own work on a request, beside tokens: each figure only where its reply has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSaid {
    /// Time in the server's queue, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_us: Option<Micros>,
    /// Time of its prefill, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill_us: Option<Micros>,
    /// Time to its first token by the server's clock, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_us: Option<Micros>,
    /// Time in the server in all, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_us: Option<Micros>,
    /// Tokens proposed by speculative decoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafted: Option<u32>,
    /// Of these, tokens accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u32>,
    /// Prompt tokens found in the cache, where the router says so and usage does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u32>,
}

/// Stamps of opening a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// `connect(2)` called.
    pub start_us: Micros,
    /// TCP connection writable; `None` if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_us: Option<Micros>,
    /// TLS handshake complete; `None` without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_end_us: Option<Micros>,
}

/// The server's `usage` object, what it gave of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// `prompt_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<u32>,
    /// `completion_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<u32>,
    /// `prompt_tokens_details.cached_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u32>,
    /// `completion_tokens_details.reasoning_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u32>,
}

/// A token count and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// The number.
    pub tokens: u32,
    /// Its source.
    pub source: CountSource,
}

/// Who counted tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountSource {
    /// Content events; an undercount wherever an event carries several tokens.
    Events,
    /// The server's `usage`.
    Server,
    /// Our own tokenizer over the text.
    Tokenizer,
}

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum Outcome {
    /// The reply ended well.
    Success,
    /// Planned, never started before the stop. Counts as a failure in every share.
    #[default]
    NotSent,
    /// Something went wrong.
    Failed(Failure),
    /// Ended by us; right-censored.
    Cut {
        /// What made us end it.
        by: Cut,
    },
}

impl Outcome {
    /// Whether the attempt succeeded.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Success)
    }

    /// Whether the plan had its client go away: neither a success nor anybody's failure.
    pub fn is_planned(&self) -> bool {
        matches!(self, Self::Cut { by: Cut::Plan })
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The kind, for tables.
    pub kind: FailureKind,
    /// The server's or the system's own words: first 300 bytes, secrets masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Why we ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The grace period after the last start was over.
    Grace,
    /// Ctrl-C.
    Interrupt,
    /// The plan has its client go away: no failure of anybody.
    Plan,
}

/// Every way an attempt can fail. The docs and the error table use exactly these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The host name has no address.
    Dns,
    /// Nothing listens there.
    ConnectRefused,
    /// No route, reset or any other failure to connect.
    ConnectFailed,
    /// No connection within the time allowed.
    ConnectTimeout,
    /// TLS handshake or certificate failure.
    Tls,
    /// No file descriptor, port or buffer left on this machine.
    LocalLimit,
    /// The connection broke while sending.
    SendFailed,
    /// The connection was reset or broke while receiving.
    ReceiveFailed,
    /// The peer closed without a byte of reply.
    EmptyReply,
    /// Not HTTP/1.1, or a malformed head, chunk or length.
    BadHttp,
    /// A redirect, which a benchmark must not follow silently.
    Redirect,
    /// Status 400–499.
    HttpClientError,
    /// Status 500–599.
    HttpServerError,
    /// Any other status that is not 2xx.
    HttpOther,
    /// A body encoding we did not ask for (gzip, …).
    ContentEncoding,
    /// The stream or body stopped before its end.
    CutShort,
    /// An error object inside a 200 reply.
    ErrorInStream,
    /// An event or body that is not the JSON expected.
    NotJson,
    /// Ended cleanly with neither content nor tokens.
    NoContent,
    /// The per-request time-out (`--timeout`) passed.
    Timeout,
}
