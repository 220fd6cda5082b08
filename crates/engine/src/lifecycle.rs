//! What goes into an engine and what comes out of it.

use std::fmt;

use tokmark_base::{Content, Micros};

/// The driver's own number of a request. Unique among those an engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request as an engine sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Its number.
    pub id: RequestId,
    /// Tokens of the prompt, if known.
    pub input: Option<u32>,
    /// Which tokens they are, as far as a cache can tell. Shorter than `input` (or empty): the rest is shared with nobody.
    pub content: Content,
    /// How long the reply may or must be.
    pub length: Length,
    /// Smaller is served first, where the engine heeds priorities (vLLM's rule).
    pub priority: i32,
    /// The adapter (LoRA) it runs under.
    pub adapter: Option<u64>,
    /// The conversation it belongs to, for routers that keep one in its place.
    pub session: Option<u64>,
    /// What has been done for it elsewhere.
    pub carried: Carried,
    /// Its blocks stay in use when it has finished, until [`crate::Engine::release`]: another worker is to fetch them
    /// (disaggregation).
    pub keep: bool,
}

/// What another worker did for a request before this one got it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Tokens of its reply that are out already. They belong to its context here and count towards its length.
    pub emitted: u32,
    /// The KV blocks of its context came with it (disaggregation): nothing is left to prefill.
    pub cached: bool,
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

/// The life of a request. Every one starts with `Queued` or `Rejected` and ends with exactly one of `Finished`, `Rejected`,
/// `Failed` and `Cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Accepted, waiting for its turn (for no time at all if there is room).
    Queued,
    /// Its turn: prefill begins, or begins again after `Preempted`.
    Admitted {
        /// Tokens of its context found in the cache; `None` if the engine has none.
        cached: Option<u32>,
    },
    /// So many tokens of its context were computed by the pass that ends now, and the context is not through yet.
    PrefillChunk(u32),
    /// Prefill is over and the first token is out.
    FirstToken,
    /// So many further tokens are out.
    Tokens(u32),
    /// One token is out at each of the stamps `from..from + len` of [`Out::stamps`]; the event's own stamp is the last of them.
    /// Only in virtual time ([`crate::Engine::look_ahead`]).
    Stretch {
        /// Index of the first stamp.
        from: u32,
        /// How many.
        len: u32,
    },
    /// Thrown out of the running batch: what was computed for it is lost, its tokens are not.
    Preempted,
    /// Memory is set aside for its KV cache, which may be sent now. Only in answer to [`crate::Engine::reserve`], and never
    /// told by a cluster.
    Reserved,
    /// Moved to another worker, or back to its queue, because its own failed; what is out stays out.
    Moved,
    /// The last token was the one before.
    Finished(FinishReason),
    /// Refused on arrival.
    Rejected(Rejection),
    /// Given up by the service.
    Failed(Breakdown),
    /// Given up by its client.
    Cancelled,
}

impl Lifecycle {
    /// Whether nothing comes after it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Finished(_) | Self::Rejected(_) | Self::Failed(_) | Self::Cancelled)
    }
}

/// Why a service gave up a request it had accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakdown {
    /// Its worker crashed.
    WorkerLost,
    /// An error was injected: refused with this status before the first token, or reported in the stream after it.
    Injected {
        /// HTTP status.
        status: u16,
    },
    /// The stream was cut without an end.
    Cut,
    /// It can never get the memory it needs: its context outgrew the whole cache.
    OutOfMemory,
}

impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerLost => f.write_str("its worker crashed"),
            Self::Injected { status } => write!(f, "an error of status {status} was injected"),
            Self::Cut => f.write_str("its stream was cut"),
            Self::OutOfMemory => f.write_str("its context outgrew the KV cache"),
        }
    }
}

/// What an engine did, in the order in which it did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Out {
    /// What happened. Of one request, in the order of stamps.
    pub events: Vec<Event>,
    /// Stamps that [`Lifecycle::Stretch`] events refer to.
    pub stamps: Vec<Micros>,
}

impl Out {
    /// Notes that `what` happened to `request`.
    pub fn push(&mut self, at: Micros, request: RequestId, what: Lifecycle) {
        self.events.push(Event { at, request, what });
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.stamps.clear();
    }
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
    /// The prompt does not fit into one pass, and the engine computes prompts whole.
    PassTooSmall {
        /// Tokens of the prompt.
        input: u32,
        /// Tokens a pass computes at most.
        pass: u32,
        /// What the engine calls that limit.
        limit: &'static str,
    },
    /// The prompt (or prompt and reply, where the engine reserves both) needs more than the whole KV cache.
    CacheTooSmall {
        /// Tokens it needs.
        needed: u64,
        /// Tokens the cache holds.
        cache: u64,
    },
    /// Every worker is busier than its threshold allows.
    Busy {
        /// HTTP status of such a refusal.
        status: u16,
    },
    /// No worker is up.
    NoWorker,
    /// The prompt's length is not known, and the engine's timing depends on it.
    UnknownLength,
    /// Not even one token is asked for.
    NothingAsked,
    /// A request of this number is already here.
    DuplicateId,
}

impl Rejection {
    /// The HTTP status of such a refusal: 503 when the engine is too busy, else 400.
    pub fn status(self) -> u16 {
        match self {
            Self::Busy { status } => status,
            Self::QueueFull { .. } | Self::NoWorker => 503,
            Self::TooLong { .. }
            | Self::PassTooSmall { .. }
            | Self::CacheTooSmall { .. }
            | Self::UnknownLength
            | Self::NothingAsked
            | Self::DuplicateId => 400,
        }
    }
}

impl Rejection {
    /// The same as a sentence that all refusals of one cause share: the numbers of the one request left out.
    pub fn cause(self) -> String {
        match self {
            Self::TooLong { context, .. } => {
                format!("the prompt leaves no room in the context of {context} tokens")
            }
            Self::PassTooSmall { pass, limit, .. } => {
                format!(
                    "the prompt does not fit into a pass of {pass} tokens ({limit} without enable_chunked_prefill)"
                )
            }
            Self::CacheTooSmall { cache, .. } => {
                format!("the request needs more than the whole KV cache of {cache} tokens")
            }
            other => other.to_string(),
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
            Self::PassTooSmall { input, pass, limit } => {
                write!(
                    f,
                    "the prompt has {input} tokens, a pass computes {pass} at most ({limit} without enable_chunked_prefill)"
                )
            }
            Self::CacheTooSmall { needed, cache } => {
                write!(f, "the request needs {needed} tokens of KV cache, the whole cache holds {cache}")
            }
            Self::Busy { .. } => f.write_str("all workers are busy"),
            Self::NoWorker => f.write_str("no worker is up"),
            Self::UnknownLength => f.write_str("the length of the prompt is not known"),
            Self::NothingAsked => f.write_str("max_tokens must be at least 1"),
            Self::DuplicateId => f.write_str("a request of this number is already being served"),
        }
    }
}
