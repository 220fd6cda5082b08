//! Traces and data sets. Whatever the bytes are, reading them gives rows or errors that point into the file, the same ones however
//! the bytes arrive, and comes to an end.

use std::io::{BufReader, Cursor};
use std::sync::Arc;

use tokmark_workload::FileFormat;
use tokmark_workload::source::{Reading, Row, RowError, detect as beginning, rows};

/// [`FileFormat::SingleTurn`].
pub fn single_turn(input: &[u8]) {
    holds(FileFormat::SingleTurn, input);
}

/// [`FileFormat::MultiTurn`].
pub fn multi_turn(input: &[u8]) {
    holds(FileFormat::MultiTurn, input);
}

/// [`FileFormat::RandomPool`].
pub fn random_pool(input: &[u8]) {
    holds(FileFormat::RandomPool, input);
}

/// [`FileFormat::Mooncake`].
pub fn mooncake(input: &[u8]) {
    holds(FileFormat::Mooncake, input);
}

/// [`FileFormat::Azure`].
pub fn azure(input: &[u8]) {
    holds(FileFormat::Azure, input);
}

/// [`FileFormat::BurstGpt`].
pub fn burst_gpt(input: &[u8]) {
    holds(FileFormat::BurstGpt, input);
}

/// [`FileFormat::VllmTimed`].
pub fn vllm_timed(input: &[u8]) {
    holds(FileFormat::VllmTimed, input);
}

/// [`FileFormat::ShareGpt`].
pub fn share_gpt(input: &[u8]) {
    holds(FileFormat::ShareGpt, input);
}

/// [`FileFormat::RawPayload`].
pub fn raw_payload(input: &[u8]) {
    holds(FileFormat::RawPayload, input);
}

/// [`FileFormat::InputsJson`].
pub fn inputs_json(input: &[u8]) {
    holds(FileFormat::InputsJson, input);
}

/// [`FileFormat::DynamoRequests`].
pub fn dynamo_requests(input: &[u8]) {
    holds(FileFormat::DynamoRequests, input);
}

/// The beginning of a file: what it holds, or a hint.
pub fn detect(input: &[u8]) {
    match beginning("fuzz", input, true) {
        Ok(format) => holds(format, input),
        Err(error) => assert!(error.to_string().contains("hint: "), "{error}"),
    }
}

fn holds(format: FileFormat, input: &[u8]) {
    let whole = read(format, input, 1 << 16);
    assert_eq!(whole, read(format, input, 1), "read byte by byte");
    let lines = input.split(|byte| *byte == b'\n').count() as u64;
    for error in whole.iter().filter_map(|row| row.as_ref().err()) {
        assert!((1..=lines).contains(&error.line) && error.column >= 1, "{error}");
    }
}

fn read(format: FileFormat, input: &[u8], capacity: usize) -> Vec<Result<Row, RowError>> {
    let count = |text: &str| Some(text.len() as u32);
    let reading = Reading { count: Some(Arc::new(count)), first_turns: input.len().is_multiple_of(2) };
    let input = BufReader::with_capacity(capacity, Cursor::new(input.to_vec()));
    let mut rows = rows(format, "fuzz", Box::new(input), &reading);
    let mut seen = Vec::new();
    while let Some(row) = rows.next_row() {
        let ends = row.as_ref().is_err_and(|error| error.fatal);
        seen.push(row);
        if ends {
            break;
        }
    }
    seen
}
