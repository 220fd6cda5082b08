//! **How many tokens is this text, and which text has exactly n?**
//!
//! In: text, or the bytes of a `tokenizer.json`. Out: a [`Tokenizer`], which counts, and a [`Lexicon`], which makes text.
//! Invariant: a lexicon's text counts, under its tokenizer, to exactly the tokens it says, prefix and body joined; equal seeds
//! give equal bytes on every machine. A count is of the bare text, without special tokens, unless a [`ChatFrame`] was asked.
//!
//! Start reading at [`words`]: why a text of k listed words has k tokens, and why the built-in list needs no vocabulary (its
//! load takes 200 ms) before the first request. [`verify()`] counts again, later, with the real one.
//! One more built-in vocabulary is one file like `o200k.rs`, with its word list and the test that proves it, and one variant of
//! [`Tokenizer`].

pub mod frame;
pub mod hugging_face;
pub mod o200k;
pub mod search;
pub mod template;
pub mod verify;
pub mod words;

use std::sync::Arc;

pub use tokmark_base::Lexicon;

pub use frame::ChatFrame;
pub use hugging_face::HuggingFace;
pub use template::{ChatTemplate, Message};
pub use verify::{Mismatch, Verified, verify};
pub use words::Words;

/// Counts tokens.
#[derive(Clone)]
pub enum Tokenizer {
    /// The built-in o200k vocabulary.
    O200k(o200k::O200k),
    /// A model's own `tokenizer.json`.
    HuggingFace(Arc<HuggingFace>),
}

/// What can go wrong with a tokenizer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// The file is not a tokenizer.
    #[error(
        "{name} is not a tokenizer.json that can be read: {message}\nhint: give --tokenizer the directory a model was downloaded to"
    )]
    Load {
        /// The file.
        name: String,
        /// What the reader says.
        message: String,
    },
    /// A chat template cannot be read or rendered.
    #[error(
        "{name}: the chat template: {message}\nhint: count without it (leave --apply-chat-template out), or give the directory of a model whose template works (--tokenizer)"
    )]
    Template {
        /// The file or model.
        name: String,
        /// What the template engine says.
        message: String,
    },
    /// A text could not be split into tokens.
    #[error(
        "{name} cannot split a text of {bytes} bytes: {message}\nhint: the tokenizer has no token for some of its characters; use another one (--tokenizer)"
    )]
    Count {
        /// The tokenizer.
        name: String,
        /// Length of the text.
        bytes: usize,
        /// What the tokenizer says.
        message: String,
    },
}

impl Tokenizer {
    /// The built-in o200k vocabulary. The first call takes about 200 ms.
    pub fn o200k() -> Self {
        Self::O200k(o200k::O200k::load())
    }

    /// A model's own tokenizer, from the bytes of its `tokenizer.json`; `name` is for messages.
    pub fn from_json(name: &str, json: &[u8]) -> Result<Self, TokensError> {
        HuggingFace::from_json(name, json).map(|t| Self::HuggingFace(Arc::new(t)))
    }

    /// What it is, for reports: `o200k (built in)` or the name given.
    pub fn name(&self) -> &str {
        match self {
            Self::O200k(_) => o200k::NAME,
            Self::HuggingFace(tokenizer) => tokenizer.name(),
        }
    }

    /// What it counts by: `o200k`, or the BLAKE3 of the file. Two of one id count alike.
    pub fn id(&self) -> &str {
        match self {
            Self::O200k(_) => "o200k",
            Self::HuggingFace(tokenizer) => tokenizer.digest(),
        }
    }

    /// Tokens of `text`, special tokens and chat template not counted.
    pub fn count(&self, text: &str) -> Result<u32, TokensError> {
        match self {
            Self::O200k(o200k) => Ok(o200k.count(text)),
            Self::HuggingFace(tokenizer) => tokenizer.count(text),
        }
    }

    /// The token ids of `text`, special tokens and chat template not among them.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, TokensError> {
        match self {
            Self::O200k(o200k) => Ok(o200k.ids(text)),
            Self::HuggingFace(tokenizer) => tokenizer.ids(text),
        }
    }

    /// What makes text of exactly n tokens of this tokenizer. Words proven one token each where the tokenizer allows the proof;
    /// otherwise every text is counted and adjusted until it fits.
    pub fn lexicon(&self) -> Result<Arc<dyn Lexicon>, TokensError> {
        match self {
            Self::O200k(_) => Ok(Arc::new(o200k::words())),
            Self::HuggingFace(tokenizer) => Ok(match tokenizer.words()? {
                Some(words) => Arc::new(words),
                None => Arc::new(search::Search::new(Arc::clone(tokenizer))),
            }),
        }
    }
}
