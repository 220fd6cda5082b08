//! What is wrong with a workload.

use crate::shape::lengths::LengthsError;

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
    /// A key that only means something beside another.
    #[error("{key} needs {other}\nhint: {hint}")]
    Needs {
        /// The key given.
        key: &'static str,
        /// The key missing.
        other: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Words of its own in each run were asked of a file that has its own.
    #[error(
        "workload.cache_bust is run, but {file} has texts of its own, which are sent as they are\nhint: leave it out (--cache-bust none), or give a file with lengths or hash ids"
    )]
    OwnTexts {
        /// The file.
        file: String,
    },
    /// A deviation that is none.
    #[error("{key} is {}\nhint: a standard deviation is a number of tokens, from 0 to 10000000", short(*value))]
    Deviation {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number out of its range.
    #[error("{key} is {}\nhint: it must be from {least} to {}", short(*value), short(*most))]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// The least it can be.
        least: f64,
        /// The most it can be.
        most: f64,
    },
    /// A time below zero.
    #[error("{key} is {micros} µs\nhint: it must not be below zero")]
    Negative {
        /// The key.
        key: &'static str,
        /// Its value.
        micros: i64,
    },
    /// A prefix that leaves the prompt nothing of its own.
    #[error(
        "{key} is {share}: of workload.isl: {isl} tokens none is left for the prompt's own part\nhint: ask for a smaller share, or for longer prompts (--isl)"
    )]
    NothingOwn {
        /// The key.
        key: &'static str,
        /// Its value.
        share: f64,
        /// Tokens of a prompt.
        isl: u32,
    },
    /// `workload.lengths` was not understood.
    #[error(transparent)]
    Lengths(#[from] LengthsError),
    /// `workload.lengths_file` was given and its pairs were not handed over, or the other way round.
    #[error(
        "workload.lengths_file and the pairs handed over do not match\nhint: read the file first (shape::lengths::file)"
    )]
    LengthsFile,
    /// Weights of classes that say nothing.
    #[error("workload.classes[{at}].weight is {}\nhint: a weight is a number from 0 on", short(*weight))]
    Weight {
        /// Which class, from 0.
        at: usize,
        /// Its weight.
        weight: f64,
    },
    /// Weights of which no shares can be made.
    #[error("the weights of workload.classes sum to {}\nhint: give one class at least a weight above 0", short(*sum))]
    WeightTotal {
        /// Their sum.
        sum: f64,
    },
    /// Weights that nearly add up.
    #[error(
        "the weights of workload.classes sum to {sum}, which is near {near} and not {near}\nhint: {hint}"
    )]
    WeightSum {
        /// Their sum.
        sum: f64,
        /// What it seems meant to be.
        near: f64,
        /// What to do.
        hint: &'static str,
    },
    /// Some classes have a weight and some none.
    #[error(
        "workload.classes[{with}] has a weight and workload.classes[{without}] has none\nhint: give all classes a weight, or none (then all are alike)"
    )]
    SomeWeights {
        /// One that has a weight, from 0.
        with: usize,
        /// One that has none, from 0.
        without: usize,
    },
    /// Two classes of one name.
    #[error("workload.classes has two of the name `{name}`\nhint: give each its own name")]
    ClassName {
        /// The name.
        name: String,
    },
    /// More classes than can be numbered.
    #[error("workload.classes has {classes} classes\nhint: at most 65535 are told apart")]
    ClassCount {
        /// How many.
        classes: usize,
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
        "workload.file and the source handed over do not match\nhint: read the file first (source::Dataset)"
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
    /// `workload.apply_chat_template` was asked for and the template was not handed over, or the other way round.
    #[error(
        "workload.apply_chat_template and the template handed over do not match\nhint: read the model's template first"
    )]
    NoFrame,
    /// The chat template cannot be counted around a prompt.
    #[error(
        "the chat template cannot be counted around a prompt of the tokenizer {lexicon}\nhint: count without it (leave --apply-chat-template out)"
    )]
    Frame {
        /// The tokenizer.
        lexicon: String,
    },
}

/// A number as people write it: one of hundreds of digits with its exponent.
fn short(value: f64) -> String {
    if value.is_finite() && value.abs() >= 1e15 { format!("{value:e}") } else { value.to_string() }
}
