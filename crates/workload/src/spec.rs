//! The workload's part of a spec: what is said. (When it is said stands in [`crate::load`].)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Duration;
use crate::source::FileFormat;

/// No model takes more, and a slip of the finger shall not fill the memory.
const MOST_TOKENS: u32 = 10_000_000;

mod cancel;
mod class;
mod prefix;
mod sessions;

pub use cancel::CancelSpec;
pub use class::ClassSpec;
pub use prefix::{CacheBust, PrefixChoice, PrefixSpec};
pub use sessions::{DelayLaw, History, SessionSpec};

/// `workload:` of a spec. Every field has a default; the whole is valid when empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkloadSpec {
    /// Mean input length of a synthetic prompt, tokens, the shared prefix not counted. Not used with `file`.
    #[schemars(range(min = 1))]
    pub isl: u32,
    /// Standard deviation of the input length, tokens (normal, rounded, never below 1).
    #[schemars(range(min = 0))]
    pub isl_stddev: f64,
    /// Mean output length to ask for, tokens; `null`: the server decides. A file's own `output_length` comes first.
    pub osl: Option<u32>,
    /// Standard deviation of the output length, tokens (normal, rounded, never below 1).
    #[schemars(range(min = 0))]
    pub osl_stddev: f64,
    /// Input and output lengths together, in place of the four keys above: a traffic scenario (`N(480,240)/(300,150)`), or a
    /// mixture of pairs (`256,128:40;512,256:60`).
    pub lengths: Option<String>,
    /// Pairs of lengths drawn from a file at random: JSON lines or CSV with `input_length` and `output_length`.
    pub lengths_file: Option<String>,
    /// Prefixes that prompts share.
    pub prefix: PrefixSpec,
    /// Words that keep caches from finding a prompt.
    pub cache_bust: CacheBust,
    /// Sessions of several turns.
    pub sessions: SessionSpec,
    /// Kinds of requests that share the load.
    pub classes: Vec<ClassSpec>,
    /// Clients that go away.
    pub cancel: CancelSpec,
    /// A trace or a data set: a file, gzip and zstd included.
    pub file: Option<String>,
    /// What the file holds; unset: found out from its beginning.
    pub format: Option<FileFormat>,
    /// A well-known data set, looked for where model hubs keep their downloads.
    pub dataset: Option<String>,
    /// Tokens a hash id of a trace stands for; unset: as the format has it.
    #[schemars(range(min = 1))]
    pub block_size: Option<u32>,
    /// Leave out rows that cannot be used, and count them, instead of stopping.
    pub skip_bad_rows: bool,
    /// The order in which items of a file are taken.
    pub order: Order,
    /// Of a trace with times: from here on, counted from its first row.
    pub from: Option<Duration>,
    /// Of a trace with times: up to here, inclusive.
    pub to: Option<Duration>,
    /// Number of distinct items; after the last one the first comes again. Unset: every prompt is new (synthetic), or
    /// the whole file.
    pub entries: Option<u64>,
    /// The first item to take: a run with another offset says other words.
    pub offset: u64,
    /// Each point of a sweep takes up the items where the last one ended, so that none is said twice.
    pub never_repeat: bool,
    /// Directory with a `tokenizer.json`; unset: the built-in o200k vocabulary.
    pub tokenizer: Option<String>,
    /// Input lengths count the chat template's own tokens too (the tokenizer's directory must hold one).
    pub apply_chat_template: bool,
    /// Seed of lengths, words, prefixes and arrivals.
    pub seed: u64,
}

impl Default for WorkloadSpec {
    fn default() -> Self {
        Self {
            isl: 512,
            isl_stddev: 0.0,
            osl: Some(128),
            osl_stddev: 0.0,
            lengths: None,
            lengths_file: None,
            prefix: PrefixSpec::default(),
            cache_bust: CacheBust::None,
            sessions: SessionSpec::default(),
            classes: Vec::new(),
            cancel: CancelSpec::default(),
            file: None,
            format: None,
            dataset: None,
            block_size: None,
            skip_bad_rows: false,
            order: Order::Sequential,
            from: None,
            to: None,
            entries: None,
            offset: 0,
            never_repeat: false,
            tokenizer: None,
            apply_chat_template: false,
            seed: 42,
        }
    }
}

/// In which order the items of a file are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they stand.
    #[default]
    Sequential,
    /// Each once, in an order drawn from the seed.
    Shuffle,
    /// Drawn at random, each time anew.
    Random,
}

impl WorkloadSpec {
    /// Whether the words come from a file.
    pub fn wants_file(&self) -> bool {
        self.file.is_some() || self.dataset.is_some()
    }

    /// Refuses what contradicts itself.
    pub fn check(&self) -> Result<(), WorkloadError> {
        for (key, value) in
            [("workload.isl_stddev", self.isl_stddev), ("workload.osl_stddev", self.osl_stddev)]
        {
            if !(0.0..=f64::from(MOST_TOKENS)).contains(&value) {
                return Err(WorkloadError::Deviation { key, value });
            }
        }
        for (key, value) in [
            ("workload.isl", Some(u64::from(self.isl))),
            ("workload.osl", self.osl.map(u64::from)),
            ("workload.prefix.pool", Some(u64::from(self.prefix.pool))),
            ("workload.entries", self.entries),
        ] {
            if value == Some(0) {
                return Err(WorkloadError::Zero { key });
            }
        }
        for (key, tokens) in [
            ("workload.isl", Some(self.isl)),
            ("workload.osl", self.osl),
            ("workload.prefix.length", Some(self.prefix.length)),
        ] {
            if let Some(tokens) = tokens.filter(|n| *n > MOST_TOKENS) {
                return Err(WorkloadError::TooLong { key, tokens });
            }
        }
        if self.osl.is_none() && self.osl_stddev > 0.0 {
            return Err(WorkloadError::Contradiction {
                key: "workload.osl_stddev",
                other: "workload.osl: null",
                hint: "give workload.osl (--osl) a mean, or leave the deviation out",
            });
        }
        if self.file.is_some() && self.prefix.length > 0 {
            return Err(WorkloadError::Contradiction {
                key: "workload.prefix.length",
                other: "workload.file",
                hint: "a shared prefix belongs to synthetic prompts: leave one of the two out, or write the prefix into the file",
            });
        }
        if self.prefix.length == 0 && self.prefix.pool > 1 {
            return Err(WorkloadError::Contradiction {
                key: "workload.prefix.pool",
                other: "workload.prefix.length: 0",
                hint: "give the prefix a length (--prefix-length), or leave the pool out",
            });
        }
        Ok(())
    }
}

/// What is wrong with a workload.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorkloadError {
    /// Two keys that cannot both hold.
    #[error("{key} contradicts {other}\nhint: {hint}")]
    Contradiction {
        /// The one key.
        key: &'static str,
        /// The other.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A deviation that is none.
    #[error("{key} is {value}\nhint: a standard deviation is a number of tokens, from 0 to 10000000")]
    Deviation {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// Zero where at least one is needed.
    #[error("{key} is 0\nhint: it must be at least 1")]
    Zero {
        /// The key.
        key: &'static str,
    },
    /// More tokens than any model takes.
    #[error("{key} is {tokens} tokens\nhint: at most 10000000 are made")]
    TooLong {
        /// The key.
        key: &'static str,
        /// Its value.
        tokens: u32,
    },
    /// `workload.file` was given and its lines were not handed over, or the other way round.
    #[error(
        "workload.file and the source handed over do not match\nhint: read the file first (source::jsonl)"
    )]
    Source,
    /// The tokenizer cannot make a text of exactly the length asked.
    #[error(
        "no text of exactly {asked} tokens can be made with the tokenizer {lexicon} (the nearest found has {got})\nhint: use another tokenizer (--tokenizer), or a prompt file (--file)"
    )]
    Inexact {
        /// Tokens asked.
        asked: u32,
        /// Tokens got.
        got: u32,
        /// The tokenizer.
        lexicon: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_spec_is_the_default_and_unknown_keys_are_refused() {
        let spec: WorkloadSpec = serde_json::from_str("{}").unwrap();
        assert_eq!(spec, WorkloadSpec::default());
        assert_eq!((spec.isl, spec.osl, spec.seed), (512, Some(128), 42));
        let none: WorkloadSpec = serde_json::from_str(r#"{"osl": null}"#).unwrap();
        assert_eq!(none.osl, None);
        assert!(serde_json::from_str::<WorkloadSpec>(r#"{"isl_mean": 3}"#).is_err());
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<WorkloadSpec>(&text).unwrap(), spec);
    }

    #[test]
    fn contradictions_name_both_keys() {
        let base = WorkloadSpec::default();
        let cases = [
            WorkloadSpec { isl: 0, ..base.clone() },
            WorkloadSpec { osl: Some(u32::MAX), ..base.clone() },
            WorkloadSpec { isl_stddev: f64::NAN, ..base.clone() },
            WorkloadSpec { osl: None, osl_stddev: 3.0, ..base.clone() },
            WorkloadSpec { prefix: PrefixSpec { pool: 3, ..PrefixSpec::default() }, ..base.clone() },
            WorkloadSpec {
                file: Some("a.jsonl".to_owned()),
                prefix: PrefixSpec { length: 9, ..PrefixSpec::default() },
                ..base.clone()
            },
        ];
        for spec in cases {
            let message = spec.check().unwrap_err().to_string();
            assert!(message.contains("workload.") && message.contains("hint:"), "{message}");
        }
        assert_eq!(base.check(), Ok(()));
    }
}
