//! **How does each endpoint speak?**
//!
//! In: bytes as they were read. Out: a [`Reply`] and, for each read, what it completed ([`Progress`]); request bodies and
//! heads as bytes ([`EndpointKind::encode`], [`http::encode_request`]); replies written for a simulated server
//! ([`ReplyWriter`]) and the requests it got ([`EndpointKind::decode_request`]); URLs ([`Url`]).
//! Invariant: sans-I/O and incremental; any split of the same bytes gives the same reply, and no bytes make it panic.
//! Start reading at [`reply::ReplyReader`], which joins [`http`] (head and body framing), [`sse`] (events) and
//! [`endpoint`] (what an event says). What each odd stream is taken for is a table: `tests/streams/README.md`.
//! One more endpoint is one file in `endpoint/` and one variant of [`EndpointKind`]; the head of `endpoint/mod.rs` names the lines.
//!
//! Reasoning and answer are told apart where an API does: in chat (`reasoning_content`, `reasoning`) by words and, where the server counts
//! them, by tokens; in completions and in SGLang's own API by the server's count alone; in Text Generation Inference's not at all.
//!
//! Not yet: `/v1/responses`, `/v1/messages`, embeddings, rerank and scoring, speech and transcription, images and video, parts of a
//! message that are no text unless they come ready-made in a file; of `/generate`, prompts as token ids (`input_ids`), several prompts
//! in one request, `lora_path`, and TGI's `best_of`. A priority goes to SGLang as it is: there the larger goes first, unless the
//! server has `--schedule-low-priority-values-first`.

pub mod endpoint;
pub mod http;
pub mod message;
pub mod reply;
pub mod sse;
mod transcript;
pub mod url;

pub use endpoint::{
    Ask, Body, BodyOptions, EndpointKind, Exchange, Nvext, Own, ReplyWriter, Request, RequestError,
};
pub use reply::{Progress, Reply, ReplyReader};
pub use url::{Url, UrlError};
