//! Azure's LLM inference traces of 2023 and 2024 (<https://github.com/Azure/AzurePublicDataset>): CSV with `TIMESTAMP`,
//! `ContextTokens` and `GeneratedTokens`.
//!
//! `TIMESTAMP` is a date and time: `2023-11-16 18:15:46.6805900` (2023: steps of 100 ns) or `2024-05-12 00:00:00.009930+00:00`
//! (2024: with the distance from UTC). Kept to the microsecond, counted from 1970 in UTC. Nothing is known of what requests share:
//! every input is fresh words.

use std::collections::BTreeMap;
use std::io::BufRead;

use tokmark_base::Micros;

use super::row::{Row, RowError, Rows, Said};
use super::table::{Column, Table, tokens};

const HINT: &str = "an Azure LLM inference trace is CSV with the columns TIMESTAMP (2023-11-16 18:15:46.6805900), ContextTokens and GeneratedTokens";

const COLUMNS: &[Column] =
    &[Column::needed("TIMESTAMP"), Column::needed("ContextTokens"), Column::needed("GeneratedTokens")];

/// See the module.
pub struct Azure(Table);

impl Azure {
    /// Reads `input`; `file` is for messages.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>) -> Self {
        Self(Table::new(file, input, HINT, COLUMNS))
    }

    fn row(&self) -> Result<Row, RowError> {
        let positive = |text: &str| match tokens(text) {
            Ok(0) | Err(_) => Err("a whole number of tokens, from 1 to 10000000"),
            Ok(n) => Ok(n),
        };
        Ok(Row {
            at: Some(self.0.value(0, |text| instant(text).ok_or("a date and time"))?),
            input_length: Some(self.0.value(1, positive)?),
            output_length: Some(self.0.value(2, positive)?),
            said: Said::Length,
            ..Row::default()
        })
    }
}

impl Rows for Azure {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        Some(self.0.advance()?.and_then(|()| self.row()))
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.0.wrong(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.0.ignored()
    }
}

/// `2023-11-16 18:15:46.6805900`, `2024-05-12T00:00:00+00:00`: time since 1970 in UTC, which it is taken for unless it says
/// otherwise; half a microsecond is rounded up.
fn instant(text: &str) -> Option<Micros> {
    let (date, rest) = text.split_once([' ', 'T'])?;
    let mut parts = date.split('-');
    let mut part = |width: usize| parts.next().and_then(|digits| number(digits, width));
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    let (clock, ahead) = match rest.find(['Z', '+', '-']) {
        Some(at) => (&rest[..at], offset(&rest[at..])?),
        None => (rest, 0),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    let mut part = || parts.next().and_then(|digits| number(digits, 2));
    let (hour, minute, second) = (part()?, part()?, part()?);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - ahead;
    Some(Micros(seconds * 1_000_000 + micros(fraction)?))
}

/// Digits, `width` of them.
fn number(digits: &str, width: usize) -> Option<i64> {
    (digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// `Z`, `+05:30`: seconds ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = text.split_at(1);
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    let seconds = number(hours, 2)? * 3_600 + number(minutes, 2)? * 60;
    Some(if sign == "-" { -seconds } else { seconds })
}

/// Digits behind a point, as microseconds.
fn micros(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digit = |at: usize| digits.as_bytes().get(at).map_or(0, |b| i64::from(b - b'0'));
    let whole = (0..6).fold(0, |n, at| n * 10 + digit(at));
    Some(whole + i64::from(digit(6) >= 5))
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1 January 1970 to a day of the Gregorian calendar, counted in eras of 400 years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::golden::{all, errors};

    fn azure(text: &str) -> Azure {
        Azure::new("t.csv", Box::new(std::io::Cursor::new(text.to_owned().into_bytes())))
    }

    /// Times in µs from the first, input and output tokens.
    fn told(text: &str) -> Vec<(i64, u32, u32)> {
        let rows = all(&mut azure(text));
        let first = rows[0].at.unwrap();
        rows.iter()
            .map(|row| ((row.at.unwrap() - first).0, row.input_length.unwrap(), row.output_length.unwrap()))
            .collect()
    }

    #[test]
    fn both_layouts_are_read() {
        let rows = [(0, 374, 44), (4_314_579, 396, 109), (4_541_977, 879, 55), (4_710_427, 91, 16)];
        assert_eq!(told(include_str!("../../tests/golden/azure/2023.csv")), rows);
        let rows = [(0, 2_162, 5), (7_405, 2_399, 6), (990_070, 76, 15), (1_110_070, 2_376, 16)];
        assert_eq!(told(include_str!("../../tests/golden/azure/2024.csv")), rows);
    }

    #[test]
    fn errors_name_line_column_and_field() {
        let names = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
        for (line, column, field, what) in [
            ("yesterday,1,2", 1, Some("TIMESTAMP"), "must be a date and time, and is `yesterday`"),
            ("2023-11-16 18:15:46,x,2", 21, Some("ContextTokens"), "from 1 to 10000000, and is `x`"),
            ("2023-11-16 18:15:46,0,2", 21, Some("ContextTokens"), "from 1 to 10000000, and is `0`"),
            ("2023-11-16 18:15:46,12,-2", 24, Some("GeneratedTokens"), "and is `-2`"),
            ("2023-11-16 18:15:46,12,", 24, Some("GeneratedTokens"), "is empty"),
            ("2023-11-16 18:15:46,12", 1, None, "has 2 columns, and 3 are needed"),
        ] {
            let mut rows = azure(&format!("{names}\n{line}\n2023-11-16 18:15:46,1,2\n"));
            let errors = errors(&mut rows);
            let [error] = &errors[..] else { panic!("{line}: {errors:?}") };
            assert_eq!((error.line, error.column, error.field.as_deref()), (3, column, field), "{error}");
            assert!(
                error.to_string().contains(what) && error.to_string().contains("hint: an Azure"),
                "{error}"
            );
        }
        let errors = errors(&mut azure("TIMESTAMP,ContextTokens\nx,1\n"));
        assert!(errors[0].fatal && errors[0].what.contains("no column `GeneratedTokens`"), "{errors:?}");
    }

    #[test]
    fn times_are_exact() {
        // Seconds from `date -u -d … +%s`.
        for (text, micros) in [
            ("1970-01-01 00:00:00", 0),
            ("2023-11-16 18:15:46.6805900", 1_700_158_546_680_590),
            ("2023-11-16 18:15:46.6805905", 1_700_158_546_680_591),
            ("2024-05-12 00:00:00+00:00", 1_715_472_000_000_000),
            ("2024-05-12 00:00:00.009930+00:00", 1_715_472_000_009_930),
            ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000),
            ("2024-03-01 01:00:00+02:00", 1_709_247_600_000_000),
            ("2000-02-29 12:00:00-01:30", 951_831_000_000_000),
        ] {
            assert_eq!(instant(text), Some(Micros(micros)), "{text}");
        }
        for text in [
            "",
            "now",
            "2023-11-16",
            "2023-02-29 00:00:00",
            "2023-13-01 00:00:00",
            "2023-1-01 00:00:00",
            "2023-11-16 24:00:00",
            "2023-11-16 18:15",
            "2023-11-16 18:15:46.",
            "2023-11-16 18:15:46.x",
            "2023-11-16 18:15:46+2",
            "-023-11-16 18:15:46",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
