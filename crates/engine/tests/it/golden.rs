//! Dynamo's own results as files: one a job, and the traces that several share (see `tests/golden/dynamo-1.6.1/README.md`).

use std::fs;
use std::path::Path;

use serde_json::Value;
use tokmark_base::{Content, Segment};
use tokmark_engine::{Arrival, Length, RequestId};

/// A result, and the requests it is of, each with its moment in nanoseconds.
pub(crate) fn read(name: &str) -> (Value, Vec<(i64, Arrival)>) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/dynamo-1.6.1"));
    let text = fs::read_to_string(folder.join(name).with_extension("json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let block = file["job"]["trace_block_size"].as_u64().unwrap() as u32;
    let rows = fs::read_to_string(folder.join(file["job"]["trace"].as_str().unwrap())).unwrap();
    let arrivals = rows.lines().zip(0..).map(|(line, id)| arrival(line, id, block)).collect();
    (file, arrivals)
}

/// A row of a trace: blocks of a hash id each, the last one cut to the prompt's length.
fn arrival(line: &str, id: u64, block: u32) -> (i64, Arrival) {
    let row: Value = serde_json::from_str(line).unwrap();
    let input = row["input_length"].as_u64().unwrap() as u32;
    let mut left = input;
    let segments = row["hash_ids"].as_array().unwrap().iter().map(|id| {
        let tokens = left.min(block);
        left -= tokens;
        Segment { id: id.as_u64().unwrap(), tokens }
    });
    let content = Content::Segments(segments.collect());
    let length = Length::exactly(row["output_length"].as_u64().unwrap() as u32);
    let at = (row["timestamp"].as_f64().unwrap() * 1e6).round() as i64;
    (at, Arrival { id: RequestId(id), input: Some(input), content, length, ..Arrival::default() })
}
