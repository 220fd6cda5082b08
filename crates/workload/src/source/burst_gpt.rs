//! BurstGPT (<https://github.com/HPMLL/BurstGPT>): CSV of requests to ChatGPT and GPT-4, in both published sets of columns.
//!
//! | release | columns |
//! |---|---|
//! | 1.1 | `Timestamp`, `Model`, `Request tokens`, `Response tokens`, `Total tokens`, `Log Type` |
//! | 2.0, third file | the same with `Session ID` and `Elapsed time` behind `Timestamp` |
//!
//! `Timestamp` is seconds from the first day's midnight. Rows whose `Response tokens` are 0 are the trace's failed requests, as its
//! authors say: they are left out and counted, and are no bad rows. Rows of one `Session ID` (conversations alone have one) are the
//! turns of one session; what they share is not known, so that every input is fresh words.

use std::collections::BTreeMap;
use std::io::BufRead;

use tokmark_base::Micros;

use super::row::{Row, RowError, Rows, Said};
use super::table::{Column, Table, tokens};

const HINT: &str = "a BurstGPT trace is CSV with the columns Timestamp (s), Request tokens and Response tokens, and Session ID if it has them";

const COLUMNS: &[Column] = &[
    Column::needed("Timestamp"),
    Column::needed("Request tokens"),
    Column::needed("Response tokens"),
    Column::optional("Session ID"),
];

/// The same for who wants only some of the rows.
const FILTERED: &[Column] = &[
    Column::needed("Timestamp"),
    Column::needed("Request tokens"),
    Column::needed("Response tokens"),
    Column::optional("Session ID"),
    Column::needed("Model"),
    Column::needed("Log Type"),
];

/// Which rows are wanted; `None`: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// By `Model`: `ChatGPT` or `GPT-4`.
    pub model: Option<String>,
    /// By `Log Type`: `Conversation log` or `API log`.
    pub log_type: Option<String>,
}

/// What rows without a reply are.
const FAILED: &str = "requests that failed (Response tokens 0)";

/// What rows of another model or log are.
const UNWANTED: &str = "requests of another model or log";

/// See the module.
pub struct BurstGpt {
    table: Table,
    only: Option<Only>,
    failed: u64,
    unwanted: u64,
}

impl BurstGpt {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self { table: Table::new(file, input, HINT, COLUMNS), only: None, failed: 0, unwanted: 0 }
    }

    /// The same, of only some of the rows; the others are left out and counted, whatever else may be wrong with them.
    pub fn filtered(file: &str, input: Box<dyn BufRead + Send>, only: Only) -> Self {
        Self { table: Table::new(file, input, HINT, FILTERED), only: Some(only), failed: 0, unwanted: 0 }
    }

    fn is_wanted(&self) -> bool {
        let is = |column, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| self.table.field(column) == Some(wanted))
        };
        self.only.as_ref().is_none_or(|only| is(4, &only.model) && is(5, &only.log_type))
    }

    /// The row; `None` if its request failed.
    fn row(&self) -> Result<Option<Row>, RowError> {
        let at = self.table.value(0, seconds)?;
        let input_length = self.table.value(1, tokens)?;
        let output_length = self.table.value(2, tokens)?;
        if output_length == 0 {
            return Ok(None);
        }
        if input_length == 0 {
            let what = "`Request tokens` is 0, and there was a reply".to_owned();
            return Err(self.table.wrong(Some("Request tokens"), what));
        }
        Ok(Some(Row {
            at: Some(at),
            input_length: Some(input_length),
            output_length: Some(output_length),
            session: self.table.field(3).map(str::to_owned),
            said: Said::Length,
            ..Row::default()
        }))
    }
}

impl Rows for BurstGpt {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        loop {
            let read = self.table.advance()?;
            if read.is_ok() && !self.is_wanted() {
                self.unwanted += 1;
                continue;
            }
            match read.and_then(|()| self.row()) {
                Ok(Some(row)) => return Some(Ok(row)),
                Ok(None) => self.failed += 1,
                Err(e) => return Some(Err(e)),
            }
        }
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.table.wrong(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.table.ignored()
    }

    fn left_out(&self) -> BTreeMap<&'static str, u64> {
        let counts = [(FAILED, self.failed), (UNWANTED, self.unwanted)];
        counts.into_iter().filter(|(_, n)| *n > 0).collect()
    }
}

fn seconds(text: &str) -> Result<Micros, &'static str> {
    match text.parse::<f64>() {
        Ok(s) if (0.0..=9e9).contains(&s) => Ok(Micros(libm::round(s * 1e6) as i64)),
        _ => Err("a time in seconds, from 0 on"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::source::golden::{all, errors};

    fn burst(text: &str) -> BurstGpt {
        BurstGpt::new("t.csv", Box::new(std::io::Cursor::new(text.to_owned().into_bytes())))
    }

    /// Times in ms and lengths, as AIPerf 0.13.0 has them, without the failed requests that it keeps.
    fn aiperf(file: &str) -> Vec<(f64, u64, u64)> {
        let said: Value =
            serde_json::from_str(include_str!("../../tests/golden/mooncake/said.json")).unwrap();
        let turns = said[file].as_array().unwrap().iter().map(|conversation| &conversation["turns"][0]);
        turns
            .map(|turn| {
                let number = |key: &str| turn[key].as_u64().unwrap();
                (turn["timestamp"].as_f64().unwrap(), number("input_length"), number("output_length"))
            })
            .filter(|(_, _, output)| *output > 0)
            .collect()
    }

    fn told(rows: &[Row]) -> Vec<(f64, u64, u64)> {
        let length = |length: Option<u32>| u64::from(length.unwrap());
        rows.iter()
            .map(|row| (row.at.unwrap().as_millis_f64(), length(row.input_length), length(row.output_length)))
            .collect()
    }

    #[test]
    fn both_sets_of_columns_are_read() {
        let mut rows = burst(include_str!("../../tests/golden/burst_gpt/release_1.csv"));
        let read = all(&mut rows);
        assert_eq!(told(&read), aiperf("burst_gpt/release_1.csv"));
        assert_eq!(told(&read)[3], (1_129_000.0, 1_305, 477));
        assert!(read.iter().all(|row| row.session.is_none()));
        assert_eq!(rows.left_out(), BTreeMap::from([(FAILED, 1)]));
        let unused: Vec<_> = rows.ignored().iter().map(|(name, n)| (&name[..], *n)).collect();
        assert_eq!(unused, [("Log Type", 5), ("Model", 5), ("Total tokens", 5)]);

        let read = all(&mut burst(include_str!("../../tests/golden/burst_gpt/release_2.csv")));
        assert_eq!(told(&read), aiperf("burst_gpt/release_2.csv"));
        let sessions: Vec<_> = read.iter().map(|row| row.session.as_deref()).collect();
        assert_eq!(sessions, [Some("7d1f"), None, Some("7d1f"), Some("90aa")]);
    }

    #[test]
    fn errors_name_line_column_and_field() {
        let names = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n";
        for (line, column, field, what) in [
            ("-1,GPT-4,1,2,3,x", 1, "Timestamp", "a time in seconds"),
            ("nan,GPT-4,1,2,3,x", 1, "Timestamp", "a time in seconds"),
            ("1,GPT-4,1.5,2,3,x", 9, "Request tokens", "and is `1.5`"),
            ("1,GPT-4,0,2,3,x", 9, "Request tokens", "there was a reply"),
            ("1,GPT-4,1,many,3,x", 11, "Response tokens", "and is `many`"),
        ] {
            let errors = errors(&mut burst(&format!("{names}{line}\n1,GPT-4,1,2,3,x\n")));
            let [error] = &errors[..] else { panic!("{line}: {errors:?}") };
            assert_eq!(
                (error.line, error.column, error.field.as_deref()),
                (2, column, Some(field)),
                "{error}"
            );
            assert!(error.what.contains(what), "{error}");
        }
    }
}
