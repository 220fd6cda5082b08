//! Sources: where the words of requests come from. One file each.
//!
//! One more is one file with a type that is a [`Source`], and one line in [`crate::Plan::new`].

use std::io::BufRead;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::content::segment_id;
use tokmark_base::{Content, Micros};

use crate::plan::Prompt;

pub mod azure;
pub mod burst_gpt;
pub mod dataset;
pub mod detect;
pub mod dynamo_requests;
pub mod elements;
mod fields;
#[cfg(test)]
mod golden;
pub mod inputs_json;
mod keyed;
pub mod known;
pub mod lines;
pub mod mooncake;
pub mod multi_turn;
pub mod random_pool;
pub mod raw_payload;
pub mod row;
pub mod share_gpt;
pub mod shelf;
pub mod single_turn;
mod spoken;
pub mod synthetic;
mod table;
pub mod vllm_timed;

pub use azure::Azure;
pub use burst_gpt::BurstGpt;
pub use dataset::{Dataset, DatasetError, With};
pub use detect::{DetectError, detect};
pub use dynamo_requests::DynamoRequests;
pub use inputs_json::InputsJson;
pub use known::Known;
pub use mooncake::Mooncake;
pub use multi_turn::MultiTurn;
pub use random_pool::RandomPool;
pub use raw_payload::RawPayload;
pub use row::{Ignored, Row, RowError, Rows, Said};
pub use share_gpt::{Counter, ShareGpt};
pub use shelf::{Memory, Shelf};
pub use single_turn::SingleTurn;
pub use synthetic::Synthetic;
pub use vllm_timed::VllmTimed;

/// What a file holds: the layouts of the field's traces and data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// One prompt a line: AIPerf's `single_turn`, and `text_input`/`messages` rows.
    SingleTurn,
    /// One session a line: AIPerf's `multi_turn`.
    MultiTurn,
    /// Rows drawn at random: AIPerf's `random_pool`.
    RandomPool,
    /// Mooncake's trace, with or without sessions.
    Mooncake,
    /// Azure's LLM inference trace (CSV).
    Azure,
    /// BurstGPT (CSV).
    BurstGpt,
    /// vLLM's timed trace.
    VllmTimed,
    /// ShareGPT's JSON of conversations.
    ShareGpt,
    /// One request body a line, sent as it is.
    RawPayload,
    /// AIPerf's `inputs.json`.
    InputsJson,
    /// Dynamo's request trace.
    DynamoRequests,
}

impl FileFormat {
    /// Tokens that a hash id of the format stands for, unless a row or the spec says otherwise.
    pub const fn block_size(self) -> u32 {
        match self {
            Self::VllmTimed => vllm_timed::BLOCK_SIZE,
            _ => mooncake::BLOCK_SIZE,
        }
    }
}

/// What a format may need beside its file.
#[derive(Clone, Default)]
pub struct Reading {
    /// Counts tokens, for formats whose customs are about them; without it what they would have to count is left out, and named.
    pub count: Option<Counter>,
    /// Turns will not say again what was said before them, so that of conversations only the first turn can be taken.
    pub first_turns: bool,
}

/// Reads `input` as rows of `format`; `file` is for messages. The one list of formats.
pub fn rows(
    format: FileFormat,
    file: &str,
    input: Box<dyn BufRead + Send>,
    reading: &Reading,
) -> Box<dyn Rows> {
    match format {
        FileFormat::SingleTurn => Box::new(SingleTurn::new(file, input)),
        FileFormat::MultiTurn => Box::new(MultiTurn::new(file, input)),
        FileFormat::RandomPool => Box::new(RandomPool::new(file, input)),
        FileFormat::Mooncake => Box::new(Mooncake::new(file, input)),
        FileFormat::Azure => Box::new(Azure::new(file, input)),
        FileFormat::BurstGpt => Box::new(BurstGpt::new(file, input)),
        FileFormat::VllmTimed => Box::new(VllmTimed::new(file, input)),
        FileFormat::DynamoRequests => Box::new(DynamoRequests::new(file, input)),
        FileFormat::ShareGpt => {
            let count = reading.count.clone().unwrap_or_else(|| Arc::new(|_: &str| None));
            Box::new(ShareGpt::new(file, input, count, reading.first_turns))
        }
        FileFormat::RawPayload => Box::new(RawPayload::new(file, input)),
        FileFormat::InputsJson => Box::new(InputsJson::new(file, input)),
    }
}

/// The words and lengths of one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Input tokens of the turn's own words under the chosen tokenizer, if known exactly.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// What is said.
    pub prompt: Prompt,
    /// Further keys of the body.
    pub extra: Option<serde_json::Map<String, serde_json::Value>>,
    /// Priority, where the row has one.
    pub priority: Option<i32>,
}

/// The same without its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Input tokens of the turn's own words, if known exactly.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// Which tokens the turn's own words are made of.
    pub content: Content,
    /// Priority, where the row has one.
    pub priority: Option<i32>,
}

/// Says what a turn of an item is: a pure function. Items are sessions if [`Source::has_turns`], single requests otherwise.
pub trait Source: Send + Sync {
    /// Turn `turn` of item `item`.
    fn turn(&self, item: u64, turn: u32) -> Turn;

    /// The same without making its words, where that can be had.
    fn outline(&self, item: u64, turn: u32) -> Outline {
        let Turn { isl, osl, priority, .. } = self.turn(item, turn);
        let id = segment_id("item", item << 12 | u64::from(turn));
        Outline { isl, osl, content: Content::of(id, isl.unwrap_or(0)), priority }
    }

    /// How many distinct items there are; `None`: each is new.
    fn distinct(&self) -> Option<u64>;

    /// Whether any item has more than one turn.
    fn has_turns(&self) -> bool {
        false
    }

    /// Turns of an item, at least 1.
    fn turns(&self, _item: u64) -> u32 {
        1
    }

    /// Time from the end of the turn before to turn `turn`.
    fn delay(&self, _item: u64, _turn: u32) -> Micros {
        Micros::ZERO
    }

    /// When the trace had a turn, counted from its first; items are in the order of these.
    fn at(&self, _item: u64, _turn: u32) -> Option<Micros> {
        None
    }

    /// Whether the turns of the source have times of their own.
    fn is_timed(&self) -> bool {
        false
    }

    /// Whether a later turn says again what was said and answered before it. A trace whose rows hold the whole input does not.
    fn keeps_history(&self) -> bool {
        false
    }

    /// Everything that decides the words, lengths and times, part of the plan's digest.
    fn canonical(&self) -> Vec<(&'static str, String)>;
}
