//! The error table: what failed, how often, in the server's own words.

use tokmark_measure::summary::FailureRow;

use crate::layout;

/// Rows shown; the rest is counted.
const MOST: usize = 10;
/// Columns of a message.
const MESSAGE: usize = 60;

/// The table; empty without failures.
pub fn table(failures: &[FailureRow]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = failures
        .iter()
        .take(MOST)
        .map(|row| {
            vec![
                row.count.to_string(),
                row.kind.clone(),
                row.status.map_or_else(|| layout::NONE.to_owned(), |s| s.to_string()),
                layout::one_line(&row.message, MESSAGE),
            ]
        })
        .collect();
    let mut out = layout::table(&["count", "failure", "status", "message"], &rows, 4);
    let rest = &failures[failures.len().min(MOST)..];
    if !rest.is_empty() {
        let attempts: u64 = rest.iter().map(|r| r.count).sum();
        layout::put(
            &mut out,
            format_args!("  … and {attempts} more in {} other rows of summary.json\n", rest.len()),
        );
    }
    out
}
