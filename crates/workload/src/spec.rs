//! The workload's part of a spec: what is said. (When it is said stands in [`crate::load`].)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Duration;
use crate::source::FileFormat;

mod cancel;
mod check;
mod class;
mod error;
mod prefix;
mod sessions;

pub use cancel::CancelSpec;
pub use class::ClassSpec;
pub use error::WorkloadError;
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
    /// What keeps caches from finding a prompt.
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

    /// Requests of a warm-up that send each shared prefix once, where a hit rate is asked of the measured part: the warm-up must
    /// be exactly these.
    pub fn prime_requests(&self) -> Option<u64> {
        let (prefix, _) = self.prefix.hit_rate.and_then(|_| self.prefix.split(self.isl))?;
        (prefix > 0).then_some(u64::from(self.prefix.pool))
    }

    /// Refuses what contradicts itself.
    pub fn check(&self) -> Result<(), WorkloadError> {
        check::check(self)
    }
}

#[cfg(test)]
mod tests;
