//! Every file but a test says at its top what it is for; a room's front page answers five things.

use super::Problem;
use crate::tree::{SourceFile, Tree};

/// What the front page of a room must say, and how it is recognised.
const FRONT_PAGE: &[(&str, &str)] = &[
    ("In:", "its inputs by type"),
    ("Out:", "its outputs by type"),
    ("Invariant:", "the one invariant"),
    ("Start reading", "where to start reading"),
    ("One more", "how to add one more"),
];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.rust()
        .filter(|file| !file.is_test())
        .flat_map(|file| if is_front_page(file) { front_page(file) } else { header(file) })
        .collect()
}

fn is_front_page(file: &SourceFile) -> bool {
    let room = file.room().unwrap_or_default();
    file.path == format!("crates/{room}/src/lib.rs")
}

/// The `//!` lines a file opens with, as one text.
fn opening(file: &SourceFile) -> String {
    let lines = file.text.lines().skip_while(|line| !line.starts_with("//!"));
    lines.map_while(|line| line.strip_prefix("//!")).collect::<Vec<_>>().join(" ")
}

/// Whether the documentation comes before the first item.
fn header(file: &SourceFile) -> Vec<Problem> {
    let is_preamble = |line: &&str| line.is_empty() || line.starts_with("// ") || line.starts_with("#!");
    let first = file.text.lines().find(|line| !is_preamble(line)).unwrap_or_default();
    if first.starts_with("//!") {
        return Vec::new();
    }
    vec![Problem::of(&file.path, "does not open with `//!` and what it is for")]
}

fn front_page(file: &SourceFile) -> Vec<Problem> {
    let opening = opening(file);
    let mut problems = header(file);
    if !opening.trim_start().starts_with("**") {
        problems
            .push(Problem::of(&file.path, "does not open with the question the room answers, `//! **…?**`"));
    }
    let missing = FRONT_PAGE.iter().filter(|(word, _)| !opening.contains(word));
    problems.extend(
        missing.map(|(word, what)| Problem::of(&file.path, format!("does not say {what} (`{word}`)"))),
    );
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "//! **What is it?** A thing.\n//!\n//! In: a. Out: b.\n//! Invariant: c.\n//! Start reading at d. One more e is f.\n";

    #[test]
    fn a_front_page_answers_five_things() {
        assert!(check(&Tree::of(&[("crates/base/src/lib.rs", GOOD)])).is_empty());
        let poor = GOOD.replace("Invariant", "Rule").replace("**", "");
        assert_eq!(check(&Tree::of(&[("crates/base/src/lib.rs", &poor)])).len(), 2);
    }

    #[test]
    fn every_file_opens_with_its_purpose() {
        assert_eq!(check(&Tree::of(&[("crates/base/src/a.rs", "use std::fmt;\n//! Late.\n")])).len(), 1);
        assert!(
            check(&Tree::of(&[("crates/base/src/a.rs", "// tidy: long — a table\n//! Early.\n")])).is_empty()
        );
    }
}
