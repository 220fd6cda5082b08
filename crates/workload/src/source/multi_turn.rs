//! Sessions from JSON lines: AIPerf's `multi_turn` (0.13.0).
//!
//! ```json
//! {"session_id": "a", "turns": [{"role": "system", "text": "Be brief."}, {"text": "Hello"}, {"text": "Why?", "delay": 1000}]}
//! ```
//!
//! A row is a session; rows of one `session_id` are one session. A turn has the keys of `spoken.rs`, or is a string. What was said
//! and answered before is said again with each turn. A system prompt that leads a session and is nothing but a text is said with
//! its first turn, and so with all that follow; two of them are two turns, as AIPerf has it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::lines::{Line, LineReader};
use super::row::{Ignored, Row, RowError, Rows};
use super::single_turn::is_type;
use super::spoken::{Fault, Spoken, name, once};

const HINT: &str = "a row is one JSON object with `turns`, a list of texts or of objects with `text` or `texts` and optionally `delay` \
                    (ms) and `output_length`, and with a `session_id` if it likes";

/// Names given here begin with this.
const UNNAMED: char = '\u{1}';

/// See the module.
pub struct MultiTurn {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
    /// Turns that were read and not handed out yet.
    turns: VecDeque<Row>,
    /// Sessions that were given a name here, because the file gives none.
    unnamed: u64,
    /// Names that the file gives.
    named: BTreeSet<String>,
}

impl MultiTurn {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self {
            lines: LineReader::new(file, input, HINT),
            ignored: Ignored::default(),
            turns: VecDeque::new(),
            unnamed: 0,
            named: BTreeSet::new(),
        }
    }
}

impl fmt::Debug for MultiTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiTurn").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Rows for MultiTurn {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        if let Some(turn) = self.turns.pop_front() {
            return Some(Ok(turn));
        }
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let (session, turns) = match session(&line, &mut self.ignored) {
            Ok(session) => session,
            Err(error) => return Some(Err(error)),
        };
        let again = session.as_ref().is_some_and(|name| !self.named.insert(name.clone()));
        let session = session.unwrap_or_else(|| {
            self.unnamed += 1;
            format!("{UNNAMED}{}", self.unnamed)
        });
        match rows(turns, &session, again) {
            Ok(turns) => self.turns = turns,
            Err((field, what)) => return Some(Err(line.wrong_in(field, what))),
        }
        self.turns.pop_front().map(Ok)
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

/// The turns of a session as rows; `again`: the session has begun already.
fn rows(turns: Vec<Spoken>, session: &str, again: bool) -> Result<VecDeque<Row>, Fault> {
    let leading = match &turns[..] {
        [first, second, ..] if !again && !second.is_system() => first.system_prompt(),
        _ => None,
    };
    let skipped = usize::from(leading.is_some());
    let mut before = leading.map(|text| json!({"role": "system", "content": text}));
    let row = |turn: Spoken| Ok(Row { session: Some(session.to_owned()), ..turn.row(before.take())? });
    turns.into_iter().skip(skipped).map(row).collect()
}

/// Reads a line: the session's name, and its turns, at least one.
fn session(line: &Line<'_>, ignored: &mut Ignored) -> Result<(Option<String>, Vec<Spoken>), RowError> {
    let mut found = Found { ignored, session: None, turns: None, reading: None, at: None };
    let mut json = serde_json::Deserializer::from_slice(line.bytes);
    let read = (&mut found).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = read {
        let error = line.spot.json(line.bytes, &error);
        let what = match found.at {
            Some(turn) => format!("`turns[{turn}]`: {}", error.what),
            None => error.what,
        };
        return Err(RowError { field: found.reading, what, ..error });
    }
    match found.turns {
        None => Err(line.spot.wrong("no `turns` are given")),
        Some(turns) if turns.is_empty() => Err(line.wrong_in(Some("turns"), "`turns` is empty".to_owned())),
        Some(turns) => Ok((found.session, turns)),
    }
}

/// A name of the file's own, which is none of those given here.
fn own(name: Option<String>) -> Result<Option<String>, String> {
    match name {
        Some(name) if name.starts_with(UNNAMED) => {
            Err("`session_id` begins with a control character".to_owned())
        }
        name => Ok(name),
    }
}

/// What a line holds.
struct Found<'a> {
    ignored: &'a mut Ignored,
    session: Option<String>,
    turns: Option<Vec<Spoken>>,
    /// The key being read, with the turn it stands in.
    reading: Option<String>,
    /// The turn being read.
    at: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for &mut Found<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Found<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.reading = Some(key.clone());
            match key.as_str() {
                "turns" => {
                    let turns = map.next_value_seed(Turns { found: self })?;
                    once(&mut self.turns, &key, Some(turns)).map_err(A::Error::custom)?;
                }
                "session_id" => name(&key, map.next_value()?)
                    .and_then(own)
                    .and_then(|name| once(&mut self.session, &key, name))
                    .map_err(A::Error::custom)?,
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    if !is_type(&key) {
                        self.ignored.count(&key);
                    }
                }
            }
            self.reading = None;
        }
        Ok(())
    }
}

/// The list of turns.
struct Turns<'a, 'b> {
    found: &'a mut Found<'b>,
}

impl<'de> DeserializeSeed<'de> for Turns<'_, '_> {
    type Value = Vec<Spoken>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Spoken>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Turns<'_, '_> {
    type Value = Vec<Spoken>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of turns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Spoken>, A::Error> {
        let mut turns = Vec::new();
        loop {
            let at = turns.len();
            (self.found.at, self.found.reading) = (Some(at), Some(format!("turns[{at}]")));
            let Some(turn) = seq.next_element_seed(OneTurn { found: self.found, at })? else { break };
            turns.push(turn);
        }
        (self.found.at, self.found.reading) = (None, Some("turns".to_owned()));
        Ok(turns)
    }
}

/// One turn.
struct OneTurn<'a, 'b> {
    found: &'a mut Found<'b>,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for OneTurn<'_, '_> {
    type Value = Spoken;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spoken, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneTurn<'_, '_> {
    type Value = Spoken;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a turn: a text or an object")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Spoken, E> {
        let mut spoken = Spoken::default();
        spoken.take("text", Value::String(text.to_owned())).map_err(E::custom)?;
        Ok(spoken)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spoken, A::Error> {
        let mut spoken = Spoken::default();
        while let Some(key) = map.next_key::<String>()? {
            self.found.reading = Some(format!("turns[{}].{key}", self.at));
            let taken = spoken.take(&key, map.next_value()?).map_err(A::Error::custom)?;
            if !(taken || is_type(&key)) {
                self.found.ignored.count(&format!("turns[].{key}"));
            }
        }
        self.found.reading = Some(format!("turns[{}]", self.at));
        spoken.check().map_err(|(field, what)| {
            if let Some(field) = field {
                self.found.reading = Some(format!("turns[{}].{field}", self.at));
            }
            A::Error::custom(what)
        })?;
        if spoken.session().is_some() {
            return Err(A::Error::custom("`session_id` stands in a turn: it belongs beside `turns`"));
        }
        Ok(spoken)
    }
}

#[cfg(test)]
mod tests;
