//! Mooncake's trace, one JSON object a line: `{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}`.
//!
//! The layout of the FAST'25 traces (<https://github.com/kvcache-ai/Mooncake>), with all that AIPerf 0.13.0 (`session_id`, `delay`,
//! `text_input`, `messages` with `tools`, `payload`, `extra`) and Dynamo 1.6.1 (the aliases `created_time`, `delay_ms`,
//! `input_tokens`, `output_tokens`; `priority`) have added. Times are milliseconds, whole or not, and kept to the microsecond.
//! A row without `input_length` has as many tokens as its ids stand for, as Dynamo has it. Keys are read while the line is, so that
//! a wrong value is found where it stands; a row that cannot be used does not stop the reading.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::de::MapAccess;
use serde_json::{Map, Value};
use tokmark_base::Micros;

use super::fields::{Ids, Label, Length, MILLIS, Time, once};
use super::keyed::{self, Keyed};
use super::lines::LineReader;
use super::row::{Ignored, Row, RowError, Rows, Said};

/// Tokens a hash id stands for.
pub const BLOCK_SIZE: u32 = 512;

const HINT: &str = "a row is one JSON object with exactly one of `input_length` (and `hash_ids`), `text_input`, `messages` or `payload`, \
                    and optionally `timestamp` and `delay` (ms), `output_length` and `session_id`";

/// See the module.
pub struct Mooncake {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
    /// Ids of the row before: the next has about as many.
    ids: usize,
}

impl Mooncake {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self { lines: LineReader::new(file, input, HINT), ignored: Ignored::default(), ids: 0 }
    }
}

impl Rows for Mooncake {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(e) => return Some(Err(e)),
        };
        let mut found = Found { ids: self.ids, ..Found::default() };
        if let Err(e) = keyed::read(&line, &mut found, &mut self.ignored) {
            return Some(Err(e));
        }
        self.ids = found.hash_ids.as_ref().map_or(self.ids, Vec::len);
        Some(found.row().map_err(|(field, what)| line.wrong_in(field, what)))
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

/// What a line holds. Every key by its first name, in the order of [`KEYS`].
#[derive(Default)]
struct Found {
    timestamp: Option<Micros>,
    delay: Option<Micros>,
    input_length: Option<u32>,
    output_length: Option<u32>,
    hash_ids: Option<Vec<u64>>,
    session_id: Option<String>,
    text_input: Option<String>,
    messages: Option<Vec<Value>>,
    tools: Option<Vec<Value>>,
    payload: Option<Map<String, Value>>,
    extra: Option<Map<String, Value>>,
    priority: Option<i32>,
    /// Ids to expect.
    ids: usize,
}

type Fault = (Option<&'static str>, String);

impl Found {
    fn row(self) -> Result<Row, Fault> {
        let given: Vec<&'static str> = [
            ("input_length", self.input_length.is_some()),
            ("text_input", self.text_input.is_some()),
            ("messages", self.messages.is_some()),
            ("payload", self.payload.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect();
        if let [first, second, ..] = given[..] {
            return Err((
                Some(second),
                format!("both `{first}` and `{second}` are given: leave one of them out"),
            ));
        }
        self.check(given.first().copied())?;
        let mut extra = self.extra;
        if let Some(tools) = self.tools {
            extra.get_or_insert_default().insert("tools".to_owned(), Value::Array(tools));
        }
        let said = if let Some(ids) = self.hash_ids.filter(|ids| !ids.is_empty()) {
            Said::Blocks(ids)
        } else if let Some(text) = self.text_input {
            Said::Text(text)
        } else if let Some(messages) = self.messages {
            Said::Messages(messages)
        } else if let Some(payload) = self.payload {
            Said::Payload(Value::Object(payload))
        } else {
            Said::Length
        };
        Ok(Row {
            at: self.timestamp,
            delay: self.delay,
            session: self.session_id,
            input_length: self.input_length,
            output_length: self.output_length,
            block_size: None,
            said,
            priority: self.priority,
            extra,
        })
    }

    fn check(&self, given: Option<&'static str>) -> Result<(), Fault> {
        let no_ids = self.hash_ids.as_ref().is_none_or(Vec::is_empty);
        match given {
            None if no_ids => {
                return Err((
                    None,
                    "none of `input_length`, `text_input`, `messages` and `payload` is given".to_owned(),
                ));
            }
            Some(key) if key != "input_length" && !no_ids => {
                return Err((
                    Some("hash_ids"),
                    format!("`hash_ids` cannot go with `{key}`: they belong to `input_length`"),
                ));
            }
            _ => {}
        }
        if self.tools.is_some() && self.messages.is_none() {
            return Err((Some("tools"), "`tools` can only go with `messages`".to_owned()));
        }
        if self.payload.as_ref().is_some_and(Map::is_empty) {
            return Err((Some("payload"), "`payload` is empty".to_owned()));
        }
        let Some(messages) = &self.messages else { return Ok(()) };
        if messages.is_empty() {
            return Err((Some("messages"), "`messages` is empty".to_owned()));
        }
        match messages.iter().position(|m| !m.get("role").is_some_and(Value::is_string)) {
            Some(at) => Err((Some("messages"), format!("`messages[{at}]` must be an object with a `role`"))),
            None => Ok(()),
        }
    }
}

impl Keyed for Found {
    /// By which names a key is known, and which name is ours.
    fn known(key: &str) -> Option<&'static str> {
        Some(match key {
            "timestamp" | "created_time" => "timestamp",
            "delay" | "delay_ms" => "delay",
            "input_length" | "input_tokens" => "input_length",
            "output_length" | "output_tokens" => "output_length",
            "hash_ids" => "hash_ids",
            "session_id" => "session_id",
            "text_input" => "text_input",
            "messages" => "messages",
            "tools" => "tools",
            "payload" => "payload",
            "extra" => "extra",
            "priority" => "priority",
            _ => return None,
        })
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "timestamp" => once(&mut self.timestamp, map.next_value_seed(Time(MILLIS))?)?,
            "delay" => once(&mut self.delay, map.next_value_seed(Time(MILLIS))?)?,
            "input_length" => once(&mut self.input_length, map.next_value_seed(Length)?)?,
            "output_length" => once(&mut self.output_length, map.next_value_seed(Length)?)?,
            "hash_ids" => once(&mut self.hash_ids, map.next_value_seed(Ids(self.ids))?)?,
            "session_id" => once(&mut self.session_id, map.next_value_seed(Label)?)?,
            "text_input" => once(&mut self.text_input, map.next_value()?)?,
            "messages" => once(&mut self.messages, map.next_value()?)?,
            "tools" => once(&mut self.tools, map.next_value()?)?,
            "payload" => once(&mut self.payload, map.next_value()?)?,
            "extra" => once(&mut self.extra, map.next_value()?)?,
            _ => once(&mut self.priority, map.next_value()?)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
