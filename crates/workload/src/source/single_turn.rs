//! Prompts from JSON lines: AIPerf's `single_turn` (0.13.0), and tokmark's own `text_input`, `prompt` and `messages`.
//!
//! ```json
//! {"text": "What is deep learning?", "output_length": 128, "session_id": "a", "delay": 1500}
//! ```
//!
//! Rows of one session go one after the other; each says only what stands in it, nothing of those before. The keys are those of
//! a turn, in `spoken.rs`. The file is foreign, so keys that are not known are counted and let be; what is known must be right.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

use super::lines::{LineReader, object};
use super::row::{Ignored, Row, RowError, Rows};
use super::spoken::Spoken;

const HINT: &str = "a row is one JSON object with `text`, `texts` or `messages`, and optionally `output_length`, `session_id`, \
                    `timestamp` or `delay` (ms), `role` and `extra`";

/// See the module.
pub struct SingleTurn {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
    /// Says why a key has no place here, if it has none.
    refused: fn(&str) -> Option<String>,
}

impl SingleTurn {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self::without(file, input, HINT, |_| None)
    }

    /// Reads rows in which some keys are `refused`.
    pub(super) fn without(
        file: &str,
        input: Box<dyn BufRead + Send>,
        hint: &'static str,
        refused: fn(&str) -> Option<String>,
    ) -> Self {
        Self { lines: LineReader::new(file, input, hint), ignored: Ignored::default(), refused }
    }
}

impl fmt::Debug for SingleTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleTurn").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Rows for SingleTurn {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let mut spoken = Spoken::default();
        let read = object(&line.spot, line.bytes, &mut |key, value| {
            if let Some(why) = (self.refused)(key) {
                return Err(why);
            }
            if !(spoken.take(key, value)? || is_type(key)) {
                self.ignored.count(key);
            }
            Ok(())
        });
        let row = read.and_then(|()| spoken.row(None).map_err(|(field, what)| line.wrong_in(field, what)));
        Some(row)
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

/// AIPerf's own rows may say of which type they are; whoever reads them as this type knows.
pub(super) fn is_type(key: &str) -> bool {
    key == "type"
}

#[cfg(test)]
mod tests;
