//! A prompt file. Whatever the bytes are, reading them gives prompts or an error that points into the file, the same one however
//! the bytes arrive, and every prompt read can be asked for.

use std::io::{BufRead, BufReader};

use tokmark_workload::source::{Jsonl, JsonlError, Source as _};

/// See the file.
pub fn jsonl(input: &[u8]) {
    let whole = read(input);
    assert_eq!(whole, read(BufReader::with_capacity(1, input)), "read byte by byte");
    let lines = input.split(|byte| *byte == b'\n').count() as u64;
    match whole {
        Ok((prompts, _)) => assert!((1..=lines).contains(&(prompts as u64))),
        Err(Some((line, column))) => assert!((1..=lines).contains(&line) && column >= 1, "{line}:{column}"),
        Err(None) => {}
    }
}

/// What a file comes to: how many prompts and their digest, or where it is wrong (nowhere: it is empty).
type Seen = Result<(usize, Vec<(&'static str, String)>), Option<(u64, usize)>>;

fn read(input: impl BufRead) -> Seen {
    match Jsonl::read("fuzz.jsonl", input, None) {
        Ok(file) => {
            for item in 0..file.len() as u64 {
                assert_eq!(file.item(item).index, item);
            }
            Ok((file.len(), file.canonical()))
        }
        Err(JsonlError::Line { line, column, .. }) => Err(Some((line, column))),
        Err(JsonlError::Empty { .. }) => Err(None),
        Err(JsonlError::Io { source, .. }) => panic!("memory cannot fail: {source}"),
    }
}
