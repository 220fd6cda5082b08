//! The endpoints, a file each, and what they share: the envelope of an OpenAI reply, request bodies, replies written.
//!
//! One more is a file here that says what its keys are and reads its events and bodies into a [`Chunk`] (`tgi.rs` is the shortest), a
//! variant of [`EndpointKind`], and what the compiler then asks for: its path, the key of its prompt and its decoder below, its body in
//! `request.rs`, what a simulated server reads and writes in `asked.rs` and `write.rs`; a word of `target.endpoint` in
//! `tokmark_drive::target`, a route in `tokmark_play`; rows of `tests/streams/README.md`. What a server says of its own work is a
//! function in `said.rs`, and needs nothing else.

mod asked;
mod chat;
mod chunk;
mod completions;
mod counts;
mod request;
pub(crate) mod said;
mod sglang;
mod template;
mod tgi;
mod write;

pub use asked::{Request, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
pub use write::{DONE, ReplyWriter, error_body};

pub(crate) use self::chunk::Chunk;
pub(crate) use self::template::Template;

/// Which API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// SGLang's own `/generate`.
    Sglang,
    /// Text Generation Inference's `/generate` and `/generate_stream`.
    Tgi,
}

/// What a request says, before it is bytes.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// One text: the prompt, or the one user message.
    Text(&'a str),
    /// A system prompt and a text: a chat has a system and a user message, a completion the two directly behind each other.
    System {
        /// What all say.
        system: &'a str,
        /// What this one says.
        text: &'a str,
    },
    /// Ready-made chat messages. `/v1/completions` has no roles: their string contents are joined by line feeds.
    Messages(&'a [Value]),
    /// A whole request body, sent as it is: no key of ours, none of [`BodyOptions`] and none of [`Own`] goes into it.
    Payload(&'a Value),
}

/// A turn of a session that is over.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What was said.
    pub said: Body<'a>,
    /// The answer that was given: its text, without reasoning and without tool calls.
    pub reply: &'a str,
}

/// One request: what it says, and what it alone asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The turns before it that it says again. A chat has them as its first messages, each reply as one of the assistant's; a system
    /// prompt that was said already is not said twice. A completion has all texts behind each other with nothing in between. A
    /// payload is whole as it is.
    pub before: &'a [Exchange<'a>],
    /// What it says itself.
    pub body: Body<'a>,
    /// The output length to ask for, if one is.
    pub osl: Option<u32>,
    /// What it alone asks for.
    pub own: Own<'a>,
}

/// What one request asks for that others of its run may not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own<'a> {
    /// `model`, if it is not that of [`BodyOptions`].
    pub model: Option<&'a str>,
    /// `priority`, as vLLM and SGLang take it.
    pub priority: Option<i32>,
    /// Further top-level keys, each map stronger than the one before and than [`BodyOptions::extra`].
    pub extra: [Option<&'a Map<String, Value>>; 2],
}

impl<'a> Ask<'a> {
    /// A request that stands for itself and asks for nothing of its own.
    pub fn of(body: Body<'a>, osl: Option<u32>) -> Self {
        Self { before: &[], body, osl, own: Own::default() }
    }
}

/// Dynamo's extension of the OpenAI API, what of it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nvext {
    /// `nvext.agent_hints`: the output length, and the priority, for the router.
    pub hints: bool,
    /// `nvext.extra_fields: ["timing"]`: the frontend's own times, at the end of the reply.
    pub timing: bool,
}

/// What every request of a run has in common.
#[derive(Clone, Debug)]
pub struct BodyOptions {
    /// `model`
    pub model: String,
    /// `stream`, with `stream_options.include_usage`.
    pub streaming: bool,
    /// Name of the field that limits the output: `max_tokens` or `max_completion_tokens`.
    pub max_tokens_field: &'static str,
    /// Send `ignore_eos: true` and `min_tokens` with every output length.
    pub hold_osl: bool,
    /// What Dynamo's frontend is told and asked.
    pub nvext: Nvext,
    /// Further top-level keys (`--extra`), merged last: a key of ours that stands here too is replaced as a whole.
    pub extra: Map<String, Value>,
}

impl EndpointKind {
    /// The JSON body of a request that stands for itself. `osl` is the output length asked for, if one is.
    pub fn encode(self, options: &BodyOptions, body: &Body<'_>, osl: Option<u32>) -> Vec<u8> {
        request::encode(self, options, &Ask::of(*body, osl))
    }

    /// The JSON body of one request.
    pub fn encode_ask(self, options: &BodyOptions, ask: &Ask<'_>) -> Vec<u8> {
        request::encode(self, options, ask)
    }

    /// Whether a ready-made body has the key that carries this endpoint's prompt.
    pub fn fits(self, payload: &Value) -> bool {
        let key = match self {
            Self::Chat => "messages",
            Self::Completions => "prompt",
            Self::Sglang => "text",
            Self::Tgi => "inputs",
        };
        payload.get(key).is_some_and(|said| !said.is_null())
    }

    /// What a request body asks for, as a server reads it.
    pub fn decode_request(self, body: &[u8]) -> Result<Request, RequestError> {
        asked::decode(self, body)
    }

    /// The path appended to a base URL (see [`crate::Url::endpoint`]).
    pub fn path(self, streaming: bool) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Tgi if streaming => "/generate_stream",
            Self::Sglang | Self::Tgi => "/generate",
        }
    }

    /// Whether the API can make a reply have exactly the length asked for.
    pub fn takes_a_length_exactly(self) -> bool {
        self != Self::Tgi
    }

    /// The headers every request with a JSON body needs. `identity`, because a compressed stream arrives in the
    /// compressor's bursts, not the engine's.
    pub fn headers(self, streaming: bool) -> [(&'static str, &'static str); 3] {
        let accept = if streaming { "text/event-stream" } else { "application/json" };
        [("Content-Type", "application/json"), ("Accept", accept), ("Accept-Encoding", "identity")]
    }

    /// One event's data, or a whole body, by full parse.
    pub(crate) fn decode(self, data: &[u8]) -> Result<Chunk<'_>, serde_json::Error> {
        match self {
            Self::Chat => chunk::decode::<chat::Choice>(data),
            Self::Completions => chunk::decode::<completions::Choice>(data),
            Self::Sglang => sglang::decode(data),
            Self::Tgi => tgi::decode(data),
        }
    }
}
