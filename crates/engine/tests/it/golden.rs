//! Dynamo's own results as files: one a job, and the traces that several share (see `tests/golden/dynamo-1.6.1/README.md`).

use std::fs;
use std::path::Path;

use serde_json::Value;
use tokmark_base::{Content, Micros, Segment};
use tokmark_engine::{Arrival, Length, RequestId};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/dynamo-1.6.1");

/// A row of a trace: blocks of a hash id each, the last one cut to the prompt's length.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) session: Option<String>,
    pub(crate) at: Option<Micros>,
    pub(crate) delay: Option<Micros>,
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) content: Content,
    nanos: i64,
}

/// A result, and the rows of the trace it is of.
pub(crate) fn rows(name: &str) -> (Value, Vec<Row>) {
    let folder = Path::new(FOLDER);
    let text = fs::read_to_string(folder.join(name).with_extension("json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let block = file["job"]["trace_block_size"].as_u64().unwrap() as u32;
    let rows = fs::read_to_string(folder.join(file["job"]["trace"].as_str().unwrap())).unwrap();
    let rows = rows.lines().map(|line| row(line, block)).collect();
    (file, rows)
}

/// The bytes of a trace.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(Path::new(FOLDER).join(name)).unwrap()
}

/// The same as requests, each with its moment in nanoseconds.
pub(crate) fn read(name: &str) -> (Value, Vec<(i64, Arrival)>) {
    let (file, rows) = rows(name);
    let arrival = |(row, id): (Row, u64)| {
        let (input, length) = (Some(row.input), Length::exactly(row.output));
        let arrival =
            Arrival { id: RequestId(id), input, content: row.content, length, ..Arrival::default() };
        (row.nanos, arrival)
    };
    (file, rows.into_iter().zip(0..).map(arrival).collect())
}

fn row(line: &str, block: u32) -> Row {
    let row: Value = serde_json::from_str(line).unwrap();
    let input = row["input_length"].as_u64().unwrap() as u32;
    let mut left = input;
    let segments = row["hash_ids"].as_array().unwrap().iter().map(|id| {
        let tokens = left.min(block);
        left -= tokens;
        Segment { id: id.as_u64().unwrap(), tokens }
    });
    let nanos = |key: &str| row[key].as_f64().map(|ms| (ms * 1e6).round() as i64);
    let micros = |key: &str| nanos(key).map(|nanos| Micros((nanos as f64 / 1e3).round() as i64));
    Row {
        session: row["session_id"].as_str().map(str::to_owned),
        at: micros("timestamp"),
        delay: micros("delay"),
        input,
        output: row["output_length"].as_u64().unwrap() as u32,
        content: Content::Segments(segments.collect()),
        nanos: nanos("timestamp").unwrap_or(0),
    }
}
