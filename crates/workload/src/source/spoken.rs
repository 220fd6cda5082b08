//! One turn as AIPerf's data sets write it (`SingleTurn` of AIPerf 0.13.0), and as tokmark's own prompt files do: the keys that
//! `single_turn`, `multi_turn` and `random_pool` rows have in common.
//!
//! | key | what it says |
//! |---|---|
//! | `text`, `texts`, `text_input`, `prompt`, `messages` | what is said; exactly one of them. `texts` is a list of texts or of `{"name", "contents"}`; more than one text are the parts of one message |
//! | `role` | who says it; a user unless given |
//! | `timestamp`, `delay` | when, on the data set's own time line, or how long after the turn before; ms. Both only if one is 0 |
//! | `session_id`, `output_length`, `extra` | the session, the tokens to ask for, further keys of the body |
//!
//! Images, audio and video are not sent yet, and are refused by name.

use serde_json::{Map, Value, json};
use tokmark_base::Micros;

use super::lines::kind;
use super::row::{Row, Said};

/// Keys of one text.
const TEXTS: [&str; 3] = ["text_input", "text", "prompt"];

/// Keys of what is not sent yet.
const MEDIA: [&str; 7] = ["image", "images", "image_uuids", "audio", "audios", "video", "videos"];

/// A time longer than this is a slip (or a calendar date in nanoseconds), ms: 285 years, exact to the microsecond in an f64.
const MOST_MILLIS: f64 = 9e12;

/// What is wrong with a row, the field to blame first.
pub(super) type Fault = (Option<&'static str>, String);

/// What a turn holds, filled key by key while it is read.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    /// The key and its texts.
    texts: Option<(&'static str, Vec<String>)>,
    messages: Option<Vec<Value>>,
    role: Option<String>,
    at: Option<Micros>,
    delay: Option<Micros>,
    session: Option<String>,
    output_length: Option<u32>,
    extra: Option<Map<String, Value>>,
}

impl Spoken {
    /// Takes one key; `false` if nothing is made of it.
    pub(super) fn take(&mut self, key: &str, value: Value) -> Result<bool, String> {
        // A key whose value is null is a key that is not given, as AIPerf has it.
        if let Some(known) = TEXTS.into_iter().find(|known| *known == key) {
            let Some(text) = string(known, value)? else { return Ok(true) };
            self.say(known, vec![text])?;
        } else if MEDIA.contains(&key) {
            refuse_media(key, &value)?;
        } else {
            match key {
                "texts" => {
                    if let Some(list) = texts(value)? {
                        self.say("texts", list)?;
                    }
                }
                "messages" => once(&mut self.messages, key, messages(value)?)?,
                "role" => once(&mut self.role, key, string(key, value)?)?,
                "timestamp" => once(&mut self.at, key, millis(key, &value)?)?,
                "delay" => once(&mut self.delay, key, millis(key, &value)?)?,
                "session_id" => once(&mut self.session, key, name(key, value)?)?,
                "output_length" => once(&mut self.output_length, key, tokens(key, &value)?)?,
                "extra" => once(&mut self.extra, key, map(key, value)?)?,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn say(&mut self, key: &'static str, texts: Vec<String>) -> Result<(), String> {
        match self.texts.replace((key, texts)) {
            Some((other, _)) => Err(both(other, key)),
            None => Ok(()),
        }
    }

    /// Its session.
    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Whether a system says it.
    pub(super) fn is_system(&self) -> bool {
        self.role.as_deref() == Some("system")
    }

    /// The text of a turn that is a system prompt and nothing else: no time, no delay, no length, no extra. Several texts are
    /// lines of one.
    pub(super) fn system_prompt(&self) -> Option<String> {
        let bare = self.at.is_none()
            && self.delay.is_none()
            && self.output_length.is_none()
            && self.extra.is_none()
            && self.is_system();
        self.texts.as_ref().filter(|_| bare).map(|(_, texts)| texts.join("\n"))
    }

    /// What is wrong with the whole of it.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let later = |time: Option<Micros>| time.is_some_and(|time| time != Micros::ZERO);
        if later(self.at) && later(self.delay) {
            return Err((Some("delay"), both("timestamp", "delay")));
        }
        match (&self.texts, &self.messages) {
            (Some((key, _)), Some(_)) => Err((Some(key), both(key, "messages"))),
            (None, Some(_)) if self.role.is_some() => {
                Err((Some("role"), "`role` is given beside `messages`, which have their own".to_owned()))
            }
            (None, None) => {
                Err((None, "no prompt: neither `text` nor `texts` nor `messages` is given".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The turn; `before` is said in front of it.
    pub(super) fn row(self, before: Option<Value>) -> Result<Row, Fault> {
        self.check()?;
        let said = match (self.texts, self.messages) {
            (Some((_, texts)), _) => said(texts, self.role, before),
            (None, messages) => {
                Said::Messages(before.into_iter().chain(messages.into_iter().flatten()).collect())
            }
        };
        Ok(Row {
            at: self.at,
            delay: self.delay,
            session: self.session,
            output_length: self.output_length,
            said,
            extra: self.extra,
            ..Row::default()
        })
    }
}

/// Texts said by someone, after something else was.
fn said(mut texts: Vec<String>, role: Option<String>, before: Option<Value>) -> Said {
    let by_user = role.as_deref().is_none_or(|role| role == "user");
    if by_user && before.is_none() && texts.len() == 1 {
        return Said::Text(texts.swap_remove(0));
    }
    let content = if texts.len() == 1 {
        Value::String(texts.swap_remove(0))
    } else {
        texts.into_iter().map(|text| json!({"type": "text", "text": text})).collect()
    };
    let message = json!({"role": role.unwrap_or_else(|| "user".to_owned()), "content": content});
    Said::Messages(before.into_iter().chain([message]).collect())
}

fn both(one: &str, other: &str) -> String {
    if one == other {
        return format!("`{one}` is given twice");
    }
    format!("both `{one}` and `{other}` are given: leave one of them out")
}

/// Fills a slot that must be empty.
pub(super) fn once<T>(slot: &mut Option<T>, key: &str, value: Option<T>) -> Result<(), String> {
    if slot.is_some() {
        return Err(both(key, key));
    }
    *slot = value;
    Ok(())
}

fn refuse_media(key: &str, value: &Value) -> Result<(), String> {
    let empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    if empty {
        Ok(())
    } else {
        Err(format!("`{key}`: only texts can be sent; images, audio and video cannot yet"))
    }
}

fn must(key: &str, be: &str, value: &Value) -> String {
    let is = if value.is_number() { value.to_string() } else { kind(value).to_owned() };
    format!("`{key}` must be {be}, and is {is}")
}

/// A string with something in it; `None` for null.
fn string(key: &str, value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Err(format!("`{key}` is empty")),
        Value::String(text) => Ok(Some(text)),
        other => Err(must(key, "a string", &other)),
    }
}

/// A name: a string or a whole number.
pub(super) fn name(key: &str, value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Number(number) if !number.is_f64() => Ok(Some(number.to_string())),
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(must(key, "a string or a whole number", &other)),
    }
}

/// AIPerf's `texts`: strings, or objects with a name and contents. The names tell fields of other endpoints apart, and are not
/// part of what is said to these.
fn texts(value: Value) -> Result<Option<Vec<String>>, String> {
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) => list,
        other => return Err(must("texts", "a list", &other)),
    };
    let mut texts = Vec::new();
    for (at, entry) in list.into_iter().enumerate() {
        let key = format!("texts[{at}]");
        match entry {
            Value::Object(mut named) => match named.remove("contents") {
                Some(Value::Array(contents)) => {
                    for (part, text) in contents.into_iter().enumerate() {
                        let key = format!("{key}.contents[{part}]");
                        texts.push(string(&key, text)?.ok_or_else(|| must(&key, "a string", &Value::Null))?);
                    }
                }
                other => {
                    let other = other.unwrap_or_default();
                    return Err(must(&format!("{key}.contents"), "a list of strings", &other));
                }
            },
            text => texts.push(string(&key, text)?.ok_or_else(|| must(&key, "a string", &Value::Null))?),
        }
    }
    if texts.is_empty() { Err("`texts` is empty".to_owned()) } else { Ok(Some(texts)) }
}

fn messages(value: Value) -> Result<Option<Vec<Value>>, String> {
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) if list.is_empty() => return Err("`messages` is empty".to_owned()),
        Value::Array(list) => list,
        other => return Err(must("messages", "a list", &other)),
    };
    match list.iter().position(|m| !m.get("role").is_some_and(Value::is_string)) {
        Some(at) => Err(format!("`messages[{at}]` must be an object with a `role`")),
        None => Ok(Some(list)),
    }
}

/// A time in milliseconds, whole or not.
fn millis(key: &str, value: &Value) -> Result<Option<Micros>, String> {
    if value.is_null() {
        return Ok(None);
    }
    match value.as_f64() {
        Some(ms) if (0.0..=MOST_MILLIS).contains(&ms) => Ok(Some(Micros(libm::round(ms * 1e3) as i64))),
        _ => Err(must(key, "milliseconds, from 0 to 9e12", value)),
    }
}

/// A number of tokens, at least 1.
pub(super) fn tokens(key: &str, value: &Value) -> Result<Option<u32>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let whole =
        value.as_u64().or_else(|| value.as_f64().filter(|x| x.fract() == 0.0 && *x > 0.0).map(|x| x as u64));
    match whole.map(u32::try_from) {
        Some(Ok(n)) if n > 0 => Ok(Some(n)),
        _ => Err(must(key, "a whole number of tokens, from 1 to 10000000", value)),
    }
}

fn map(key: &str, value: Value) -> Result<Option<Map<String, Value>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Object(map) => Ok(Some(map)),
        other => Err(must(key, "an object", &other)),
    }
}
