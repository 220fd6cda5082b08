//! The table of keys and the spec hold together.

use std::collections::BTreeSet;

use clap::CommandFactory;
use serde_json::Value;
use tokmark::spec::keys::{KEYS, Kind};

/// Every leaf of the schema: what has no properties of its own.
fn leaves(schema: &Value, root: &Value, path: &str, out: &mut BTreeSet<String>) {
    let mut parts = vec![schema];
    let mut at = 0;
    let mut properties = None;
    while let Some(part) = parts.get(at).copied() {
        at += 1;
        if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
            parts.push(root.pointer(reference.trim_start_matches('#')).unwrap());
        }
        for list in ["anyOf", "allOf", "oneOf"] {
            parts.extend(part.get(list).and_then(Value::as_array).into_iter().flatten());
        }
        properties = properties.or_else(|| part.get("properties").and_then(Value::as_object));
    }
    match properties {
        None => drop(out.insert(path.to_owned())),
        Some(properties) => {
            for (name, inner) in properties {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(inner, root, &path, out);
            }
        }
    }
}

#[test]
fn every_leaf_of_the_spec_has_a_key_and_every_key_a_leaf() {
    let schema = tokmark::spec::schema();
    let mut found = BTreeSet::new();
    leaves(&schema, &schema, "", &mut found);
    let keys: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(keys.len(), KEYS.len(), "a path stands twice in the table");
    assert_eq!(found, keys);
}

#[test]
fn flags_and_variables_are_unique_and_told() {
    let mut names = BTreeSet::new();
    for key in KEYS {
        assert!(names.insert(key.flag), "--{} stands twice", key.flag);
        if let Kind::Switch(off) = key.kind
            && !off.is_empty()
        {
            assert!(names.insert(off), "--{off} stands twice");
        }
        assert!(key.env().starts_with("TOKMARK_"));
        assert!(key.help.len() > 10 && !key.help.ends_with('.'), "{}: {}", key.path, key.help);
    }
    // clap's own checks: no short or long flag twice, no broken reference.
    tokmark::args::Cli::command().debug_assert();
}

#[test]
fn the_checked_in_schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/spec.schema.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let current = format!("{:#}\n", tokmark::spec::schema());
    assert!(
        checked_in == current,
        "docs/schema/spec.schema.json is not current: cargo run -- explain --schema > docs/schema/spec.schema.json"
    );
}

#[test]
fn a_resolved_spec_fits_its_schema() {
    let schema = tokmark::spec::schema();
    let sources = tokmark::spec::Sources {
        sets: ["load.rate=3", "target.headers.X-A=b", "load.warmup=2s", "target.extra.top_p=0.5"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
    let point = sources.resolve().unwrap().points.remove(0);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&point.values()).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
