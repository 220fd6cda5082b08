//! Dynamo's request trace (`dynamo.request.trace.v1`, Dynamo 1.6.1): JSON lines of events, of which `request_end` is a request.
//!
//! | where | what is made of it |
//! |---|---|
//! | `request.replay.input_sequence_hashes`, `.input_length`, `.trace_block_size` | the input: hash ids of blocks, one block size for the whole trace |
//! | `request.output_tokens` | the output length |
//! | `request.request_received_ms`; without it `event_time_unix_ms` less `request.total_time_ms` | when |
//! | `agent_context.session_id` | the session |
//!
//! The events `request_payload`, `tool_start`, `tool_end` and `tool_error` are left out and counted. So are, for now, the
//! dependencies between the sessions of one agent (`agent_context.parent_session_id`, `request.replay.dependencies`): sessions
//! keep their own times. An event may stand under the key `event`, as the trace's sinks write it. A trace is in the order in which
//! requests ended; turns of a session are taken in that order, which is the order in which they began unless they ran side by side.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokmark_base::Micros;

use super::lines::{Line, LineReader};
use super::row::{Ignored, Row, RowError, Rows, Said};

const SCHEMA: &str = "dynamo.request.trace.v1";

const HINT: &str = "a row is one event of a Dynamo request trace (dynamo.request.trace.v1); a request_end has `request.replay` with `trace_block_size`, `input_length` and `input_sequence_hashes`";

/// See the module.
pub struct DynamoRequests {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
    left_out: BTreeMap<&'static str, u64>,
}

/// An event, as Dynamo writes it.
#[derive(Deserialize)]
struct Ended {
    schema: String,
    event_time_unix_ms: u64,
    #[serde(default)]
    agent_context: Option<Agent>,
    #[serde(default)]
    request: Option<Asked>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Agent {
    session_id: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Asked {
    output_tokens: Option<u64>,
    #[serde(default)]
    request_received_ms: Option<u64>,
    #[serde(default)]
    total_time_ms: Option<f64>,
    replay: Option<Replay>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Replay {
    trace_block_size: u32,
    input_length: u32,
    input_sequence_hashes: Vec<u64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl DynamoRequests {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self {
            lines: LineReader::new(file, input, HINT),
            ignored: Ignored::default(),
            left_out: BTreeMap::new(),
        }
    }

    fn count(&mut self, under: &str, keys: &Map<String, Value>) {
        keys.keys().for_each(|key| self.ignored.count(&format!("{under}{key}")));
    }

    /// Counts what nothing is made of.
    fn note(&mut self, event: &Ended) {
        self.count("", &event.rest);
        if let Some(agent) = &event.agent_context {
            self.count("agent_context.", &agent.rest);
        }
        let Some(request) = &event.request else { return };
        self.count("request.", &request.rest);
        if let Some(replay) = &request.replay {
            self.count("request.replay.", &replay.rest);
        }
    }
}

impl Rows for DynamoRequests {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        loop {
            let line = match self.lines.next_line()? {
                Ok(line) => line,
                Err(e) => return Some(Err(e)),
            };
            match read(&line) {
                Ok(Read::Request(event)) => {
                    let row = row(&event, &line);
                    if row.is_ok() {
                        self.note(&event);
                    }
                    return Some(row);
                }
                Ok(Read::Other(what)) => *self.left_out.entry(what).or_default() += 1,
                Err(e) => return Some(Err(e)),
            }
        }
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        let field = if field == Some("hash_ids") { Some("input_sequence_hashes") } else { field };
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }

    fn left_out(&self) -> BTreeMap<&'static str, u64> {
        self.left_out.clone()
    }
}

enum Read {
    Request(Box<Ended>),
    Other(&'static str),
}

fn read(line: &Line<'_>) -> Result<Read, RowError> {
    let mut value: Value = serde_json::from_slice(line.bytes).map_err(|e| line.spot.json(line.bytes, &e))?;
    if !value.is_object() {
        return Err(line.spot.wrong("a JSON object is expected"));
    }
    let outer = value.get("event_type").and_then(Value::as_str).map(str::to_owned);
    let mut event = value.get_mut("event").map_or(Value::Null, Value::take);
    if !event.is_object() {
        event = value;
    }
    let kind = event.as_object_mut().and_then(|event| event.shift_remove("event_type"));
    let kind = kind.as_ref().and_then(Value::as_str).map(str::to_owned).or(outer);
    match kind.as_deref() {
        Some("request_end") => {}
        Some("request_payload") => return Ok(Read::Other("request_payload events")),
        Some("tool_start") => return Ok(Read::Other("tool_start events")),
        Some("tool_end") => return Ok(Read::Other("tool_end events")),
        Some("tool_error") => return Ok(Read::Other("tool_error events")),
        Some(other) => {
            return Err(line.wrong_in(
                Some("event_type"),
                format!("`event_type` is `{other}`, which is no event of a request trace"),
            ));
        }
        None => return Err(line.wrong_in(None, "`event_type` is missing".to_owned())),
    }
    let event: Ended = serde_json::from_value(event).map_err(|e| line.wrong_in(None, e.to_string()))?;
    if event.schema != SCHEMA {
        return Err(
            line.wrong_in(Some("schema"), format!("`schema` is `{}`, and {SCHEMA} is read", event.schema))
        );
    }
    Ok(Read::Request(Box::new(event)))
}

fn row(event: &Ended, line: &Line<'_>) -> Result<Row, RowError> {
    let missing = |key: &str| line.wrong_in(None, format!("`{key}` is missing"));
    let request = event.request.as_ref().ok_or_else(|| missing("request"))?;
    let replay = request.replay.as_ref().ok_or_else(|| missing("request.replay"))?;
    let output = request.output_tokens.ok_or_else(|| missing("request.output_tokens"))?;
    let output = u32::try_from(output).ok().filter(|n| *n > 0);
    for (key, bad) in [
        ("output_tokens", output.is_none()),
        ("input_length", replay.input_length == 0),
        ("trace_block_size", replay.trace_block_size == 0),
        ("input_sequence_hashes", replay.input_sequence_hashes.is_empty()),
    ] {
        if bad {
            return Err(
                line.wrong_in(Some(key), format!("`{key}` must be at least 1, or hold at least one id"))
            );
        }
    }
    let took = request.total_time_ms.unwrap_or(0.0);
    if !(0.0..=9e12).contains(&took) {
        return Err(line.wrong_in(Some("total_time_ms"), format!("`total_time_ms` is {took}")));
    }
    // Dynamo rounds the time a request took to whole milliseconds.
    let ended = event.event_time_unix_ms.saturating_sub(libm::round(took) as u64);
    let at = request.request_received_ms.unwrap_or(ended);
    let at = i64::try_from(at).ok().and_then(|ms| ms.checked_mul(1_000));
    let at =
        at.ok_or_else(|| line.wrong_in(Some("request_received_ms"), "the time is no time".to_owned()))?;
    Ok(Row {
        at: Some(Micros(at)),
        session: event.agent_context.as_ref().map(|agent| agent.session_id.clone()),
        input_length: Some(replay.input_length),
        output_length: output,
        block_size: Some(replay.trace_block_size),
        said: Said::Blocks(replay.input_sequence_hashes.clone()),
        ..Row::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::golden::{all, errors};

    fn trace(text: &str) -> DynamoRequests {
        DynamoRequests::new("t.jsonl", Box::new(std::io::Cursor::new(text.to_owned().into_bytes())))
    }

    #[test]
    fn a_trace_is_what_dynamo_replays() {
        let mut rows = trace(include_str!("../../tests/golden/dynamo-1.6.1/request_trace.jsonl"));
        let read = all(&mut rows);
        let mut told: Vec<_> = read
            .iter()
            .map(|row| (row.at.unwrap().0 / 1_000 - 1_700_000_000_100, row.input_length, row.output_length))
            .collect();
        told.sort_unstable();
        assert_eq!(told, [(0, Some(130), Some(12)), (500, Some(128), Some(7)), (649, Some(64), Some(3))]);
        assert_eq!(read[0].said, Said::Blocks(vec![11, u64::MAX, 13]));
        assert!(read.iter().all(|row| row.block_size == Some(64) && row.session.is_none()));
        assert_eq!(rows.left_out(), BTreeMap::from([("request_payload events", 1)]));
        assert_eq!(rows.ignored().get("request.model"), Some(&3));
    }

    #[test]
    fn sessions_of_agents_are_sessions() {
        let mut rows = trace(include_str!("../../tests/golden/dynamo-1.6.1/agents.jsonl"));
        let read = all(&mut rows);
        let told: Vec<_> =
            read.iter().map(|row| (row.session.as_deref().unwrap(), row.at.unwrap().0)).collect();
        assert_eq!(told, [("root", 1_000_000), ("child", 1_400_000), ("root", 1_700_000)]);
        assert_eq!(rows.left_out(), BTreeMap::from([("tool_end events", 1)]));
        assert_eq!(rows.ignored().get("agent_context.parent_session_id"), Some(&1));
    }

    #[test]
    fn errors_say_what_is_missing() {
        let event = r#"{"schema":"dynamo.request.trace.v1","event_type":"request_end","event_time_unix_ms":1,"request":{"request_id":"r","output_tokens":1,"replay":{"trace_block_size":16,"input_length":1,"input_sequence_hashes":[1]}}}"#;
        assert_eq!(all(&mut trace(event)).len(), 1);
        for (from, to, what) in [
            ("trace.v1", "trace.v2", "`schema` is `dynamo.request.trace.v2`"),
            ("request_end", "request_start", "`event_type` is `request_start`"),
            (r#""event_type":"request_end","#, "", "`event_type` is missing"),
            (r#""output_tokens":1,"#, "", "`request.output_tokens` is missing"),
            (r#""output_tokens":1,"#, r#""output_tokens":0,"#, "`output_tokens` must be at least 1"),
            (
                r#""input_sequence_hashes":[1]"#,
                r#""input_sequence_hashes":[-1]"#,
                "integer `-1`, expected u64",
            ),
            ("[1]", "[]", "`input_sequence_hashes` must be at least 1"),
            (r#""event_time_unix_ms":1"#, r#""event_time_unix_ms":18446744073709551615"#, "no time"),
        ] {
            let errors = errors(&mut trace(&event.replace(from, to)));
            assert!(errors.len() == 1 && errors[0].what.contains(what), "{to}: {errors:?}");
        }
        assert_eq!(errors(&mut trace("[]\nx\n")).len(), 2);
    }
}
