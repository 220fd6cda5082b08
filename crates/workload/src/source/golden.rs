//! Rows beside what AIPerf 0.13.0 makes of the same file (`tests/golden/aiperf-0.13.0`).

use serde_json::{Map, Value, json};
use tokmark_base::Micros;

use super::row::{Row, Rows, Said};

/// What AIPerf makes of the files.
const SAID: &str = include_str!("../../tests/golden/aiperf-0.13.0/said.json");

/// Every row of a file without fault.
pub(super) fn all(rows: &mut dyn Rows) -> Vec<Row> {
    std::iter::from_fn(|| rows.next_row()).map(|row| row.unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// What is wrong with the rows of a file that are wrong.
pub(super) fn errors(rows: &mut dyn Rows) -> Vec<super::RowError> {
    std::iter::from_fn(|| rows.next_row()).filter_map(Result::err).collect()
}

/// Conversations of AIPerf, `file`'s. A system prompt of a conversation stands in front of its first turn's messages.
pub(super) fn said(file: &str) -> Vec<Value> {
    let said: Value = serde_json::from_str(SAID).unwrap();
    let mut conversations = said[file].as_array().unwrap().clone();
    for conversation in &mut conversations {
        if let Some(system) = conversation.as_object_mut().unwrap().remove("system") {
            let first = conversation["turns"][0]["messages"].as_array_mut().unwrap();
            first.insert(0, json!({"role": "system", "content": system}));
        }
    }
    conversations
}

/// Rows as conversations in AIPerf's terms: rows of one session are one, where its first row stands. `named`: with the
/// sessions' names.
pub(super) fn conversations(rows: &[Row], named: bool) -> Vec<Value> {
    let mut sessions: Vec<(Option<&str>, Vec<Value>)> = Vec::new();
    for row in rows {
        let session = row.session.as_deref();
        match sessions.iter_mut().find(|(name, _)| session.is_some() && *name == session) {
            Some((_, turns)) => turns.push(turn(row)),
            None => sessions.push((session, vec![turn(row)])),
        }
    }
    let own = |name: &&str| named && !name.starts_with('\u{1}');
    let conversation = |(name, turns): (Option<&str>, Vec<Value>)| {
        let mut map = Map::new();
        if let Some(name) = name.filter(own) {
            map.insert("session_id".to_owned(), json!(name));
        }
        map.insert("turns".to_owned(), Value::from(turns));
        Value::Object(map)
    };
    sessions.into_iter().map(conversation).collect()
}

fn turn(row: &Row) -> Value {
    let mut map = Map::new();
    for (key, time) in [("timestamp", row.at), ("delay", row.delay)] {
        if let Some(time) = time {
            map.insert(key.to_owned(), number(time));
        }
    }
    match &row.said {
        Said::Payload(body) => drop(map.insert("payload".to_owned(), body.clone())),
        said => {
            if let Some(tokens) = row.output_length {
                map.insert("max_tokens".to_owned(), json!(tokens));
            }
            if let Some(extra) = &row.extra {
                map.insert("extra".to_owned(), Value::Object(extra.clone()));
            }
            let messages = match said {
                Said::Text(text) => json!([{"role": "user", "content": text}]),
                Said::Messages(messages) => Value::from(messages.clone()),
                other => panic!("{other:?}"),
            };
            map.insert("messages".to_owned(), messages);
        }
    }
    Value::Object(map)
}

/// Milliseconds as Python writes them: whole ones without a point.
fn number(time: Micros) -> Value {
    if time.0 % 1_000 == 0 { json!(time.0 / 1_000) } else { json!(time.as_millis_f64()) }
}
