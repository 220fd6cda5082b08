//! Durations, counts and extents as a spec writes them (`30s`, `10k`, `10x`), readable from text and from plain numbers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use tokmark_base::Duration;
use tokmark_base::units::{ParseQuantityError, parse_count};
use tokmark_base::written_as_text;

/// A number of requests: a count (`500`, `10k`) or a multiple of the concurrency (`10x`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// This many.
    Exactly(u64),
    /// This many times the concurrency.
    Times(u64),
}

/// How long a phase lasts: a number of requests or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Until this many requests were let go.
    Requests(Count),
    /// For this long.
    For(Duration),
}

/// The warm-up as a spec writes it: an [`Extent`] (`100`, `2x`, `30s`) or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmup {
    /// No phase of its own: the measuring side finds where the run became steady (METHOD, MSER-5).
    Auto,
    /// A phase of this extent.
    Phase(Extent),
}

/// Why a written quantity was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A duration, or a plain count.
    #[error(transparent)]
    Quantity(#[from] ParseQuantityError),
    /// Neither a count nor a multiple.
    #[error(
        "`{0}` is not a number of requests\nhint: write a count (500, 10k) or a multiple of the concurrency (10x)"
    )]
    Count(String),
    /// Neither a count, a multiple nor a time.
    #[error(
        "`{0}` is neither a number of requests nor a time\nhint: write a count (100, 10k), a multiple of the concurrency (2x) or a time (30s)"
    )]
    Extent(String),
    /// Nothing a warm-up may be.
    #[error(
        "`{0}` is not a warm-up\nhint: write a count (100, 10k), a multiple of the concurrency (2x), a time (30s) or `auto`"
    )]
    Warmup(String),
}

impl Count {
    /// The number of requests, given the concurrency; `None` if a multiple is asked and there is no concurrency.
    pub fn resolve(self, concurrency: Option<u32>) -> Option<u64> {
        match self {
            Self::Exactly(n) => Some(n),
            Self::Times(n) => Some(n.saturating_mul(u64::from(concurrency?))),
        }
    }
}

impl FromStr for Count {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let bad = |_| QuantityError::Count(text.to_owned());
        match text.trim().strip_suffix(['x', 'X']) {
            Some(times) => parse_count(times).map(Self::Times).map_err(bad),
            None => parse_count(text).map(Self::Exactly).map_err(bad),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "{n}"),
            Self::Times(n) => write!(f, "{n}x"),
        }
    }
}

impl FromStr for Extent {
    type Err = QuantityError;
    /// `5m` is five minutes and `5M` five million requests: a time is what ends in one of its (lower-case) units.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let bad = || QuantityError::Extent(text.to_owned());
        let trimmed = text.trim();
        if trimmed.ends_with(['s', 'm', 'n', 'h', 'd']) {
            trimmed.parse().map(Self::For).map_err(|_| bad())
        } else {
            trimmed.parse().map(Self::Requests).map_err(|_| bad())
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(count) => count.fmt(f),
            Self::For(duration) => duration.fmt(f),
        }
    }
}

impl FromStr for Warmup {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if text.trim().eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Phase).map_err(|_| QuantityError::Warmup(text.to_owned()))
    }
}

impl fmt::Display for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Phase(extent) => extent.fmt(f),
        }
    }
}

written_as_text!(
    Count,
    "Count",
    r"^\s*[0-9_.]+[kKmMgG]?[xX]?\s*$",
    "10x",
    "A number of requests: 500, 10k, or a multiple of the concurrency: 10x."
);
written_as_text!(
    Extent,
    "Extent",
    r"^\s*([0-9_.]+[kKMgG]?[xX]?|([0-9.]+\s*(us|µs|ms|s|m|min|h|d))+)\s*$",
    "30s",
    "How long a phase lasts: a number of requests (100, 10k, 2x the concurrency) or a time (30s)."
);
written_as_text!(
    Warmup,
    "Warmup",
    r"^\s*(auto|[0-9_.]+[kKMgG]?[xX]?|([0-9.]+\s*(us|µs|ms|s|m|min|h|d))+)\s*$",
    "2x",
    "The warm-up: a number of requests (100, 2x the concurrency), a time (30s), or auto."
);

#[cfg(test)]
mod tests {
    use tokmark_base::Micros;

    use super::*;

    #[test]
    fn read_as_people_write_them() {
        assert_eq!("500".parse(), Ok(Count::Exactly(500)));
        assert_eq!("10k".parse(), Ok(Count::Exactly(10_000)));
        assert_eq!("10x".parse(), Ok(Count::Times(10)));
        let minutes = Extent::For(Duration(Micros(300_000_000)));
        assert_eq!("5m".parse(), Ok(minutes));
        assert_eq!("5M".parse(), Ok(Extent::Requests(Count::Exactly(5_000_000))));
        assert_eq!("2x".parse(), Ok(Warmup::Phase(Extent::Requests(Count::Times(2)))));
        assert_eq!("90s".parse(), Ok(Warmup::Phase(Extent::For(Duration(Micros(90_000_000))))));
        assert_eq!("auto".parse(), Ok(Warmup::Auto));
        for text in ["", "x", "1.5x", "-3", "10 x x", "ten"] {
            assert!(text.parse::<Count>().is_err(), "{text}");
            assert!(text.parse::<Warmup>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_carries_the_value_and_a_hint() {
        let message = "soon".parse::<Warmup>().unwrap_err().to_string();
        assert!(message.contains("`soon`") && message.contains("hint:"), "{message}");
    }

    #[test]
    fn text_and_numbers_read_alike_and_text_reads_back() {
        for (json, want) in [("\"30s\"", "30s"), ("30", "30s"), ("1.5", "1500ms")] {
            let d: Duration = serde_json::from_str(json).unwrap();
            assert_eq!(d.to_string(), want);
        }
        for text in ["500", "10x"] {
            assert_eq!(text.parse::<Count>().unwrap().to_string(), text);
        }
        for text in ["auto", "2x", "90s", "100"] {
            assert_eq!(text.parse::<Warmup>().unwrap().to_string(), text);
        }
        assert_eq!(serde_json::from_str::<Count>("500").unwrap(), Count::Exactly(500));
        assert!(serde_json::from_str::<Count>("-5").is_err());
    }
}
