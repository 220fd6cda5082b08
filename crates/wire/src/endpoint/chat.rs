//! `/v1/chat/completions`: the text is in `delta` (an event) or `message` (a body).

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::chunk::{ChoiceShape, Chunk, Key, Text, append, whatever_else};

/// A choice of this endpoint.
pub(super) struct Choice;

impl ChoiceShape for Choice {
    fn field<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        chunk: &mut Chunk<'de>,
    ) -> Result<bool, A::Error> {
        if !matches!(key, "delta" | "message") {
            return Ok(false);
        }
        let said: Message<'de> = map.next_value()?;
        append(&mut chunk.output, said.content);
        append(&mut chunk.calls, said.calls);
        // Servers that renamed the field send the same words under both names for a while: they are said once.
        let reasoning =
            if said.reasoning_content.is_empty() { said.reasoning } else { said.reasoning_content };
        append(&mut chunk.reasoning, reasoning);
        Ok(true)
    }
}

/// What a `delta` or `message` says.
#[derive(Default)]
struct Message<'a> {
    content: Text<'a>,
    /// Names and arguments of tool calls, in order: generated tokens, shown to nobody but counted.
    calls: Text<'a>,
    reasoning_content: Text<'a>,
    reasoning: Text<'a>,
}

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a delta or message object")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Message::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut message = Message::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.as_str() {
                "content" => append(&mut message.content, map.next_value_seed(CONTENT)?),
                "reasoning_content" => message.reasoning_content = map.next_value()?,
                "reasoning" => message.reasoning = map.next_value()?,
                // A refusal is what the model said instead.
                "refusal" => append(&mut message.content, map.next_value()?),
                "tool_calls" | "function_call" => append(&mut message.calls, map.next_value_seed(CALL)?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(message)
    }
}

/// Every string of a value that is a string, a list of such values, or an object with some of these keys. Enough for both
/// of the nested shapes: `content` as parts, and tool calls.
#[derive(Clone, Copy)]
struct Words(&'static [&'static str]);

/// `content`: a string, or parts of which those with a `text` are words.
const CONTENT: Words = Words(&["text"]);
/// `tool_calls: [{"function": {"name", "arguments"}}]`, `function_call: {"name", "arguments"}`.
const CALL: Words = Words(&["function", "name", "arguments"]);

impl<'de> DeserializeSeed<'de> for Words {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Words {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("words")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut words = Text::default();
        while let Some(more) = seq.next_element_seed(self)? {
            append(&mut words, more);
        }
        Ok(words)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut words = Text::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if self.0.contains(&key.as_str()) {
                append(&mut words, map.next_value_seed(self)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(words)
    }

    whatever_else!(Text::default(); unit, number);
}
