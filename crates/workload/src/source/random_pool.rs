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
use std::fmt;
use std::io::BufRead;

use super::lines::{LineReader, object};
use super::row::{Ignored, Row, RowError, Rows};
use super::single_turn::is_type;
use super::spoken::Spoken;

const HINT: &str = "a row is one JSON object with `text` or `texts`";

/// See the module.
pub struct RandomPool {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
}

impl RandomPool {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self { lines: LineReader::new(file, input, HINT), ignored: Ignored::default() }
    }
}

impl fmt::Debug for RandomPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomPool").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Rows for RandomPool {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let mut spoken = Spoken::default();
        let read = object(&line.spot, line.bytes, &mut |key, value| {
            if let "timestamp" | "delay" | "session_id" = key {
                return Err(format!("`{key}` has no place in a pool: its rows are drawn at random"));
            }
            if !(spoken.take(key, value)? || is_type(key)) {
                self.ignored.count(key);
            }
            Ok(())
        });
        Some(read.and_then(|()| spoken.row(None).map_err(|(field, what)| line.wrong_in(field, what))))
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

#[cfg(test)]
mod tests;
