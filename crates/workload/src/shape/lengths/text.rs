//! A written distribution, read character by character, so that an error can say where.

use super::MOST_TOKENS;

/// Lengths that were not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("workload.lengths `{text}`, character {at}: {what}\nhint: {hint}")]
pub struct LengthsError {
    /// What was written.
    pub text: String,
    /// Where reading stopped: 1-based, in characters.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
    /// What to write.
    pub hint: String,
}

/// A place in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    hint: &'static str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, hint: &'static str) -> Self {
        let mut cursor = Self { text, at: 0, hint };
        cursor.blanks();
        cursor
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Where the next character stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// An error at byte `at`.
    pub(super) fn wrong_at(&self, at: usize, what: impl Into<String>) -> LengthsError {
        self.wrong_with(at, what, self.hint)
    }

    /// An error at byte `at` with a hint of its own.
    pub(super) fn wrong_with(
        &self,
        at: usize,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> LengthsError {
        LengthsError {
            text: self.text.to_owned(),
            at: self.text[..at].chars().count() + 1,
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// Takes `wanted` and the blanks behind it, if it is next.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
            self.blanks();
        }
        found
    }

    /// Takes `wanted` or fails.
    pub(super) fn need(&mut self, wanted: char) -> Result<(), LengthsError> {
        if self.take(wanted) {
            return Ok(());
        }
        Err(self.wrong_at(self.at, format!("`{wanted}` is wanted here, and {} stands", self.next())))
    }

    /// Fails unless nothing is left.
    pub(super) fn end(&self) -> Result<(), LengthsError> {
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(self.wrong_at(self.at, format!("nothing more is wanted here, and {} stands", self.next())))
    }

    fn next(&self) -> String {
        self.rest().chars().next().map_or_else(|| "nothing".to_owned(), |found| format!("`{found}`"))
    }

    /// A number, at least `least` and at most [`MOST_TOKENS`], and the blanks behind it.
    pub(super) fn number(&mut self, name: &str, least: f64) -> Result<f64, LengthsError> {
        let start = self.at;
        let digits = self.rest().bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let written = &self.rest()[..digits];
        let Ok(number) = written.parse::<f64>() else {
            let found = if digits == 0 { self.next() } else { format!("`{written}`") };
            return Err(self.wrong_at(start, format!("{name} must be a number, and is {found}")));
        };
        self.at += digits;
        self.blanks();
        if !(least..=f64::from(MOST_TOKENS)).contains(&number) {
            let what = format!("{name} is {written}, and must be from {least} to {MOST_TOKENS}");
            return Err(self.wrong_at(start, what));
        }
        Ok(number)
    }

    /// A whole number, at least `least` and at most [`MOST_TOKENS`].
    pub(super) fn whole(&mut self, name: &str, least: u32) -> Result<u32, LengthsError> {
        let start = self.at;
        let number = self.number(name, f64::from(least))?;
        if self.text[start..self.at].contains('.') {
            let what =
                format!("{name} must be a whole number, and is {}", self.text[start..self.at].trim_end());
            return Err(self.wrong_at(start, what));
        }
        Ok(number as u32)
    }
}
