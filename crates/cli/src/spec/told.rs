//! What the rooms and serde say, in the words of whoever gave the values.

use tokmark_base::nearest::nearest;
use tokmark_workload::load::LoadError;
use tokmark_workload::shape::lengths::MOST_TOKENS;
use tokmark_workload::spec::WorkloadError;

use crate::spec::SpecError;
use crate::spec::keys::{self, Key};
use crate::spec::layers::{Layers, named};
use crate::spec::origin::Origin;

/// A workload's refusal, its keys with who gave them.
pub fn workload(error: WorkloadError, layers: &Layers) -> SpecError {
    match error {
        WorkloadError::Contradiction { key, other, hint } => contradiction(key, other, hint, layers),
        WorkloadError::Needs { key, other, hint } => needs(key, other, hint, layers),
        other => SpecError::Refused { message: other.to_string() },
    }
}

/// A load's refusal, its keys with who gave them.
pub fn load(error: LoadError, layers: &Layers) -> SpecError {
    match error {
        LoadError::Contradiction { key, other, hint } => contradiction(key, other, hint, layers),
        LoadError::Needs { key, other, hint } => needs(key, other, hint, layers),
        other => SpecError::Refused { message: other.to_string() },
    }
}

fn contradiction(key: &str, other: &str, hint: &'static str, layers: &Layers) -> SpecError {
    SpecError::Contradiction { one: given(key, layers), other: given(other, layers), hint }
}

fn needs(key: &str, other: &str, hint: &'static str, layers: &Layers) -> SpecError {
    let (key, other) = (given(key, layers), missing(other));
    SpecError::Refused { message: format!("{key} needs {other}\nhint: {hint}") }
}

/// A key and the value of it that matters, if one does: `load.arrival: trace`.
fn parts(key: &str) -> (&str, Option<&str>) {
    key.split_once(": ").map_or((key, None), |(path, value)| (path, Some(value)))
}

/// A key that was given, as whoever gave it knows it; a key that nobody gave, and what is no key, as it stands.
fn given(key: &str, layers: &Layers) -> String {
    let (path, value) = parts(key);
    let below = format!("{path}.");
    // Of a section the key that was given the most strongly.
    let inner = || layers.origins.iter().filter(|(inner, _)| inner.starts_with(&below));
    match (layers.origins.get(path), value) {
        (Some(Origin::Flag(flag)), Some("null")) => format!("{flag} none"),
        (Some(Origin::Flag(flag)), Some(value)) => format!("{flag} {value}"),
        (Some(origin), _) => named(key, origin),
        (None, _) => inner()
            .max_by_key(|(_, origin)| origin.rank())
            .map_or_else(|| key.to_owned(), |(inner, origin)| named(inner, origin)),
    }
}

/// A key that is missing, with its flag.
fn missing(key: &str) -> String {
    let (path, value) = parts(key);
    let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
    match (keys::find(&parts), value) {
        (Some(Key { flag, .. }), None) => format!("{key} (--{flag})"),
        (Some(Key { flag, .. }), Some(value)) => format!("{key} (--{flag} {value})"),
        (None, _) => key.to_owned(),
    }
}

/// Keys that are numbers of tokens.
const TOKENS: [&str; 6] = [
    "workload.isl",
    "workload.osl",
    "workload.prefix.length",
    "workload.prefix.system",
    "workload.prefix.user_context",
    "workload.block_size",
];

/// What serde says of the value at `path`, as the house says it.
pub fn value(path: &str, said: &str) -> String {
    unknown_word(said).or_else(|| too_large(path, said)).unwrap_or_else(|| said.to_owned())
}

/// ``unknown field `a`, expected one of `b`, `c` ``.
fn unknown_word(said: &str) -> Option<String> {
    let rest = said.strip_prefix("unknown field `")?;
    let (typed, rest) = rest.split_once("`, expected ")?;
    // What is between backquotes.
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let hint = nearest(typed, known.iter().copied()).map_or_else(
        || format!("known here: {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Some(format!("unknown key `{typed}`\nhint: {hint}"))
}

/// ``invalid value: integer `99999999999`, expected u32``.
fn too_large(path: &str, said: &str) -> Option<String> {
    let rest = said.strip_prefix("invalid value: integer `")?;
    let (number, rest) = rest.split_once("`, expected ")?;
    let most = match rest.split_whitespace().next()? {
        "u32" if TOKENS.contains(&path) => u64::from(MOST_TOKENS),
        "u32" => u64::from(u32::MAX),
        "u64" => u64::MAX,
        _ => return None,
    };
    if number.starts_with('-') {
        return Some(format!("{number} is negative\nhint: give a whole number from 0 to {most}"));
    }
    Some(format!("{number} is too large\nhint: the most is {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serdes_sentences_become_ours() {
        assert_eq!(
            value("workload.classes", "unknown field `wieght`, expected one of `name`, `weight`"),
            "unknown key `wieght`\nhint: did you mean `weight`?"
        );
        assert_eq!(
            value("load.stages", "unknown field `zzzzzz`, expected `rate` or `duration`"),
            "unknown key `zzzzzz`\nhint: known here: rate, duration"
        );
        let large = "invalid value: integer `99999999999`, expected u32";
        assert_eq!(value("workload.isl", large), "99999999999 is too large\nhint: the most is 10000000");
        assert_eq!(value("load.users", large), "99999999999 is too large\nhint: the most is 4294967295");
        assert!(value("load.users", "invalid value: integer `-1`, expected u32").contains("-1 is negative"));
        assert_eq!(value("load.rate", "something else"), "something else");
    }
}
