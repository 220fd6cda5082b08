//! The generated part of docs/workloads.md, and its pictures: each workload asked of the real generators, with what it says of
//! itself beside what it drew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use tokmark_base::{Lexicon, Seed, Stream};
use tokmark_figure::{Figure, Theme};
use tokmark_workload::{Inputs, Plan, WorkloadSpec};

use super::keys;
use crate::tree::Tree;

mod arrivals;
mod formats;
mod lengths;
mod sharing;
mod sittings;

/// Every picture and table is drawn with this one.
const SEED: Seed = Seed(42);
/// Folder of the pictures, under docs/.
const FOLDER: &str = "workloads";

/// One workload.
struct Case {
    /// Name of its picture.
    name: &'static str,
    /// What it is called.
    title: &'static str,
    /// What it means.
    text: &'static str,
    /// Its part of a spec, JSON.
    spec: &'static str,
}

/// What is told of a case.
struct Told {
    /// Facts, by name.
    facts: Vec<(&'static str, String)>,
    figure: Figure,
}

type Tell = fn(&Case) -> Result<Told, String>;

/// Kinds of workloads: heading, what all of a kind have in common, the cases, and how one is told.
const KINDS: &[(&str, &str, &[Case], Tell)] = &[
    ("Arrivals", arrivals::TEXT, arrivals::CASES, arrivals::tell),
    ("Lengths", lengths::TEXT, lengths::CASES, lengths::tell),
    ("What prompts share", sharing::TEXT, sharing::CASES, sharing::tell),
    ("Sessions", sittings::TEXT, sittings::CASES, sittings::tell),
];

/// The page's generated part.
pub(super) fn page(tree: &Tree) -> Result<String, String> {
    let source = tree.text(keys::KEYS).ok_or_else(|| format!("{} is missing", keys::KEYS))?;
    let flags: BTreeMap<String, String> = keys::flags(source).into_iter().collect();
    let mut out = String::new();
    for (heading, text, cases, tell) in KINDS {
        let _ = write!(out, "\n## {heading}\n\n{text}\n");
        for case in *cases {
            let told = tell(case).map_err(|e| format!("{}: {e}", case.name))?;
            let _ = write!(out, "\n### {}\n\n{}\n\n", case.title, case.text);
            let spec: Value = serde_json::from_str(case.spec).map_err(|e| format!("{}: {e}", case.name))?;
            let _ = writeln!(out, "```\n{}\n```\n", command(&spec, &flags)?);
            out += "| | |\n|---|---|\n";
            let _ = writeln!(out, "| keys | `{}` |", super::cell(&yaml(&spec)));
            for (name, fact) in &told.facts {
                let _ = writeln!(out, "| {name} | {} |", super::cell(fact));
            }
            let _ = writeln!(out, "\n![{}: {}]({FOLDER}/{}.svg)", heading, case.title, case.name);
        }
    }
    out += &formats::tables(tree);
    out.push('\n');
    Ok(out)
}

/// Path and text of every picture.
pub(super) fn pictures() -> Result<Vec<(String, String)>, String> {
    let mut pictures = Vec::new();
    for (_, _, cases, tell) in KINDS {
        for case in *cases {
            let drawn = tell(case).and_then(|told| {
                let figure = told.figure.id(format!("workload-{}", case.name)).theme(Theme::Auto);
                figure.svg().map_err(|e| e.to_string())
            });
            let svg = drawn.map_err(|e| format!("{}: {e}", case.name))?;
            pictures.push((format!("docs/{FOLDER}/{}.svg", case.name), svg));
        }
    }
    Ok(pictures)
}

/// The flags that say what a part of a spec says.
fn command(spec: &Value, flags: &BTreeMap<String, String>) -> Result<String, String> {
    let mut words = Vec::new();
    flatten("", spec, flags, &mut words)?;
    Ok(words.join(" "))
}

fn flatten(
    path: &str,
    value: &Value,
    flags: &BTreeMap<String, String>,
    words: &mut Vec<String>,
) -> Result<(), String> {
    if let Some(flag) = flags.get(path) {
        match value {
            Value::Bool(true) => words.push(format!("--{flag}")),
            // A list of points is a file on the command line, a list of objects a flag each.
            Value::Array(items) if items.first().is_some_and(Value::is_array) => {
                words.push(format!("--{flag} points.json"));
            }
            Value::Array(items) => words.extend(items.iter().map(|item| format!("--{flag} '{item}'"))),
            Value::String(text) if text.contains([' ', ';', '(', '|']) => {
                words.push(format!("--{flag} '{text}'"));
            }
            Value::String(text) => words.push(format!("--{flag} {text}")),
            other => words.push(format!("--{flag} {other}")),
        }
        return Ok(());
    }
    let Value::Object(fields) = value else { return Err(format!("no flag sets {path}")) };
    fields.iter().try_for_each(|(key, value)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        flatten(&path, value, flags, words)
    })
}

/// As a spec file has it, in one line.
fn yaml(value: &Value) -> String {
    fn inner(value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}: {}", inner(v))).collect();
                format!("{{{}}}", fields.join(", "))
            }
            Value::Array(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
            Value::String(text) if text.contains([' ', ',', ':', ';', '[', '{']) => format!("\"{text}\""),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
    let text = inner(value);
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).map_or_else(|| text.clone(), str::to_owned)
}

/// One part of a spec, read as the program reads it.
fn part<T: serde::de::DeserializeOwned + Default>(case: &Case, key: &str) -> Result<T, String> {
    let spec: Value = serde_json::from_str(case.spec).map_err(|e| e.to_string())?;
    match spec.get(key) {
        Some(part) => serde_json::from_value(part.clone()).map_err(|e| e.to_string()),
        None => Ok(T::default()),
    }
}

/// The plan of a workload; its words are letters, as only lengths are looked at.
fn plan(spec: &WorkloadSpec) -> Result<Plan, String> {
    Plan::new(spec, SEED, Inputs::synthetic(Arc::new(Letters))).map_err(|e| e.to_string())
}

/// A token a letter.
struct Letters;

impl Lexicon for Letters {
    fn id(&self) -> String {
        "letters".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
        text.extend((0..tokens).map(|_| char::from(b'a' + stream.below(26) as u8)));
        tokens
    }
}

/// Mean, and standard deviation over mean.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let var = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (values.len() > 1 && mean > 0.0).then(|| (mean, libm::sqrt(var) / mean))
}

/// Up to four digits that count.
fn number(v: f64) -> String {
    let digits = if v.abs() >= 1000.0 {
        0
    } else if v.abs() >= 100.0 {
        1
    } else {
        3
    };
    let text = format!("{v:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_told_as_flags_and_as_a_file() {
        let flags = [
            ("load.rate", "rate"),
            ("load.burst", "burst"),
            ("load.stages", "stage"),
            ("load.on_off.on", "on"),
        ];
        let flags = flags.map(|(path, flag)| (path.to_owned(), flag.to_owned())).into();
        let spec = serde_json::json!({"load": {"rate": 5, "burst": true, "stages": [{"rate": 1}], "on_off": {"on": "2s"}}});
        assert_eq!(command(&spec, &flags).unwrap(), "--rate 5 --burst --stage '{\"rate\":1}' --on 2s");
        assert_eq!(yaml(&spec), "load: {rate: 5, burst: true, stages: [{rate: 1}], on_off: {on: 2s}}");
        assert!(command(&serde_json::json!({"load": {"speed": 1}}), &flags).is_err());
    }

    #[test]
    fn no_two_pictures_have_one_name() {
        let mut names: Vec<&str> =
            KINDS.iter().flat_map(|(_, _, cases, _)| cases.iter().map(|case| case.name)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
