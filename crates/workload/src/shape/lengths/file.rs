//! Pairs of lengths from a file (`workload.lengths_file`): JSON lines with `input_length` and `output_length` (a Mooncake trace has
//! them), or CSV whose first line names these two columns. Whatever else stands in a row is let be.

use std::io::BufRead;

use serde_json::Value;

use super::{Empirical, MOST_TOKENS};
use crate::source::RowError;
use crate::source::lines::{Line, LineReader, kind, object};

/// The two fields.
const FIELDS: [&str; 2] = ["input_length", "output_length"];

/// What a row should be.
const HINT: &str = "a row has the two whole numbers input_length and output_length, as keys of a JSON object or as columns of CSV with \
                    a first line of names";

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct LengthsFile {
    /// The pairs.
    pub pairs: Empirical,
    /// Rows left out because they could not be used.
    pub skipped: u64,
    /// What was wrong with the first of them.
    pub first_skipped: Option<RowError>,
}

/// Reads `input` to its end; `file` is for messages. The first row that cannot be used is an error, unless `skip_bad` leaves such
/// rows out. A file without one good row is an error always.
pub fn read(file: &str, input: impl BufRead, skip_bad: bool) -> Result<LengthsFile, RowError> {
    let mut lines = LineReader::new(file, input, HINT);
    let (mut pairs, mut skipped, mut first_skipped) = (Vec::new(), 0, None);
    let mut columns = None;
    let mut begun = false;
    while let Some(line) = lines.next_line() {
        let line = line?;
        if !begun {
            begun = true;
            if line.bytes.first() != Some(&b'{') {
                columns = Some(Columns::named(&line)?);
                continue;
            }
        }
        let row = columns.as_ref().map_or_else(|| of_json(&line), |columns| columns.row(&line));
        match row {
            Ok(pair) => pairs.push(pair),
            Err(error) if skip_bad && !error.fatal => {
                skipped += 1;
                first_skipped.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match Empirical::new(pairs) {
        Some(pairs) => Ok(LengthsFile { pairs, skipped, first_skipped }),
        None => {
            Err(first_skipped
                .unwrap_or_else(|| lines.last().spot.broken("the file holds no pair of lengths")))
        }
    }
}

fn of_json(line: &Line<'_>) -> Result<(u32, u32), RowError> {
    let mut found = [None; 2];
    object(&line.spot, line.bytes, &mut |key, value| {
        if let Some(at) = FIELDS.iter().position(|field| *field == key) {
            found[at] = Some(tokens(key, &value)?);
        }
        Ok(())
    })?;
    let need = |at: usize| {
        let missing = || line.spot.wrong_field(FIELDS[at], format!("`{}` is not given", FIELDS[at]));
        found[at].ok_or_else(missing)
    };
    Ok((need(0)?, need(1)?))
}

fn tokens(field: &str, value: &Value) -> Result<u32, String> {
    let Value::Number(number) = value else {
        return Err(format!("`{field}` must be a number of tokens, and is {}", kind(value)));
    };
    // A CSV made from floating-point columns has 128.0.
    let whole = number.as_f64().filter(|n| n.fract() == 0.0 && (1.0..=f64::from(MOST_TOKENS)).contains(n));
    whole.map(|n| n as u32).ok_or_else(|| {
        format!("`{field}` must be a whole number of tokens from 1 to {MOST_TOKENS}, and is {number}")
    })
}

/// Where the two fields stand in a row of CSV.
struct Columns([usize; 2]);

impl Columns {
    fn named(line: &Line<'_>) -> Result<Self, RowError> {
        let names = cells(line.bytes);
        let at = |field: &str| {
            let named = names.iter().position(|(_, name)| name == field);
            named.ok_or_else(|| RowError {
                fatal: true,
                ..line.spot.wrong_field(field, format!("no column is named `{field}`"))
            })
        };
        Ok(Self([at(FIELDS[0])?, at(FIELDS[1])?]))
    }

    fn row(&self, line: &Line<'_>) -> Result<(u32, u32), RowError> {
        let cells = cells(line.bytes);
        let need = |n: usize| {
            let field = FIELDS[n];
            let Some((start, cell)) = cells.get(self.0[n]) else {
                let what = format!("`{field}` is not given: the row has {} columns", cells.len());
                return Err(line.spot.wrong_field(field, what));
            };
            let value = cell.parse().map_or_else(|_| Value::String(cell.clone()), Value::Number);
            tokens(field, &value).map_err(|what| {
                let what = if value.is_number() { what } else { format!("{what}: `{cell}`") };
                let column = line.spot.column + *start as u64;
                RowError { column, ..line.spot.wrong_field(field, what) }
            })
        };
        Ok((need(0)?, need(1)?))
    }
}

/// The cells of a row of CSV without their quotes, each with where it starts. Quoted cells end with their line.
fn cells(row: &[u8]) -> Vec<(usize, String)> {
    let (mut cells, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in row.iter().copied().chain([b',']).enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted || at == row.len() => {
                let cell = String::from_utf8_lossy(&row[start..at]);
                cells.push((start, cell.trim().trim_matches('"').trim().to_owned()));
                start = at + 1;
            }
            _ => {}
        }
    }
    cells
}
