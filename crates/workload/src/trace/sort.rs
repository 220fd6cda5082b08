//! Rows in the order of their times, for traces that are written in another.

use super::row::{TraceRow, TraceRows};
use crate::source::RowError;

/// All rows, held in memory; rows of one time stay in the order of the file.
pub struct Sorted {
    rows: std::vec::IntoIter<TraceRow>,
    file: String,
}

impl Sorted {
    /// Reads `source` to its end. What cannot be read, or has no time, goes to `wrong`, which may stop it.
    pub fn read<E>(
        source: &mut impl TraceRows,
        mut wrong: impl FnMut(RowError) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut rows = Vec::new();
        let mut row = TraceRow::default();
        while let Some(read) = source.next_row(&mut row) {
            let timed = read.and_then(|()| row.at().map_err(|unfit| unfit.at(source.file(), row.line)));
            match timed {
                Ok(at) => rows.push((at, std::mem::take(&mut row))),
                Err(error) => wrong(error)?,
            }
        }
        rows.sort_by_key(|(at, _)| *at);
        let rows: Vec<TraceRow> = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Self { rows: rows.into_iter(), file: source.file().to_owned() })
    }
}

impl TraceRows for Sorted {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        *row = self.rows.next()?;
        Some(Ok(()))
    }

    fn file(&self) -> &str {
        &self.file
    }
}
