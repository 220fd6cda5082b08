//! Whether every row of a trace is what it should be.

use std::collections::BTreeMap;

use serde::Serialize;
use tokmark_base::Micros;

use super::row::{TraceRow, Unfit};
use crate::source::RowError;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Check {
    /// Rows, those that cannot be read among them.
    pub rows: u64,
    /// Rows with any problem.
    pub bad_rows: u64,
    /// Problems by their kind.
    pub problems: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub first: Vec<Named>,
}

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its kind.
    pub kind: &'static str,
    /// The file.
    pub file: String,
    /// 1-based line.
    pub line: u64,
    /// 1-based column, in bytes.
    pub column: u64,
    /// The field to blame, if one is.
    pub field: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Check {
    /// How many problems there are.
    pub fn all(&self) -> u64 {
        self.problems.values().sum()
    }
}

/// Checks rows one by one.
#[derive(Debug)]
pub struct Checker {
    block_size: u32,
    most_named: usize,
    before: Option<Micros>,
    found: Check,
}

impl Checker {
    /// With blocks of `block_size` tokens; the first `most_named` problems are kept with their places.
    pub fn new(block_size: u32, most_named: usize) -> Self {
        Self { block_size, most_named, before: None, found: Check::default() }
    }

    /// A row that cannot be read. A broken file is no row.
    pub fn unreadable(&mut self, error: RowError) {
        let kind = if error.fatal { "broken_file" } else { "unreadable_row" };
        self.found.rows += u64::from(!error.fatal);
        self.found.bad_rows += u64::from(!error.fatal);
        self.count(kind, error);
    }

    /// A row that was read.
    pub fn row(&mut self, file: &str, row: &TraceRow) {
        self.found.rows += 1;
        let problems = [
            ("too_few_ids", row.input.and_then(|input| row.too_few_ids(input, self.block_size))),
            ("too_many_ids", row.input.and_then(|input| row.too_many_ids(input, self.block_size))),
            ("out_of_order", self.out_of_order(row)),
        ];
        let mut bad = false;
        for (kind, problem) in problems {
            if let Some(unfit) = problem {
                bad = true;
                self.count(kind, unfit.at(file, row.line));
            }
        }
        self.found.bad_rows += u64::from(bad);
        self.before = row.at.or(self.before);
    }

    /// What was found in `file`. That there was no row at all is a problem, too.
    pub fn finish(mut self, file: &str) -> Check {
        if self.found.rows == 0 && self.found.problems.is_empty() {
            let unfit = Unfit {
                field: "timestamp",
                what: "the file holds no row".to_owned(),
                hint: "give a trace with at least one row".to_owned(),
            };
            self.count("no_row", RowError { field: None, ..unfit.at(file, 1) });
        }
        self.found
    }

    fn count(&mut self, kind: &'static str, error: RowError) {
        *self.found.problems.entry(kind).or_default() += 1;
        if self.found.first.len() < self.most_named {
            let RowError { file, line, column, field, what, hint, .. } = error;
            self.found.first.push(Named { kind, file, line, column, field, what, hint });
        }
    }

    fn out_of_order(&self, row: &TraceRow) -> Option<Unfit> {
        (row.at? < self.before?).then(|| Unfit {
            field: "timestamp",
            what: "`timestamp` is before that of the row above it".to_owned(),
            hint: "sort the rows by time".to_owned(),
        })
    }
}
