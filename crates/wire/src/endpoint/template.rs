//! The fast path: the events of one reply differ only in their words.
//!
//! After a full parse of a plain content event, its bytes are kept with the place of the words as a hole. A later event that
//! is the same bytes around a string without escapes parses to the same thing with other words, whatever the server's keys,
//! their order and their spacing: the shortcut assumes nothing about them and needs no parse. Anything else (an escape, a
//! finish reason, a usage object, another second in `created`) fails the comparison and is parsed in full.

use std::borrow::Cow;

use super::Chunk;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Template {
    /// An event's data.
    model: Vec<u8>,
    /// Where its words begin and end, quotes excluded.
    hole: std::ops::Range<usize>,
    reasoning: bool,
}

/// Longest event worth keeping; longer ones carry logprobs or whole answers and do not repeat.
const MODEL_LIMIT: usize = 4096;

impl Template {
    /// Remembers `data` if all it says is one piece of text.
    pub(crate) fn learn(&mut self, data: &[u8], chunk: &Chunk<'_>) {
        let plain = chunk.finish_reason.is_none()
            && chunk.usage.is_none()
            && chunk.error.is_none()
            && chunk.server.is_none()
            && !chunk.whole
            && chunk.calls.is_empty();
        let (text, reasoning) = match (&chunk.output.0, &chunk.reasoning.0) {
            (Cow::Borrowed(text), other) if other.is_empty() => (text, false),
            (other, Cow::Borrowed(text)) if other.is_empty() => (text, true),
            _ => return,
        };
        if !plain || text.is_empty() || data.len() > MODEL_LIMIT {
            return;
        }
        // The parser borrowed the text from the data, so the difference of their addresses is its place.
        let start = (text.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
        let end = start.wrapping_add(text.len());
        if start == 0 || data.get(start..end) != Some(text.as_bytes()) {
            return;
        }
        self.model.clear();
        self.model.extend_from_slice(data);
        self.hole = start..end;
        self.reasoning = reasoning;
    }

    /// The words of `data` and whether they are reasoning, if it is the model with other words.
    pub(crate) fn words<'a>(&self, data: &'a [u8]) -> Option<(&'a str, bool)> {
        let (before, after) = (&self.model[..self.hole.start], &self.model[self.hole.end..]);
        let words = data.strip_prefix(before)?.strip_suffix(after)?;
        // No words at all may bring another field to the fore (`reasoning` beside an empty `reasoning_content`).
        if before.is_empty() || words.is_empty() {
            return None;
        }
        let plain = words.iter().all(|b| *b >= b' ' && *b != b'"' && *b != b'\\');
        if !plain {
            return None;
        }
        Some((std::str::from_utf8(words).ok()?, self.reasoning))
    }
}

#[cfg(test)]
mod tests;
