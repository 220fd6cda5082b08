//! A row of a trace or data set in neutral terms, and what is wrong with one that cannot be used.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokmark_base::Micros;

/// What a format says of one request. Every field that a format does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// When it was sent, on the trace's own time line.
    pub at: Option<Micros>,
    /// How long after the end of the turn before it in its session.
    pub delay: Option<Micros>,
    /// The session it belongs to, by the format's own name for it. Rows of one session are its turns, in order.
    pub session: Option<String>,
    /// Input tokens, everything counted.
    pub input_length: Option<u32>,
    /// Output tokens.
    pub output_length: Option<u32>,
    /// Tokens a hash id stands for, if the row says so itself.
    pub block_size: Option<u32>,
    /// What is said.
    pub said: Said,
    /// Priority.
    pub priority: Option<i32>,
    /// Further keys of the request's body.
    pub extra: Option<Map<String, Value>>,
}

/// The words of a row, as far as its format has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Said {
    /// Nothing but a length.
    #[default]
    Length,
    /// Hash ids of blocks of tokens: equal ids at the start mean an equal beginning.
    Blocks(Vec<u64>),
    /// A text.
    Text(String),
    /// Chat messages.
    Messages(Vec<Value>),
    /// A whole request body, to be sent as it is.
    Payload(Value),
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}\nhint: {hint}")]
pub struct RowError {
    /// The file.
    pub file: String,
    /// 1-based line.
    pub line: u64,
    /// 1-based column, in bytes.
    pub column: u64,
    /// The field to blame, if one is.
    pub field: Option<String>,
    /// What is wrong, the field in it.
    pub what: String,
    /// What a row should be.
    pub hint: String,
    /// Nothing can be read after it (the file itself is broken).
    pub fatal: bool,
}

/// Reads a file row by row.
pub trait Rows {
    /// The next row; `None` at the end. After an error that is not fatal reading goes on with the next row.
    fn next_row(&mut self) -> Option<Result<Row, RowError>>;

    /// What is wrong with the row read last, `field` being to blame, seen by whoever uses it.
    fn wrong(&self, field: Option<&str>, what: String) -> RowError;

    /// Keys (or columns) that nothing is made of, and in how many rows each stood so far.
    fn ignored(&self) -> &BTreeMap<String, u64>;

    /// What the format's own customs have left out so far, by their reasons. These are no bad rows.
    fn left_out(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}

/// Counts keys that nothing is made of.
#[derive(Clone, Debug, Default)]
pub struct Ignored(BTreeMap<String, u64>);

/// Keys that are told apart; what comes on top is counted together. A file whose keys are data must not fill the memory.
const MOST_KEYS: usize = 200;

/// What the rest is called.
const OTHERS: &str = "(others)";

impl Ignored {
    /// One more row with `key`.
    pub fn count(&mut self, key: &str) {
        if let Some(n) = self.0.get_mut(key) {
            *n += 1;
        } else if self.0.len() < MOST_KEYS {
            self.0.insert(key.to_owned(), 1);
        } else {
            *self.0.entry(OTHERS.to_owned()).or_default() += 1;
        }
    }

    /// The counts.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}
