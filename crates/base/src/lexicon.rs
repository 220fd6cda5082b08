//! Text of a known number of tokens: the border between `workload`, which asks for it, and `tokens`, which can make it.

use crate::seed::Stream;

/// Makes text of exactly as many tokens as asked, under one tokenizer.
pub trait Lexicon: Send + Sync {
    /// Which tokenizer and which words: part of a plan's digest, so it changes whenever the text would.
    fn id(&self) -> String;

    /// Appends `tokens` tokens of random words to `text` and returns by how many tokens `text` really grew.
    ///
    /// The two are the same unless the tokenizer can make no such text; whoever needs it exact compares. What stands in `text`
    /// already was made by the same lexicon and stays as it is. Equal streams give equal words.
    fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32;
}

/// What a server wraps around the words of a chat before it counts them: a model's chat template under its tokenizer.
pub trait Frame: Send + Sync {
    /// Which template and tokenizer: part of a plan's digest.
    fn id(&self) -> String;

    /// Tokens of one user message, a system message in front of it if there is one, template included; `None` if that cannot be
    /// counted.
    fn count(&self, system: Option<&str>, user: &str) -> Option<u32>;
}
