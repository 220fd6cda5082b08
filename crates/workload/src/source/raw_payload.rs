//! Whole request bodies from JSON lines: AIPerf's `raw_payload` (0.13.0). Each row is a body and is sent as it is: its model, its
//! lengths and its other keys are the file's.
//!
//! ```json
//! {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
//! ```
//!
//! A body has `messages` (chat; AIPerf takes no other), `prompt` (completions), or `inputs`, `text` or `input_ids` (the `/generate`
//! of TGI and SGLang). A directory, in which each file is a session,
//! cannot be read yet.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

use serde_json::{Map, Value};

use super::lines::{LineReader, kind, object};
use super::row::{Ignored, Row, RowError, Rows, Said};

const HINT: &str = "a row is one JSON object, the body of a request, with `messages`, `prompt`, `inputs`, `text` or `input_ids`";

/// See the module.
pub struct RawPayload {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
}

impl RawPayload {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self { lines: LineReader::new(file, input, HINT), ignored: Ignored::default() }
    }
}

impl fmt::Debug for RawPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPayload").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Rows for RawPayload {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let mut body = Map::new();
        let read = object(&line.spot, line.bytes, &mut |key, value| {
            if body.insert(key.to_owned(), value).is_some() {
                return Err(format!("`{key}` is given twice"));
            }
            Ok(())
        });
        let checked = read.and_then(|()| check(&body).map_err(|(field, what)| line.wrong_in(field, what)));
        Some(checked.map(|()| row(body)))
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

/// The row of a body, with the tokens it asks for.
pub(super) fn row(body: Map<String, Value>) -> Row {
    let asked = LIMITS.into_iter().find_map(|key| body.get(key)?.as_u64());
    let output_length = asked.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    Row { output_length, said: Said::Payload(Value::Object(body)), ..Row::default() }
}

/// Keys that limit what a body asks for.
const LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// Whether what limits the output is a number of tokens. (A limit of 0 is sent as it is; how long the reply shall be is then not known.)
pub(super) fn check_limits(body: &Map<String, Value>) -> Result<(), (&'static str, String)> {
    for key in LIMITS {
        let Some(limit) = body.get(key).filter(|limit| !limit.is_null()) else { continue };
        if limit.as_u64().is_none_or(|n| u32::try_from(n).is_err()) {
            let is = if limit.is_number() { limit.to_string() } else { kind(limit).to_owned() };
            return Err((key, format!("`{key}` must be a whole number of tokens, and is {is}")));
        }
    }
    Ok(())
}

/// Keys that hold what a body says.
const SAYS: [&str; 5] = ["messages", "prompt", "inputs", "text", "input_ids"];

/// Whether `body` can be one of a request that makes text.
fn check(body: &Map<String, Value>) -> Result<(), (Option<&'static str>, String)> {
    check_limits(body).map_err(|(key, what)| (Some(key), what))?;
    let Some((key, said)) = SAYS.into_iter().find_map(|key| Some((key, body.get(key)?))) else {
        return Err((None, format!("none of `{}` is given", SAYS.join("`, `"))));
    };
    match said {
        Value::Array(list) if list.is_empty() => Err((Some(key), format!("`{key}` is empty"))),
        Value::Array(_) => Ok(()),
        Value::String(_) if key != "messages" => Ok(()),
        other => Err((Some(key), format!("`{key}` must be a list, and is {}", kind(other)))),
    }
}

#[cfg(test)]
mod tests;
