//! `usage`: the server's own counts, taken leniently.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use tokmark_record::Usage;

use super::chunk::{Key, whatever_else};

/// `usage`: an object, or anything else for unknown.
pub(super) struct Counts(pub(super) Option<Usage>);

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountsVisitor).map(Counts)
    }
}

struct CountsVisitor;

impl<'de> Visitor<'de> for CountsVisitor {
    type Value = Option<Usage>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a usage object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut usage = Usage::default();
        let mut beside = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.as_str() {
                "prompt_tokens" => usage.prompt = map.next_value::<Number>()?.0,
                "completion_tokens" => usage.completion = map.next_value::<Number>()?.0,
                "prompt_tokens_details" => {
                    usage.cached = map.next_value::<Detail>()?.0;
                }
                "completion_tokens_details" => {
                    usage.reasoning = map.next_value::<Detail>()?.0;
                }
                // SGLang's own place, where 0 is also what it says of a model whose reasoning it does not know.
                "reasoning_tokens" => beside = map.next_value::<Number>()?.0.filter(|n| *n > 0),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        usage.reasoning = usage.reasoning.or(beside);
        Ok((usage != Usage::default()).then_some(usage))
    }

    whatever_else!(None; unit, scalar, seq);
}

/// `{"cached_tokens"}` or `{"reasoning_tokens"}`, whichever stands there.
struct Detail(Option<u32>);

impl<'de> Deserialize<'de> for Detail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DetailVisitor).map(Detail)
    }
}

struct DetailVisitor;

impl<'de> Visitor<'de> for DetailVisitor {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("token details")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tokens = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if matches!(key.as_str(), "cached_tokens" | "reasoning_tokens") {
                tokens = map.next_value::<Number>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(tokens)
    }

    whatever_else!(None; unit, scalar, seq);
}

/// A whole number that fits, or anything else for unknown.
struct Number(Option<u32>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Number)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens")
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
        Ok(u32::try_from(n).ok())
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Self::Value, E> {
        Ok(u32::try_from(n).ok())
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Self::Value, E> {
        let whole = n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&n);
        Ok(whole.then_some(n as u32))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    whatever_else!(None; unit, seq, map);
}
