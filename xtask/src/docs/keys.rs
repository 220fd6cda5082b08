//! The table of flags in docs/spec.md, read out of the source of the one list of keys.

use std::fmt::Write as _;

use serde_json::Value;

use super::cell;
use crate::tree::Tree;

/// The one list of keys.
pub(crate) const KEYS: &str = "crates/cli/src/spec/keys/table.rs";
/// The schema of the spec, with every default.
const SCHEMA: &str = "docs/schema/spec.schema.json";

/// One table a group.
pub(super) fn table(tree: &Tree) -> Result<String, String> {
    let source = tree.text(KEYS).ok_or_else(|| format!("{KEYS} is missing"))?;
    let schema = tree.text(SCHEMA).ok_or_else(|| format!("{SCHEMA} is missing"))?;
    let schema = serde_json::from_str(schema).map_err(|e| format!("{SCHEMA}: {e}"))?;
    match keys(source) {
        keys if keys.is_empty() => Err(format!("no key could be read from {KEYS}")),
        keys => Ok(of(&keys, &schema)),
    }
}

/// The default of a key as the checked-in schema has it, which a test of the command line holds to the program's own; empty
/// for what is unset and for a switch, whose words say which way it stands.
fn default(key: &Key, schema: &Value) -> String {
    let mut at = schema;
    for part in key.path.split('.') {
        let reference = at["$ref"].as_str().or_else(|| at["anyOf"][0]["$ref"].as_str());
        let section = reference.and_then(|r| schema.pointer(r.trim_start_matches('#'))).unwrap_or(at);
        at = &section["properties"][part];
    }
    match &at["default"] {
        Value::String(text) if !text.is_empty() => format!("`{text}`"),
        Value::Number(number) => format!("`{}`", number.to_string().trim_end_matches(".0")),
        _ => String::new(),
    }
}

/// One key as the list has it.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    group: String,
    path: String,
    flag: String,
    value: String,
    short: Option<char>,
    /// The flag that turns a switch off.
    off: Option<String>,
    help: String,
}

fn of(keys: &[Key], schema: &Value) -> String {
    let mut out = String::new();
    let mut group = "";
    for key in keys {
        if key.group != group {
            group = &key.group;
            let _ = write!(
                out,
                "\n### {group}\n\n| flag | key of the spec | default | what it does |\n|---|---|---|---|\n"
            );
        }
        let short = key.short.map_or_else(String::new, |short| format!("`-{short}`, "));
        let value = if key.value.is_empty() { String::new() } else { format!(" {}", cell(&key.value)) };
        let off = key.off.as_deref().map_or_else(String::new, |off| format!(", `--{off}`"));
        let default = default(key, schema);
        let _ = writeln!(
            out,
            "| {short}`--{}{value}`{off} | `{}` | {default} | {} |",
            key.flag,
            key.path,
            cell(&key.help)
        );
    }
    out.push('\n');
    out
}

/// Path and flag of every key.
pub(super) fn flags(source: &str) -> Vec<(String, String)> {
    keys(source).into_iter().map(|key| (key.path, key.flag)).collect()
}

/// Reads the list out of its source: `key(GROUP, "path", "flag", "VALUE", kind, "help")`, perhaps `.short('x')`.
fn keys(source: &str) -> Vec<Key> {
    let groups: Vec<(&str, &str)> = source.lines().filter_map(group_constant).collect();
    let Some((_, list)) = source.split_once("pub const KEYS") else { return Vec::new() };
    let entries = list.split("\n    key(").skip(1);
    entries.filter_map(|entry| read_entry(entry, &groups)).collect()
}

/// `const NAME: &str = "Heading";`
fn group_constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim().strip_prefix("const ")?.split_once(": &str = \"")?;
    Some((name, value.strip_suffix("\";")?))
}

fn read_entry(entry: &str, groups: &[(&str, &str)]) -> Option<Key> {
    let constant = entry.split(',').next()?.trim();
    let group = groups.iter().find(|(name, _)| *name == constant).map_or(constant, |(_, heading)| heading);
    let texts = strings(entry);
    let [path, flag, value, .., help] = &texts[..] else { return None };
    let off = entry.contains("Kind::Switch(").then(|| texts[3].clone()).filter(|off| !off.is_empty());
    let short = entry.split_once(".short('").and_then(|(_, rest)| rest.chars().next());
    Some(Key {
        group: group.to_owned(),
        path: path.clone(),
        flag: flag.clone(),
        value: value.clone(),
        short,
        off,
        help: help.clone(),
    })
}

/// The string literals of a piece of source, escapes undone.
pub(super) fn strings(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(open) = rest.find('"') {
        let mut text = String::new();
        let mut inside = rest[open + 1..].char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = inside.next() {
            match c {
                '"' => {
                    end = open + 1 + at + 1;
                    break;
                }
                '\\' => match inside.next().map(|(_, c)| c) {
                    Some('n') => text.push(' '),
                    // A line that goes on: the break and the indent are not part of the text.
                    Some('\n') => {
                        while inside.clone().next().is_some_and(|(_, c)| c == ' ') {
                            inside.next();
                        }
                    }
                    Some(c) => text.push(c),
                    None => {}
                },
                c => text.push(c),
            }
        }
        found.push(text);
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "const LOAD: &str = \"Load\";\npub const KEYS: &[Key] = &[\n    key(LOAD, \"load.rate\", \"rate\", \"R\", Kind::Number,\n        \"Requests \\\n         a \\\"second\\\"\").short('r'),\n    key(LOAD, \"load.x\", \"x\", \"\", Kind::Switch(\"no-x\"), \"On\"),\n];\n";

    #[test]
    fn the_list_is_read() {
        let keys = keys(LIST);
        assert_eq!(keys.len(), 2);
        assert_eq!((keys[0].flag.as_str(), keys[0].short), ("rate", Some('r')));
        assert_eq!(keys[0].help, "Requests a \"second\"");
        assert_eq!((keys[1].path.as_str(), keys[1].help.as_str()), ("load.x", "On"));
    }

    #[test]
    fn a_row_a_key() {
        let schema = serde_json::json!({
            "properties": {"load": {"$ref": "#/$defs/L"}},
            "$defs": {"L": {"properties": {"rate": {"default": 4.0}, "x": {"default": true}}}},
        });
        let text = of(&keys(LIST), &schema);
        assert!(text.contains("| `-r`, `--rate R` | `load.rate` | `4` | Requests a \"second\" |"), "{text}");
        assert!(text.contains("| `--x`, `--no-x` | `load.x` |  | On |"), "{text}");
    }
}
