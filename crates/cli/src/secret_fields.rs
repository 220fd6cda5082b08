//! Body fields (`--extra`) whose values must not be written down: which they are, and the same texts without them.

use serde_json::{Map, Value};
use tokmark_base::Secret;

const HIDDEN: &str = "***";

/// Whether a field is named like a secret: one of its words is `key`, `token`, `secret`, `password`, `auth` or the like.
/// `max_tokens` is none: its word is `tokens`.
pub fn is_secret(name: &str) -> bool {
    words(name).iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
}

const SECRET_WORDS: [&str; 13] = [
    "key",
    "apikey",
    "token",
    "secret",
    "secrets",
    "password",
    "passwd",
    "passphrase",
    "auth",
    "authorization",
    "bearer",
    "credential",
    "credentials",
];

/// `api_key`, `api-key` and `apiKey` as `api`, `key`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (small_before && c.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
        small_before = c.is_lowercase();
    }
    words
}

/// Replaces every secret in an object of fields, however deep.
pub fn mask(fields: &mut Map<String, Value>) {
    visit(fields, &mut |value| *value = Value::from(HIDDEN));
}

/// Every secret in an object of fields, so that no other file gets to hold one.
pub fn secrets(fields: &Map<String, Value>) -> Vec<Secret> {
    let mut found = Vec::new();
    visit(&mut fields.clone(), &mut |value| {
        found.extend(value.as_str().map(Secret::new));
    });
    found
}

fn visit(fields: &mut Map<String, Value>, hit: &mut impl FnMut(&mut Value)) {
    for (name, value) in fields {
        // Of ids and limits (`stop_token_ids`, `token_budget`) only text can be a secret; what ends in such a word is one
        // whatever it is made of.
        let named = is_secret(name);
        let numbers = words(name).last().is_some_and(|word| SECRET_WORDS.contains(&word.as_str()));
        inside(value, named, numbers, hit);
    }
}

fn inside(value: &mut Value, named: bool, numbers: bool, hit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::String(_) if named => hit(value),
        Value::Number(_) if numbers => hit(value),
        Value::Array(items) => items.iter_mut().for_each(|item| inside(item, named, false, hit)),
        Value::Object(inner) if named => {
            inner.values_mut().for_each(|value| inside(value, named, numbers, hit));
        }
        Value::Object(inner) => visit(inner, hit),
        _ => {}
    }
}

/// A command line without the secrets of its fields; what else must be hidden in it is [`crate::masked`]'s.
pub fn command(arguments: &[String]) -> Vec<String> {
    let mut flag = "";
    let hidden = arguments.iter().map(|argument| {
        let text = match flag {
            "--extra" | "--extra-inputs" => field(argument),
            "--set" => set(argument),
            _ => one(argument),
        };
        flag = argument;
        text
    });
    crate::masked::command(&hidden.collect::<Vec<_>>())
}

fn one(argument: &str) -> String {
    match argument.split_once('=') {
        Some((flag @ ("--extra" | "--extra-inputs"), text)) => format!("{flag}={}", field(text)),
        Some(("--set", text)) => format!("--set={}", set(text)),
        _ => argument.to_owned(),
    }
}

/// `KEY:VALUE` or a JSON object.
fn field(text: &str) -> String {
    if let Ok(Value::Object(mut fields)) = serde_json::from_str(text) {
        let plain = fields.clone();
        mask(&mut fields);
        // Left as typed where there is nothing to hide.
        return if fields == plain { text.to_owned() } else { Value::Object(fields).to_string() };
    }
    match text.split_once(':') {
        Some((name, value)) => format!("{name}:{}", value_of(name, value)),
        None => text.to_owned(),
    }
}

/// `target.extra=…` or `target.extra.KEY=VALUE`; anything else is left.
fn set(text: &str) -> String {
    match text.split_once('=') {
        Some(("target.extra", fields)) => format!("target.extra={}", field(fields)),
        Some((path, value)) => match path.strip_prefix("target.extra.") {
            Some(name) => format!("{path}={}", value_of(name, value)),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

fn value_of(name: &str, text: &str) -> String {
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::from(text));
    let mut fields = Map::from_iter([(name.to_owned(), value.clone())]);
    mask(&mut fields);
    match fields.remove(name) {
        Some(masked) if masked != value => masked.as_str().map_or_else(|| masked.to_string(), str::to_owned),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_field_stays_in_a_command_line() {
        let typed = [
            "--extra",
            "api_key:hunter22",
            "--extra={\"auth\":{\"user\":\"hunter22\"},\"n\":1}",
            "--extra-inputs",
            "apiKey:hunter22",
            "--set",
            "target.extra.session-token=hunter22",
            "--set=target.extra={\"password\":\"hunter22\"}",
            "--extra",
            "max_tokens:8",
            "--extra",
            "stop_token_ids:[1,2]",
            "--extra",
            "{\"top_p\": 0.9}",
            "--set",
            "load.rate=4",
        ];
        let said = command(&typed.map(str::to_owned)).join(" ");
        assert!(!said.contains("hunter22"), "{said}");
        for kept in ["max_tokens:8", "stop_token_ids:[1,2]", "{\"top_p\": 0.9}", "load.rate=4", "api_key:***"]
        {
            assert!(said.contains(kept), "{kept}: {said}");
        }
    }

    #[test]
    fn fields_are_masked_however_deep_and_found() {
        let Value::Object(mut fields) =
            serde_json::json!({"a": {"secret": "s1"}, "key": ["k1"], "pin_password": 1234, "max_tokens": 5})
        else {
            panic!("an object")
        };
        assert_eq!(secrets(&fields).len(), 2);
        mask(&mut fields);
        assert_eq!(
            Value::Object(fields),
            serde_json::json!({"a": {"secret": "***"}, "key": ["***"], "pin_password": "***", "max_tokens": 5})
        );
    }
}
