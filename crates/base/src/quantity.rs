//! Lengths of time as a spec writes them (`30s`, `15.2us`), readable from text and from plain numbers.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Micros;
use crate::units::{ParseQuantityError, format_duration, format_nanos, parse_duration, parse_nanos};

/// A length of time as a spec writes it: `30s`, `5m`, `250ms`; a bare number is seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Micros);

/// A short length of time, whole nanoseconds, for costs that add up (`15.2us` a token); a bare number is seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub i64);

impl Nanos {
    /// As milliseconds.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl FromStr for Duration {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        Ok(Self(parse_duration(text)?))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

impl FromStr for Nanos {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        Ok(Self(parse_nanos(text)?))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_nanos(self.0))
    }
}

/// Reads a quantity from text or from a bare number, whichever a file, a flag or the environment gives.
pub struct Written<T>(PhantomData<T>);

impl<T> Written<T> {
    /// A reader of `T`.
    #[expect(clippy::new_without_default, reason = "a visitor is made in one place")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as 500, 10k, 10x or 30s")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<T, E> {
        self.visit_str(&n.to_string())
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<T, E> {
        self.visit_str(&n.to_string())
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<T, E> {
        self.visit_str(&x.to_string())
    }
}

/// Serialises a type as the text its `Display` writes and its `FromStr` reads, and gives it a JSON Schema that says so.
#[macro_export]
macro_rules! written_as_text {
    ($type:ty, $name:literal, $pattern:literal, $example:literal, $doc:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::quantity::Written::new())
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                false
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn schema_id() -> Cow<'static, str> {
                concat!("tokmark::", $name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": $doc,
                    "anyOf": [
                        { "type": "string", "pattern": $pattern },
                        { "type": "number", "minimum": 0 }
                    ],
                    "examples": [$example]
                })
            }
        }
    };
}

written_as_text!(
    Duration,
    "Duration",
    r"^\s*([0-9.]+\s*(us|µs|ms|s|m|min|h|d)?)+\s*$",
    "30s",
    "A length of time: 250ms, 30s, 5m, 1h30m; a bare number is seconds."
);
written_as_text!(
    Nanos,
    "Nanos",
    r"^\s*([0-9.]+\s*(ns|us|µs|ms|s|m|min|h|d)?)+\s*$",
    "15.2us",
    "A short length of time: 800ns, 15.2us, 0.25ms; a bare number is seconds."
);

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_microsecond_survive() {
        for (text, nanos, written) in [
            ("15.2us", 15_200, "15200ns"),
            ("250us", 250_000, "250us"),
            ("7ns", 7, "7ns"),
            ("1h30m", 5_400_000_000_000, "90m"),
            ("0.000001", 1_000, "1us"),
            ("0", 0, "0s"),
        ] {
            let read: Nanos = text.parse().unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (nanos, written), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
        assert_eq!(Nanos(15_200).as_millis_f64(), 0.0152);
        for text in ["", "-1us", "soon", "1e3us"] {
            assert!(text.parse::<Nanos>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_does_not_know_nanoseconds() {
        assert!("7ns".parse::<Duration>().is_err());
        assert_eq!("7us".parse(), Ok(Duration(Micros(7))));
    }
}
