//! A trace or data set, read: its rows checked, grouped into sessions, in the order of their times, and packed, so that millions of
//! them need little memory.
//!
//! | a row | what becomes of it |
//! |---|---|
//! | with hash ids | one block of text an id, so that equal ids are equal words; the last block is cut to `input_length` |
//! | with a length alone | fresh words of that length |
//! | with a text, messages or a body | said as it stands |
//!
//! Rows of one session are its turns, in the order of the file. Where they hold the whole input (hash ids, messages, bodies) a turn
//! says just that; where they hold only what is new (texts, lengths) it says the turns before it too, as `sessions.history` asks.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use tokmark_base::{Lexicon, Micros, Seed};

use super::row::{Row, RowError, Rows, Said};
use super::share_gpt::Counter;
use super::shelf::{Memory, Shelf};
use super::{FileFormat, Reading, Source, rows};
use crate::shape::lengths::MOST_TOKENS;
use crate::spec::{History, WorkloadError, WorkloadSpec};

mod arrange;
mod error;
mod hashed;
mod items;
mod packed;
mod permutation;
mod replay;

use arrange::Arrangement;
pub use error::DatasetError;
use error::reasons;
use hashed::{Hash, Hashed};
use items::Items;
use replay::Replay;

/// Rows left out whose errors are kept.
const ERRORS_KEPT: usize = 10;

/// What a delay that nothing is made of is counted as.
const FIRST_DELAY: &str = "delay (before a first turn)";

/// What a file holds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dataset(Arc<Data>);

/// What a data set may need beside its file.
#[derive(Default)]
pub struct With {
    /// Counts tokens, for formats whose customs are about them.
    pub count: Option<Counter>,
    /// Where the packed rows are kept; in memory unless given.
    pub shelf: Option<Box<dyn Shelf>>,
}

/// What was read.
struct Data {
    file: String,
    format: FileFormat,
    digest: String,
    items: Items,
    /// The time of the first item, on the trace's own time line; `None`: the rows have no times.
    origin: Option<Micros>,
    /// The last time, counted from the first.
    span: Micros,
    /// Later turns hold only what is new.
    adds: bool,
    /// Some row has a text, messages or a body of its own.
    says_texts: bool,
    block_size: Option<u32>,
    window: (Option<Micros>, Option<Micros>),
    ignored: BTreeMap<String, u64>,
    left_out: BTreeMap<&'static str, u64>,
    skipped: u64,
    errors: Vec<RowError>,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Dataset {
    /// Reads `input` to its end, as `format`; `file` is for messages. Of `spec` it takes the window of time, the block size, the
    /// history of sessions and what to do with rows that cannot be used.
    pub fn read(
        format: FileFormat,
        file: &str,
        input: Box<dyn BufRead + Send>,
        spec: &WorkloadSpec,
        with: With,
    ) -> Result<Self, DatasetError> {
        let (input, hash) = Hashed::new(input);
        let reading = Reading { count: with.count, first_turns: spec.sessions.history == History::None };
        let mut source = rows(format, file, Box::new(input), &reading);
        let shelf = with.shelf.unwrap_or_else(|| Box::new(Memory::default()));
        let mut intake = Intake::new(file, spec, Items::new(shelf));
        while let Some(row) = source.next_row() {
            match row.and_then(|row| intake.check(row, &*source, format)) {
                Ok(row) => intake.put(&row)?,
                Err(error) if error.fatal || !spec.skip_bad_rows => {
                    return Err(DatasetError::Row { error: Box::new(error) });
                }
                Err(error) => intake.skip(error),
            }
        }
        let left_out = source.left_out();
        let data = intake.finish(format, &hash, source.ignored().clone(), left_out)?;
        Ok(Self(Arc::new(data)))
    }

    /// The source of a plan. `salt` is a number no other run has, where words shall be made that no other run has.
    pub fn source(
        self,
        spec: &WorkloadSpec,
        seed: Seed,
        lexicon: Arc<dyn Lexicon>,
        salt: Option<u64>,
    ) -> Result<Box<dyn Source>, WorkloadError> {
        Ok(Box::new(Replay::new(self.0, spec, seed, lexicon, salt)?))
    }

    /// Items (requests, or sessions) there are.
    pub fn len(&self) -> u64 {
        u64::from(self.0.items.len())
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests of all items.
    pub fn requests(&self) -> u64 {
        self.0.items.rows()
    }

    /// Whether its items have times.
    pub fn is_timed(&self) -> bool {
        self.0.origin.is_some()
    }

    /// From the first time to the last; `None` if its items have no times.
    pub fn span(&self) -> Option<Micros> {
        self.0.origin.map(|_| self.0.span)
    }

    /// Keys that nothing was made of, and in how many rows each stood.
    pub fn ignored(&self) -> &BTreeMap<String, u64> {
        &self.0.ignored
    }

    /// What the format's own customs have left out, and how often; `None` if nothing.
    pub fn left_out(&self) -> Option<String> {
        (!self.0.left_out.is_empty()).then(|| reasons(&self.0.left_out))
    }

    /// Rows left out because they cannot be used, and what was wrong with the first of them.
    pub fn skipped(&self) -> (u64, &[RowError]) {
        (self.0.skipped, &self.0.errors)
    }

    /// BLAKE3 of the file's bytes, unpacked.
    pub fn digest(&self) -> Option<&str> {
        Some(&self.0.digest)
    }

    /// Bytes its packed rows take on their shelf, and bytes of their index in memory.
    pub fn bytes(&self) -> (u64, u64) {
        self.0.items.bytes()
    }
}

/// A file being read.
struct Intake<'a> {
    file: &'a str,
    spec: &'a WorkloadSpec,
    items: Items,
    arrangement: Arrangement,
    block_size: Option<u32>,
    /// Whether rows have times; `None` before the first.
    timed: Option<bool>,
    says_texts: bool,
    packed: Vec<u8>,
    skipped: u64,
    errors: Vec<RowError>,
}

impl<'a> Intake<'a> {
    fn new(file: &'a str, spec: &'a WorkloadSpec, items: Items) -> Self {
        Self {
            file,
            spec,
            items,
            arrangement: Arrangement::default(),
            block_size: spec.block_size,
            timed: None,
            says_texts: false,
            packed: Vec::new(),
            skipped: 0,
            errors: Vec::new(),
        }
    }

    /// What no format looks at, because it takes more than one row or the spec to see it.
    fn check(&mut self, row: Row, rows: &dyn Rows, format: FileFormat) -> Result<Row, RowError> {
        for (key, length) in [("input_length", row.input_length), ("output_length", row.output_length)] {
            if let Some(length) = length.filter(|n| *n > MOST_TOKENS) {
                return Err(rows.wrong(
                    Some(key),
                    format!("{length} tokens are more than the {MOST_TOKENS} that are made"),
                ));
            }
        }
        let row = self.blocks(row, rows, format)?;
        let timed = row.at.is_some();
        match self.timed {
            Some(true) if !timed && row.session.is_none() => {
                return Err(rows.wrong(
                    Some("timestamp"),
                    "there is no time in this row, and there are times in the rows before it".to_owned(),
                ));
            }
            Some(false) if timed => {
                return Err(rows.wrong(
                    Some("timestamp"),
                    "there is a time in this row, and none in the rows before it".to_owned(),
                ));
            }
            _ => self.timed = Some(self.timed.unwrap_or(timed)),
        }
        Ok(row)
    }

    /// Hash ids must be as many as the input length needs.
    fn blocks(&mut self, mut row: Row, rows: &dyn Rows, format: FileFormat) -> Result<Row, RowError> {
        let Said::Blocks(ids) = &row.said else { return Ok(row) };
        let count = ids.len() as u64;
        let asked = self.spec.block_size;
        let size = match (row.block_size, self.block_size) {
            (Some(own), Some(known)) if own != known => {
                let other = if asked.is_some() { "workload.block_size" } else { "the rows before it" };
                return Err(rows.wrong(
                    None,
                    format!("a hash id stands for {own} tokens in this row, and for {known} in {other}"),
                ));
            }
            (Some(own), _) => own,
            (None, Some(known)) => known,
            (None, None) => format.block_size(),
        };
        let capacity = count * u64::from(size);
        let length = row.input_length.map_or(capacity, u64::from);
        if length.div_ceil(u64::from(size.max(1))) != count || size == 0 {
            let needs = length.div_ceil(u64::from(size.max(1)));
            let error = rows.wrong(Some("hash_ids"), format!("`hash_ids` holds {count} ids of {size} tokens, and an input of {length} tokens needs {needs}"));
            let hint = "if an id stands for another number of tokens, say so with workload.block_size (--trace-block-size)".to_owned();
            return Err(RowError { hint, ..error });
        }
        let Some(length) = u32::try_from(length).ok().filter(|n| *n <= MOST_TOKENS) else {
            return Err(rows.wrong(
                Some("hash_ids"),
                format!("{length} tokens are more than the {MOST_TOKENS} that are made"),
            ));
        };
        self.block_size = Some(size);
        row.input_length = Some(length);
        Ok(row)
    }

    fn put(&mut self, row: &Row) -> Result<(), DatasetError> {
        if self.items.len() == u32::MAX {
            return Err(DatasetError::TooMany { file: self.file.to_owned() });
        }
        self.packed.clear();
        self.says_texts |= matches!(row.said, Said::Text(_) | Said::Messages(_) | Said::Payload(_));
        packed::pack(row, &mut self.packed);
        self.arrangement.note(row, self.items.len());
        self.items.push(&[&self.packed]).map_err(|source| shelf(self.file, source))
    }

    fn skip(&mut self, error: RowError) {
        self.skipped += 1;
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(error);
        }
    }

    fn finish(
        mut self,
        format: FileFormat,
        hash: &Hash,
        mut ignored: BTreeMap<String, u64>,
        left_out: BTreeMap<&'static str, u64>,
    ) -> Result<Data, DatasetError> {
        if self.items.len() == 0 && !left_out.is_empty() {
            return Err(DatasetError::LeftOut { file: self.file.to_owned(), why: reasons(&left_out) });
        }
        if self.items.len() == 0 {
            let first = self.errors.into_iter().next().map(Box::new);
            return Err(DatasetError::Empty { file: self.file.to_owned(), skipped: self.skipped, first });
        }
        self.items.finish().map_err(|source| shelf(self.file, source))?;
        let window = [self.spec.from, self.spec.to].map(|end| end.map(|end| end.0));
        for (key, end) in [("workload.from", window[0]), ("workload.to", window[1])] {
            if end.is_some() && self.timed != Some(true) {
                return Err(DatasetError::NoTimes { key, file: self.file.to_owned() });
            }
        }
        let (from, to) = (window[0], window[1]);
        let told = self
            .arrangement
            .arrange(self.items, &arrange::Wanted { file: self.file, format, from, to, spec: self.spec })?;
        if told.first_delays > 0 {
            ignored.insert(FIRST_DELAY.to_owned(), told.first_delays);
        }
        Ok(Data {
            file: self.file.to_owned(),
            format,
            digest: hash.hex(),
            items: told.items,
            origin: told.origin,
            span: told.span,
            adds: told.adds,
            says_texts: self.says_texts,
            block_size: self.block_size,
            window: (from, to),
            ignored,
            left_out,
            skipped: self.skipped,
            errors: self.errors,
        })
    }
}

fn shelf(file: &str, source: std::io::Error) -> DatasetError {
    DatasetError::Shelf { file: file.to_owned(), source }
}

#[cfg(test)]
mod tests;
