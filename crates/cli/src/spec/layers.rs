//! Defaults ← preset ← file ← environment ← `--set` ← flags, leaf by leaf, each leaf knowing where it came from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokmark_base::nearest::nearest;

use crate::spec::SpecError;
use crate::spec::conflicts;
use crate::spec::keys::{self, ENV_PREFIX, KEYS, Key, Kind};
use crate::spec::origin::Origin;
use crate::spec::yaml::{self, Node, Place};

/// One value somebody gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Where it lies in the spec.
    pub path: Vec<String>,
    /// What it is.
    pub value: Value,
    /// Who gave it.
    pub origin: Origin,
}

/// The layers laid over each other: what was given, and by whom.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The values, as a tree.
    pub tree: Map<String, Value>,
    /// For every leaf of `tree`, dotted, its origin.
    pub origins: BTreeMap<String, Origin>,
}

/// Keys that exclude each other: a stronger layer's choice takes the weaker one's away, and what only made sense beside
/// it; both in one layer contradict.
struct Choice {
    keys: &'static [&'static str],
    beside: &'static [&'static str],
    hint: &'static str,
}

const CHOICES: &[Choice] = &[
    Choice {
        keys: &["load.concurrency", "load.rate", "load.burst", "load.wave", "load.series", "load.stages"],
        beside: &[
            "load.arrival",
            "load.burstiness",
            "load.max_concurrency",
            "load.users",
            "load.on_off",
            "load.replay",
            "load.ramp_shape",
            "load.ramp_from",
        ],
        hint: "a closed loop has a concurrency, an open loop a rate, a wave, a series or stages; to cap an open loop use --max-concurrency",
    },
    Choice { keys: &["workload.file", "workload.dataset"], beside: &[], hint: "give one of the two" },
    Choice { keys: &["target.api_key_env", "target.api_key_file"], beside: &[], hint: "give one of the two" },
];

/// Variables that begin like ours and are none of the spec's: what the house's tests and caches use.
const RESERVED: &[&str] = &["TOKMARK_TEST", "TOKMARK_CACHE", "TOKMARK_LEFT_OUT"];

impl Layers {
    /// Lays `settings` over each other; a later one wins over an earlier one of the same strength.
    pub fn lay(mut settings: Vec<Setting>) -> Result<Self, SpecError> {
        settings.sort_by_key(|setting| setting.origin.rank());
        let settings = without_losing_choices(settings)?;
        let mut layers = Self::default();
        for setting in settings {
            layers.put(&setting);
        }
        layers.settle()?;
        Ok(layers)
    }

    /// Refuses values that contradict each other; takes away what gives way.
    pub fn settle(&mut self) -> Result<(), SpecError> {
        conflicts::settle(self)
    }

    /// Puts one value, replacing what was there.
    pub fn put(&mut self, setting: &Setting) {
        let dotted = setting.path.join(".");
        let below = format!("{dotted}.");
        self.origins.retain(|path, _| !path.starts_with(&below));
        self.origins.insert(dotted, setting.origin.clone());
        let mut at = &mut self.tree;
        let Some((last, sections)) = setting.path.split_last() else {
            return;
        };
        for section in sections {
            let entry = at.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            let Value::Object(inner) = entry else { return };
            at = inner;
        }
        at.insert(last.clone(), setting.value.clone());
    }

    /// Takes the value at a dotted path away, so that the default holds.
    pub fn take(&mut self, dotted: &str) {
        self.origins.remove(dotted);
        let mut at = &mut self.tree;
        let mut parts = dotted.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.remove(part);
                return;
            }
            let Some(Value::Object(inner)) = at.get_mut(part) else { return };
            at = inner;
        }
    }

    /// The value at a dotted path.
    pub fn get(&self, dotted: &str) -> Option<&Value> {
        let mut parts = dotted.split('.');
        let first = self.tree.get(parts.next()?)?;
        parts.try_fold(first, |at, part| at.get(part))
    }

    /// Who gave the value at a dotted path, or anything inside of it.
    pub fn origin(&self, dotted: &str) -> Option<&Origin> {
        let below = format!("{dotted}.");
        self.origins
            .get(dotted)
            .or_else(|| self.origins.iter().find(|(path, _)| path.starts_with(&below)).map(|(_, o)| o))
    }
}

fn without_losing_choices(settings: Vec<Setting>) -> Result<Vec<Setting>, SpecError> {
    let mut kept = settings;
    for choice in CHOICES {
        let chosen = |s: &Setting| {
            covering(choice.keys, &s.path).filter(|_| {
                !matches!(s.value, Value::Null | Value::Bool(false)) && s.value != serde_json::json!([])
            })
        };
        // Sorted by rank: the last one is of the strongest layer that chose.
        let Some((strongest, key)) = kept.iter().rev().find_map(|s| Some((s.clone(), chosen(s)?))) else {
            continue;
        };
        let rank = strongest.origin.rank();
        let mut others = kept.iter().filter(|s| chosen(s).is_some_and(|other| other != key));
        if let Some(other) = others.clone().find(|s| s.origin.rank() == rank) {
            return Err(SpecError::Contradiction {
                one: named(&other.path.join("."), &other.origin),
                other: named(&strongest.path.join("."), &strongest.origin),
                hint: choice.hint,
            });
        }
        if others.next().is_some() {
            let beside = |s: &Setting| covering(choice.beside, &s.path).is_some();
            kept.retain(|s| {
                s.origin.rank() == rank || chosen(s) == Some(key) || !(chosen(s).is_some() || beside(s))
            });
        }
    }
    Ok(kept)
}

/// The key of `keys` that is `path`, or a section around it.
fn covering(keys: &[&'static str], path: &[String]) -> Option<&'static str> {
    let dotted = path.join(".");
    keys.iter()
        .copied()
        .find(|key| dotted.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// A value as whoever gave it knows it: the flag as typed, else the key and where it stands.
pub fn named(path: &str, origin: &Origin) -> String {
    match origin {
        Origin::Flag(flag) => flag.clone(),
        origin => format!("{path} ({origin})"),
    }
}

/// The settings of a parsed file, under `prefix` (empty for a spec, `deployment` for a deployment file).
pub fn of_file(name: &str, prefix: &[String], node: &Node) -> Result<Vec<Setting>, SpecError> {
    let mut settings = Vec::new();
    walk(name, prefix, node, &mut settings)?;
    Ok(settings)
}

/// Parses YAML text and reads its settings.
pub fn of_text(name: &str, prefix: &[String], text: &str) -> Result<Vec<Setting>, SpecError> {
    let node = parse(name, text)?;
    of_file(name, prefix, &node)
}

/// Parses YAML text.
pub fn parse(name: &str, text: &str) -> Result<Node, SpecError> {
    yaml::parse(text)
        .map_err(|e| SpecError::Syntax { at: at(name, e.place.unwrap_or_default()), message: e.message })
}

fn at(name: &str, place: Place) -> String {
    if place.line == 0 { name.to_owned() } else { format!("{name}:{}:{}", place.line, place.column) }
}

fn walk(name: &str, path: &[String], node: &Node, out: &mut Vec<Setting>) -> Result<(), SpecError> {
    if let Some(key) = keys::find(path) {
        return leaf(name, key, path, node, out);
    }
    let entries = match &node.kind {
        yaml::Kind::Map(entries) => entries,
        yaml::Kind::Scalar(Value::Null) => return Ok(()),
        _ => {
            return Err(SpecError::NotASection {
                at: at(name, node.place),
                path: if path.is_empty() { "the spec".to_owned() } else { path.join(".") },
            });
        }
    };
    for (key, place, child) in entries {
        let mut inner = path.to_vec();
        inner.push(key.clone());
        if keys::find(&inner).is_none() && !keys::is_section(&inner) {
            return Err(unknown(Some(at(name, *place)), &inner));
        }
        walk(name, &inner, child, out)?;
    }
    Ok(())
}

fn leaf(
    name: &str,
    key: &Key,
    path: &[String],
    node: &Node,
    out: &mut Vec<Setting>,
) -> Result<(), SpecError> {
    let origin = |place| Origin::File { name: name.to_owned(), place };
    if let (Kind::Headers | Kind::Fields, yaml::Kind::Map(entries)) = (key.kind, &node.kind) {
        for (entry, _, value) in entries {
            let mut inner = path.to_vec();
            inner.push(entry.clone());
            out.push(Setting { path: inner, value: value.value(), origin: origin(value.place) });
        }
        return Ok(());
    }
    let origin = origin(node.place);
    let value = key.kind.take(node.value()).map_err(|message| value_error(path, &origin, message))?;
    out.push(Setting { path: path.to_vec(), value, origin });
    Ok(())
}

fn value_error(path: &[String], origin: &Origin, message: String) -> SpecError {
    SpecError::Value { path: path.join("."), origin: origin.to_string(), message }
}

fn unknown(at: Option<String>, path: &[String]) -> SpecError {
    // Where it goes wrong: what is before it is a section. (Where something lies below a key, the last part is as wrong as any.)
    let depth = (0..path.len())
        .find(|depth| !keys::is_section(&path[..=*depth]))
        .unwrap_or_else(|| path.len().saturating_sub(1));
    let mut known: Vec<&str> = KEYS
        .iter()
        .filter(|key| key.path.split('.').take(depth).eq(path[..depth].iter().map(String::as_str)))
        .filter_map(|key| key.path.split('.').nth(depth))
        .collect();
    known.dedup();
    let typed = path.get(depth).map_or("", String::as_str);
    // A key known elsewhere (`concurrency` at the top) is as likely as a typing error.
    let elsewhere = || {
        let last = path.last().map_or("", String::as_str);
        KEYS.iter()
            .find(|key| key.path.rsplit('.').next() == Some(last) || key.flag == last)
            .map(|key| key.path.to_owned())
    };
    SpecError::UnknownKey {
        at,
        path: path.join("."),
        hint: nearest(typed, known.iter().copied()).map(ToOwned::to_owned).or_else(elsewhere).map_or_else(
            || format!("known here: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        ),
    }
}

/// The settings of the environment's `TOKMARK_…` variables.
pub fn of_env(env: &BTreeMap<String, String>) -> Result<Vec<Setting>, SpecError> {
    let mut settings = Vec::new();
    for (name, text) in env.iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)) {
        if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.env() == *name) else {
            let known: Vec<String> = KEYS.iter().map(Key::env).collect();
            return Err(SpecError::UnknownVariable {
                name: name.clone(),
                hint: nearest(name, known.iter().map(String::as_str)).map_or_else(
                    || "unset it; `tokmark explain` lists every variable".to_owned(),
                    |near| format!("did you mean {near}?"),
                ),
            });
        };
        let lines: Vec<&str> = match key.kind {
            Kind::Headers | Kind::Fields => text.lines().collect(),
            _ => vec![text.as_str()],
        };
        for line in lines {
            settings.extend(of_words(key, line, &Origin::Env(name.clone()))?);
        }
    }
    Ok(settings)
}

/// What is wrong with the text of `key`: a named target is written otherwise than the fields of a body, as which it is read.
fn said_of(key: &Key, text: &str, message: String) -> String {
    let text = text.trim();
    if key.path != "targets" || text.starts_with('{') {
        return message;
    }
    format!(
        "`{text}` has no name, or nothing in which it differs\nhint: write NAME:URL or NAME:KEY=VALUE, as in --target a:http://host:8000 or --target kv:router.policy=kv"
    )
}

/// The settings one text gives to `key`: one, or one an entry for headers and fields.
pub fn of_words(key: &Key, text: &str, origin: &Origin) -> Result<Vec<Setting>, SpecError> {
    let path = key.parts();
    let value =
        key.kind.read(text).map_err(|message| value_error(&path, origin, said_of(key, text, message)))?;
    let setting = |path: Vec<String>, value: Value| Setting { path, value, origin: origin.clone() };
    Ok(match (key.kind, value) {
        (Kind::Headers | Kind::Fields, Value::Object(entries)) => entries
            .into_iter()
            .map(|(name, value)| {
                let mut inner = path.clone();
                inner.push(name);
                setting(inner, value)
            })
            .collect(),
        (_, value) => vec![setting(path, value)],
    })
}

/// The settings of one `--set path.to.key=value`.
pub fn of_set(text: &str) -> Result<Vec<Setting>, SpecError> {
    let Some((dotted, value)) = text.split_once('=') else {
        return Err(SpecError::Set { text: text.to_owned() });
    };
    let path: Vec<String> = dotted.trim().split('.').map(str::to_owned).collect();
    let Some(key) = keys::find(&path) else {
        if keys::is_section(&path) {
            return Err(SpecError::SetSection { path: path.join(".") });
        }
        return Err(unknown(None, &path));
    };
    if path.len() == key.parts().len() {
        return of_words(key, value, &Origin::Set);
    }
    let read = match key.kind {
        Kind::Fields => serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
        _ => Value::from(value),
    };
    Ok(vec![Setting { path, value: read, origin: Origin::Set }])
}
