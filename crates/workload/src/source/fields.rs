//! Values of the keys that traces have in common, read where they stand, so that a wrong one is found there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use tokmark_base::Micros;

use super::row::Ignored;
use crate::shape::lengths::MOST_TOKENS;

/// A value that may be `null`: what it is of the kinds it can be, and an error that says what it should have been for all others.
macro_rules! optional {
    ($seed:ty, $value:ty, |$this:ident, $f:ident| $expected:expr, { $($visit:tt)* }) => {
        impl<'de> DeserializeSeed<'de> for $seed {
            type Value = Option<$value>;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $seed {
            type Value = Option<$value>;

            fn expecting(&self, $f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $this = self;
                $expected
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            $($visit)*
        }
    };
}

/// The last time that is one, µs: 285 years, so that a time is exact to the microsecond as a floating-point number.
const MOST_MICROS: f64 = 9e15;

/// Time in a unit of so many microseconds, whole or not, to the microsecond.
pub(super) struct Time(pub(super) u32);

/// In milliseconds.
pub(super) const MILLIS: u32 = 1_000;
/// In seconds.
pub(super) const SECONDS: u32 = 1_000_000;

optional!(
    Time,
    Micros,
    |time, f| write!(f, "a time in {}, from 0 to 285 years", if time.0 == MILLIS { "ms" } else { "s" }),
    {
        fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
            if n as f64 * f64::from(self.0) > MOST_MICROS {
                return Err(E::invalid_value(Unexpected::Unsigned(n), &self));
            }
            Ok(Some(Micros(n as i64 * i64::from(self.0))))
        }

        fn visit_f64<E: Error>(self, x: f64) -> Result<Self::Value, E> {
            let micros = x * f64::from(self.0);
            if !(0.0..=MOST_MICROS).contains(&micros) {
                return Err(E::invalid_value(Unexpected::Float(x), &self));
            }
            Ok(Some(Micros(libm::round(micros) as i64)))
        }
    }
);

/// A number of tokens.
pub(super) struct Length;

optional!(Length, u32, |_this, f| write!(f, "a whole number of tokens, from 1 to {MOST_TOKENS}"), {
    fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
        match u32::try_from(n) {
            Ok(n) if n > 0 => Ok(Some(n)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(n), &self)),
        }
    }

    fn visit_f64<E: Error>(self, x: f64) -> Result<Self::Value, E> {
        if x >= 1.0 && x <= f64::from(u32::MAX) && x.fract() == 0.0 {
            Ok(Some(x as u32))
        } else {
            Err(E::invalid_value(Unexpected::Float(x), &self))
        }
    }
});

/// A name: a string, or a number.
pub(super) struct Label;

optional!(Label, String, |_this, f| f.write_str("a string"), {
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Some(n.to_string()))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Some(n.to_string()))
    }
});

/// Hash ids; about so many are expected.
pub(super) struct Ids(pub(super) usize);

optional!(Ids, Vec<u64>, |_this, f| f.write_str("a list of ids"), {
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut ids = Vec::with_capacity(self.0);
        while let Some(id) = list.next_element_seed(Id)? {
            ids.push(id);
        }
        Ok(Some(ids))
    }
});

/// One hash id.
struct Id;

impl<'de> DeserializeSeed<'de> for Id {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_u64(self)
    }
}

impl Visitor<'_> for Id {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id of 64 bits without sign (0 to 18446744073709551615)")
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<u64, E> {
        Ok(id)
    }
}

/// Fills a slot that must be empty: a key may stand once.
pub(super) fn once<T, E: Error>(slot: &mut Option<T>, value: Option<T>) -> Result<(), E> {
    if slot.is_some() {
        return Err(E::custom("given twice"));
    }
    *slot = value;
    Ok(())
}

/// A key; one that nothing is made of is counted.
pub(super) struct Name<'a> {
    pub(super) known: fn(&str) -> Option<&'static str>,
    pub(super) ignored: &'a mut Ignored,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let known = (self.known)(key);
        if known.is_none() {
            self.ignored.count(key);
        }
        Ok(known)
    }
}
