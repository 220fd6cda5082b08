//! Why a trace or data set cannot be used.

use std::collections::BTreeMap;

use tokmark_base::Micros;

use crate::course::MOST_TURNS;
use crate::source::row::RowError;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A row cannot be used, and rows are not to be left out.
    #[error("{error}{}", if error.fatal { "" } else { "; or leave rows out that cannot be used (--skip-bad-rows)" })]
    Row {
        /// What is wrong with it, and where.
        error: Box<RowError>,
    },
    /// No row can be used.
    #[error("{file}: there is no row in it that can be used{}\nhint: {}", left_out(*.skipped), .first.as_ref().map_or_else(|| "is this the right file?".to_owned(), |e| format!("the first was left out because of: {e}")))]
    Empty {
        /// The file.
        file: String,
        /// Rows left out.
        skipped: u64,
        /// What was wrong with the first of them.
        first: Option<Box<RowError>>,
    },
    /// The format's own customs leave everything out.
    #[error(
        "{file}: everything in it is left out: {why}\nhint: these are the customs of its format; bring the words into a format without any, as single_turn or multi_turn"
    )]
    LeftOut {
        /// The file.
        file: String,
        /// What was left out how often, and why.
        why: String,
    },
    /// A window of time on rows without times.
    #[error(
        "{key} is set, and the rows of {file} have no times\nhint: leave workload.from and workload.to out (--from, --to), or use a trace with timestamps"
    )]
    NoTimes {
        /// The key.
        key: &'static str,
        /// The file.
        file: String,
    },
    /// A window that holds nothing.
    #[error(
        "workload.from {from} to workload.to {to} holds no row of {file}, whose rows go from 0 to {last}\nhint: both count from the first row of the trace, and both ends are inclusive"
    )]
    Window {
        /// The file.
        file: String,
        /// From here on.
        from: String,
        /// Up to here.
        to: String,
        /// The time of the last row, counted from the first.
        last: Micros,
    },
    /// A session whose first turn has no time, in a trace with times.
    #[error(
        "{file}: the session that begins with usable row {row} has no time there, and other rows have times\nhint: give the first row of each session a timestamp, or no row at all"
    )]
    Untimed {
        /// The file.
        file: String,
        /// 1-based, of the rows that can be used.
        row: u64,
    },
    /// More turns than can be numbered.
    #[error(
        "{file}: the session that begins with usable row {row} has more than {MOST_TURNS} turns\nhint: cut it into shorter sessions"
    )]
    Turns {
        /// The file.
        file: String,
        /// 1-based, of the rows that can be used.
        row: u64,
    },
    /// Sessions of both kinds.
    #[error(
        "{file}: later turns of its sessions hold the whole input in some rows, and only what is new in others\nhint: put them into two files, or let turns say nothing of the turns before them (--history none)"
    )]
    Mixed {
        /// The file.
        file: String,
    },
    /// More rows than can be numbered.
    #[error("{file} has more than {} rows\nhint: cut it (tokmark trace cut)", u32::MAX)]
    TooMany {
        /// The file.
        file: String,
    },
    /// The packed rows cannot be kept.
    #[error(
        "{file}: its rows cannot be kept: {source}\nhint: a large trace is kept in a temporary file: make room there, or set TMPDIR"
    )]
    Shelf {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What was left out by which custom.
pub(super) fn reasons(left_out: &BTreeMap<&'static str, u64>) -> String {
    left_out.iter().map(|(why, n)| format!("{why} ({n})")).collect::<Vec<_>>().join(", ")
}

fn left_out(skipped: u64) -> String {
    if skipped == 0 { String::new() } else { format!(" ({skipped} cannot)") }
}
