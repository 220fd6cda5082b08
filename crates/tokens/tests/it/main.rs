//! The tokenizer of a real model. `cargo xtask test` puts a `tokenizer.json` into its cache and names its folder in
//! `TOKMARK_TEST_TOKENIZER`; without it these tests say so and return.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)] // a test binary

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use tokmark_base::Seed;
use tokmark_tokens::search::Search;
use tokmark_tokens::{HuggingFace, Lexicon, Tokenizer, verify};

fn real(test: &str) -> Option<Tokenizer> {
    let Some(folder) = std::env::var_os("TOKMARK_TEST_TOKENIZER") else {
        leave_out(test, "there is no tokenizer.json of a real model here; `cargo xtask test` installs one");
        return None;
    };
    let path = Path::new(&folder).join("tokenizer.json");
    let json = std::fs::read(&path).unwrap();
    Some(Tokenizer::from_json(&path.to_string_lossy(), &json).unwrap())
}

/// Says that a test did not run, to whoever ran the tests.
fn leave_out(test: &str, why: &str) {
    println!("left out: {test}: {why}");
    let Some(list) = std::env::var_os("TOKMARK_LEFT_OUT") else { return };
    let mut list = std::fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
    // One write, so that lines of tests running side by side do not mix.
    list.write_all(format!("{test}\t{why}\n").as_bytes()).unwrap();
}

fn prompts(lexicon: &dyn Lexicon, lengths: impl IntoIterator<Item = (u32, u32)>) -> Vec<(u64, String, u32)> {
    let prompt = |(index, (prefix, body))| {
        let mut text = String::new();
        let mut tokens = lexicon.extend(&mut text, prefix, &mut Seed(9).stream("prefix", 0));
        tokens += lexicon.extend(&mut text, body, &mut Seed(9).stream("text", index));
        assert_eq!(tokens, prefix + body);
        (index, text, tokens)
    };
    (0..).zip(lengths).map(prompt).collect()
}

#[test]
fn proven_words_are_exact() {
    let Some(tokenizer) = real("tokens::proven_words_are_exact") else { return };
    let Tokenizer::HuggingFace(model) = &tokenizer else {
        panic!("{} was given", tokenizer.name());
    };
    let words = model.words().unwrap().expect("a byte-level tokenizer allows the proof");
    assert!(words.len() >= 1_000, "{} words", words.len());
    let lengths = (1..200).map(|n| (n % 7 * 50, n * 11));
    let verified = verify(&tokenizer, prompts(&words, lengths)).unwrap();
    assert_eq!((verified.texts, verified.wrong), (199, 0), "{:?}", verified.first);
}

#[test]
fn searched_text_is_exact_too() {
    let Some(tokenizer) = real("tokens::searched_text_is_exact_too") else { return };
    let Tokenizer::HuggingFace(model) = &tokenizer else {
        panic!("{} was given", tokenizer.name());
    };
    let model: Arc<HuggingFace> = Arc::clone(model);
    let lengths = [(0, 1), (0, 77), (50, 1), (33, 400)];
    let verified = verify(&tokenizer, prompts(&Search::new(model), lengths)).unwrap();
    assert_eq!((verified.texts, verified.wrong), (4, 0), "{:?}", verified.first);
}
