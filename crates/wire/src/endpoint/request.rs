//! Request bodies: written for a real server, read by a simulated one.

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

/// What a request asked for, as a server reads it. What was not said is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // four independent wishes, named as in the API
pub struct Request {
    /// `model`
    pub model: Option<String>,
    /// The words of the prompt: every message's text, or the prompts, in order.
    pub texts: Vec<String>,
    /// Tokens of a prompt given as ids (`prompt: [1, 2, …]`).
    pub token_ids: Option<u32>,
    /// Those ids, their lower 32 bits.
    pub ids: Vec<u32>,
    /// `stream`
    pub streaming: bool,
    /// `stream_options.include_usage`
    pub include_usage: bool,
    /// `stream_options.continuous_usage_stats`: usage on every chunk.
    pub continuous_usage: bool,
    /// `max_completion_tokens`, else `max_tokens`.
    pub max_tokens: Option<u32>,
    /// `min_tokens`
    pub min_tokens: Option<u32>,
    /// `ignore_eos`, also inside `nvext`.
    pub ignore_eos: bool,
    /// `priority`, as vLLM and SGLang read it.
    pub priority: Option<i32>,
    /// `nvext.agent_context.session_id`, as Dynamo reads it; not blank.
    pub session: Option<String>,
    /// `user`
    pub user: Option<String>,
}

/// Why a request body was refused; the text is what a server says with status 400.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not JSON.
    #[error("the body is not JSON: {0}\nhint: send an object with Content-Type: application/json")]
    Json(#[from] serde_json::Error),
    /// JSON, but no object.
    #[error("the body is not a JSON object\nhint: send {{\"model\": …}}")]
    NotObject,
    /// Nothing was said.
    #[error("`{0}` is missing\nhint: {0} carries the prompt of this endpoint")]
    NoPrompt(&'static str),
}

/// Reads a request body. Unknown keys are ignored, as every real server does.
pub(super) fn decode(kind: EndpointKind, body: &[u8]) -> Result<Request, RequestError> {
    let value: Value = serde_json::from_slice(body)?;
    let Value::Object(map) = value else {
        return Err(RequestError::NotObject);
    };
    let count = |key: &str| map.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
    let stream_options = map.get("stream_options");
    let nvext = map.get("nvext");
    let context = nvext.and_then(|n| n.get("agent_context"));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mut request = Request {
        model: text(map.get("model")),
        streaming: flag(map.get("stream")),
        include_usage: flag(stream_options.and_then(|o| o.get("include_usage"))),
        continuous_usage: flag(stream_options.and_then(|o| o.get("continuous_usage_stats"))),
        max_tokens: count("max_completion_tokens").or_else(|| count("max_tokens")),
        min_tokens: count("min_tokens"),
        ignore_eos: flag(map.get("ignore_eos")) || flag(nvext.and_then(|n| n.get("ignore_eos"))),
        priority: map.get("priority").and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok()),
        session: text(context.and_then(|c| c.get("session_id"))).filter(|id| !id.trim().is_empty()),
        user: text(map.get("user")),
        ..Request::default()
    };
    let key = match kind {
        EndpointKind::Chat => "messages",
        EndpointKind::Completions => "prompt",
    };
    let said = map.get(key).ok_or(RequestError::NoPrompt(key))?;
    match (kind, said) {
        (EndpointKind::Chat, Value::Array(messages)) => {
            request.texts = messages.iter().flat_map(|m| contents(&m["content"])).collect();
        }
        (EndpointKind::Completions, Value::String(text)) => request.texts.push(text.clone()),
        (EndpointKind::Completions, Value::Array(items)) if items.iter().all(Value::is_u64) => {
            request.token_ids = u32::try_from(items.len()).ok();
            request.ids = items.iter().filter_map(Value::as_u64).map(|id| id as u32).collect();
        }
        (EndpointKind::Completions, Value::Array(items)) => {
            request.texts = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        _ => return Err(RequestError::NoPrompt(key)),
    }
    Ok(request)
}

/// The texts of a message's content: a string, or parts with a `text`.
fn contents(content: &Value) -> Vec<String> {
    match content {
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
