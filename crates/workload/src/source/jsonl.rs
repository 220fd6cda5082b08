//! Prompts from JSON lines: `text_input` (also `text`, `prompt`) or `messages`, and optionally `output_length`.
//!
//! The file is foreign, so keys that are not known are counted and let be; what is known must be right, or the error names file,
//! line, column and key. Blank lines, a byte-order mark and `\r\n` are no errors. Reading never panics, whatever the bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read as _};
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::Value;
use tokmark_base::Seed;
use tokmark_base::digest::Digest;

use super::{Source, Turn, synthetic};
use crate::plan::Prompt;
use crate::shape::Lengths;
use crate::spec::WorkloadSpec;

/// The longest line read. A line this long is a file that is no JSON lines.
const LONGEST_LINE: u64 = 64 << 20;

/// Keys that hold a prompt's text; the first is the one our messages name.
const TEXT_KEYS: [&str; 3] = ["text_input", "text", "prompt"];

/// The lines of a file.
#[derive(Clone, Debug)]
pub struct Jsonl {
    entries: Arc<[Entry]>,
    digest: String,
    ignored: BTreeMap<String, u64>,
    output: Option<Lengths>,
    seed: Seed,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    prompt: Prompt,
    output_length: Option<u32>,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JsonlError {
    /// A line is not what it should be.
    #[error(
        "{file}:{line}:{column}: {what}\nhint: a line is one JSON object with `text_input` or `messages`, and optionally `output_length`"
    )]
    Line {
        /// The file.
        file: String,
        /// 1-based line.
        line: u64,
        /// 1-based column, in bytes, where reading stopped.
        column: usize,
        /// The key, if one is to blame.
        field: Option<String>,
        /// What is wrong, the key in it.
        what: String,
    },
    /// There is no prompt in it.
    #[error(
        "{file} holds no prompt\nhint: write one JSON object a line, as in {{\"text_input\": \"…\", \"output_length\": 128}}"
    )]
    Empty {
        /// The file.
        file: String,
    },
    /// It cannot be read.
    #[error("{file}:{line}: {source}")]
    Io {
        /// The file.
        file: String,
        /// 1-based line.
        line: u64,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Jsonl {
    /// Reads `input` to its end, or until `most` prompts were read; `file` is for messages.
    pub fn read(file: &str, mut input: impl BufRead, most: Option<u64>) -> Result<Self, JsonlError> {
        let mut read = Reading::new(file);
        while most.is_none_or(|most| (read.entries.len() as u64) < most) {
            if !read.line(&mut input)? {
                break;
            }
        }
        if read.entries.is_empty() {
            return Err(JsonlError::Empty { file: file.to_owned() });
        }
        Ok(Self {
            entries: read.entries.into(),
            digest: read.digest.hex(),
            ignored: read.ignored,
            output: None,
            seed: Seed(0),
        })
    }

    /// With output lengths of `spec` for lines that give none.
    pub(crate) fn shaped(self, spec: &WorkloadSpec, seed: Seed) -> Self {
        let output = spec.osl.map(|mean| Lengths { mean, stddev: spec.osl_stddev });
        Self { output, seed, ..self }
    }

    /// Prompts read.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys that were not known, and in how many lines each stood.
    pub fn ignored(&self) -> &BTreeMap<String, u64> {
        &self.ignored
    }
}

impl Source for Jsonl {
    fn turn(&self, item: u64, _turn: u32) -> Turn {
        let entry = &self.entries[(item % self.entries.len() as u64) as usize];
        Turn {
            isl: None,
            osl: entry.output_length.or_else(|| synthetic::output_length(self.output, self.seed, item)),
            prompt: entry.prompt.clone(),
            extra: None,
            priority: None,
        }
    }

    fn distinct(&self) -> Option<u64> {
        Some(self.entries.len() as u64)
    }

    fn canonical(&self) -> Vec<(&'static str, String)> {
        let mut parts = vec![("source", "jsonl".to_owned()), ("lines", self.digest.clone())];
        if let Some(output) = self.output {
            parts.push(("osl", output.mean.to_string()));
            parts.push(("osl_stddev", format!("{:?}", output.stddev)));
        }
        parts
    }
}

/// A file being read.
struct Reading<'a> {
    file: &'a str,
    number: u64,
    text: Vec<u8>,
    entries: Vec<Entry>,
    ignored: BTreeMap<String, u64>,
    digest: Digest,
}

impl<'a> Reading<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            number: 0,
            text: Vec::new(),
            entries: Vec::new(),
            ignored: BTreeMap::new(),
            digest: Digest::new(),
        }
    }

    /// Reads one line; `false` at the end of the file.
    fn line(&mut self, input: &mut impl BufRead) -> Result<bool, JsonlError> {
        self.number += 1;
        self.text.clear();
        let mut limited = input.by_ref().take(LONGEST_LINE);
        let got = limited.read_until(b'\n', &mut self.text);
        let got =
            got.map_err(|source| JsonlError::Io { file: self.file.to_owned(), line: self.number, source })?;
        if got == 0 {
            return Ok(false);
        }
        if got as u64 == LONGEST_LINE && self.text.last() != Some(&b'\n') {
            return Err(self.wrong(got, None, "the line is longer than 64 MiB".to_owned()));
        }
        let mark = if self.number == 1 { "\u{feff}".as_bytes() } else { b"" };
        let line = self.text.strip_prefix(mark).unwrap_or(&self.text);
        let skipped = self.text.len() - line.len();
        // Without its end: a fault there would else be found on serde_json's next line.
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Ok(true);
        }
        let mut found = Found::default();
        let mut json = serde_json::Deserializer::from_slice(line);
        let parsed = (&mut found).deserialize(&mut json).and_then(|()| json.end());
        if let Err(e) = parsed {
            let column = if e.line() == 0 { 1 } else { e.column() + skipped };
            return Err(self.wrong(column, found.field, plain(&e)));
        }
        match found.entry() {
            Ok(entry) => self.entries.push(entry),
            Err((field, what)) => return Err(self.wrong(1, field.map(str::to_owned), what)),
        }
        for key in found.ignored {
            *self.ignored.entry(key).or_default() += 1;
        }
        self.digest = std::mem::take(&mut self.digest).part(self.text.trim_ascii());
        Ok(true)
    }

    fn wrong(&self, column: usize, field: Option<String>, what: String) -> JsonlError {
        JsonlError::Line { file: self.file.to_owned(), line: self.number, column: column.max(1), field, what }
    }
}

/// serde_json's message without its own `at line 1 column 7`: the line is not the file's.
fn plain(e: &serde_json::Error) -> String {
    let text = e.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// What stands in a line. Filled while the line is parsed, so that a wrong value is found where it stands.
#[derive(Default)]
struct Found {
    text: Option<(&'static str, String)>,
    messages: Option<Vec<Value>>,
    output_length: Option<u32>,
    ignored: Vec<String>,
    /// The key being read.
    field: Option<String>,
}

impl Found {
    fn entry(&mut self) -> Result<Entry, (Option<&'static str>, String)> {
        let prompt = match (self.text.take(), self.messages.take()) {
            (Some((key, _)), Some(_)) => {
                return Err((
                    Some(key),
                    format!("both `{key}` and `messages` are given: leave one of them out"),
                ));
            }
            (Some((_, text)), None) => Prompt::Text(text),
            (None, Some(messages)) => Prompt::Messages(messages),
            (None, None) => return Err((None, format!("no prompt: {}", self.instead()))),
        };
        Ok(Entry { prompt, output_length: self.output_length })
    }

    /// What a line without a prompt holds instead, if we know it.
    fn instead(&self) -> &'static str {
        if self.ignored.iter().any(|key| key == "hash_ids") {
            "this is a Mooncake trace, which cannot be replayed yet"
        } else {
            "neither `text_input` nor `messages` is given"
        }
    }

    fn take(&mut self, key: &str, value: Value) -> Result<(), String> {
        if let Some(key) = TEXT_KEYS.into_iter().find(|known| *known == key) {
            let Value::String(text) = value else {
                return Err(format!("`{key}` must be a string, and is {}", kind(&value)));
            };
            if let Some((other, _)) = self.text.replace((key, text)) {
                return Err(format!("both `{other}` and `{key}` are given: leave one of them out"));
            }
        } else if key == "messages" {
            self.messages = Some(messages(value)?);
        } else if key == "output_length" {
            self.output_length = output_length(&value)?;
        } else {
            self.ignored.push(key.to_owned());
        }
        Ok(())
    }
}

fn messages(value: Value) -> Result<Vec<Value>, String> {
    let Value::Array(list) = value else {
        return Err(format!("`messages` must be a list, and is {}", kind(&value)));
    };
    if list.is_empty() {
        return Err("`messages` is empty".to_owned());
    }
    match list.iter().position(|m| !m.get("role").is_some_and(Value::is_string)) {
        Some(at) => Err(format!("`messages[{at}]` must be an object with a `role`")),
        None => Ok(list),
    }
}

fn output_length(value: &Value) -> Result<Option<u32>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let whole =
        value.as_u64().or_else(|| value.as_f64().filter(|x| x.fract() == 0.0 && *x > 0.0).map(|x| x as u64));
    match whole.map(u32::try_from) {
        Some(Ok(n)) if n > 0 => Ok(Some(n)),
        _ => Err(format!(
            "`output_length` must be a whole number of tokens, at least 1, and is {}",
            if value.is_number() { value.to_string() } else { kind(value).to_owned() }
        )),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'de> DeserializeSeed<'de> for &mut Found {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Found {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.field = Some(key.clone());
            let value = map.next_value::<Value>()?;
            self.take(&key, value).map_err(A::Error::custom)?;
            self.field = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
