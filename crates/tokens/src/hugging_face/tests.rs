use std::sync::Arc;

use serde_json::{Value, json};
use tokmark_base::{Lexicon, Seed};

use super::*;
use crate::Tokenizer;
use crate::search::Search;

/// Vocabulary ids for entries in order.
fn ids(entries: impl IntoIterator<Item = String>) -> Value {
    let numbered = entries.into_iter().enumerate();
    Value::Object(numbered.map(|(id, entry)| (entry, json!(id))).collect())
}

fn tokenizer(pre_tokenizer: &Value, normalizer: &Value, model: &Value) -> Vec<u8> {
    let file = json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": null, "decoder": null, "model": model
    });
    serde_json::to_vec(&file).unwrap()
}

/// Whole words split at spaces, every built-in word known.
fn word_level() -> Vec<u8> {
    let vocab = ids(std::iter::once("[UNK]".to_owned()).chain(o200k::LIST.lines().map(str::to_owned)));
    let model = json!({"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"});
    tokenizer(&json!({"type": "WhitespaceSplit"}), &Value::Null, &model)
}

/// A BPE over letters and `▁`, nothing split beforehand; `merges` may join across words.
fn bpe_without_splits(merges: &[(&str, &str)]) -> Vec<u8> {
    let letters = ('a'..='z').chain(['▁']).map(String::from);
    let joined = merges.iter().map(|(a, b)| format!("{a}{b}"));
    let pairs: Vec<Value> = merges.iter().map(|(a, b)| json!([a, b])).collect();
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": ids(letters.chain(joined)), "merges": pairs
    });
    let normalizer = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    tokenizer(&Value::Null, &normalizer, &model)
}

fn assert_exact(tokenizer: &HuggingFace, lexicon: &dyn Lexicon) {
    for (seed, prefix, body) in [(1, 0, 1), (2, 0, 40), (3, 17, 33), (4, 64, 500)] {
        let mut text = String::new();
        assert_eq!(lexicon.extend(&mut text, prefix, &mut Seed(seed).stream("prefix", 0)), prefix);
        assert_eq!(tokenizer.count(&text).unwrap(), prefix, "{text}");
        let shared = text.clone();
        assert_eq!(lexicon.extend(&mut text, body, &mut Seed(seed).stream("text", 0)), body);
        assert_eq!(tokenizer.count(&text).unwrap(), prefix + body, "{text}");
        assert!(text.starts_with(&shared));
    }
}

#[test]
fn a_tokenizer_that_splits_at_words_is_proven_and_not_cut_to_length() {
    let t = HuggingFace::from_json("word level", &word_level()).unwrap();
    assert_eq!(t.count(&"time ".repeat(100)).unwrap(), 100);
    let words = t.words().unwrap().expect("proven");
    assert_eq!(words.len(), 2_048);
    assert_exact(&t, &words);
}

#[test]
fn a_vocabulary_that_joins_words_gets_no_proof_and_is_searched() {
    let t =
        HuggingFace::from_json("joins", &bpe_without_splits(&[("e", "▁"), ("e▁", "t"), ("t", "h")])).unwrap();
    assert!(t.words().unwrap().is_none());
    let search = Search::new(Arc::new(t));
    let t =
        HuggingFace::from_json("joins", &bpe_without_splits(&[("e", "▁"), ("e▁", "t"), ("t", "h")])).unwrap();
    assert_exact(&t, &search);
    assert_ne!(search.id(), t.digest());
}

#[test]
fn a_length_that_no_text_has_is_told() {
    // Every character is one unknown token that is fused with its neighbours: one token at most.
    let model = json!({"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"});
    let json = tokenizer(&Value::Null, &Value::Null, &model);
    let t = Tokenizer::from_json("one token", &json).unwrap();
    let lexicon = t.lexicon().unwrap();
    let mut text = String::new();
    let got = lexicon.extend(&mut text, 5, &mut Seed(1).stream("text", 0));
    assert!(got <= 1, "{got} tokens in {text:?}");
    assert_eq!(t.count(&text).unwrap(), got);
}

#[test]
fn a_span_is_a_letter_a_space_and_a_letter() {
    for entry in ["e▁t", "of the", "inĠthe", "▁of▁the"] {
        assert!(spans(entry), "{entry}");
    }
    for entry in ["▁the", "Ġthe", " the", "the▁", "▁▁", "<|im_start|>", "the"] {
        assert!(!spans(entry), "{entry}");
    }
}

#[test]
fn what_is_no_tokenizer_says_so() {
    let message = Tokenizer::from_json("x/tokenizer.json", b"{}").err().unwrap().to_string();
    assert!(message.contains("x/tokenizer.json") && message.contains("hint:"), "{message}");
}
