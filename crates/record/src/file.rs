//! JSON lines in self-contained zstd frames, over any writer or reader.
//!
//! A frame is closed whenever the writer is told to ([`LineWriter::seal`], at least once a second), so a kill loses at
//! most that second; `zstdcat` reads the concatenation.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Reads, Record};

/// Level 1: the records of a stream shrink fivefold and cost less CPU than writing them plain.
const LEVEL: i32 = 1;

/// Writes one JSON value a line.
pub struct LineWriter<W: Write> {
    out: W,
    pending: Vec<u8>,
    /// Made with the first frame, kept for the others: its tables cost more than a small frame.
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// The last frame, for its memory.
    frame: Vec<u8>,
}

impl<W: Write> LineWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, pending: Vec::new(), compressor: None, frame: Vec::new() }
    }

    /// Adds a line to the open frame.
    pub fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.pending, value)?;
        self.pending.push(b'\n');
        Ok(())
    }

    /// Adds a record to the open frame: the same bytes as [`LineWriter::line`], sooner. The record is as it was afterwards.
    pub fn record(&mut self, record: &mut Record) -> io::Result<()> {
        // Without reads the record ends where they belong: they are its last field.
        let reads = std::mem::take(&mut record.reads);
        let written = serde_json::to_writer(&mut self.pending, record);
        record.reads = reads;
        written?;
        if !record.reads.is_empty() {
            self.pending.pop();
            self.pending.extend_from_slice(READS);
            record.reads.append_text(&mut self.pending);
            self.pending.push(b'}');
        }
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
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        self.frame.clear();
        self.frame.reserve(zstd::zstd_safe::compress_bound(self.pending.len()));
        compressor.compress_to_buffer(&self.pending, &mut self.frame)?;
        self.pending.clear();
        self.out.write_all(&self.frame)?;
        self.out.flush()
    }

    /// Seals and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal()?;
        Ok(self.out)
    }
}

/// Before the reads, in a line.
const READS: &[u8] = b",\"reads\":";

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
    /// Reads of the last record: the next one has likely as many.
    likely_reads: usize,
}

/// The bytes that are packed in `input`, all its frames. A frame that is cut off is an error of the kind `UnexpectedEof`.
pub fn unpacked<R: BufRead>(input: R) -> io::Result<impl Read + use<R>> {
    zstd::Decoder::with_buffer(input)
}

/// What the decompressor gives at a time: as much as it holds, or each piece is copied twice.
const BUFFER: usize = 128 << 10;

impl<R: Read> LineReader<'_, R> {
    /// Reads from `input`.
    pub fn new(input: R) -> io::Result<Self> {
        let lines = BufReader::with_capacity(BUFFER, zstd::Decoder::new(input)?);
        Ok(Self { lines, text: Vec::new(), number: 0, truncated: false, likely_reads: 0 })
    }

    /// Whether the file ended in the middle of a frame or line.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// The next value; `None` at the end.
    pub fn next_value<T: DeserializeOwned>(&mut self) -> Option<Result<T, LineError>> {
        self.next_with(|reader| serde_json::from_slice(&reader.text))
    }

    /// The next record: what [`LineReader::next_value`] gives, sooner.
    pub fn next_record(&mut self) -> Option<Result<Record, LineError>> {
        self.next_with(|reader| match plain_record(&mut reader.text, reader.likely_reads) {
            Some(record) => {
                reader.likely_reads = record.reads.0.len();
                Ok(record)
            }
            None => serde_json::from_slice(&reader.text),
        })
    }

    fn next_with<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> serde_json::Result<T>,
    ) -> Option<Result<T, LineError>> {
        self.text.clear();
        self.number += 1;
        let line = self.number;
        match self.lines.read_until(b'\n', &mut self.text) {
            Ok(0) => None,
            Ok(_) if self.text.last() != Some(&b'\n') => {
                self.truncated = true;
                None
            }
            Ok(_) => Some(parse(self).map_err(|source| LineError::Json { line, source })),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                self.truncated = true;
                None
            }
            Err(source) => Some(Err(LineError::Io { line, source })),
        }
    }
}

/// A line as [`LineWriter::record`] writes it: everything else, then the reads. `None`, and the line as it was, if it has another
/// form.
///
/// What stands before the reads must be a record when it is closed there, and nothing but one brace may follow them: then
/// they are the record's own, and the line is valid JSON.
fn plain_record(line: &mut [u8], likely_reads: usize) -> Option<Record> {
    let start = memchr::memmem::find(line, READS)?;
    let (reads, len) = Reads::parse_text(&line[start + READS.len()..], likely_reads)?;
    if line[start + READS.len() + len..] != *b"}\n" {
        return None;
    }
    line[start] = b'}';
    // As a text, so that its bytes are looked at once and not word by word.
    let record = str::from_utf8(&line[..=start]).ok().and_then(|head| serde_json::from_str(head).ok());
    line[start] = READS[0];
    let record = record.filter(|record: &Record| record.reads.is_empty())?;
    Some(Record { reads, ..record })
}

#[cfg(test)]
mod tests;
