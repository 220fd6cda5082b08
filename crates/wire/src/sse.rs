//! Server-sent events from bytes (WHATWG HTML §9.2.6), incremental and sans-I/O.
//!
//! On the fast path (a whole event, one data line) the data is a slice of the read it came in. Bytes are copied only when an
//! event is split over reads or has several data lines. Lines end in CR, LF or CRLF and in nothing else: U+2028 within JSON
//! is text. Two things go beyond the standard because servers do: an `error:` field (llama.cpp before September 2025) is an
//! event named `error`, and comments of an event named `error` are kept (Dynamo writes its message there).

/// Longest event, bytes. A single JSON event of this size is a runaway, not a token.
pub const EVENT_LIMIT: usize = 16 * 1024 * 1024;
/// Most bytes of comment kept.
const COMMENT_LIMIT: usize = 1024;
const BOM: &[u8] = &[0xef, 0xbb, 0xbf];

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// `event:`; empty for an ordinary one.
    pub name: &'a [u8],
    /// `data:` lines joined by line feeds.
    pub data: &'a [u8],
    /// Comments among the event's lines, joined by line feeds.
    pub comment: &'a [u8],
}

/// An event longer than [`EVENT_LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {EVENT_LIMIT} bytes")]
pub struct EventTooLong;

/// Reads a stream of events.
#[derive(Debug, Default)]
pub struct EventReader {
    /// A line begun in an earlier read.
    carry: Vec<u8>,
    /// Data lines of the event so far.
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    comment: Vec<u8>,
    /// The last line ended in the CR that ended its read: a line feed that comes next belongs to it.
    skip_lf: bool,
    /// The first line is over, and with it the place for a byte order mark.
    begun: bool,
}

impl EventReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes. `on_event` gets every event completed and the offset behind its last byte; `false` stops the reader.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut on_event: impl FnMut(Event<'_>, usize) -> bool,
    ) -> Result<(), EventTooLong> {
        let mut at = usize::from(self.skip_lf && bytes.first() == Some(&b'\n'));
        self.skip_lf &= bytes.is_empty();
        while let Some(n) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
            let line = &bytes[at..at + n];
            at += n + self.line_end(&bytes[at + n..]);
            if !self.carry.is_empty() {
                self.keep_split_line(line)?;
                if !self.whole_line(at, &mut on_event)? {
                    return Ok(());
                }
                continue;
            }
            let line = self.without_bom(line);
            if let Some(data) = self.lone_data(line)
                && let Some(b'\n' | b'\r') = bytes.get(at)
            {
                at += self.line_end(&bytes[at..]);
                let event = Event { name: &[], data, comment: &self.comment };
                let go_on = data.is_empty() || on_event(event, at);
                self.comment.clear();
                if !go_on {
                    return Ok(());
                }
            } else if line.is_empty() {
                if !self.dispatch(at, &mut on_event) {
                    return Ok(());
                }
            } else {
                self.field(line)?;
            }
        }
        self.keep_split_line(&bytes[at..])
    }

    /// The stream ended: what is pending counts as if its line and a blank line had ended it.
    pub fn finish(&mut self, mut on_event: impl FnMut(Event<'_>) -> bool) -> Result<(), EventTooLong> {
        if !self.carry.is_empty() {
            self.whole_line(0, &mut |_, _| true)?;
        }
        self.dispatch(0, &mut |event, _| on_event(event));
        Ok(())
    }

    /// Whether bytes of an event that is not complete are pending.
    pub fn is_pending(&self) -> bool {
        !self.carry.is_empty() || self.has_data
    }

    /// Back to the start of a stream. Buffers are kept unless they grew beyond what an ordinary event needs.
    pub fn reset(&mut self) {
        for buffer in [&mut self.carry, &mut self.data, &mut self.name, &mut self.comment] {
            buffer.clear();
            buffer.shrink_to(16 * 1024);
        }
        self.has_data = false;
        self.skip_lf = false;
        self.begun = false;
    }

    /// Length of the line end at the front of `rest`, which begins with one.
    fn line_end(&mut self, rest: &[u8]) -> usize {
        match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r'] => {
                self.skip_lf = true;
                1
            }
            _ => 1,
        }
    }

    /// The data of `line`, if it is a data line with nothing of its event before it.
    fn lone_data<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        if self.has_data || !self.name.is_empty() {
            return None;
        }
        let value = line.strip_prefix(b"data:")?;
        Some(value.strip_prefix(b" ").unwrap_or(value))
    }

    fn without_bom<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if std::mem::replace(&mut self.begun, true) {
            return line;
        }
        line.strip_prefix(BOM).unwrap_or(line)
    }

    fn keep_split_line(&mut self, part: &[u8]) -> Result<(), EventTooLong> {
        if self.carry.len() + self.data.len() + part.len() > EVENT_LIMIT {
            return Err(EventTooLong);
        }
        self.carry.extend_from_slice(part);
        Ok(())
    }

    /// Takes the line gathered in `carry`, which is complete.
    fn whole_line(
        &mut self,
        at: usize,
        on_event: &mut impl FnMut(Event<'_>, usize) -> bool,
    ) -> Result<bool, EventTooLong> {
        let mut carry = std::mem::take(&mut self.carry);
        let line = self.without_bom(&carry);
        let taken =
            if line.is_empty() { Ok(self.dispatch(at, on_event)) } else { self.field(line).map(|()| true) };
        carry.clear();
        self.carry = carry;
        taken
    }

    /// Takes a line that is not blank.
    fn field(&mut self, line: &[u8]) -> Result<(), EventTooLong> {
        let colon = memchr::memchr(b':', line);
        let (field, value) = colon.map_or((line, &[][..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"" => {
                if !self.comment.is_empty() {
                    self.comment.push(b'\n');
                }
                let room = COMMENT_LIMIT.saturating_sub(self.comment.len());
                self.comment.extend_from_slice(&value[..value.len().min(room)]);
                Ok(())
            }
            b"data" => self.add_data(value),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
                Ok(())
            }
            b"error" => {
                self.name.clear();
                self.name.extend_from_slice(b"error");
                self.add_data(value)
            }
            // `id`, `retry`, and what is no field at all, say nothing about the reply.
            _ => Ok(()),
        }
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), EventTooLong> {
        if self.data.len() + value.len() >= EVENT_LIMIT {
            return Err(EventTooLong);
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        Ok(())
    }

    /// A blank line: hands the event on, if there is one. Without data there is none, unless it reports an error.
    fn dispatch(&mut self, at: usize, on_event: &mut impl FnMut(Event<'_>, usize) -> bool) -> bool {
        let event = Event { name: &self.name, data: &self.data, comment: &self.comment };
        let go_on = (event.data.is_empty() && event.name != b"error") || on_event(event, at);
        self.data.clear();
        self.name.clear();
        self.comment.clear();
        self.has_data = false;
        go_on
    }
}

#[cfg(test)]
mod tests;
