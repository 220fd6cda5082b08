//! The endpoints, a file each, and what they share: the envelope of an OpenAI reply, request bodies, replies written.

mod asked;
mod chat;
mod chunk;
mod completions;
mod counts;
mod request;
mod template;
mod write;

pub use asked::{Request, RequestError};
use serde::{Deserialize, Serialize};
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
}

/// What a request says, before it is bytes.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// One text: the prompt, or the one user message.
    Text(&'a str),
    /// Ready-made chat messages. `/v1/completions` has no roles: their string contents are joined by line feeds.
    Messages(&'a [serde_json::Value]),
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
    /// Further top-level keys (`--extra`), merged last: a key of ours that stands here too is replaced as a whole.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl EndpointKind {
    /// The JSON body of one request. `osl` is the output length asked for, if one is.
    pub fn encode(self, options: &BodyOptions, body: &Body<'_>, osl: Option<u32>) -> Vec<u8> {
        request::encode(self, options, body, osl)
    }

    /// What a request body asks for, as a server reads it.
    pub fn decode_request(self, body: &[u8]) -> Result<Request, RequestError> {
        asked::decode(self, body)
    }

    /// The path appended to a base URL (see [`crate::Url::endpoint`]).
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
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
        }
    }
}
