//! Documents speak of what is there: paths and links lead somewhere, each has one heading of the first order, and
//! generated parts say what their sources say.

use super::Problem;
use crate::docs;
use crate::tree::{SourceFile, Tree};

/// A word in backquotes is a path if it begins like one of these.
const PATH_STARTS: &[&str] = &["crates/", "xtask/", "docs/", "fuzz/", ".ci/"];
/// Made by running something, not kept.
const MADE: &[&str] = &["fuzz/artifacts/"];
/// The document that tells where everything lies, and what it must tell of.
const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = written(tree);
    problems.extend(docs::problems(tree).into_iter().map(|(page, text)| Problem::of(page, text)));
    problems
}

/// What is written by hand.
fn written(tree: &Tree) -> Vec<Problem> {
    let mut problems: Vec<Problem> = tree.ending(".md").flat_map(|file| check_document(tree, file)).collect();
    problems.extend(rooms_not_on_the_map(tree));
    problems
}

fn check_document(tree: &Tree, file: &SourceFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut headings = 0;
    let mut in_block = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        headings += usize::from(!in_block && line.starts_with("# "));
        let missing =
            paths_in(line).filter(|path| !tree.has(path) && !MADE.contains(path)).map(str::to_owned);
        let dead = links_in(line).map(|link| resolve(&file.path, link)).filter(|path| !tree.has(path));
        problems.extend(
            missing
                .chain(dead)
                .map(|path| Problem::at(&file.path, index + 1, format!("`{path}` is not there"))),
        );
    }
    if headings != 1 {
        problems
            .push(Problem::of(&file.path, format!("{headings} headings of the first order instead of one")));
    }
    problems
}

/// Words in backquotes that look like paths of this repository. `<x>`, `*` and `…` stand for any name.
fn paths_in(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        PATH_STARTS.iter().any(|start| word.starts_with(start)) && !word.contains(['<', '*', '…', ' ', '{'])
    })
}

/// Targets of Markdown links that are files of this repository.
fn links_in(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

/// A link as seen from the top.
fn resolve(document: &str, link: &str) -> String {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Rooms that exist but are not spoken of in the map.
fn rooms_not_on_the_map(tree: &Tree) -> Vec<Problem> {
    let Some(map) = tree.text(MAP) else {
        return vec![Problem::of(MAP, "is missing")];
    };
    let rooms = tree.files.iter().filter(|f| f.path.ends_with("/Cargo.toml")).filter_map(SourceFile::room);
    rooms
        .filter(|room| !map.contains(&format!("crates/{room}")))
        .map(|room| Problem::of(MAP, format!("does not speak of `crates/{room}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[(&str, &str)]) -> Vec<String> {
        written(&Tree::of(files)).into_iter().map(|p| p.text).collect()
    }

    #[test]
    fn paths_and_links_lead_somewhere() {
        let map = (
            "ARCHITECTURE.md",
            "# Map\n`crates/base/src/a.rs` `crates/base/src/gone.rs` `crates/<room>/src`\n",
        );
        let guide =
            ("docs/a.md", "# A\n[map](../ARCHITECTURE.md#x) [gone](b.md) [out](https://example.org)\n");
        let found = texts(&[map, guide, ("crates/base/src/a.rs", "")]);
        assert_eq!(found, ["`crates/base/src/gone.rs` is not there", "`docs/b.md` is not there"]);
    }

    #[test]
    fn one_first_heading() {
        let found = texts(&[("ARCHITECTURE.md", "# Map\n```\n# a comment\n```\n# Again\n")]);
        assert_eq!(found, ["2 headings of the first order instead of one"]);
    }

    #[test]
    fn every_room_is_on_the_map() {
        let found = texts(&[("ARCHITECTURE.md", "# Map\n"), ("crates/base/Cargo.toml", "")]);
        assert_eq!(found, ["does not speak of `crates/base`"]);
    }
}
