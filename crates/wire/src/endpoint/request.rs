//! Request bodies, written for a real server. `asked.rs` reads them for a simulated one.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::{Ask, Body, BodyOptions, EndpointKind, Nvext, sglang, tgi};

/// The JSON body of one request.
pub(super) fn encode(kind: EndpointKind, options: &BodyOptions, ask: &Ask<'_>) -> Vec<u8> {
    const WHY: &str = "texts, numbers and JSON values always serialise";
    if let Body::Payload(payload) = ask.body {
        return serde_json::to_vec(payload).expect(WHY);
    }
    let mut extra = Cow::Borrowed(&options.extra);
    for stronger in ask.own.extra.into_iter().flatten().filter(|keys| !keys.is_empty()) {
        let keys = stronger.iter().map(|(key, value)| (key.clone(), value.clone()));
        extra.to_mut().extend(keys);
    }
    serde_json::to_vec(&Outgoing { kind, options, ask, extra: &extra }).expect(WHY)
}

struct Outgoing<'a> {
    kind: EndpointKind,
    options: &'a BodyOptions,
    ask: &'a Ask<'a>,
    extra: &'a Map<String, Value>,
}

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { kind, options, ask, extra } = *self;
        let mut map = Keys { map: serializer.serialize_map(None)?, extra };
        if let EndpointKind::Sglang | EndpointKind::Tgi = kind {
            return native(kind, options, ask, map);
        }
        map.put("model", ask.own.model.unwrap_or(&options.model))?;
        match self.kind {
            EndpointKind::Chat => map.put("messages", &messages(ask))?,
            _ => map.put("prompt", &prompt(ask))?,
        }
        if let Some(osl) = ask.osl {
            map.put(options.max_tokens_field, &osl)?;
            if options.hold_osl {
                map.put("min_tokens", &osl)?;
                map.put("ignore_eos", &true)?;
            }
        }
        map.put("stream", &options.streaming)?;
        if options.streaming {
            map.put("stream_options", &serde_json::json!({"include_usage": true}))?;
        }
        if let Some(priority) = ask.own.priority {
            map.put("priority", &priority)?;
        }
        if let Some(nvext) = nvext(options.nvext, ask) {
            map.put("nvext", &nvext)?;
        }
        for (key, value) in extra {
            map.map.serialize_entry(key, value)?;
        }
        map.map.end()
    }
}

/// `nvext`, if anything of it is wanted (Dynamo 1.6.1). To Dynamo the larger priority is served first, and it turns the sign for
/// vLLM, whose smaller one is; ours are vLLM's.
fn nvext(wanted: Nvext, ask: &Ask<'_>) -> Option<Value> {
    let mut hints = Map::new();
    if wanted.hints {
        hints.extend(ask.osl.map(|osl| ("osl".to_owned(), osl.into())));
        hints.extend(
            ask.own.priority.map(|priority| ("priority".to_owned(), priority.saturating_neg().into())),
        );
    }
    let mut nvext = Map::new();
    if !hints.is_empty() {
        nvext.insert("agent_hints".to_owned(), hints.into());
    }
    if wanted.timing {
        nvext.insert("extra_fields".to_owned(), serde_json::json!(["timing"]));
    }
    (!nvext.is_empty()).then(|| nvext.into())
}

/// The body of an engine's own API: a prompt, and an object with what limits the output, into which `extra` may put more.
fn native<M: SerializeMap>(
    kind: EndpointKind,
    options: &BodyOptions,
    ask: &Ask<'_>,
    mut keys: Keys<'_, M>,
) -> Result<M::Ok, M::Error> {
    let (said, name, mut limits) = match kind {
        EndpointKind::Tgi => ("inputs", "parameters", tgi::parameters(ask.osl)),
        _ => ("text", "sampling_params", sglang::sampling(ask.osl, options.hold_osl)),
    };
    keys.put(said, &prompt(ask))?;
    if let Some(Value::Object(more)) = keys.extra.get(name) {
        limits.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    keys.map.serialize_entry(name, &limits)?;
    // Of TGI the path says whether there is a stream, and it knows no priority.
    if kind == EndpointKind::Sglang {
        keys.put("stream", &options.streaming)?;
        if let Some(priority) = ask.own.priority {
            keys.put("priority", &priority)?;
        }
    }
    for (key, value) in keys.extra.iter().filter(|(key, _)| *key != name) {
        keys.map.serialize_entry(key, value)?;
    }
    keys.map.end()
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

/// A message of a chat.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Message<'a> {
    Made { role: &'static str, content: &'a str },
    Ready(&'a Value),
}

/// The messages of a chat, earlier turns first.
fn messages<'a>(ask: &Ask<'a>) -> Vec<Message<'a>> {
    let mut messages = Vec::new();
    let mut told = None;
    for turn in ask.before {
        say(turn.said, &mut told, &mut messages);
        messages.push(Message::Made { role: "assistant", content: turn.reply });
    }
    say(ask.body, &mut told, &mut messages);
    messages
}

/// Adds what one turn says itself. `told` is the system prompt said last.
fn say<'a>(body: Body<'a>, told: &mut Option<&'a str>, messages: &mut Vec<Message<'a>>) {
    let mut user = |content| messages.push(Message::Made { role: "user", content });
    match body {
        Body::Text(text) => user(text),
        Body::System { system, text } if *told == Some(system) => user(text),
        Body::System { system, text } => {
            *told = Some(system);
            messages.push(Message::Made { role: "system", content: system });
            messages.push(Message::Made { role: "user", content: text });
        }
        Body::Messages(ready) => messages.extend(ready.iter().map(Message::Ready)),
        // A payload of an earlier turn says what it says in its own messages.
        Body::Payload(payload) => {
            let ready = payload.get("messages").and_then(Value::as_array);
            messages.extend(ready.into_iter().flatten().map(Message::Ready));
        }
    }
}

/// The prompt of a completion, earlier turns and their replies first, with nothing in between.
fn prompt<'a>(ask: &Ask<'a>) -> Cow<'a, str> {
    if let (Body::Text(text), []) = (ask.body, ask.before) {
        return Cow::Borrowed(text);
    }
    let mut prompt = String::new();
    let mut told = None;
    for turn in ask.before {
        append(turn.said, &mut told, &mut prompt);
        prompt.push_str(turn.reply);
    }
    append(ask.body, &mut told, &mut prompt);
    Cow::Owned(prompt)
}

/// Appends what one turn says itself. `told` is the system prompt said last.
fn append<'a>(body: Body<'a>, told: &mut Option<&'a str>, prompt: &mut String) {
    match body {
        Body::Text(text) => prompt.push_str(text),
        Body::System { system, text } => {
            if told.replace(system) != Some(system) {
                prompt.push_str(system);
            }
            prompt.push_str(text);
        }
        Body::Messages(ready) => prompt.push_str(&joined(ready)),
        Body::Payload(payload) => {
            let said = ["prompt", "text", "inputs"].into_iter().find_map(|key| payload.get(key)?.as_str());
            prompt.push_str(said.unwrap_or_default());
        }
    }
}

/// The string contents of messages, joined by line feeds.
fn joined(messages: &[Value]) -> String {
    let contents: Vec<&str> = messages.iter().filter_map(|m| m["content"].as_str()).collect();
    contents.join("\n")
}
