//! Several traces as one, in the order of their times.

use std::collections::HashMap;

use tokmark_base::Micros;

use super::intern::Mixed;
use super::row::{TraceRow, TraceRows};
use crate::source::RowError;

/// Whether the same hash id (and the same session) in two traces means the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdSpaces {
    /// No: each trace's ids are its own, and get new numbers.
    Apart,
    /// Yes: ids stay as they are.
    Shared,
}

/// Merges traces, each of which must be in the order of its times.
pub struct Merged<T> {
    inputs: Vec<Input<T>>,
    ids: IdSpaces,
    keep_times: bool,
    numbers: HashMap<(u64, u32), u64, Mixed>,
    /// The input whose row was given out last and has to be read on.
    read_on: Option<usize>,
    started: bool,
}

struct Input<T> {
    source: T,
    /// The next row, if there is one.
    row: Option<TraceRow>,
    spare: TraceRow,
    origin: Option<Micros>,
    last: Micros,
}

impl<T: TraceRows> Merged<T> {
    /// Of `sources`. Each begins at 0, unless its times are to be kept. Rows of one time come in the order of `sources`.
    pub fn new(sources: Vec<T>, ids: IdSpaces, keep_times: bool) -> Self {
        let input = |source| Input {
            source,
            row: None,
            spare: TraceRow::default(),
            origin: None,
            last: Micros(i64::MIN),
        };
        let inputs = sources.into_iter().map(input).collect();
        Self { inputs, ids, keep_times, numbers: HashMap::default(), read_on: None, started: false }
    }

    /// The files that gave no row.
    pub fn without_rows(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().filter(|input| input.origin.is_none()).map(|input| input.source.file())
    }

    fn own_names(&mut self, from: usize, row: &mut TraceRow) {
        for id in &mut row.ids {
            let next = self.numbers.len() as u64;
            *id = *self.numbers.entry((*id, from as u32)).or_insert(next);
        }
        if let Some(session) = &mut row.session {
            *session = format!("{}:{session}", from + 1);
        }
    }
}

impl<T: TraceRows> Input<T> {
    /// Reads the next row.
    fn advance(&mut self, keep_times: bool) -> Result<(), RowError> {
        let mut row = std::mem::take(&mut self.spare);
        match self.source.next_row(&mut row) {
            None => return Ok(()),
            Some(read) => read?,
        }
        let at = row.at().map_err(|unfit| unfit.at(self.source.file(), row.line))?;
        if at < self.last {
            let unfit = super::row::Unfit {
                field: "timestamp",
                what: "`timestamp` is before that of the row above it".to_owned(),
                hint: "traces to be merged must be in the order of their times".to_owned(),
            };
            return Err(unfit.at(self.source.file(), row.line));
        }
        self.last = at;
        let origin = *self.origin.get_or_insert(at);
        if !keep_times {
            row.at = Some(at - origin);
        }
        self.row = Some(row);
        Ok(())
    }
}

impl<T: TraceRows> TraceRows for Merged<T> {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        let pending = if self.started {
            self.read_on.into_iter().collect()
        } else {
            (0..self.inputs.len()).collect::<Vec<_>>()
        };
        self.started = true;
        for index in pending {
            // After an error the same input is read on at the next call.
            self.read_on = Some(index);
            if let Err(error) = self.inputs[index].advance(self.keep_times) {
                return Some(Err(error));
            }
        }
        let waiting = self.inputs.iter().enumerate();
        let (_, from) = waiting.filter_map(|(index, input)| Some((input.row.as_ref()?.at, index))).min()?;
        let mut next = self.inputs[from].row.take()?;
        if self.ids == IdSpaces::Apart {
            self.own_names(from, &mut next);
        }
        self.inputs[from].spare = std::mem::replace(row, next);
        self.read_on = Some(from);
        Some(Ok(()))
    }

    fn file(&self) -> &str {
        self.inputs.first().map_or("", |input| input.source.file())
    }
}
