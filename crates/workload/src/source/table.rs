//! Traces written as CSV: a line of names, then a request a line. The file that uses it says which columns it needs.

use std::collections::BTreeMap;
use std::io::BufRead;

use csv_core::ReadRecordResult;

use super::lines::{Line, LineReader};
use super::row::{Ignored, RowError};

/// A CSV file read line by line: quotes are understood, line ends within them are not.
pub(super) struct Table {
    lines: LineReader<Box<dyn BufRead + Send>>,
    /// Where each wanted column stands, once the names were read.
    places: Option<Vec<Option<usize>>>,
    wanted: &'static [Column],
    /// Names of columns that nothing is made of.
    unused: Vec<String>,
    ignored: Ignored,
    record: Record,
}

/// A column that something is made of.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// Its name in the file's first line.
    pub(super) name: &'static str,
    /// Without it the file is not of this format.
    pub(super) needed: bool,
}

impl Column {
    pub(super) const fn needed(name: &'static str) -> Self {
        Self { name, needed: true }
    }

    pub(super) const fn optional(name: &'static str) -> Self {
        Self { name, needed: false }
    }
}

/// The fields of a line.
#[derive(Default)]
struct Record {
    text: Vec<u8>,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    count: usize,
}

impl Record {
    /// Splits `line`.
    fn split(&mut self, line: &[u8]) {
        self.text.resize(line.len().max(1), 0);
        self.ends.resize(line.len() + 1, 0);
        let mut reader = csv_core::Reader::new();
        let (mut input, mut written) = (line, 0);
        self.count = 0;
        loop {
            let (result, read, wrote, fields) =
                reader.read_record(input, &mut self.text[written..], &mut self.ends[self.count..]);
            input = &input[read..];
            written += wrote;
            self.count += fields;
            match result {
                // With an empty input the next call says that the record ends here.
                ReadRecordResult::InputEmpty => {}
                // There is room for as many bytes and fields as the line can have.
                _ => return,
            }
        }
    }

    fn field(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends[..self.count].get(at)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.text.get(start..end)
    }

    /// 1-based column of a field in its line, if no field before it has quotes.
    fn column(&self, at: usize) -> u64 {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        (start + at) as u64 + 1
    }
}

impl Table {
    pub(super) fn new(
        file: &str,
        input: Box<dyn BufRead + Send>,
        hint: &'static str,
        wanted: &'static [Column],
    ) -> Self {
        Self {
            lines: LineReader::new(file, input, hint),
            places: None,
            wanted,
            unused: Vec::new(),
            ignored: Ignored::default(),
            record: Record::default(),
        }
    }

    /// Goes to the next line; `None` at the end.
    pub(super) fn advance(&mut self) -> Option<Result<(), RowError>> {
        if self.places.is_none()
            && let Err(e) = self.names()?
        {
            return Some(Err(e));
        }
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(e) => return Some(Err(e)),
        };
        self.record.split(line.bytes);
        let want = self.places.as_ref().map_or(0, Vec::len).min(self.wanted.len());
        let widest = self.places.iter().flatten().flatten().max().map_or(0, |at| at + 1);
        if want > 0 && self.record.count < widest {
            return Some(Err(line
                .spot
                .wrong(format!("the line has {} columns, and {widest} are needed", self.record.count))));
        }
        self.unused.iter().for_each(|name| self.ignored.count(name));
        Some(Ok(()))
    }

    /// Reads the line of names.
    fn names(&mut self) -> Option<Result<(), RowError>> {
        let line = match self.lines.next_line()? {
            Ok(line) => line,
            Err(e) => return Some(Err(e)),
        };
        self.record.split(line.bytes);
        let names: Vec<String> = (0..self.record.count)
            .map(|at| String::from_utf8_lossy(self.record.field(at).unwrap_or_default()).trim().to_owned())
            .collect();
        let places: Vec<_> =
            self.wanted.iter().map(|column| names.iter().position(|name| name == column.name)).collect();
        let missing = self.wanted.iter().zip(&places).find(|(column, at)| column.needed && at.is_none());
        if let Some((column, _)) = missing {
            let what = format!("there is no column `{}` in the first line", column.name);
            return Some(Err(RowError { fatal: true, ..line.spot.wrong_field(column.name, what) }));
        }
        self.unused =
            names.into_iter().filter(|name| self.wanted.iter().all(|column| column.name != name)).collect();
        self.places = Some(places);
        Some(Ok(()))
    }

    /// What stands in wanted column number `column` of the line; `None` if the file has no such column or nothing stands there.
    pub(super) fn field(&self, column: usize) -> Option<&str> {
        let at = (*self.places.as_ref()?.get(column)?)?;
        let text = std::str::from_utf8(self.record.field(at)?).unwrap_or("\u{fffd}").trim();
        (!text.is_empty()).then_some(text)
    }

    /// What wanted column number `column` holds, read by `read`, which says what it should be if it is nothing of the kind.
    pub(super) fn value<T>(
        &self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<T, RowError> {
        let name = self.wanted[column].name;
        match self.field(column) {
            Some(text) => read(text).map_err(|expected| {
                self.wrong(Some(name), format!("`{name}` must be {expected}, and is `{}`", shortened(text)))
            }),
            None => Err(self.wrong(Some(name), format!("`{name}` is empty"))),
        }
    }

    /// What is wrong with the line, `field` being to blame.
    pub(super) fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        let Line { spot, .. } = self.lines.last();
        let Some(field) = field else { return spot.wrong(what) };
        let column = self.wanted.iter().position(|column| column.name == field);
        let at = column.and_then(|column| self.places.as_ref()?.get(column).copied()?);
        let error = spot.wrong_field(field, what);
        RowError { column: error.column + at.map_or(1, |at| self.record.column(at)) - 1, ..error }
    }

    pub(super) fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }
}

/// A number of tokens: whole, written with or without `.0`.
pub(super) fn tokens(text: &str) -> Result<u32, &'static str> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.parse().map_err(|_| "a whole number of tokens")
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_and_quotes_are_understood() {
        let split = |line: &str| {
            let mut record = Record::default();
            record.split(line.as_bytes());
            (0..record.count)
                .map(|at| String::from_utf8(record.field(at).unwrap().to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(split("a,b,c"), ["a", "b", "c"]);
        assert_eq!(split("a,,"), ["a", "", ""]);
        assert_eq!(split("\"a,1\",\"x\"\"y\""), ["a,1", "x\"y"]);
        assert_eq!(split("\"open"), ["open"]);
        assert_eq!(split(","), ["", ""]);
    }
}
