//! The one table of keys: path in the spec ↔ flag ↔ `TOKMARK_…` ↔ help. One more key is one line in `keys/table.rs` and one field
//! in the room that owns it; a test holds the table and the schema of the spec together.

use serde_json::{Map, Value};
use tokmark_base::units::parse_count;

mod table;

pub use table::{CLIENT, KEYS, SIMULATION, WIRE};

/// How the text of a flag or variable becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, as it is.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number, `10k` allowed.
    Count,
    /// A number.
    Number,
    /// A whole number, or `none`.
    CountOrNone,
    /// A duration, a count or a multiple of the concurrency (`30s`, `100`, `10x`): the spec's own types read it.
    Quantity,
    /// On or off. The text is the flag that turns it off.
    Switch(&'static str),
    /// One number, or a list of levels that makes the run a sweep.
    Levels,
    /// Several texts.
    Texts,
    /// Several `KEY: VALUE`, values are text.
    Headers,
    /// Several `KEY:VALUE` or JSON objects, values are any JSON.
    Fields,
    /// Numbers, or one word that stands for them.
    List,
    /// Several JSON objects, or one list of them.
    Objects,
}

/// One key of the spec.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it lies in the spec, dotted.
    pub path: &'static str,
    /// The long flag, without `--`.
    pub flag: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// What stands for the value in help.
    pub value_name: &'static str,
    /// How text becomes a value.
    pub kind: Kind,
    /// Heading in help.
    pub group: &'static str,
    /// Help, one sentence.
    pub help: &'static str,
}

impl Key {
    /// The environment variable: `TOKMARK_` and the flag in capitals.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.flag.replace('-', "_").to_ascii_uppercase())
    }

    /// The path, part by part.
    pub fn parts(&self) -> Vec<String> {
        self.path.split('.').map(str::to_owned).collect()
    }
}

/// How every variable of ours begins.
pub const ENV_PREFIX: &str = "TOKMARK_";

/// The key at `path`, or the key whose value `path` lies inside of (a header, a field).
pub fn find(path: &[String]) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let mut parts = key.path.split('.');
        let mut given = path.iter();
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (None, Some(_)) => return matches!(key.kind, Kind::Headers | Kind::Fields),
                (Some(part), Some(name)) if part == name => {}
                _ => return false,
            }
        }
    })
}

/// Whether `path` is a section: some key lies below it.
pub fn is_section(path: &[String]) -> bool {
    let prefix = format!("{}.", path.join("."));
    KEYS.iter().any(|key| key.path.starts_with(&prefix))
}

impl Kind {
    /// Reads the text of a flag, a variable or a quoted scalar of a file.
    pub fn read(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(text.into()),
            Self::Word(words) => read_word(text, words),
            Self::CountOrNone if matches!(text.trim(), "none" | "null") => Ok(Value::Null),
            Self::Quantity => read_quantity(text),
            Self::Count | Self::CountOrNone => parse_count(text).map(Value::from).map_err(|e| e.to_string()),
            Self::Number => read_number(text),
            Self::Switch(_) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(true.into()),
                "false" | "no" | "off" | "0" => Ok(false.into()),
                _ => Err(format!("`{text}` is neither true nor false")),
            },
            Self::Levels => read_levels(text),
            Self::Texts => {
                Ok(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect())
            }
            Self::Headers => read_header(text),
            Self::Fields => read_fields(text),
            Self::List => read_list(text),
            Self::Objects => read_objects(text),
        }
    }

    /// Takes a value of a file: text is read as a flag's would be, anything else is judged by the spec's own types.
    pub fn take(self, value: Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Text | Self::Headers | Self::Fields, value) => Ok(value),
            (kind, Value::String(text)) => kind.read(&text),
            (_, value) => Ok(value),
        }
    }
}

fn read_word(text: &str, words: &'static [&'static str]) -> Result<Value, String> {
    let word = text.trim();
    if words.contains(&word) {
        return Ok(word.into());
    }
    let hint = tokmark_base::nearest::nearest(word, words.iter().copied()).map_or_else(
        || format!("it is one of {}", words.join(", ")),
        |near| format!("did you mean `{near}`? It is one of {}", words.join(", ")),
    );
    Err(format!("`{word}` is not known here\nhint: {hint}"))
}

/// Its room reads it; but of what is below zero it could only say that it is no quantity.
fn read_quantity(text: &str) -> Result<Value, String> {
    let plain = text.trim();
    if plain.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
    {
        return Err(format!(
            "`{plain}` is negative\nhint: a negative time or count means nothing here: give 0 or more"
        ));
    }
    Ok(plain.into())
}

fn read_number(text: &str) -> Result<Value, String> {
    let plain = text.trim();
    if let Ok(whole) = plain.parse::<i64>() {
        return Ok(whole.into());
    }
    if let Ok(whole) = plain.parse::<u64>() {
        return Ok(whole.into());
    }
    match plain.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number.into()),
        _ => Err(format!("`{text}` is not a number")),
    }
}

fn read_levels(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if let [one] = parts[..] {
        return read_number(one);
    }
    parts.into_iter().map(read_number).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn read_list(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    match parts[..] {
        [word] if word.parse::<f64>().is_err() => Ok(word.into()),
        _ => parts.into_iter().map(read_number).collect::<Result<Vec<_>, _>>().map(Value::Array),
    }
}

fn read_objects(text: &str) -> Result<Value, String> {
    match serde_json::from_str::<Value>(text.trim()) {
        Ok(Value::Array(list)) => Ok(list.into()),
        Ok(object @ Value::Object(_)) => Ok(vec![object].into()),
        Ok(_) => Err(format!("`{text}` is neither a JSON object nor a list of them")),
        Err(e) => Err(format!("`{text}` is not JSON: {e}")),
    }
}

fn read_header(text: &str) -> Result<Value, String> {
    let bad = || {
        let name = text.split(':').next().unwrap_or_default();
        format!("the header `{name}` has no value\nhint: write it as \"Name: value\"")
    };
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    if name.trim().is_empty() {
        return Err(bad());
    }
    Ok(Value::Object(Map::from_iter([(name.trim().to_owned(), Value::from(value.trim()))])))
}

fn read_fields(text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        return match serde_json::from_str::<Value>(trimmed) {
            Ok(object @ Value::Object(_)) => Ok(object),
            Ok(_) => Err(format!("`{trimmed}` is not a JSON object")),
            Err(e) => Err(format!("`{trimmed}` is not JSON: {e}")),
        };
    }
    let Some((name, value)) = trimmed.split_once(':') else {
        return Err(format!(
            "`{trimmed}` is neither key:value nor a JSON object\nhint: as in --extra temperature:0 or --extra '{{\"top_p\":0.9}}'"
        ));
    };
    // What reads as JSON is JSON (numbers, booleans, lists), anything else is text.
    let value = serde_json::from_str(value.trim()).unwrap_or_else(|_| Value::from(value.trim()));
    Ok(Value::Object(Map::from_iter([(name.trim().to_owned(), value)])))
}
