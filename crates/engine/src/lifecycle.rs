//! What goes into an engine and what comes out of it.

use std::fmt;

use tokmark_base::Micros;

/// The driver's own number of a request. Unique among those an engine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request as an engine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number.
    pub id: RequestId,
    /// Tokens of the prompt, if known.
    pub input: Option<u32>,
    /// How long the reply may or must be.
    pub length: Length,
}

/// What a request says about the length of its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// At most so many tokens (`max_tokens`).
    pub max: Option<u32>,
    /// At least so many (`min_tokens`).
    pub min: u32,
    /// Go on past the model's own end (`ignore_eos`).
    pub ignore_eos: bool,
}

impl Length {
    /// Exactly `tokens`, as `max_tokens` with `ignore_eos` asks for.
    pub fn exactly(tokens: u32) -> Self {
        Self { max: Some(tokens), min: tokens, ignore_eos: true }
    }
}

/// Something that happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, exactly.
    pub at: Micros,
    /// To whom.
    pub request: RequestId,
    /// What.
    pub what: Lifecycle,
}

/// The life of a request. Every one starts with `Queued` or `Rejected` and ends with exactly one of `Finished`, `Rejected` and
/// `Cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Accepted, waiting for its turn (for no time at all if there is room).
    Queued,
    /// Its turn: prefill begins.
    Admitted,
    /// Prefill is over and the first token is out.
    FirstToken,
    /// So many further tokens are out.
    Tokens(u32),
    /// The last token was the one before.
    Finished(FinishReason),
    /// Refused on arrival.
    Rejected(Rejection),
    /// Given up by its client.
    Cancelled,
}

/// Why a reply ended, in the words of the OpenAI API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// At `max_tokens`, or at the end of the context.
    Length,
    /// At the model's own end.
    Stop,
}

impl FinishReason {
    /// `length` or `stop`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Stop => "stop",
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The waiting queue is full.
    QueueFull {
        /// Requests it holds.
        limit: usize,
    },
    /// The prompt leaves no room for a token of reply in the model's context.
    TooLong {
        /// Tokens of the prompt.
        input: u32,
        /// Tokens of the context.
        context: u32,
    },
    /// Not even one token is asked for.
    NothingAsked,
    /// A request of this number is already here.
    DuplicateId,
}

impl Rejection {
    /// The HTTP status of such a refusal: 503 when the engine is too busy, else 400.
    pub fn status(self) -> u16 {
        match self {
            Self::QueueFull { .. } => 503,
            Self::TooLong { .. } | Self::NothingAsked | Self::DuplicateId => 400,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { limit } => write!(f, "the waiting queue is full ({limit} requests)"),
            Self::TooLong { input, context } => {
                write!(f, "the prompt has {input} tokens, the context holds {context}")
            }
            Self::NothingAsked => f.write_str("max_tokens must be at least 1"),
            Self::DuplicateId => f.write_str("a request of this number is already being served"),
        }
    }
}
