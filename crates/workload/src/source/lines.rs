//! A file line by line, and what is wrong with one, said with file, line, column and field. All formats of lines read through
//! here.

use std::fmt;
use std::io::{BufRead, Read as _};

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::row::RowError;

/// The longest line or element read, bytes. One this long is no row of a trace or data set.
pub const LONGEST: u64 = 64 << 20;

/// Where a row begins, and what a row should be: all that its errors need.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// The file, for messages.
    pub file: &'a str,
    /// 1-based line.
    pub line: u64,
    /// 1-based column of its first byte.
    pub column: u64,
    /// What a row should be.
    pub hint: &'a str,
}

impl Spot<'_> {
    /// The row as a whole is wrong.
    pub fn wrong(&self, what: impl Into<String>) -> RowError {
        RowError {
            file: self.file.to_owned(),
            line: self.line,
            column: self.column,
            field: None,
            what: what.into(),
            hint: self.hint.to_owned(),
            fatal: false,
        }
    }

    /// A field of the row is wrong; `what` has it in it.
    pub fn wrong_field(&self, field: &str, what: impl Into<String>) -> RowError {
        RowError { field: Some(field.to_owned()), ..self.wrong(what) }
    }

    /// Nothing can be read from here on.
    pub fn broken(&self, what: impl Into<String>) -> RowError {
        RowError { fatal: true, ..self.wrong(what) }
    }

    /// serde_json's error about `bytes`, the row's: its place in the file, and the field it stands in.
    pub fn json(&self, bytes: &[u8], error: &serde_json::Error) -> RowError {
        let column = self.at(error).1;
        let offset = column.saturating_sub(self.column) as usize;
        // Only in a row of one line is a column an offset.
        let field = if error.line() <= 1 { field_at(bytes, offset) } else { None };
        RowError { field, ..self.fault(error) }
    }

    /// serde_json's error, without a field.
    fn fault(&self, error: &serde_json::Error) -> RowError {
        let (line, column) = self.at(error);
        RowError { line, column, ..self.wrong(plain(error)) }
    }

    /// Where in the file serde_json stopped.
    fn at(&self, error: &serde_json::Error) -> (u64, u64) {
        match (error.line() as u64, error.column() as u64) {
            (0, _) => (self.line, self.column),
            (1, column) => (self.line, (self.column + column).saturating_sub(1).max(1)),
            (line, column) => (self.line + line - 1, column.max(1)),
        }
    }
}

/// serde_json's message without its own `at line 1 column 7`: the line is not the file's.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The key of the object `bytes` in whose value byte `offset` stands.
fn field_at(bytes: &[u8], offset: usize) -> Option<String> {
    let (mut depth, mut in_string, mut escaped, mut begin) = (0_u32, false, false, 0);
    let (mut key, mut is_key, mut string) = (None, false, None);
    for (at, byte) in bytes.iter().enumerate().take(offset.saturating_add(1)) {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    in_string = false;
                    if depth == 1 && is_key {
                        string = Some(&bytes[begin..=at]);
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => (in_string, begin) = (true, at),
            b'{' | b'[' => {
                depth += 1;
                is_key = depth == 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 => (key, is_key) = (string, false),
            b',' if depth == 1 => (key, is_key, string) = (None, true, None),
            _ => {}
        }
    }
    key.and_then(|key| serde_json::from_slice(key).ok())
}

/// One line that is not blank.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Where it is.
    pub spot: Spot<'a>,
    /// Its bytes, without byte-order mark and without its end.
    pub bytes: &'a [u8],
}

impl Line<'_> {
    /// serde_json's error about it, found while the value of `key` was read.
    pub fn in_key(&self, key: Option<&str>, error: &serde_json::Error) -> RowError {
        let error = self.spot.json(self.bytes, error);
        match key {
            Some(key) => {
                RowError { what: format!("`{key}`: {}", error.what), field: Some(key.to_owned()), ..error }
            }
            None => error,
        }
    }

    /// What is wrong with it, `field` being to blame if one is: the column is where the field is first named.
    pub fn wrong_in(&self, field: Option<&str>, what: String) -> RowError {
        let Some(field) = field else { return self.spot.wrong(what) };
        let quoted = format!("\"{field}\"");
        let at = self.bytes.windows(quoted.len()).position(|bytes| bytes == quoted.as_bytes());
        let passed = &self.bytes[..at.unwrap_or(0)];
        let (line, column) = behind((self.spot.line, self.spot.column), passed);
        RowError { line, column, ..self.spot.wrong_field(field, what) }
    }
}

/// Reads lines. Blank ones, a byte-order mark and `\r\n` are no errors.
pub struct LineReader<R> {
    input: R,
    file: String,
    hint: &'static str,
    number: u64,
    text: Vec<u8>,
    /// Bytes of the line that are not its text: a byte-order mark.
    cut: usize,
    longest: u64,
    ended: bool,
}

impl<R> fmt::Debug for LineReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader")
            .field("file", &self.file)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl<R: BufRead> LineReader<R> {
    /// Over `input`; `file` and `hint` (what a line should be) are for messages.
    pub fn new(file: &str, input: R, hint: &'static str) -> Self {
        let file = file.to_owned();
        Self { input, file, hint, number: 0, text: Vec::new(), cut: 0, longest: LONGEST, ended: false }
    }

    /// The next line that is not blank; `None` at the end. An error is fatal: nothing comes after it.
    pub fn next_line(&mut self) -> Option<Result<Line<'_>, RowError>> {
        match self.read() {
            Ok(Some(cut)) => {
                self.cut = cut;
                Some(Ok(self.last()))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// The line read last, once more.
    pub fn last(&self) -> Line<'_> {
        let (file, column) = (&self.file, self.cut as u64 + 1);
        let spot = Spot { file, line: self.number, column, hint: self.hint };
        Line { spot, bytes: self.text.get(self.cut..).unwrap_or_default().trim_ascii_end() }
    }

    /// Reads up to a line that is not blank; how many bytes to leave out at its start.
    fn read(&mut self) -> Result<Option<usize>, RowError> {
        while !self.ended {
            self.number += 1;
            self.text.clear();
            let got = self.input.by_ref().take(self.longest).read_until(b'\n', &mut self.text);
            let spot = Spot { file: &self.file, line: self.number, column: 1, hint: self.hint };
            let wrong = match got {
                Ok(0) => {
                    self.ended = true;
                    return Ok(None);
                }
                Ok(got) if got as u64 == self.longest && self.text.last() != Some(&b'\n') => {
                    spot.broken(format!("the line is longer than {} MiB", LONGEST >> 20))
                }
                Ok(_) => {
                    let mark = if self.number == 1 { "\u{feff}".as_bytes() } else { b"" };
                    let cut = if self.text.starts_with(mark) { mark.len() } else { 0 };
                    if self.text[cut..].trim_ascii_end().is_empty() {
                        continue;
                    }
                    return Ok(Some(cut));
                }
                Err(error) => unreadable(&spot, &error),
            };
            self.ended = true;
            return Err(wrong);
        }
        Ok(None)
    }
}

/// Line and column behind `bytes`, which begin at `place`.
pub(super) fn behind((line, column): (u64, u64), bytes: &[u8]) -> (u64, u64) {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    match ends.next_back() {
        Some(last) => (line + 1 + ends.count() as u64, (bytes.len() - last) as u64),
        None => (line, column + bytes.len() as u64),
    }
}

/// The system, or what unpacks the file, cannot read on.
pub(super) fn unreadable(spot: &Spot<'_>, error: &std::io::Error) -> RowError {
    let hint = "check that the file is whole, and that it may be read".to_owned();
    RowError { hint, ..spot.broken(format!("reading stopped: {error}")) }
}

/// Reads `bytes` as one JSON object and hands its keys and values to `take` one by one, so that a value which `take` refuses is
/// found where it stands.
pub fn object(
    spot: &Spot<'_>,
    bytes: &[u8],
    take: &mut dyn FnMut(&str, Value) -> Result<(), String>,
) -> Result<(), RowError> {
    let mut taking = Taking { take, field: None };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = (&mut taking).deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| RowError { field: taking.field, ..spot.fault(&error) })
}

/// What a value is, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

struct Taking<'a> {
    take: &'a mut dyn FnMut(&str, Value) -> Result<(), String>,
    /// The key being read.
    field: Option<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Taking<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Taking<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.field = Some(key.clone());
            let value = map.next_value::<Value>()?;
            (self.take)(&key, value).map_err(A::Error::custom)?;
            self.field = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line's number, column and bytes.
    type Seen = (u64, u64, Vec<u8>);

    fn lines(text: &[u8], longest: u64) -> Vec<Result<Seen, RowError>> {
        let mut reader = LineReader::new("f", text, "a row");
        reader.longest = longest;
        let mut seen = Vec::new();
        while let Some(line) = reader.next_line() {
            seen.push(line.map(|line| (line.spot.line, line.spot.column, line.bytes.to_vec())));
        }
        seen
    }

    #[test]
    fn blank_lines_marks_and_line_ends_are_no_errors() {
        let seen = lines("\u{feff}one\r\n\n  \n two \n\u{feff}x".as_bytes(), LONGEST);
        let seen: Vec<_> = seen.into_iter().map(Result::unwrap).collect();
        let mark = "\u{feff}x".as_bytes().to_vec();
        assert_eq!(seen, [(1, 4, b"one".to_vec()), (4, 1, b" two".to_vec()), (5, 1, mark)]);
        assert!(lines("\u{feff}\n".as_bytes(), LONGEST).is_empty());
    }

    #[test]
    fn a_line_without_end_stops_the_reading() {
        let seen = lines(b"good\nfar too long\nnever seen", 8);
        assert_eq!(seen.len(), 2);
        let error = seen[1].clone().unwrap_err();
        assert_eq!((error.line, error.fatal), (2, true));
        // Exactly as long as may be, with its end.
        assert_eq!(lines(b"1234567\n1", 8).len(), 2);
    }

    #[test]
    fn a_fault_of_json_is_found_in_the_file() {
        let spot = Spot { file: "f", line: 7, column: 4, hint: "a row" };
        let bytes = br#"{"a": {"b": 1}, "c": [1, x], "d": 2}"#;
        let error = serde_json::from_slice::<Value>(bytes).unwrap_err();
        let wrong = spot.json(bytes, &error);
        assert_eq!((wrong.line, wrong.column, wrong.field.as_deref()), (7, 29, Some("c")));
        assert_eq!(wrong.to_string(), "f:7:29: expected value\nhint: a row");
        let bytes = b"{\"a\":\n  {\"b\": x}}";
        let error = serde_json::from_slice::<Value>(bytes).unwrap_err();
        let wrong = spot.json(bytes, &error);
        assert_eq!((wrong.line, wrong.column), (8, 9));
    }

    #[test]
    fn a_field_is_the_one_whose_value_is_meant() {
        let bytes = br#"{"a,\"": {"b": 1}, "c\u0021": [1, "d:"], "e": 2}"#;
        let at = |what: &str| {
            let text = std::str::from_utf8(bytes).unwrap();
            field_at(bytes, text.find(what).unwrap())
        };
        assert_eq!(at("1}").as_deref(), Some("a,\""));
        assert_eq!(at("d:").as_deref(), Some("c!"));
        assert_eq!(at("2}").as_deref(), Some("e"));
        assert_eq!((at("e\""), at("{\"a")), (None, None));
        assert_eq!(field_at(b"[1]", 1), None);
    }
}
