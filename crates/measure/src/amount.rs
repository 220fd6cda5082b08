//! A number that may be +∞, written as `"inf"` in JSON because JSON has no infinity.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A statistic in which failed attempts may count as +∞. Never NaN.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Amount(pub f64);

impl Amount {
    /// Failed.
    pub const INFINITE: Self = Self(f64::INFINITY);

    /// Whether it is a number a person can use.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// The number, unless it is ∞.
    pub fn finite(self) -> Option<f64> {
        self.0.is_finite().then_some(self.0)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.serialize_str("inf") }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or \"inf\"")
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Amount, E> {
                Ok(Amount(v))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Amount, E> {
                Ok(Amount(v as f64))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Amount, E> {
                Ok(Amount(v as f64))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Amount, E> {
                if v == "inf" {
                    Ok(Amount::INFINITE)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(v), &self))
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or \"inf\" where failed attempts reach this rank.",
            "anyOf": [{ "type": "number" }, { "const": "inf" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_survives_json() {
        let text = serde_json::to_string(&[Amount(1.5), Amount::INFINITE]).unwrap();
        assert_eq!(text, r#"[1.5,"inf"]"#);
        assert_eq!(serde_json::from_str::<Vec<Amount>>(&text).unwrap(), [Amount(1.5), Amount::INFINITE]);
        assert!(serde_json::from_str::<Amount>("\"nan\"").is_err());
    }
}
