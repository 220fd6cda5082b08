//! A YAML document as a tree that remembers where each value stands.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A place in a file, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// A node and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Keys, each with its own place, in the order of the file.
    Map(Vec<(String, Place, Node)>),
    /// A list.
    Seq(Vec<Node>),
    /// Null, a boolean, a number or text.
    Scalar(Value),
}

/// Why a document was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Where, if known.
    pub place: Option<Place>,
    /// What, in one line.
    pub message: String,
}

/// Reads one YAML (or JSON) document.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let parsed: Result<Spanned<Kind>, _> = serde_saphyr::from_str(text);
    match parsed {
        Ok(spanned) => Ok(node(spanned)),
        Err(error) => {
            let plain = error.without_snippet();
            let place = plain.location().map(|at| Place { line: at.line(), column: at.column() });
            let message = plain.to_string();
            let message = message.lines().next().unwrap_or("not YAML").to_owned();
            Err(YamlError { place, message })
        }
    }
}

impl Node {
    /// The value without places.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|(k, _, v)| (k.clone(), v.value())).collect())
            }
            Kind::Seq(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Scalar(value) => value.clone(),
        }
    }

    /// The entry called `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(k, _, _)| k == key).map(|(_, _, v)| v),
            _ => None,
        }
    }
}

fn node(spanned: Spanned<Kind>) -> Node {
    Node { place: place(&spanned.referenced), kind: spanned.value }
}

fn place(at: &serde_saphyr::Location) -> Place {
    Place { line: at.line(), column: at.column() }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(v.into()))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(v.into()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar(v.into()))
    }

    fn visit_str<E>(self, v: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar(v.into()))
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Kind>>()? {
            items.push(node(item));
        }
        Ok(Kind::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Spanned<Kind>>()?;
            entries.push((key.value, place(&key.referenced), node(value)));
        }
        Ok(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let tree = parse("load:\n  rate: 4\n  burstiness: 0.5\n").unwrap();
        let rate = tree.get("load").and_then(|l| l.get("rate")).unwrap();
        assert_eq!(rate.place, Place { line: 2, column: 9 });
        assert_eq!(tree.value(), serde_json::json!({"load": {"rate": 4, "burstiness": 0.5}}));
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let error = parse("load: [1, 2\nrate: 4\n").unwrap_err();
        assert!(error.place.is_some(), "{error:?}");
    }
}
