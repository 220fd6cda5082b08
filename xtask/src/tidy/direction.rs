//! Nothing below names anything above: each room uses only what its row says, and heavy libraries have one home.

use super::Problem;
use crate::tree::{SourceFile, Tree};

/// What a room may use, as in ARCHITECTURE.md. `cli` wires everything and has no row.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("tokens", &["base"]),
    ("workload", &["base"]),
    ("record", &["base"]),
    ("wire", &["base", "record"]),
    ("kv", &["base"]),
    ("perf", &["base"]),
    ("engine", &["base", "workload", "record", "kv", "perf"]),
    ("measure", &["base", "record"]),
    ("advise", &["base", "record", "measure", "perf", "engine", "workload"]),
    ("figure", &["base"]),
    ("report", &["base", "record", "measure", "figure"]),
    ("drive", &["base", "workload", "record", "wire"]),
    ("watch", &["base", "record"]),
    ("play", &["base", "engine", "workload", "record", "tokens", "kv", "perf", "wire"]),
    ("store", &["base", "record", "measure", "workload", "perf"]),
    ("fleet", &["base", "perf", "store"]),
    ("lab", &["base", "kv", "engine", "drive", "measure"]),
    ("dash", &["base", "record", "measure", "report", "store"]),
    // The known-schedule server judges the client, so it shares nothing with it.
    ("metronome", &[]),
];

/// Libraries that cost much to build or decide how a room works, and the rooms that may name them.
const HEAVY: &[(&str, &[&str])] = &[
    ("axum", &["dash"]),
    ("clap", &["cli"]),
    ("httparse", &["wire"]),
    ("hyper", &["play"]),
    ("hyper-util", &["play"]),
    ("minijinja", &["tokens"]),
    ("plotters", &["figure"]),
    ("rustls", &["drive"]),
    ("tiktoken-rs", &["tokens"]),
    ("tokenizers", &["tokens"]),
    ("tokio", &["drive", "play"]),
    ("zstd", &["record"]),
];

/// One line of a manifest's dependency tables.
struct Dependency<'a> {
    name: &'a str,
    line: usize,
    /// Only tests use it.
    for_tests: bool,
    /// A comment stands right above it.
    reasoned: bool,
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let manifests: Vec<_> = tree.files.iter().filter(|f| f.path.ends_with("/Cargo.toml")).collect();
    let rooms = manifests.iter().filter(|manifest| manifest.room().is_some());
    let unused = manifests.iter().flat_map(|manifest| unused(tree, manifest));
    rooms.flat_map(|manifest| check_manifest(manifest)).chain(unused).collect()
}

/// Dependencies that no file of the package names.
fn unused(tree: &Tree, manifest: &SourceFile) -> Vec<Problem> {
    let folder = manifest.path.trim_end_matches("Cargo.toml");
    let sources: Vec<&str> =
        tree.rust().filter(|file| file.path.starts_with(folder)).map(|file| file.text.as_str()).collect();
    let is_named = |name: &str| {
        let name = name.replace('-', "_");
        sources
            .iter()
            .any(|text| text.contains(&format!("{name}::")) || text.contains(&format!("use {name}")))
    };
    let unused = dependencies(&manifest.text).into_iter().filter(|dependency| !is_named(dependency.name));
    unused.map(|d| Problem::at(&manifest.path, d.line, format!("`{}` is not used", d.name))).collect()
}

fn check_manifest(manifest: &SourceFile) -> Vec<Problem> {
    let room = manifest.room().unwrap_or_default();
    let row = MAY_USE.iter().find(|(name, _)| *name == room).map(|(_, uses)| *uses);
    if row.is_none() && room != "cli" {
        let text = format!("the room `{room}` has no row in xtask/src/tidy/direction.rs");
        return vec![Problem::of(&manifest.path, text)];
    }
    let mut problems = Vec::new();
    for dependency in dependencies(&manifest.text) {
        let mut found = |text: String| problems.push(Problem::at(&manifest.path, dependency.line, text));
        let name = dependency.name;
        if let Some(used) = name.strip_prefix("tokmark-") {
            if row.is_some_and(|uses| !uses.contains(&used)) {
                found(format!("`{room}` may not use `{used}`"));
            }
            continue;
        }
        if !dependency.reasoned {
            found(format!(
                "`{name}` has no reason\n  hint: say in a comment right above it why this room needs it"
            ));
        }
        let homes = HEAVY.iter().find(|(heavy, _)| *heavy == name).map(|(_, homes)| *homes);
        if homes.is_some_and(|homes| !dependency.for_tests && !homes.contains(&room)) {
            found(format!("`{name}` belongs to {} alone", homes.unwrap_or_default().join(", ")));
        }
    }
    problems
}

/// The dependencies a manifest names. Ours are written one a line.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    let mut reasoned = false;
    for (index, line) in manifest.lines().map(str::trim).enumerate() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if section.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push(Dependency { name, line: index + 1, for_tests: section.contains("dev-"), reasoned });
        }
        reasoned = line.starts_with('#');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(room: &str, dependencies: &str) -> Vec<String> {
        let path = format!("crates/{room}/Cargo.toml");
        let text = format!("[package]\nname = \"x\"\n\n[dependencies]\n{dependencies}");
        let uses = format!("crates/{room}/src/lib.rs");
        let source =
            "use serde; use tokio; use zstd; use tokmark_base; use tokmark_record; use tokmark_measure;";
        check(&Tree::of(&[(&path, &text), (&uses, source)])).into_iter().map(|p| p.text).collect()
    }

    #[test]
    fn what_is_not_used_is_not_named() {
        assert_eq!(problems("store", "# Fast.\nlibm = \"1\"\n"), ["`libm` is not used"]);
    }

    #[test]
    fn a_room_uses_only_its_row() {
        assert!(problems("measure", "tokmark-record.workspace = true\n").is_empty());
        assert_eq!(
            problems("record", "tokmark-measure.workspace = true\n"),
            ["`record` may not use `measure`"]
        );
        assert_eq!(problems("metronome", "tokmark-base.workspace = true\n").len(), 1);
        assert!(problems("cli", "tokmark-measure.workspace = true\n").is_empty());
        assert_eq!(problems("sauna", "").len(), 1);
    }

    #[test]
    fn every_library_has_a_reason_and_heavy_ones_a_home() {
        assert_eq!(problems("store", "serde.workspace = true\n").len(), 1);
        assert!(problems("store", "# The files are JSON.\nserde.workspace = true\n").is_empty());
        assert_eq!(
            problems("store", "# Fast.\ntokio.workspace = true\n"),
            ["`tokio` belongs to drive, play alone"]
        );
        assert!(
            problems("cli", "[dev-dependencies]\n# A file from outside is read back.\nzstd = \"1\"\n")
                .is_empty()
        );
    }
}
