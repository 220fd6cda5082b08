//! Text for a tokenizer that allows no proof: words are added and taken away, and the text counted, until it fits.

use std::cmp::Ordering;
use std::sync::Arc;

use tokmark_base::{Lexicon, Stream};

use crate::{HuggingFace, o200k};

/// Tries for one text. Close to the aim every try is an even chance or better, so a text that needs more does not exist.
const TRIES: u32 = 400;

/// Finds text of an exact length by counting.
pub struct Search {
    tokenizer: Arc<HuggingFace>,
    words: Vec<&'static str>,
}

impl Search {
    /// Searches with `tokenizer`.
    pub fn new(tokenizer: Arc<HuggingFace>) -> Self {
        Self { tokenizer, words: o200k::LIST.lines().collect() }
    }

    /// A piece to add: a word, or near the aim, where a word may be too much, a letter with or without a space.
    fn piece(&self, near: bool, first: bool, stream: &mut Stream) -> String {
        let bits = stream.bits();
        let space = if first || (near && bits & 1 == 0) { "" } else { " " };
        if near && bits & 2 == 0 {
            let letter = char::from(b'a' + stream.below(26) as u8);
            return format!("{space}{letter}");
        }
        format!("{space}{}", self.words[stream.below(self.words.len() as u64) as usize])
    }

    /// Tokens of `text`; what cannot be counted is as far from every aim as can be.
    fn count(&self, text: &str) -> u32 {
        self.tokenizer.count(text).unwrap_or(u32::MAX)
    }
}

impl Lexicon for Search {
    fn id(&self) -> String {
        format!("tokenizer.json {} search 1", self.tokenizer.digest())
    }

    fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
        let before = self.count(text);
        let aim = before.saturating_add(tokens);
        // Where each added piece begins.
        let mut starts: Vec<usize> = Vec::new();
        let (mut have, mut nearest) = (before, (tokens, String::new()));
        let own = text.len();
        for _ in 0..TRIES {
            if have.abs_diff(aim) < nearest.0 {
                nearest = (have.abs_diff(aim), text[own..].to_owned());
            }
            // Tokens a piece has had on average so far, rounded up: steps fall short rather than swing over.
            let each = (have.saturating_sub(before) as usize).div_ceil(starts.len().max(1)).max(1);
            let step = (have.abs_diff(aim) as usize / each).max(1);
            match have.cmp(&aim) {
                Ordering::Equal => return tokens,
                Ordering::Less => {
                    let near = aim - have < 6;
                    for _ in 0..step {
                        starts.push(text.len());
                        let piece = self.piece(near, text.is_empty(), stream);
                        text.push_str(&piece);
                    }
                }
                Ordering::Greater => {
                    for _ in 0..step.min(starts.len()) {
                        text.truncate(starts.pop().unwrap_or(own));
                    }
                }
            }
            have = self.count(text);
        }
        text.truncate(own);
        text.push_str(&nearest.1);
        self.count(text).saturating_sub(before)
    }
}
