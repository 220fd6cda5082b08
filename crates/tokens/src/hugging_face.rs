//! A model's own `tokenizer.json`: counting, and the proof of a word list for it.

use std::collections::BTreeSet;

use tokenizers::{
    NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _,
};
use tokmark_base::Seed;
use tokmark_base::digest::Digest;

use crate::words::Words;
use crate::{TokensError, o200k};

/// Fewer proven words than this make prompts too alike.
const FEWEST: usize = 256;
/// More are not looked for.
const ENOUGH: usize = 4_096;

/// A loaded `tokenizer.json`.
pub struct HuggingFace {
    name: String,
    digest: String,
    tokenizer: tokenizers::Tokenizer,
}

impl HuggingFace {
    /// From the bytes of the file; `name` is for messages.
    pub fn from_json(name: &str, json: &[u8]) -> Result<Self, TokensError> {
        let load = |message: String| TokensError::Load { name: name.to_owned(), message };
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(json).map_err(|e| load(e.to_string()))?;
        // A file may ask to cut or fill every text to one length, which is for training and would falsify each count.
        tokenizer.with_truncation(None).map_err(|e| load(e.to_string()))?;
        tokenizer.with_padding(None);
        Ok(Self { name: name.to_owned(), digest: Digest::new().part(json).hex(), tokenizer })
    }

    /// The name given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// BLAKE3 of the file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Tokens of `text`, without the special tokens a server may add around it.
    pub fn count(&self, text: &str) -> Result<u32, TokensError> {
        self.ids(text).map(|ids| ids.len() as u32)
    }

    /// The token ids of `text`, without the special tokens a server may add around it.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, TokensError> {
        match self.tokenizer.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(e) => {
                Err(TokensError::Count { name: self.name.clone(), bytes: text.len(), message: e.to_string() })
            }
        }
    }

    /// Words proven one token each, or `None` if this tokenizer does not allow the proof (it joins words, or has too few).
    ///
    /// The proof: each word counts one alone and one after another word; no token can reach from one word into the next, since
    /// either the text is split at every word before tokens are looked for, or no entry of the vocabulary has a letter, a space
    /// and a letter in it; and a text of all the words, in two orders, counts as many tokens as it has words.
    pub fn words(&self) -> Result<Option<Words>, TokensError> {
        // The built-in words first: they are plain English, and most vocabularies have most of them.
        let mut words = self.proven_each(o200k::LIST.lines().map(str::to_owned))?;
        if words.len() < FEWEST {
            words = self.proven_each(self.vocabulary_words())?;
        }
        if words.len() < FEWEST {
            return Ok(None);
        }
        for seed in [1, 2] {
            let text = shuffled(&words, seed).join(" ");
            let whole = self.count(&text)? as usize == words.len();
            if !whole
                || self.added_token_spans()
                || !(self.splits_at_words(&text, words.len()) || self.no_entry_spans())
            {
                return Ok(None);
            }
        }
        let id = format!("tokenizer.json {}", self.digest);
        Ok(Words::new(&id, words.iter().map(String::as_str)))
    }

    /// The candidates that count one token at the start of a text and one more inside it.
    fn proven_each(&self, candidates: impl IntoIterator<Item = String>) -> Result<Vec<String>, TokensError> {
        let mut proven: Vec<String> = Vec::new();
        for word in candidates {
            if proven.len() >= ENOUGH {
                break;
            }
            let Ok(1) = self.count(&word) else { continue };
            let before = proven.first().unwrap_or(&word);
            if self.count(&format!("{before} {word}"))? == 2 {
                proven.push(word);
            }
        }
        Ok(proven)
    }

    /// Runs of lower-case letters in the vocabulary, commonest (lowest id) first, without the mark of a space in front.
    fn vocabulary_words(&self) -> Vec<String> {
        let mut by_id = BTreeSet::new();
        for (entry, id) in self.tokenizer.get_vocab(false) {
            let word = entry.trim_start_matches(SPACES);
            if (3..=10).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()) {
                by_id.insert((id, word.to_owned()));
            }
        }
        let mut seen = BTreeSet::new();
        by_id.into_iter().map(|(_, word)| word).filter(|word| seen.insert(word.clone())).collect()
    }

    /// Whether the tokenizer cuts `text` into exactly its `words` before it looks for tokens.
    fn splits_at_words(&self, text: &str, words: usize) -> bool {
        let mut normalized = NormalizedString::from(text);
        if let Some(normalizer) = self.tokenizer.get_normalizer()
            && normalizer.normalize(&mut normalized).is_err()
        {
            return false;
        }
        let Some(splitter) = self.tokenizer.get_pre_tokenizer() else {
            return false;
        };
        let mut pieces = PreTokenizedString::from(normalized);
        splitter.pre_tokenize(&mut pieces).is_ok()
            && pieces.get_splits(OffsetReferential::Original, OffsetType::Byte).len() == words
    }

    fn no_entry_spans(&self) -> bool {
        !self.tokenizer.get_vocab(false).keys().any(|entry| spans(entry))
    }

    fn added_token_spans(&self) -> bool {
        self.tokenizer.get_added_tokens_decoder().values().any(|added| spans(&added.content))
    }
}

/// How vocabularies write a space: byte-level, SentencePiece, plain.
const SPACES: [char; 3] = ['Ġ', '▁', ' '];

/// Whether an entry holds a letter, a space and a letter in a row, as a token across two words would.
fn spans(entry: &str) -> bool {
    let mut last = [' '; 2];
    for c in entry.chars() {
        if last[0].is_ascii_lowercase() && SPACES.contains(&last[1]) && c.is_ascii_lowercase() {
            return true;
        }
        last = [last[1], c];
    }
    false
}

/// The words in an order of their own for each seed.
fn shuffled(words: &[String], seed: u64) -> Vec<&str> {
    let mut order: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut stream = Seed(seed).stream("proof", 0);
    for last in (1..order.len()).rev() {
        order.swap(last, stream.below(last as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests;
