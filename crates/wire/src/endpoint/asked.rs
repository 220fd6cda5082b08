//! Request bodies, read by a simulated server. Unknown keys are ignored, as every real server does, `null` is as good as absent,
//! and a known key with a value that cannot be meant is refused by name.

use serde_json::{Map, Value};

use super::EndpointKind;

/// What a request asked for, as a server reads it. What was not said is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // independent wishes, named as in the API
pub struct Request {
    /// `model`
    pub model: Option<String>,
    /// The words of the prompt: every message's text in order, or the one prompt.
    pub texts: Vec<String>,
    /// Which of them are the assistant's, by their place in `texts`, ascending: earlier replies that a chat says again.
    pub replies: Vec<usize>,
    /// Tokens of a prompt given as ids (`prompt: [1, 2, …]`).
    pub token_ids: Option<u32>,
    /// Those ids.
    pub ids: Vec<u32>,
    /// `stream`
    pub streaming: bool,
    /// Whether `stream_options` say anything, which some servers refuse without `stream`.
    pub has_stream_options: bool,
    /// `stream_options.include_usage`
    pub include_usage: bool,
    /// `stream_options.continuous_usage_stats`: usage on every chunk.
    pub continuous_usage: bool,
    /// `max_completion_tokens`, else `max_tokens`. 0 is left to the engine to refuse.
    pub max_tokens: Option<u32>,
    /// `min_tokens`
    pub min_tokens: Option<u32>,
    /// `ignore_eos`, also inside `nvext`.
    pub ignore_eos: bool,
    /// `priority`, as vLLM reads it: the smaller is served first. Else `nvext.agent_hints.priority`, whose sign is turned.
    pub priority: Option<i32>,
    /// `nvext.extra_fields` asks for `timing`, as Dynamo reads it.
    pub timing: bool,
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
    /// Something was said, and it is nothing.
    #[error("`{0}` is empty\nhint: {0} carries the prompt of this endpoint; give at least one token of it")]
    EmptyPrompt(&'static str),
    /// A known key with a value of the wrong type, or one that cannot be.
    #[error("`{field}` is {value}, and must be {must}\nhint: correct `{field}` or leave it out")]
    Wrong {
        /// The key, with the way to it.
        field: String,
        /// What stands there, its beginning.
        value: String,
        /// What may stand there.
        must: &'static str,
    },
    /// A wish that real servers grant and this one cannot.
    #[error("{what}: not simulated yet\nhint: {hint}")]
    NotYet {
        /// The wish, with its key.
        what: &'static str,
        /// What to ask for instead.
        hint: &'static str,
    },
}

/// What a priority must be.
const PRIORITY: &str = "a whole number of 32 bits";

/// Reads a request body.
pub(super) fn decode(kind: EndpointKind, body: &[u8]) -> Result<Request, RequestError> {
    let value: Value = serde_json::from_slice(body)?;
    let Value::Object(map) = value else {
        return Err(RequestError::NotObject);
    };
    let fields = Fields { map: Some(&map), path: "" };
    let stream = fields.object("stream_options", "stream_options.")?;
    let nvext = fields.object("nvext", "nvext.")?;
    let context = nvext.object("agent_context", "nvext.agent_context.")?;
    let hints = nvext.object("agent_hints", "nvext.agent_hints.")?;
    let hinted: Option<i32> = hints.number("priority", PRIORITY)?;
    let (completion, plain) = (fields.count("max_completion_tokens")?, fields.count("max_tokens")?);
    let mut request = Request {
        model: fields.text("model")?,
        streaming: fields.flag("stream")?,
        has_stream_options: stream.map.is_some_and(|options| !options.is_empty()),
        include_usage: stream.flag("include_usage")?,
        continuous_usage: stream.flag("continuous_usage_stats")?,
        max_tokens: completion.or(plain),
        min_tokens: fields.count("min_tokens")?,
        ignore_eos: fields.flag("ignore_eos")? | nvext.flag("ignore_eos")?,
        priority: fields.number("priority", PRIORITY)?.or_else(|| hinted.map(i32::saturating_neg)),
        timing: nvext.strings("extra_fields")?.contains(&"timing"),
        session: context.text("session_id")?.filter(|id| !id.trim().is_empty()),
        user: fields.text("user")?,
        ..Request::default()
    };
    one_choice(&fields)?;
    no_stop(&fields)?;
    match kind {
        EndpointKind::Chat => {
            let said = fields.get("messages").ok_or(RequestError::NoPrompt("messages"))?;
            (request.texts, request.replies) = messages(said)?;
        }
        EndpointKind::Completions => {
            let said = fields.get("prompt").ok_or(RequestError::NoPrompt("prompt"))?;
            prompt(said, &mut request)?;
        }
        EndpointKind::Sglang => {
            native(&fields, "text", ("sampling_params", "sampling_params."), &mut request)?;
        }
        EndpointKind::Tgi => native(&fields, "inputs", ("parameters", "parameters."), &mut request)?,
    }
    Ok(request)
}

/// An engine's own API: a prompt, and an object with what limits the output. Counts always go with its replies.
fn native(
    fields: &Fields<'_>,
    key: &'static str,
    (limits, path): (&str, &'static str),
    request: &mut Request,
) -> Result<(), RequestError> {
    let said = fields.get(key).ok_or(RequestError::NoPrompt(key))?;
    let Value::String(text) = said else {
        return Err(wrong(key, said, "a string"));
    };
    if text.is_empty() {
        return Err(RequestError::EmptyPrompt(key));
    }
    request.texts.push(text.clone());
    let limits = fields.object(limits, path)?;
    request.max_tokens = limits.count("max_new_tokens")?;
    request.min_tokens = limits.count("min_new_tokens")?;
    request.ignore_eos = limits.flag("ignore_eos")?;
    no_stop(&limits)?;
    request.include_usage = true;
    request.continuous_usage = true;
    Ok(())
}

/// The keys of one object, or of one that is not there.
struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    /// The way to it, for what is said of its keys.
    path: &'static str,
}

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    /// What `read` makes of the value of `key`, if there is one.
    fn read<T>(
        &self,
        key: &str,
        must: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| wrong(format!("{}{key}", self.path), value, must))
    }

    fn object(&self, key: &str, path: &'static str) -> Result<Fields<'a>, RequestError> {
        Ok(Fields { map: self.read(key, "an object", Value::as_object)?, path })
    }

    fn flag(&self, key: &str) -> Result<bool, RequestError> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    fn text(&self, key: &str) -> Result<Option<String>, RequestError> {
        self.read(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn strings(&self, key: &str) -> Result<Vec<&'a str>, RequestError> {
        let all = |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect();
        Ok(self.read(key, "a list of strings", all)?.unwrap_or_default())
    }

    fn number<T: TryFrom<i64>>(&self, key: &str, must: &'static str) -> Result<Option<T>, RequestError> {
        self.read(key, must, |value| whole(value).and_then(|n| T::try_from(n).ok()))
    }

    fn count(&self, key: &str) -> Result<Option<u32>, RequestError> {
        self.number(key, "a whole number of tokens, not negative and of 32 bits")
    }
}

/// A whole number, also one that is written with a point (`5.0`), as the real servers take it.
fn whole(value: &Value) -> Option<i64> {
    // Above 2⁵³ a float does not say which number it means.
    let exact = |n: &f64| n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| value.as_f64().filter(exact).map(|n| n as i64))
}

fn wrong(field: impl Into<String>, value: &Value, must: &'static str) -> RequestError {
    const SHOWN: usize = 60;
    let mut shown: String = value.to_string();
    if let Some((cut, _)) = shown.char_indices().nth(SHOWN) {
        shown.truncate(cut);
        shown.push('…');
    }
    RequestError::Wrong { field: field.into(), value: shown, must }
}

/// Refuses more than one choice.
fn one_choice(fields: &Fields<'_>) -> Result<(), RequestError> {
    let must = "a whole number, 1 or more";
    match fields.read("n", must, |value| whole(value).filter(|n| *n >= 1))? {
        None | Some(1) => Ok(()),
        Some(_) => Err(RequestError::NotYet {
            what: "`n` above 1",
            hint: "send the request as often as you want choices",
        }),
    }
}

/// Refuses stop words.
fn no_stop(fields: &Fields<'_>) -> Result<(), RequestError> {
    let words = |value: &Value| match value {
        Value::String(word) => (!word.is_empty()).then_some(1),
        Value::Array(words) => {
            let good = |word: &Value| word.as_str().is_some_and(|word| !word.is_empty());
            words.iter().all(good).then_some(words.len())
        }
        _ => None,
    };
    match fields.read("stop", "a string or a list of strings, none of them empty", words)? {
        None | Some(0) => Ok(()),
        Some(_) => Err(RequestError::NotYet { what: "stop words (`stop`)", hint: "leave `stop` out" }),
    }
}

/// The one prompt of a completion: a text or token ids, alone or as the only one of a list.
fn prompt(said: &Value, request: &mut Request) -> Result<(), RequestError> {
    let must = "a string, a list of token ids, or a list of one of these";
    let items = match said {
        Value::String(text) => return one_text(text, request),
        Value::Array(items) => items,
        other => return Err(wrong("prompt", other, must)),
    };
    match items.as_slice() {
        [] => Err(RequestError::EmptyPrompt("prompt")),
        [Value::Number(_), ..] => ids(items, "prompt", request),
        [Value::String(text)] => one_text(text, request),
        [Value::Array(inner)] => ids(inner, "prompt[0]", request),
        several => {
            let strings = several[0].is_string();
            let odd = |item: &Value| if strings { !item.is_string() } else { !item.is_array() };
            if let Some(place) = several.iter().position(odd) {
                return Err(wrong(format!("prompt[{place}]"), &several[place], must));
            }
            let hint = "send each prompt as a request of its own";
            Err(RequestError::NotYet { what: "several prompts in one `prompt`", hint })
        }
    }
}

fn one_text(text: &str, request: &mut Request) -> Result<(), RequestError> {
    if text.is_empty() {
        return Err(RequestError::EmptyPrompt("prompt"));
    }
    request.texts.push(text.to_owned());
    Ok(())
}

fn ids(items: &[Value], path: &str, request: &mut Request) -> Result<(), RequestError> {
    if items.is_empty() {
        return Err(RequestError::EmptyPrompt("prompt"));
    }
    for (place, item) in items.iter().enumerate() {
        let id = whole(item).and_then(|n| u32::try_from(n).ok());
        let must = "a token id: a whole number, not negative and of 32 bits";
        request.ids.push(id.ok_or_else(|| wrong(format!("{path}[{place}]"), item, must))?);
    }
    request.token_ids = u32::try_from(items.len()).ok();
    Ok(())
}

/// The texts of the messages, in order, and which of them are the assistant's.
fn messages(said: &Value) -> Result<(Vec<String>, Vec<usize>), RequestError> {
    let Value::Array(messages) = said else {
        return Err(wrong("messages", said, "a list of messages"));
    };
    if messages.is_empty() {
        return Err(RequestError::EmptyPrompt("messages"));
    }
    let (mut texts, mut replies) = (Vec::new(), Vec::new());
    for (place, message) in messages.iter().enumerate() {
        if !message["role"].is_string() {
            let must = "an object with a `role`, which is a string";
            return Err(wrong(format!("messages[{place}]"), message, must));
        }
        let before = texts.len();
        contents(&message["content"], place, &mut texts)?;
        if message["role"] == "assistant" {
            replies.extend(before..texts.len());
        }
    }
    Ok((texts, replies))
}

/// The texts of a message's content: a string, or parts that are texts or have a `text`.
fn contents(content: &Value, message: usize, texts: &mut Vec<String>) -> Result<(), RequestError> {
    match content {
        Value::Null => {}
        Value::String(text) => texts.push(text.clone()),
        Value::Array(parts) => {
            for (place, part) in parts.iter().enumerate() {
                match (part, part.get("text")) {
                    (Value::String(text), _) | (Value::Object(_), Some(Value::String(text))) => {
                        texts.push(text.clone());
                    }
                    (Value::Object(_), None | Some(Value::Null)) if part["type"] != "text" => {}
                    _ => {
                        let field = format!("messages[{message}].content[{place}]");
                        return Err(wrong(field, part, "a part of a message, its `text` a string"));
                    }
                }
            }
        }
        other => {
            let must = "a string or a list of parts";
            return Err(wrong(format!("messages[{message}].content"), other, must));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
