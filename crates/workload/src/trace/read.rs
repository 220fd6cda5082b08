//! Rows from a file: Mooncake's lines fast and with everything they have, other formats through their own readers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Cursor};

use serde_json::{Map, Value};
use tokmark_base::digest::Digest;

use super::convert::Rolling;
use super::plain;
use super::row::{TraceRow, TraceRows};
use crate::source::lines::LineReader;
use crate::source::{Mooncake, Row, RowError, Rows, Said};

const HINT: &str =
    "a row is a JSON object with `timestamp` (ms), `input_length`, `output_length` and `hash_ids`";

/// Reads Mooncake's lines. Keys that mean nothing here are kept in [`TraceRow::rest`].
pub struct MooncakeLines {
    lines: LineReader<Box<dyn BufRead + Send>>,
    file: String,
}

impl MooncakeLines {
    /// Over `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self { lines: LineReader::new(file, input, HINT), file: file.to_owned() }
    }
}

impl TraceRows for MooncakeLines {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        row.clear();
        let (number, column) = (line.spot.line, line.spot.column);
        let done = if plain::read(line.bytes, row) {
            Ok(())
        } else {
            row.clear();
            careful(line.bytes, &self.file, row).map_err(|error| RowError {
                line: number,
                column: error.column + column - 1,
                ..error
            })
        };
        row.line = number;
        Some(done)
    }

    fn file(&self) -> &str {
        &self.file
    }
}

/// Reads one line the way everything else in tokmark reads it, and keeps what that way leaves out.
fn careful(line: &[u8], file: &str, row: &mut TraceRow) -> Result<(), RowError> {
    let mut one = Mooncake::new(file, Box::new(Cursor::new(line.to_vec())));
    // A line that is not blank is a row or an error.
    let Some(read) = one.next_row() else { return Ok(()) };
    if let Said::Blocks(ids) = lengths(read?, row) {
        row.ids = ids;
    }
    let members: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
    for (key, value) in members {
        if !TAKEN.contains(&key.as_str()) {
            rest(row, &key, &value);
        }
    }
    Ok(())
}

/// Keys that have a field of their own in a [`TraceRow`].
const TAKEN: [&str; 10] = [
    "timestamp",
    "created_time",
    "delay",
    "delay_ms",
    "input_length",
    "input_tokens",
    "output_length",
    "output_tokens",
    "hash_ids",
    "session_id",
];

fn rest(row: &mut TraceRow, key: &str, value: &Value) {
    row.rest.push(',');
    row.rest.push_str(&Value::from(key).to_string());
    row.rest.push(':');
    row.rest.push_str(&value.to_string());
}

/// Takes times, lengths and the session; gives back what is said.
fn lengths(read: Row, row: &mut TraceRow) -> Said {
    (row.at, row.delay, row.session) = (read.at, read.delay, read.session);
    (row.input, row.output) = (read.input_length, read.output_length);
    read.said
}

/// Makes words tokens, or says why not.
pub type Tokenise = Box<dyn FnMut(&str) -> Result<Vec<u32>, String>>;

/// Rows of any other format that has lengths or blocks. Words become lengths and blocks if there is something to count them with:
/// their tokens without a chat template, an id for every block of tokens after the same blocks before it.
pub struct FromRows {
    rows: Box<dyn Rows>,
    file: String,
    words: Option<(Tokenise, u32)>,
    blocks: Rolling,
    block_size: Option<u32>,
}

impl FromRows {
    /// From `rows` of `file`; `words` are what counts them and the tokens a block holds.
    pub fn new(file: &str, rows: Box<dyn Rows>, words: Option<(Tokenise, u32)>) -> Self {
        Self { rows, file: file.to_owned(), words, blocks: Rolling::default(), block_size: None }
    }

    /// Tokens a hash id stands for, if the rows read so far say so; all say the same.
    pub fn block_size(&self) -> Option<u32> {
        self.block_size
    }

    /// Rows of the file that its format's customs left out, by the reason.
    pub fn left_out(&self) -> BTreeMap<&'static str, u64> {
        self.rows.left_out()
    }

    /// Ids as they are given, or input length and ids of words.
    fn say(&mut self, said: Said, row: &mut TraceRow) -> Result<(), String> {
        if let Said::Blocks(ids) = said {
            row.ids = ids;
            return Ok(());
        }
        let (Some((tokenise, block_size)), Some(text)) = (&mut self.words, text(&said)) else {
            return Ok(());
        };
        let tokens = tokenise(&text)?;
        row.input =
            Some(u32::try_from(tokens.len()).map_err(|_| "more than 4,294,967,295 tokens".to_owned())?);
        let blocks = tokens.chunks(*block_size as usize).map(|block| {
            let bytes: Vec<u8> = block.iter().flat_map(|token| token.to_le_bytes()).collect();
            let digest = Digest::new().part(bytes).bytes();
            u64::from_le_bytes(std::array::from_fn(|at| digest[at]))
        });
        self.blocks.extend(blocks, &mut row.ids);
        Ok(())
    }
}

/// What is said, one message a line.
fn text(said: &Said) -> Option<Cow<'_, str>> {
    match said {
        Said::Text(text) => Some(Cow::Borrowed(text)),
        Said::Messages(messages) => {
            let contents: Option<Vec<&str>> =
                messages.iter().map(|message| message.get("content")?.as_str()).collect();
            contents.map(|contents| Cow::Owned(contents.join("\n")))
        }
        _ => None,
    }
}

impl TraceRows for FromRows {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        let read = match self.rows.next_row()? {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        row.clear();
        if let Some(priority) = read.priority {
            rest(row, "priority", &priority.into());
        }
        if let Some(size) = read.block_size
            && *self.block_size.get_or_insert(size) != size
        {
            return Some(Err(self
                .rows
                .wrong(None, format!("blocks of {size} tokens, unlike the rows before"))));
        }
        let said = lengths(read, row);
        if let Err(what) = self.say(said, row) {
            return Some(Err(self.rows.wrong(None, what)));
        }
        row.line = self.rows.wrong(None, String::new()).line;
        Some(Ok(()))
    }

    fn file(&self) -> &str {
        &self.file
    }
}
