//! The endpoints, a file each.

use serde::{Deserialize, Serialize};

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
    /// Ready-made chat messages.
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
    /// Further top-level keys (`--extra`), merged last.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl EndpointKind {
    /// The JSON body of one request.
    pub fn encode(self, options: &BodyOptions, body: &Body<'_>, osl: Option<u32>) -> Vec<u8> {
        let _ = (options, body, osl);
        todo!()
    }

    /// The path appended to a base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
    }
}
