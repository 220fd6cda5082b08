//! A pool of prompts to draw from: AIPerf's `random_pool` (0.13.0), as one file of JSON lines.
//!
//! ```json
//! {"text": "Who are you?"}
//! ```
//!
//! A row has `text` or `texts` and nothing else; times and sessions have no place in a pool and are refused. The rows are drawn at
//! random, each time anew, whatever `workload.order` says. A directory, in which each file is a pool of its own, cannot be read
//! yet.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::row::{Row, RowError, Rows};
use super::single_turn::SingleTurn;

const HINT: &str = "a row is one JSON object with `text` or `texts`";

/// See the module.
#[derive(Debug)]
pub struct RandomPool(SingleTurn);

impl RandomPool {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self(SingleTurn::without(file, input, HINT, |key| {
            matches!(key, "timestamp" | "delay" | "session_id")
                .then(|| format!("`{key}` has no place in a pool: its rows are drawn at random"))
        }))
    }
}

impl Rows for RandomPool {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        self.0.next_row()
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.0.wrong(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.0.ignored()
    }
}

#[cfg(test)]
mod tests;
