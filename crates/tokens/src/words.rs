//! Text from words proven one token each.
//!
//! Every word is a run of lower-case ASCII letters, and words are joined by one space. If the tokenizer splits such a text in
//! front of each space before it looks for tokens, and both `word` (at the very start) and ` word` (anywhere else) are one
//! token, then a text of k words has k tokens, whatever the words and whatever stood before.

use tokmark_base::digest::Digest;
use tokmark_base::{Lexicon, Stream};

/// The most words a list may hold: each is drawn with 16 random bits.
pub const MOST: usize = 1 << 16;

/// A list of words proven one token each.
#[derive(Clone, Debug)]
pub struct Words {
    id: String,
    /// Each with its leading space.
    spaced: Vec<Box<str>>,
}

impl Words {
    /// A list for the tokenizer called `tokenizer`, whose maker has proven it; at most [`MOST`] are used. `None` if it is empty.
    pub fn new<'a>(tokenizer: &str, words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut digest = Digest::new();
        let spaced: Vec<Box<str>> = words.into_iter().take(MOST).map(|w| format!(" {w}").into()).collect();
        for word in &spaced {
            digest = digest.part(word.as_bytes());
        }
        let words = &digest.hex()[..16];
        let id = format!("{tokenizer} words {words}");
        (!spaced.is_empty()).then_some(Self { id, spaced })
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.spaced.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.spaced.is_empty()
    }

    /// The word 16 random bits choose. (With a list whose length is no power of two some words are a little likelier; a
    /// prompt's words need no exact evenness.)
    fn pick(&self, bits: u16) -> &str {
        &self.spaced[(usize::from(bits) * self.spaced.len()) >> 16]
    }
}

impl Lexicon for Words {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
        // English words average 5.5 letters and a space.
        text.reserve(tokens as usize * 7);
        let mut left = tokens;
        while left > 0 {
            let bits = stream.bits();
            for at in [0, 16, 32, 48].into_iter().take(left as usize) {
                let word = self.pick((bits >> at) as u16);
                text.push_str(if text.is_empty() { &word[1..] } else { word });
                left -= 1;
            }
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Seed;

    use super::*;

    #[test]
    fn counts_words_and_joins_them_by_one_space() {
        let words = Words::new("test", ["one", "two", "three"]).unwrap();
        let mut stream = Seed(1).stream("text", 0);
        for n in [0, 1, 2, 3, 4, 5, 7, 100] {
            let mut text = String::new();
            assert_eq!(words.extend(&mut text, n, &mut stream), n);
            assert_eq!(text.split_ascii_whitespace().count() as u32, n);
            assert!(!text.contains("  ") && text.trim() == text, "{text:?}");
            let prefix = text.clone();
            words.extend(&mut text, 9, &mut stream);
            assert!(text.starts_with(&prefix));
            assert_eq!(text.split(' ').filter(|w| !w.is_empty()).count() as u32, n + 9);
        }
    }

    #[test]
    fn equal_streams_give_equal_bytes_and_every_word_is_drawn() {
        let words = Words::new("test", ["one", "two", "three"]).unwrap();
        let text = |seed| {
            let mut text = String::new();
            words.extend(&mut text, 60, &mut Seed(seed).stream("text", 0));
            text
        };
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(4));
        assert!(["one", "two", "three"].iter().all(|w| text(3).contains(w)));
        assert!(Words::new("test", []).is_none());
    }

    #[test]
    fn the_id_tells_lists_apart() {
        let id = |list: &[&str]| Words::new("t", list.iter().copied()).unwrap().id();
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
        assert_eq!(id(&["ab", "c"]), id(&["ab", "c"]));
    }
}
