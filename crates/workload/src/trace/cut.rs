//! A part of a trace: a window of time, a range of rows, or what both have in common.

use std::ops::Range;

use tokmark_base::Micros;

use super::row::{TraceRow, TraceRows};
use crate::source::RowError;

/// What to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutSpec {
    /// Rows from this time on, counted from the time of the trace's first row.
    pub from: Option<Micros>,
    /// Rows up to this time, it among them, counted likewise.
    pub to: Option<Micros>,
    /// Rows by their number, from 0.
    pub rows: Range<u64>,
    /// Leave times as they are; otherwise the first row kept is at 0.
    pub keep_times: bool,
}

/// Keeps a part of the rows.
pub struct Cut<T> {
    source: T,
    spec: CutSpec,
    n: u64,
    /// The time of the trace's first row.
    origin: Option<Micros>,
    /// The last time of a row that was looked at.
    last: Option<Micros>,
    /// The time of the first row kept.
    base: Option<Micros>,
}

impl<T: TraceRows> Cut<T> {
    /// Of `source`.
    pub fn new(source: T, spec: CutSpec) -> Self {
        Self { source, spec, n: 0, origin: None, last: None, base: None }
    }

    /// Rows read so far.
    pub fn read(&self) -> u64 {
        self.n
    }

    /// From the first row to the last time of the rows read so far; `None` if none of them had one.
    pub fn span(&self) -> Option<Micros> {
        Some(self.last? - self.origin?)
    }

    fn keeps(&mut self, row: &TraceRow) -> Result<bool, RowError> {
        let number = self.n;
        self.n += 1;
        if self.origin.is_none() {
            self.origin = row.at;
        }
        self.last = self.last.max(row.at);
        if !self.spec.rows.contains(&number) {
            return Ok(false);
        }
        if self.spec.from.is_none() && self.spec.to.is_none() {
            return Ok(true);
        }
        let at = row.at().map_err(|unfit| unfit.at(self.source.file(), row.line))?;
        let at = at - self.origin.unwrap_or_default();
        Ok(self.spec.from.is_none_or(|from| at >= from) && self.spec.to.is_none_or(|to| at <= to))
    }
}

impl<T: TraceRows> TraceRows for Cut<T> {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        loop {
            if self.n >= self.spec.rows.end {
                return None;
            }
            if let Err(error) = self.source.next_row(row)? {
                // A row that cannot be read is one all the same.
                self.n += 1;
                return Some(Err(error));
            }
            match self.keeps(row) {
                Err(error) => return Some(Err(error)),
                Ok(false) => {}
                Ok(true) => break,
            }
        }
        if !self.spec.keep_times
            && let Some(at) = row.at
        {
            let base = *self.base.get_or_insert(at);
            row.at = Some(at - base);
        }
        Some(Ok(()))
    }

    fn file(&self) -> &str {
        self.source.file()
    }
}
