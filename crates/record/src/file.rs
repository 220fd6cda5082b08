//! JSON lines in self-contained zstd frames, over any writer or reader.
//!
//! A frame is closed whenever the writer is told to ([`LineWriter::seal`], at least once a second), so a kill loses at
//! most that second; `zstdcat` reads the concatenation.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Level 1: the records of a stream shrink fivefold and cost less CPU than writing them plain.
const LEVEL: i32 = 1;

/// Writes one JSON value a line.
pub struct LineWriter<W: Write> {
    out: W,
    pending: Vec<u8>,
}

impl<W: Write> LineWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, pending: Vec::new() }
    }

    /// Adds a line to the open frame.
    pub fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.pending, value)?;
        self.pending.push(b'\n');
        Ok(())
    }

    /// Bytes in the open frame, before compression.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Closes the open frame and hands it to the writer whole.
    pub fn seal(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let frame = zstd::bulk::compress(&self.pending, LEVEL)?;
        self.pending.clear();
        self.out.write_all(&frame)?;
        self.out.flush()
    }

    /// Seals and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal()?;
        Ok(self.out)
    }
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not what the line should hold.
    #[error("line {line}: {source}")]
    Json {
        /// 1-based line.
        line: u64,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The file could not be read.
    #[error("line {line}: {source}")]
    Io {
        /// 1-based line.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
}

/// Reads one JSON value a line. A frame cut off by a kill ends the iteration and sets [`LineReader::truncated`].
pub struct LineReader<'a, R: Read> {
    lines: BufReader<zstd::Decoder<'a, BufReader<R>>>,
    text: Vec<u8>,
    number: u64,
    truncated: bool,
}

impl<R: Read> LineReader<'_, R> {
    /// Reads from `input`.
    pub fn new(input: R) -> io::Result<Self> {
        let lines = BufReader::new(zstd::Decoder::new(input)?);
        Ok(Self { lines, text: Vec::new(), number: 0, truncated: false })
    }

    /// Whether the file ended in the middle of a frame or line.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// The next value; `None` at the end.
    pub fn next_value<T: DeserializeOwned>(&mut self) -> Option<Result<T, LineError>> {
        self.text.clear();
        self.number += 1;
        let line = self.number;
        match self.lines.read_until(b'\n', &mut self.text) {
            Ok(0) => None,
            Ok(_) if self.text.last() != Some(&b'\n') => {
                self.truncated = true;
                None
            }
            Ok(_) => {
                Some(serde_json::from_slice(&self.text).map_err(|source| LineError::Json { line, source }))
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                self.truncated = true;
                None
            }
            Err(source) => Some(Err(LineError::Io { line, source })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Record};

    fn record(attempt: u64) -> Record {
        Record { attempt, outcome: Outcome::Success, ..Record::default() }
    }

    fn read_all(bytes: &[u8]) -> (Vec<u64>, bool) {
        let mut reader = LineReader::new(bytes).unwrap();
        let mut seen = Vec::new();
        while let Some(r) = reader.next_value::<Record>() {
            seen.push(r.unwrap().attempt);
        }
        (seen, reader.truncated())
    }

    #[test]
    fn a_kill_loses_at_most_the_open_frame() {
        let mut w = LineWriter::new(Vec::new());
        (0..10).for_each(|i| w.line(&record(i)).unwrap());
        w.seal().unwrap();
        (10..20).for_each(|i| w.line(&record(i)).unwrap());
        let whole = w.finish().unwrap();
        assert_eq!(read_all(&whole), ((0..20).collect(), false));
        for cut in 1..whole.len() {
            let (seen, _) = read_all(&whole[..cut]);
            assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>(), "cut at {cut}");
        }
        let (seen, truncated) = read_all(&whole[..whole.len() - 1]);
        assert!(seen.len() >= 10 && truncated);
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let mut w = LineWriter::new(Vec::new());
        w.line(&record(0)).unwrap();
        w.line(&serde_json::json!({"attempt": 1, "colour": "red"})).unwrap();
        let bytes = w.finish().unwrap();
        let mut reader = LineReader::new(&bytes[..]).unwrap();
        reader.next_value::<Record>().unwrap().unwrap();
        let err = reader.next_value::<Record>().unwrap().unwrap_err().to_string();
        assert!(err.starts_with("line 2:") && err.contains("colour"), "{err}");
    }
}
