//! Quantities as newtypes, and how people write them (`30s`, `5m`, `10k`).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A point on a run's monotonic time line, or a distance on it, in whole microseconds.
///
/// Points count from the run's anchor (t = 0 is the moment the load may start) and may be negative for what happened
/// before it. One microsecond is a thirtieth of the best receive path's own noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// Later than anything.
    pub const MAX: Self = Self(i64::MAX);

    /// From whole milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1_000)
    }

    /// From seconds, rounded to the nearest microsecond; saturates at the ends of `i64`.
    pub fn from_secs_f64(s: f64) -> Self {
        Self((s * 1e6).round() as i64)
    }

    /// As milliseconds.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// As seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// `self − other`, or zero if that would be negative.
    #[must_use]
    pub const fn since(self, other: Self) -> Self {
        let d = self.0.saturating_sub(other.0);
        Self(if d < 0 { 0 } else { d })
    }
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Micros {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Micros {
    /// `950 µs`, `12.3 ms`, `4.56 s`, `3m20s`: three significant figures, the unit a person would choose.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0;
        match us.unsigned_abs() {
            0..1_000 => write!(f, "{us} µs"),
            1_000..1_000_000 => write!(f, "{} ms", significant(us as f64 / 1e3)),
            1_000_000..100_000_000 => write!(f, "{} s", significant(us as f64 / 1e6)),
            _ => {
                let s = us / 1_000_000;
                write!(f, "{}m{:02}s", s / 60, (s % 60).abs())
            }
        }
    }
}

/// Three significant figures without an exponent: `0.123`, `1.23`, `12.3`, `123`, `1234`.
pub fn significant(x: f64) -> String {
    let a = x.abs();
    let places = if a >= 99.95 {
        0
    } else if a >= 9.995 {
        1
    } else if a >= 0.9995 {
        2
    } else {
        3
    };
    format!("{x:.places$}")
}

/// A number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tokens(pub u32);

/// Why a written quantity was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseQuantityError {
    /// Not a duration.
    #[error(
        "`{0}` is not a duration\nhint: write a number and a unit, as in 250ms, 30s, 5m, 1h (a bare number is seconds)"
    )]
    Duration(String),
    /// Not a count.
    #[error("`{0}` is not a count\nhint: write a whole number, as in 500, 10k, 2M")]
    Count(String),
}

/// Reads `250us`, `250ms`, `30s`, `5m`, `1h`, `1.5s`, `1h30m`; a bare number is seconds. Never negative.
pub fn parse_duration(text: &str) -> Result<Micros, ParseQuantityError> {
    parse_seconds(text, None).map(Micros::from_secs_f64)
}

/// Reads what [`parse_duration`] reads, and `800ns`, to whole nanoseconds.
pub fn parse_nanos(text: &str) -> Result<i64, ParseQuantityError> {
    parse_seconds(text, Some(("ns", 1e-9))).map(|seconds| (seconds * 1e9).round() as i64)
}

fn parse_seconds(text: &str, finest: Option<(&str, f64)>) -> Result<f64, ParseQuantityError> {
    let bad = || ParseQuantityError::Duration(text.to_owned());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let value: f64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match (rest[..letters].trim(), finest) {
            ("us" | "µs", _) => 1e-6,
            ("ms", _) => 1e-3,
            ("s" | "", _) => 1.0,
            ("m" | "min", _) => 60.0,
            ("h", _) => 3600.0,
            ("d", _) => 86_400.0,
            (word, Some((name, seconds))) if word == name => seconds,
            _ => return Err(bad()),
        };
        rest = &rest[letters..];
        total += value * unit;
    }
    if !total.is_finite() || total > 1e9 {
        return Err(bad());
    }
    Ok(total)
}

/// Reads `500`, `10k`, `2M`, `1_000`: a whole number, never negative.
pub fn parse_count(text: &str) -> Result<u64, ParseQuantityError> {
    let bad = || ParseQuantityError::Count(text.to_owned());
    let trimmed = text.trim();
    let (digits, factor) = match trimmed.char_indices().last() {
        Some((i, 'k' | 'K')) => (&trimmed[..i], 1e3),
        Some((i, 'm' | 'M')) => (&trimmed[..i], 1e6),
        Some((i, 'g' | 'G')) => (&trimmed[..i], 1e9),
        _ => (trimmed, 1.0),
    };
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    if plain.is_empty() || !plain.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(bad());
    }
    let value = plain.parse::<f64>().map_err(|_| bad())? * factor;
    if value.fract() != 0.0 || value > 9e15 {
        return Err(bad());
    }
    Ok(value as u64)
}

/// Writes a duration so that [`parse_duration`] reads the same value back, in the largest unit that divides it.
pub fn format_duration(d: Micros) -> String {
    written(d.0, &[("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)])
}

/// Writes whole nanoseconds so that [`parse_nanos`] reads the same value back, in the largest unit that divides them.
pub fn format_nanos(nanos: i64) -> String {
    const UNITS: [(&str, i64); 5] =
        [("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    written(nanos, &UNITS)
}

fn written(value: i64, units: &[(&str, i64)]) -> String {
    match units.iter().find(|(_, size)| value != 0 && value % size == 0) {
        Some((unit, size)) => format!("{}{unit}", value / size),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, us) in [
            ("30", 30_000_000),
            ("30s", 30_000_000),
            ("1.5s", 1_500_000),
            ("250ms", 250_000),
            ("5m", 300_000_000),
            ("1h30m", 5_400_000_000),
            ("7us", 7),
        ] {
            assert_eq!(parse_duration(text), Ok(Micros(us)), "{text}");
        }
        for text in ["", "s", "-3s", "3 parsecs", "1.2.3s", "inf", "1e99s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_as_people_write_them() {
        assert_eq!(parse_count("10k"), Ok(10_000));
        assert_eq!(parse_count("1.5k"), Ok(1_500));
        assert_eq!(parse_count("2M"), Ok(2_000_000));
        for text in ["", "k", "-1", "1.5", "ten", "1e3"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for us in [0, 7, 1_000, 1_500, 30_000_000, 5_400_000_000] {
            assert_eq!(parse_duration(&format_duration(Micros(us))), Ok(Micros(us)));
        }
    }

    #[test]
    fn display_chooses_the_unit() {
        assert_eq!(Micros(950).to_string(), "950 µs");
        assert_eq!(Micros(12_345).to_string(), "12.3 ms");
        assert_eq!(Micros(4_560_000).to_string(), "4.56 s");
        assert_eq!(Micros(200_000_000).to_string(), "3m20s");
    }
}
