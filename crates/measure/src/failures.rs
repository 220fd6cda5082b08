//! The error table: failures by kind, status and message.

use std::collections::BTreeMap;

use tokmark_record::{Cut, FailureKind};

use crate::summary::FailureRow;

/// Failures by kind, status and message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(BTreeMap<(String, Option<u16>, String), u64>);

impl Failures {
    /// So many different messages are told apart; a server that puts an id into each would fill the memory.
    const MOST: usize = 200;

    /// Adds one failed attempt.
    pub(crate) fn add(&mut self, kind: &str, status: Option<u16>, message: &str) {
        let mut key = (kind.to_owned(), status, message.to_owned());
        if self.0.len() >= Self::MOST && !self.0.contains_key(&key) {
            "(other messages)".clone_into(&mut key.2);
        }
        *self.0.entry(key).or_insert(0) += 1;
    }

    /// Attempts in the table.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The rows, most frequent first.
    pub(crate) fn rows(&self) -> Vec<FailureRow> {
        let mut rows: Vec<_> = self
            .0
            .iter()
            .map(|((kind, status, message), count)| FailureRow {
                kind: kind.clone(),
                status: *status,
                message: message.clone(),
                count: *count,
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        rows
    }
}

/// The word of the docs and the error table for a kind of failure.
pub(crate) fn kind_name(kind: FailureKind) -> String {
    // A unit variant always serialises to its snake_case name.
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Our own words for an attempt we ended.
pub(crate) fn cut_message(by: Cut) -> &'static str {
    match by {
        Cut::Grace => "still running when the grace period ended",
        Cut::Interrupt => "still running when the run was interrupted",
        Cut::Plan => "given up by its client, as planned",
    }
}
