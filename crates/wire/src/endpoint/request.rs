//! Request bodies, written for a real server. `asked.rs` reads them for a simulated one.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::{Body, BodyOptions, EndpointKind};

/// The JSON body of one request.
pub(super) fn encode(
    kind: EndpointKind,
    options: &BodyOptions,
    body: &Body<'_>,
    osl: Option<u32>,
) -> Vec<u8> {
    let request = Outgoing { kind, options, body, osl };
    serde_json::to_vec(&request).expect("texts, numbers and JSON values always serialise")
}

struct Outgoing<'a> {
    kind: EndpointKind,
    options: &'a BodyOptions,
    body: &'a Body<'a>,
    osl: Option<u32>,
}

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Keys { map: serializer.serialize_map(None)?, extra: &self.options.extra };
        map.put("model", &self.options.model)?;
        match (self.kind, self.body) {
            (EndpointKind::Chat, Body::Text(text)) => {
                map.put("messages", &[Message { role: "user", content: text }])?;
            }
            (EndpointKind::Chat, Body::Messages(messages)) => map.put("messages", messages)?,
            (EndpointKind::Completions, Body::Text(text)) => map.put("prompt", text)?,
            (EndpointKind::Completions, Body::Messages(messages)) => {
                map.put("prompt", &joined(messages))?;
            }
        }
        if let Some(osl) = self.osl {
            map.put(self.options.max_tokens_field, &osl)?;
            if self.options.hold_osl {
                map.put("min_tokens", &osl)?;
                map.put("ignore_eos", &true)?;
            }
        }
        map.put("stream", &self.options.streaming)?;
        if self.options.streaming {
            map.put("stream_options", &serde_json::json!({"include_usage": true}))?;
        }
        for (key, value) in &self.options.extra {
            map.map.serialize_entry(key, value)?;
        }
        map.map.end()
    }
}

/// Leaves out a key of ours that stands in `extra` too.
struct Keys<'a, M> {
    map: M,
    extra: &'a Map<String, Value>,
}

impl<M: SerializeMap> Keys<'_, M> {
    fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), M::Error> {
        if self.extra.contains_key(key) {
            return Ok(());
        }
        self.map.serialize_entry(key, value)
    }
}

#[derive(serde::Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// The string contents of messages, joined by line feeds.
fn joined(messages: &[Value]) -> String {
    let contents: Vec<&str> = messages.iter().filter_map(|m| m["content"].as_str()).collect();
    contents.join("\n")
}
