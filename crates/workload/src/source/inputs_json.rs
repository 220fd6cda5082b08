//! AIPerf's `inputs.json` (0.13.0): the bodies of a run, session by session, to be sent again as they were.
//!
//! ```json
//! {"data": [{"session_id": "a", "payloads": [{"messages": […], "model": "m"}, …]}]}
//! ```
//!
//! The bodies of a session go one after the other. Each holds all that was said before it, so that nothing is said again. A session
//! has one entry: a second one of its name is refused, as AIPerf does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::BufRead;

use serde_json::Value;

use super::elements::{Elements, ListAt};
use super::lines::{Line, kind, object};
use super::raw_payload;
use super::row::{Ignored, Row, RowError, Rows};
use super::spoken::name;

const HINT: &str = "the file is one JSON object whose `data` is a list of objects with `session_id` and `payloads`, a list of bodies";

/// See the module.
pub struct InputsJson {
    elements: Elements<Box<dyn BufRead + Send>>,
    ignored: Ignored,
    /// Bodies that were read and not handed out yet.
    bodies: VecDeque<Row>,
    sessions: BTreeSet<String>,
}

impl InputsJson {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self {
            elements: Elements::new(file, input, ListAt::Key("data"), HINT),
            ignored: Ignored::default(),
            bodies: VecDeque::new(),
            sessions: BTreeSet::new(),
        }
    }
}

impl fmt::Debug for InputsJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputsJson").field("elements", &self.elements).finish_non_exhaustive()
    }
}

impl Rows for InputsJson {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        if let Some(body) = self.bodies.pop_front() {
            return Some(Ok(body));
        }
        let element = match self.elements.next_element()? {
            Ok(element) => element,
            Err(error) => return Some(Err(error)),
        };
        match entry(&element, &mut self.sessions, &mut self.ignored) {
            Ok(bodies) => self.bodies = bodies,
            Err(error) => return Some(Err(error)),
        }
        self.bodies.pop_front().map(Ok)
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.elements.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

/// The bodies of one entry, at least one.
fn entry(
    element: &Line<'_>,
    sessions: &mut BTreeSet<String>,
    ignored: &mut Ignored,
) -> Result<VecDeque<Row>, RowError> {
    let (mut session, mut bodies) = (None, None);
    object(&element.spot, element.bytes, &mut |key, value| {
        match key {
            "session_id" => session = name(key, value)?,
            "payloads" => bodies = Some(payloads(value)?),
            _ => ignored.count(key),
        }
        Ok(())
    })?;
    let Some(session) = session else {
        return Err(element.spot.wrong("no `session_id` is given"));
    };
    let Some(mut bodies) = bodies else {
        return Err(element.spot.wrong("no `payloads` are given"));
    };
    if !sessions.insert(session.clone()) {
        let what = format!("`session_id`: the session `{session}` has been given before");
        return Err(element.wrong_in(Some("session_id"), what));
    }
    for body in &mut bodies {
        body.session = Some(session.clone());
    }
    Ok(bodies)
}

fn payloads(value: Value) -> Result<VecDeque<Row>, String> {
    let list = match value {
        Value::Array(list) if list.is_empty() => return Err("`payloads` is empty".to_owned()),
        Value::Array(list) => list,
        other => return Err(format!("`payloads` must be a list, and is {}", kind(&other))),
    };
    let body = |(at, value): (usize, Value)| {
        let Value::Object(body) = value else {
            return Err(format!("`payloads[{at}]` must be an object, and is {}", kind(&value)));
        };
        if body.is_empty() {
            return Err(format!("`payloads[{at}]` is empty"));
        }
        raw_payload::check_limits(&body).map_err(|(_, what)| format!("`payloads[{at}]`: {what}"))?;
        Ok(raw_payload::row(body))
    };
    list.into_iter().enumerate().map(body).collect()
}

#[cfg(test)]
mod tests;
