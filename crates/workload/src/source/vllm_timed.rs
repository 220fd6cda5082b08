//! vLLM's timed trace (`vllm bench serve --dataset-name timed_trace`, 0.32): JSON lines with `timestamp`, `input_length`,
//! `output_length` and `hash_ids`.
//!
//! The keys are Mooncake's, and two things are not: `timestamp` is in seconds, and a hash id stands for 16 tokens (vLLM's
//! `--timed-trace-sec-multiplier 1` and `--timed-trace-chunk-hash-size 16`). vLLM makes the prompt as long as the ids reach where
//! they are too few, and leaves some out where they are too many; such rows are refused here.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::de::MapAccess;
use tokmark_base::Micros;

use super::fields::{Ids, Length, SECONDS, Time, once};
use super::keyed::{self, Keyed};
use super::lines::LineReader;
use super::row::{Ignored, Row, RowError, Rows, Said};

/// Tokens a hash id stands for.
pub const BLOCK_SIZE: u32 = 16;

const HINT: &str =
    "a row is one JSON object with `timestamp` (s), `input_length`, `output_length` and `hash_ids`";

/// See the module.
pub struct VllmTimed {
    lines: LineReader<Box<dyn BufRead + Send>>,
    ignored: Ignored,
}

impl VllmTimed {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self { lines: LineReader::new(file, input, HINT), ignored: Ignored::default() }
    }
}

impl Rows for VllmTimed {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(e) => return Some(Err(e)),
        };
        let mut found = Found::default();
        if let Err(e) = keyed::read(&line, &mut found, &mut self.ignored) {
            return Some(Err(e));
        }
        Some(found.row().map_err(|field| line.wrong_in(None, format!("`{field}` is missing"))))
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.lines.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

#[derive(Default)]
struct Found {
    timestamp: Option<Micros>,
    input_length: Option<u32>,
    output_length: Option<u32>,
    hash_ids: Option<Vec<u64>>,
}

impl Found {
    /// The row, or the key that is missing.
    fn row(self) -> Result<Row, &'static str> {
        let ids = self.hash_ids.filter(|ids| !ids.is_empty());
        Ok(Row {
            at: Some(self.timestamp.ok_or("timestamp")?),
            input_length: Some(self.input_length.ok_or("input_length")?),
            output_length: Some(self.output_length.ok_or("output_length")?),
            said: Said::Blocks(ids.ok_or("hash_ids")?),
            ..Row::default()
        })
    }
}

impl Keyed for Found {
    fn known(key: &str) -> Option<&'static str> {
        ["timestamp", "input_length", "output_length", "hash_ids"].into_iter().find(|known| *known == key)
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "timestamp" => once(&mut self.timestamp, map.next_value_seed(Time(SECONDS))?)?,
            "input_length" => once(&mut self.input_length, map.next_value_seed(Length)?)?,
            "output_length" => once(&mut self.output_length, map.next_value_seed(Length)?)?,
            _ => once(&mut self.hash_ids, map.next_value_seed(Ids(0))?)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::golden::{all, errors};

    fn timed(text: &str) -> VllmTimed {
        VllmTimed::new("t.jsonl", Box::new(std::io::Cursor::new(text.to_owned().into_bytes())))
    }

    #[test]
    fn a_trace_is_what_vllm_makes_of_it() {
        let mut rows = timed(include_str!("../../tests/golden/vllm-0.32.0/timed_trace.jsonl"));
        let read: Vec<_> = all(&mut rows)
            .into_iter()
            .map(|row| (row.at.unwrap().0, row.input_length.unwrap(), row.output_length.unwrap(), row.said))
            .collect();
        assert_eq!(
            read,
            [
                (0, 40, 5, Said::Blocks(vec![7, 8, 9])),
                (500_000, 32, 6, Said::Blocks(vec![7, 8])),
                (1_250_000, 33, 7, Said::Blocks(vec![7, 8, 10])),
            ]
        );
        assert_eq!(rows.ignored().get("type"), Some(&1));
    }

    #[test]
    fn every_key_is_needed() {
        for (text, what) in [
            (r#"{"timestamp": 1, "input_length": 1, "output_length": 1}"#, "`hash_ids` is missing"),
            (
                r#"{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": []}"#,
                "`hash_ids` is missing",
            ),
            (r#"{"timestamp": 1, "input_length": 1, "hash_ids": [1]}"#, "`output_length` is missing"),
            (r#"{"input_length": 1, "output_length": 1, "hash_ids": [1]}"#, "`timestamp` is missing"),
            (
                r#"{"timestamp": 1e30}"#,
                "`timestamp`: invalid value: floating point `1e+30`, expected a time in s",
            ),
            (r#"{"hash_ids": [-1]}"#, "an id of 64 bits"),
        ] {
            let errors = errors(&mut timed(text));
            assert!(errors.len() == 1 && errors[0].what.contains(what), "{errors:?}");
        }
    }
}
