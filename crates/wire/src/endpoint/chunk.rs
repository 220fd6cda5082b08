//! The envelope of an OpenAI reply (`choices`, `usage`, `error`), read in one pass without building a tree.
//!
//! Strict about structure (a `choices` that is no list is not the JSON expected), lenient about leaves: a text that is
//! null, a number or anything else says nothing, and a count that is no whole number is unknown.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use tokmark_record::{ServerSaid, Usage};

use super::counts::Counts;
use super::said;
use crate::message;

/// What one event, or one whole body, said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Chunk<'a> {
    /// Words of the answer, of every choice in order.
    pub(crate) output: Text<'a>,
    /// Names and arguments of tool calls.
    pub(crate) calls: Text<'a>,
    /// Words of the reasoning.
    pub(crate) reasoning: Text<'a>,
    /// The last reason to stop that is not empty.
    pub(crate) finish_reason: Option<String>,
    /// The server's counts, if there is a usage object.
    pub(crate) usage: Option<Usage>,
    /// What else the server says of its work.
    pub(crate) server: Option<ServerSaid>,
    /// `output` is the whole reply so far, not what is new.
    pub(crate) whole: bool,
    /// It says itself that it is the last, if without a reason to stop.
    pub(crate) last: bool,
    /// The message of an error object.
    pub(crate) error: Option<String>,
}

/// A text that borrows from the event where it can; empty where there is none.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Adds `more` to `text`, borrowing as long as only one part is not empty.
pub(super) fn append<'a>(text: &mut Text<'a>, more: Text<'a>) {
    if text.is_empty() {
        *text = more;
    } else if !more.is_empty() {
        text.0.to_mut().push_str(&more.0);
    }
}

/// Where an endpoint keeps its words within a choice.
pub(super) trait ChoiceShape {
    /// Reads the value of `key` into `chunk` if the key is this endpoint's; `false` leaves the value unread.
    fn field<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        chunk: &mut Chunk<'de>,
    ) -> Result<bool, A::Error>;
}

/// Reads one event's data or one body.
pub(super) fn decode<S: ChoiceShape>(data: &[u8]) -> Result<Chunk<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(data);
    let chunk = deserializer.deserialize_map(Envelope::<S>(PhantomData))?;
    deserializer.end()?;
    Ok(chunk)
}

/// `visit_…` methods that take a value of no interest for the default.
macro_rules! whatever_else {
    ($value:expr; $($what:ident),*) => { $($crate::endpoint::chunk::whatever_else!(@$what $value);)* };
    (@unit $value:expr) => {
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> { Ok($value) }
    };
    (@scalar $value:expr) => {
        $crate::endpoint::chunk::whatever_else!(@number $value);
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> { Ok($value) }
    };
    (@number $value:expr) => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> { Ok($value) }
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> { Ok($value) }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> { Ok($value) }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> { Ok($value) }
    };
    (@seq $value:expr) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
    (@map $value:expr) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}
pub(super) use whatever_else;

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    whatever_else!(Text::default(); unit, number, seq, map);
}

/// An object's key, borrowed unless it holds an escape.
pub(super) struct Key<'a>(Cow<'a, str>);

impl Key<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The top level.
struct Envelope<S>(PhantomData<S>);

impl<'de, S: ChoiceShape> Visitor<'de> for Envelope<S> {
    type Value = Chunk<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with choices, usage or error")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut chunk = Chunk::default();
        let (mut object, mut text) = (Text::default(), Text::default());
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.as_str() {
                "choices" => map.next_value_seed(Choices::<S>(&mut chunk, PhantomData))?,
                "usage" => chunk.usage = map.next_value::<Counts>()?.0.or(chunk.usage),
                "error" => chunk.error = message::of_error(&map.next_value::<Value>()?),
                "metrics" => chunk.server = said::vllm(&map.next_value()?).or(chunk.server),
                "timings" => chunk.server = said::llama(&map.next_value()?).or(chunk.server),
                "nvext" => chunk.server = said::dynamo(&map.next_value()?).or(chunk.server),
                "object" => object = map.next_value()?,
                "message" => text = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // `{"object": "error", "message": …}`: how vLLM and SGLang wrote errors before they had an `error` key.
        if object.as_str() == "error" && chunk.error.is_none() {
            chunk.error = Some(text.as_str().to_owned());
        }
        Ok(chunk)
    }
}

/// `choices`, each folded into the chunk.
struct Choices<'c, 'de, S>(&'c mut Chunk<'de>, PhantomData<S>);

impl<'de, S: ChoiceShape> DeserializeSeed<'de> for Choices<'_, 'de, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: ChoiceShape> Visitor<'de> for Choices<'_, 'de, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(OneChoice::<S>(&mut *self.0, PhantomData))?.is_some() {}
        Ok(())
    }

    whatever_else!((); unit);
}

/// One choice.
struct OneChoice<'c, 'de, S>(&'c mut Chunk<'de>, PhantomData<S>);

impl<'de, S: ChoiceShape> DeserializeSeed<'de> for OneChoice<'_, 'de, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: ChoiceShape> Visitor<'de> for OneChoice<'_, 'de, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a choice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if key.as_str() == "finish_reason" {
                let reason: Text<'de> = map.next_value()?;
                // Some servers write "" for "not yet".
                if !reason.is_empty() {
                    self.0.finish_reason = Some(reason.0.into_owned());
                }
            } else if !S::field(key.as_str(), &mut map, self.0)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
