//! The built-in vocabulary, o200k, and its checked-in list of words.
//!
//! o200k's own splitting pattern takes a run of lower-case letters together with one space before it as one piece
//! (`[^\r\n\p{L}\p{N}]?…[\p{Ll}…]+`), so a list whose every `word` and ` word` is one token is proven by looking at its words one
//! by one. The test below does so with the real vocabulary; a word that fails names itself.

use tiktoken_rs::CoreBPE;

use crate::words::Words;

/// The name in reports.
pub const NAME: &str = "o200k (built in)";

/// Common English words that o200k has as one token each, with and without a space in front; alphabetical, one a line.
pub const LIST: &str = include_str!("o200k_words.txt");

/// The vocabulary, loaded.
#[derive(Clone, Copy)]
pub struct O200k(&'static CoreBPE);

impl O200k {
    /// Loads it, or takes the one this process has loaded already.
    pub fn load() -> Self {
        Self(tiktoken_rs::o200k_base_singleton())
    }

    /// Tokens of `text`; what looks like a special token is text.
    pub fn count(self, text: &str) -> u32 {
        self.0.count_ordinary(text) as u32
    }

    /// The token ids of `text`; what looks like a special token is text.
    pub fn ids(self, text: &str) -> Vec<u32> {
        self.0.encode_ordinary(text)
    }
}

/// The lexicon of o200k. Needs no vocabulary.
pub fn words() -> Words {
    Words::new("o200k", LIST.lines()).expect("the checked-in list is not empty")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use tokmark_base::{Lexicon, Seed};

    use super::*;

    #[test]
    fn every_listed_word_is_one_token_with_and_without_its_space() {
        let o200k = O200k::load();
        for word in LIST.lines() {
            assert!(
                word.len() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase()),
                "`{word}` is not a run of lower-case letters"
            );
            assert_eq!(o200k.count(word), 1, "`{word}` at the start");
            assert_eq!(o200k.count(&format!(" {word}")), 1, "`{word}` after a space");
        }
    }

    #[test]
    fn the_list_is_sorted_and_a_power_of_two_so_that_words_are_drawn_evenly() {
        let sorted: BTreeSet<&str> = LIST.lines().collect();
        assert!(LIST.lines().eq(sorted.iter().copied()));
        assert_eq!(sorted.len(), 2_048);
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        // Pinned: one seed gives these bytes on every machine. Another list or order is another plan digest.
        let mut text = String::new();
        words().extend(&mut text, 6, &mut Seed(42).stream("text", 0));
        assert_eq!(text, "rate report theme flat folder null");
        assert_eq!(words().id(), "o200k words 6874d9e808b3df73");
    }

    /// Prints what a fresh list would be made from: English words on stdin that pass both counts. For when the list changes.
    #[test]
    #[ignore = "reads candidate words from standard input; run by hand when the list shall change"]
    fn candidates() {
        let o200k = O200k::load();
        let passing: BTreeSet<String> = std::io::stdin()
            .lines()
            .map_while(Result::ok)
            .filter(|w| (3..=10).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_lowercase()))
            .filter(|w| o200k.count(w) == 1 && o200k.count(&format!(" {w}")) == 1)
            .collect();
        println!("{}", Vec::from_iter(passing).join("\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn prefix_and_body_joined_have_exactly_their_tokens(seed: u64, prefix in 0..400_u32, body in 1..2_500_u32) {
            let (words, o200k) = (words(), O200k::load());
            let mut text = String::new();
            words.extend(&mut text, prefix, &mut Seed(seed).stream("prefix", 0));
            prop_assert_eq!(o200k.count(&text), prefix);
            words.extend(&mut text, body, &mut Seed(seed).stream("text", 0));
            prop_assert_eq!(o200k.count(&text), prefix + body);
        }
    }
}
