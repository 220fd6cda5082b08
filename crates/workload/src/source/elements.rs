//! A JSON file that is one long list, element by element: `[…]`, or `{"data": […]}`. Only one element is in memory at a time,
//! however long the file.

use std::fmt;
use std::io::BufRead;

use super::lines::{LONGEST, Line, Spot, behind, unreadable};
use super::row::RowError;

/// Where the list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAt {
    /// It is the file.
    Top,
    /// Under this key of the object that is the file.
    Key(&'static str),
}

/// Reads elements.
pub struct Elements<R> {
    bytes: Bytes<R>,
    list_at: ListAt,
    state: State,
    text: Vec<u8>,
    /// Line and column where the element in `text` begins.
    begins: (u64, u64),
    longest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the list.
    Start,
    /// In the list, before its first element.
    First,
    /// In the list, behind an element.
    Next,
    /// Behind everything, or nothing can be read any more.
    End,
}

impl<R> fmt::Debug for Elements<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elements").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<R: BufRead> Elements<R> {
    /// Over `input`; `file` and `hint` (what an element should be) are for messages.
    pub fn new(file: &str, input: R, list_at: ListAt, hint: &'static str) -> Self {
        let bytes = Bytes { input, file: file.to_owned(), hint, line: 1, column: 1, first: true };
        Self { bytes, list_at, state: State::Start, text: Vec::new(), begins: (1, 1), longest: LONGEST }
    }

    /// The next element; `None` at the end. An error is fatal: nothing comes after it. What is inside an element is not looked
    /// at beyond where it ends.
    pub fn next_element(&mut self) -> Option<Result<Line<'_>, RowError>> {
        if self.state == State::End {
            return None;
        }
        match self.read() {
            Ok(Some(begins)) => {
                self.begins = begins;
                Some(Ok(self.last()))
            }
            Ok(None) => {
                self.state = State::End;
                None
            }
            Err(error) => {
                self.state = State::End;
                Some(Err(error))
            }
        }
    }

    /// The element read last, once more.
    pub fn last(&self) -> Line<'_> {
        let Self { bytes: Bytes { file, hint, .. }, text, begins: (line, column), .. } = self;
        Line { spot: Spot { file, line: *line, column: *column, hint }, bytes: text }
    }

    /// Reads the next element into `text`; where it begins.
    fn read(&mut self) -> Result<Option<(u64, u64)>, RowError> {
        if self.state == State::Start {
            if !self.enter()? {
                return Ok(None);
            }
            self.state = State::First;
        }
        let mut next = self.bytes.solid()?;
        if next == Some(b']') {
            self.bytes.step();
            self.leave()?;
            return Ok(None);
        }
        if self.state == State::Next {
            if next != Some(b',') {
                return Err(self.bytes.expected("`,` or `]`", next));
            }
            self.bytes.step();
            next = self.bytes.solid()?;
        }
        self.state = State::Next;
        let spot = (self.bytes.line, self.bytes.column);
        match next {
            Some(b']' | b',' | b'}' | b':') | None => Err(self.bytes.expected("an element", next)),
            Some(_) => self.value(true).map(|()| Some(spot)),
        }
    }

    /// Goes to the first byte in the list; `false` if there is none because the file is empty.
    fn enter(&mut self) -> Result<bool, RowError> {
        let next = self.bytes.solid()?;
        match (self.list_at, next) {
            (_, None) => return Ok(false),
            (ListAt::Top, Some(b'[')) => {
                self.bytes.step();
                return Ok(true);
            }
            (ListAt::Key(_), Some(b'{')) => self.bytes.step(),
            (ListAt::Top, next) => return Err(self.bytes.expected("a JSON list, `[`", next)),
            (ListAt::Key(_), next) => return Err(self.bytes.expected("a JSON object, `{`", next)),
        }
        let found = self.members()?;
        match (found, self.list_at) {
            (true, _) | (false, ListAt::Top) => Ok(found),
            (false, ListAt::Key(key)) => Err(self.bytes.here().broken(format!("there is no `{key}` in it"))),
        }
    }

    /// Reads members of the object that is the file: up to the list (`true`), or to its end.
    fn members(&mut self) -> Result<bool, RowError> {
        loop {
            match self.bytes.solid()? {
                Some(b'}') => {
                    self.bytes.step();
                    return Ok(false);
                }
                Some(b',') => self.bytes.step(),
                Some(b'"') => {
                    self.value(true)?;
                    let key = serde_json::from_slice::<String>(&self.text).ok();
                    match self.bytes.solid()? {
                        Some(b':') => self.bytes.step(),
                        other => return Err(self.bytes.expected("`:`", other)),
                    }
                    let next = self.bytes.solid()?;
                    match self.list_at {
                        ListAt::Key(wanted) if key.as_deref() == Some(wanted) => {
                            if next != Some(b'[') {
                                return Err(self.bytes.expected(&format!("a list as `{wanted}`, `[`"), next));
                            }
                            self.bytes.step();
                            return Ok(true);
                        }
                        _ => self.value(false)?,
                    }
                }
                other => return Err(self.bytes.expected("a key or `}`", other)),
            }
        }
    }

    /// What stands behind the list.
    fn leave(&mut self) -> Result<(), RowError> {
        if matches!(self.list_at, ListAt::Key(_)) {
            // A second list of the same name would be taken by nobody.
            if self.members()? {
                return Err(self.bytes.here().broken("there is a second list in it".to_owned()));
            }
        }
        match self.bytes.solid()? {
            None => Ok(()),
            other => Err(self.bytes.expected("the end of the file", other)),
        }
    }

    /// Reads one value, into `text` if it is to be kept.
    fn value(&mut self, keep: bool) -> Result<(), RowError> {
        self.text.clear();
        let (line, column) = (self.bytes.line, self.bytes.column);
        let mut walk = Walk::default();
        let mut length = 0;
        loop {
            let chunk = self.bytes.chunk()?;
            if chunk.is_empty() {
                // Numbers and words have no end of their own; the list they stand in does.
                let Bytes { file, hint, .. } = &self.bytes;
                let spot = Spot { file, line, column, hint };
                return Err(spot.broken("the file ends within what begins here"));
            }
            let (used, ended) = walk.over(chunk);
            if keep {
                self.text.extend_from_slice(&chunk[..used]);
            }
            length += used as u64;
            self.bytes.advance(used);
            if ended {
                return Ok(());
            }
            if length > self.longest {
                let Bytes { file, hint, .. } = &self.bytes;
                let spot = Spot { file, line, column, hint };
                return Err(spot.broken(format!("what begins here is longer than {} MiB", LONGEST >> 20)));
            }
        }
    }
}

/// Where in a value one is.
#[derive(Default)]
struct Walk {
    depth: u64,
    in_string: bool,
    escaped: bool,
    /// A number or a word: it ends where something else begins.
    bare: bool,
}

impl Walk {
    /// How many bytes of `chunk` belong to the value, and whether it ends there.
    fn over(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (at, byte) in chunk.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            if self.bare {
                if matches!(byte, b',' | b']' | b'}' | b':' | b'[' | b'{' | b'"')
                    || byte.is_ascii_whitespace()
                {
                    return (at, true);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => self.bare = self.depth == 0,
            }
        }
        (chunk.len(), false)
    }
}

/// Bytes, and where they stand.
struct Bytes<R> {
    input: R,
    file: String,
    hint: &'static str,
    line: u64,
    column: u64,
    /// Nothing was read yet.
    first: bool,
}

impl<R: BufRead> Bytes<R> {
    /// What is there to be read; empty at the end of the file.
    fn chunk(&mut self) -> Result<&[u8], RowError> {
        let spot = Spot { file: &self.file, line: self.line, column: self.column, hint: self.hint };
        loop {
            match self.input.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&spot, &error)),
            }
        }
        // Asked again only because of the borrow: a filled buffer is handed out without reading.
        self.input.fill_buf().map_err(|error| unreadable(&spot, &error))
    }

    /// Goes on by `used` bytes of the chunk.
    fn advance(&mut self, used: usize) {
        // It was there a moment ago, and no reading happens for a buffer that is not empty.
        let chunk = self.input.fill_buf().unwrap_or_default();
        let passed = &chunk[..used.min(chunk.len())];
        (self.line, self.column) = behind((self.line, self.column), passed);
        self.input.consume(used);
        self.first = false;
    }

    /// Passes one byte.
    fn step(&mut self) {
        self.advance(1);
    }

    /// Passes blanks (and a byte-order mark at the start); the byte after them, not passed.
    fn solid(&mut self) -> Result<Option<u8>, RowError> {
        if self.first {
            for mark in "\u{feff}".bytes() {
                if self.chunk()?.first() != Some(&mark) {
                    break;
                }
                self.step();
            }
        }
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            if let Some(at) = chunk.iter().position(|byte| !byte.is_ascii_whitespace()) {
                let byte = chunk[at];
                self.advance(at);
                return Ok(Some(byte));
            }
            let all = chunk.len();
            self.advance(all);
        }
    }

    fn here(&self) -> Spot<'_> {
        Spot { file: &self.file, line: self.line, column: self.column, hint: self.hint }
    }

    fn expected(&self, what: &str, found: Option<u8>) -> RowError {
        let found = match found {
            None => "the file ends".to_owned(),
            Some(byte) if byte.is_ascii_graphic() => format!("there is `{}`", char::from(byte)),
            Some(byte) => format!("there is the byte 0x{byte:02x}"),
        };
        self.here().broken(format!("{what} should stand here, and {found}"))
    }
}

#[cfg(test)]
mod tests;
