//! Sources: where the words of requests come from. One file each.
//!
//! One more is one file with a type that is a [`Source`], and one line in [`crate::Plan::new`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::content::segment_id;
use tokmark_base::{Content, Micros};

use crate::plan::Prompt;

pub mod dataset;
pub mod jsonl;
pub mod row;
pub mod synthetic;

pub use dataset::Dataset;
pub use jsonl::{Jsonl, JsonlError};
pub use row::{Row, RowError, Rows, Said};
pub use synthetic::Synthetic;

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
}

/// Says what a turn of an item is: a pure function. Items are sessions if [`Source::has_turns`], single requests otherwise.
pub trait Source: Send + Sync {
    /// Turn `turn` of item `item`.
    fn turn(&self, item: u64, turn: u32) -> Turn;

    /// The same without making its words, where that can be had.
    fn outline(&self, item: u64, turn: u32) -> Outline {
        let Turn { isl, osl, .. } = self.turn(item, turn);
        let id = segment_id("item", item << 12 | u64::from(turn));
        Outline { isl, osl, content: Content::of(id, isl.unwrap_or(0)) }
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
