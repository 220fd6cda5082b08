//! Replies as a server writes them, for a simulated server.

use std::io::Write as _;

use serde_json::{Value, json};
use tokmark_record::{ServerSaid, Usage};

use super::{EndpointKind, said, sglang, tgi};

/// The event that ends a stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Writes the events or the body of one reply. Every event is one `data:` line and a blank line, ready to be a chunk.
#[derive(Clone, Debug)]
pub struct ReplyWriter {
    kind: EndpointKind,
    /// `"id":…,"object":…,"created":…,"model":…` of an event, without braces.
    event: String,
    /// The same of a whole body.
    body: String,
    id: String,
    /// What was said so far, for an API that says it again.
    said: String,
    /// Tokens said so far, where counts went with the words.
    tokens: u32,
    /// Why it stopped: told with the counts by an API that has both in one event.
    reason: Option<String>,
    /// What the server says of its work at the end.
    server: Option<ServerSaid>,
}

impl ReplyWriter {
    /// A writer for one reply: its id, the model it names, and its creation time in Unix seconds.
    pub fn new(kind: EndpointKind, id: &str, model: &str, created_unix_s: i64) -> Self {
        let head = |object: &str| {
            let (id, model) = (Value::from(id), Value::from(model));
            format!(r#""id":{id},"object":"{object}","created":{created_unix_s},"model":{model}"#)
        };
        let (event, body) = match kind {
            EndpointKind::Chat => ("chat.completion.chunk", "chat.completion"),
            _ => ("text_completion", "text_completion"),
        };
        Self {
            kind,
            event: head(event),
            body: head(body),
            id: id.to_owned(),
            said: String::new(),
            tokens: 0,
            reason: None,
            server: None,
        }
    }

    /// What the end of the reply says of the server's work, in an OpenAI reply as Dynamo's `nvext`, in SGLang's own as `meta_info`;
    /// Text Generation Inference has no place for it. Before the end is written.
    pub fn say(&mut self, server: ServerSaid) {
        self.server = Some(server);
    }

    /// The first event of a chat stream, which has a role and no words. Nothing under completions.
    pub fn role(&self, out: &mut Vec<u8>) {
        if self.kind == EndpointKind::Chat {
            self.one(out, r#""delta":{"role":"assistant","content":""}"#, None, "");
        }
    }

    /// Some words; with `usage` if the client asked for it on every chunk.
    ///
    /// Written piece by piece into `out`: a simulated server does this for every token of every stream.
    pub fn content(&mut self, text: &str, usage: Option<&Usage>, out: &mut Vec<u8>) {
        if self.is_native() {
            self.said.push_str(text);
            let before = self.tokens;
            self.tokens = usage.and_then(|usage| usage.completion).unwrap_or(before + 1);
            let unknown = Usage::default();
            let event = match self.kind {
                EndpointKind::Tgi => tgi::event(self.tokens, text, None),
                _ => sglang::encode(&self.id, &self.said, self.tokens, usage.unwrap_or(&unknown), None),
            };
            return line(out, format_args!("{event}"));
        }
        let (before, after) = match self.kind {
            EndpointKind::Chat => (r#""delta":{"content":"#, "}"),
            _ => (r#""text":"#, ""),
        };
        for piece in ["data: {", &self.event, r#","choices":[{"index":0,"#, before] {
            out.extend_from_slice(piece.as_bytes());
        }
        serde_json::to_writer(&mut *out, text).expect("a vector takes every write");
        out.extend_from_slice(after.as_bytes());
        out.extend_from_slice(br#","logprobs":null,"finish_reason":null}]"#);
        if let Some(usage) = usage {
            write!(out, r#","usage":{}"#, usage_value(usage)).expect("a vector takes every write");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// Some words of reasoning; under completions, which know none, plain words.
    pub fn reasoning(&mut self, text: &str, usage: Option<&Usage>, out: &mut Vec<u8>) {
        match self.kind {
            EndpointKind::Chat => {
                let delta = format!(r#""delta":{{"reasoning_content":{}}}"#, Value::from(text));
                let usage = usage.map_or_else(String::new, |u| format!(r#","usage":{}"#, usage_value(u)));
                self.one(out, &delta, None, &usage);
            }
            _ => self.content(text, usage, out),
        }
    }

    /// The event that says why the server stopped (`stop`, `length`).
    pub fn finish(&mut self, reason: &str, out: &mut Vec<u8>) {
        if self.is_native() {
            self.reason = Some(reason.to_owned());
            return;
        }
        let said = match self.kind {
            EndpointKind::Chat => r#""delta":{}"#,
            _ => r#""text":"""#,
        };
        self.one(out, said, Some(reason), &self.nvext());
    }

    /// The event that carries the counts and no choice (`stream_options.include_usage`).
    pub fn usage(&self, usage: &Usage, out: &mut Vec<u8>) {
        if self.is_native() {
            let reason = self.reason.as_deref().unwrap_or("stop");
            let tokens = usage.completion.unwrap_or(self.tokens);
            let event = if self.kind == EndpointKind::Tgi {
                tgi::event(tokens, "", Some((&self.said, reason, usage)))
            } else {
                let end = Some((reason, &self.server.unwrap_or_default()));
                sglang::encode(&self.id, &self.said, tokens, usage, end)
            };
            return line(out, format_args!("{event}"));
        }
        let usage = usage_value(usage);
        line(out, format_args!(r#"{{{},"choices":[],"usage":{usage}}}"#, self.event));
    }

    /// An error object inside the stream.
    pub fn error(&self, message: &str, out: &mut Vec<u8>) {
        let error = match self.kind {
            EndpointKind::Tgi => json!({"error": message, "error_type": "generation"}),
            _ => json!({"error": {"message": message, "type": "internal_error", "code": 500}}),
        };
        line(out, format_args!("{error}"));
    }

    /// [`DONE`].
    pub fn done(&self, out: &mut Vec<u8>) {
        // TGI's streams end with the connection's own framing.
        if self.kind != EndpointKind::Tgi {
            out.extend_from_slice(DONE);
        }
    }

    /// Whether it writes an engine's own API, whose last event has reason and counts together.
    fn is_native(&self) -> bool {
        matches!(self.kind, EndpointKind::Sglang | EndpointKind::Tgi)
    }

    /// The whole body of a reply that is not streamed.
    pub fn body(&self, text: &str, reason: &str, usage: &Usage) -> Vec<u8> {
        match self.kind {
            EndpointKind::Tgi => return tgi::body(text, reason, usage).to_string().into_bytes(),
            EndpointKind::Sglang => {
                let tokens = usage.completion.unwrap_or(0);
                let end = Some((reason, &self.server.unwrap_or_default()));
                let body = sglang::encode(&self.id, text, tokens, usage, end);
                return body.to_string().into_bytes();
            }
            EndpointKind::Chat | EndpointKind::Completions => {}
        }
        let (text, reason, usage) = (Value::from(text), Value::from(reason), usage_value(usage));
        let said = match self.kind {
            EndpointKind::Chat => format!(r#""message":{{"role":"assistant","content":{text}}}"#),
            _ => format!(r#""text":{text}"#),
        };
        let choice = format!(r#"{{"index":0,{said},"logprobs":null,"finish_reason":{reason}}}"#);
        format!(r#"{{{},"choices":[{choice}],"usage":{usage}{}}}"#, self.body, self.nvext()).into_bytes()
    }

    /// `,"nvext":…`, if there is anything to say.
    fn nvext(&self) -> String {
        self.server.map_or_else(String::new, |said| format!(r#","nvext":{}"#, said::dynamo_value(&said)))
    }

    /// One event with one choice; `more` stands behind it.
    fn one(&self, out: &mut Vec<u8>, said: &str, reason: Option<&str>, more: &str) {
        let reason = Value::from(reason);
        let head = &self.event;
        line(
            out,
            format_args!(
                r#"{{{head},"choices":[{{"index":0,{said},"logprobs":null,"finish_reason":{reason}}}]{more}}}"#
            ),
        );
    }
}

/// The JSON body of a reply that is no success: `{"error": {"message", "type", "code"}}`.
pub fn error_body(kind: &str, message: &str, code: u16) -> Vec<u8> {
    json!({"error": {"message": message, "type": kind, "code": code}}).to_string().into_bytes()
}

/// One `data:` line and a blank line.
fn line(out: &mut Vec<u8>, json: std::fmt::Arguments<'_>) {
    out.write_fmt(format_args!("data: {json}\n\n")).expect("a vector takes every write");
}

/// The `usage` object. A count that is unknown is left out.
fn usage_value(usage: &Usage) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: Option<u32>| {
        if let Some(tokens) = value {
            object.insert(key.to_owned(), tokens.into());
        }
    };
    put("prompt_tokens", usage.prompt);
    put("completion_tokens", usage.completion);
    put("total_tokens", usage.prompt.zip(usage.completion).map(|(p, c)| p.saturating_add(c)));
    if let Some(cached) = usage.cached {
        object.insert("prompt_tokens_details".to_owned(), json!({"cached_tokens": cached}));
    }
    if let Some(reasoning) = usage.reasoning {
        object.insert("completion_tokens_details".to_owned(), json!({"reasoning_tokens": reasoning}));
    }
    Value::Object(object)
}
