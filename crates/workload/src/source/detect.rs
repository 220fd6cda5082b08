//! What a file holds, from its first rows. Where two formats cannot be told apart, nobody guesses: the asker says which.

use serde_json::{Map, Value};

use super::FileFormat;

/// Bytes of a file's beginning that are worth handing to [`detect`].
pub const HEAD: usize = 1 << 18;

/// Rows looked at.
const ROWS: usize = 32;

/// Tokens a hash id stands for in Mooncake's traces, and in those that vLLM replays.
const BLOCKS: [(usize, FileFormat); 2] = [(512, FileFormat::Mooncake), (16, FileFormat::VllmTimed)];

/// Keys of a request's body that have no place in a file of prompts.
const OF_A_BODY: [&str; 5] = ["model", "stream", "max_tokens", "max_completion_tokens", "temperature"];

impl FileFormat {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::SingleTurn,
        Self::MultiTurn,
        Self::RandomPool,
        Self::Mooncake,
        Self::Azure,
        Self::BurstGpt,
        Self::VllmTimed,
        Self::ShareGpt,
        Self::RawPayload,
        Self::InputsJson,
        Self::DynamoRequests,
    ];

    /// Its name, as `workload.format` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SingleTurn => "single_turn",
            Self::MultiTurn => "multi_turn",
            Self::RandomPool => "random_pool",
            Self::Mooncake => "mooncake",
            Self::Azure => "azure",
            Self::BurstGpt => "burst_gpt",
            Self::VllmTimed => "vllm_timed",
            Self::ShareGpt => "share_gpt",
            Self::RawPayload => "raw_payload",
            Self::InputsJson => "inputs_json",
            Self::DynamoRequests => "dynamo_requests",
        }
    }
}

/// Why nobody knows what a file holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// There is nothing in it.
    #[error(
        "{file} holds no rows\nhint: check that it is the file that was meant, and that it was written to its end"
    )]
    Empty {
        /// The file.
        file: String,
    },
    /// It may be this or that.
    #[error("{file} may be {}: {why}\nhint: say which with --format", names(could, " or "))]
    Ambiguous {
        /// The file.
        file: String,
        /// What it may be.
        could: Vec<FileFormat>,
        /// What cannot be told apart.
        why: &'static str,
    },
    /// It is nothing known here.
    #[error(
        "{file} is in no format that is known here: {what}\nhint: if it is one of them after all, say which with --format: {}",
        names(&FileFormat::ALL, ", ")
    )]
    Unknown {
        /// The file.
        file: String,
        /// What its beginning is.
        what: String,
    },
}

fn names(formats: &[FileFormat], between: &str) -> String {
    formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(between)
}

/// What `file` holds, of which `head` is the beginning; `whole`: there is nothing more.
pub fn detect(file: &str, head: &[u8], whole: bool) -> Result<FileFormat, DetectError> {
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    match text.first() {
        None => Err(DetectError::Empty { file: file.to_owned() }),
        Some(b'[') => list(file, text),
        Some(b'{') => objects(file, text, whole),
        Some(_) => table(file, text),
    }
}

fn unknown(file: &str, what: impl Into<String>) -> DetectError {
    DetectError::Unknown { file: file.to_owned(), what: what.into() }
}

/// One JSON list.
fn list(file: &str, text: &[u8]) -> Result<FileFormat, DetectError> {
    let keys = keys(text[1..].trim_ascii_start());
    if keys.iter().any(|(key, _)| key == "conversations") {
        return Ok(FileFormat::ShareGpt);
    }
    Err(unknown(file, format!("it is a JSON list of {}", told(&keys))))
}

/// A table with a header.
fn table(file: &str, text: &[u8]) -> Result<FileFormat, DetectError> {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let columns: Vec<&str> = line.split(',').map(|column| column.trim().trim_matches('"')).collect();
    let has = |wanted: &[&str]| wanted.iter().all(|column| columns.contains(column));
    if has(&["ContextTokens", "GeneratedTokens"]) {
        return Ok(FileFormat::Azure);
    }
    if has(&["Request tokens", "Response tokens"]) {
        return Ok(FileFormat::BurstGpt);
    }
    let begin: String = line.chars().take(60).collect();
    let what = if columns.len() > 1 { "a table with the header" } else { "it begins with" };
    Err(unknown(file, format!("{what} `{begin}`")))
}

/// Objects, one a line, or one that is the file.
fn objects(file: &str, text: &[u8], whole: bool) -> Result<FileFormat, DetectError> {
    let first = keys(text);
    if first.iter().any(|(key, begins)| key == "data" && *begins == b'[') {
        return Ok(FileFormat::InputsJson);
    }
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if !first.is_empty() && lines[0].trim_ascii() == b"{" {
        return Err(unknown(file, format!("it is one JSON object: {}", told(&first))));
    }
    let complete = if whole { lines.len() } else { (lines.len() - 1).max(1) };
    let rows =
        lines.into_iter().take(complete).map(<[u8]>::trim_ascii).filter(|row| !row.is_empty()).take(ROWS);
    let (mut seen, mut why) = (Vec::new(), "");
    for row in rows {
        let (formats, reason) = row_of(row);
        if formats.len() > 1 {
            why = reason;
        }
        seen.extend(formats);
    }
    let could: Vec<FileFormat> = FileFormat::ALL.into_iter().filter(|format| seen.contains(format)).collect();
    match could[..] {
        [] => Err(unknown(file, format!("its first row is {}", told(&first)))),
        [format] => Ok(format),
        // Mooncake's rows may hold texts in place of lengths.
        [FileFormat::SingleTurn, FileFormat::Mooncake] if why.is_empty() => Ok(FileFormat::Mooncake),
        _ => {
            let why = if why.is_empty() { "its rows are of different kinds" } else { why };
            Err(DetectError::Ambiguous { file: file.to_owned(), could, why })
        }
    }
}

/// What a row may be, and why that cannot be said.
fn row_of(row: &[u8]) -> (Vec<FileFormat>, &'static str) {
    use FileFormat as F;
    let keys = keys(row);
    let has = |any: &[&str]| keys.iter().any(|(key, _)| any.contains(&key.as_str()));
    if has(&["schema", "event"]) && row.windows(21).any(|part| part == b"dynamo.request.trace.") {
        return (vec![F::DynamoRequests], "");
    }
    if has(&["turns"]) {
        return (vec![F::MultiTurn], "");
    }
    if has(&["chat_id"]) && has(&["parent_chat_id"]) {
        return (vec![F::VllmTimed], "");
    }
    if has(&["input_length", "input_tokens", "hash_ids", "payload"]) {
        return blocks(row);
    }
    let whole: Option<Map<String, Value>> = serde_json::from_slice(row).ok();
    if whole.is_some_and(|row| row.get("type").and_then(Value::as_str) == Some("random_pool")) {
        return (vec![F::RandomPool], "");
    }
    let spoken =
        has(&["text", "texts", "text_input", "image", "images", "audio", "audios", "video", "videos"]);
    let said = has(&["messages", "prompt"]);
    if said && has(&OF_A_BODY) {
        let why = "its rows have `messages` or `prompt`, and keys of a request's body beside them";
        return (vec![F::SingleTurn, F::RawPayload], why);
    }
    // Only Mooncake's rows have tools; and the key `text_input` is theirs, whose sessions say again what was said before.
    if (has(&["messages"]) && has(&["tools"])) || (has(&["text_input"]) && has(&["session_id"])) {
        return (vec![F::Mooncake], "");
    }
    if spoken || said { (vec![F::SingleTurn], "") } else { (Vec::new(), "") }
}

/// Of which trace a row with lengths or hash ids is: two have the same keys and count time and tokens differently. The number of
/// ids tells how many tokens one stands for.
fn blocks(row: &[u8]) -> (Vec<FileFormat>, &'static str) {
    let why = "a hash id stands for 16 tokens in it, as in the traces that vLLM replays with times in seconds, but its keys are \
               Mooncake's, whose times are milliseconds";
    let row: Map<String, Value> = serde_json::from_slice(row).unwrap_or_default();
    let ids = row.get("hash_ids").and_then(Value::as_array).map_or(0, Vec::len);
    let length = row.get("input_length").and_then(Value::as_u64);
    let fits = |tokens: usize| length.is_some_and(|length| length.div_ceil(tokens as u64) == ids as u64);
    match BLOCKS.map(|(tokens, _)| fits(tokens)) {
        [false, true] => (BLOCKS.map(|(_, format)| format).to_vec(), why),
        _ => (vec![FileFormat::Mooncake], ""),
    }
}

/// An object's keys, in words.
fn told(keys: &[(String, u8)]) -> String {
    if keys.is_empty() {
        return "no object with keys".to_owned();
    }
    let names: Vec<String> = keys.iter().take(8).map(|(key, _)| format!("`{key}`")).collect();
    let more = if keys.len() > names.len() { ", …" } else { "" };
    format!("an object with {}{more}", names.join(", "))
}

/// Keys of the object that `text` begins with, each with the first byte of its value. The object may be cut off.
fn keys(text: &[u8]) -> Vec<(String, u8)> {
    let (mut depth, mut string, mut escaped) = (0_u32, None, false);
    let (mut last, mut found): (Option<&[u8]>, Vec<(String, u8)>) = (None, Vec::new());
    for (at, byte) in text.iter().enumerate() {
        if let Some(begin) = string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    last = Some(&text[begin..=at]);
                    string = None;
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 => {
                let begins = text[at + 1..].trim_ascii_start().first().copied();
                if let Some(key) = last.take().and_then(|key| serde_json::from_slice(key).ok()) {
                    found.push((key, begins.unwrap_or(b' ')));
                }
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests;
