//! Every word a run can say of itself is documented: the codes of warnings and the kinds of failures.

use super::Problem;
use super::rust::{code_only, enum_variants};
use crate::tree::Tree;

/// Where the words are defined, the enum, and the page that lists them.
const LISTS: &[(&str, &str, &str)] = &[
    ("crates/measure/src/verdict.rs", "Code", "docs/verdict.md"),
    ("crates/record/src/attempt.rs", "FailureKind", "docs/errors.md"),
];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    LISTS.iter().flat_map(|(source, name, page)| check_list(tree, source, name, page)).collect()
}

fn check_list(tree: &Tree, source: &str, name: &str, page: &str) -> Vec<Problem> {
    let (Some(code), Some(text)) = (tree.text(source), tree.text(page)) else {
        return vec![Problem::of(page, format!("or {source} is missing"))];
    };
    let words: Vec<String> = enum_variants(&code_only(code), name).iter().map(|v| snake_case(v)).collect();
    if words.is_empty() {
        return vec![Problem::of(source, format!("has no enum `{name}`"))];
    }
    let rows: Vec<&str> = text.lines().filter_map(first_cell).collect();
    let mut problems = Vec::new();
    for word in &words {
        let times = rows.iter().filter(|row| row == &word).count();
        if times != 1 {
            problems.push(Problem::of(page, format!("lists `{word}` {times} times instead of once")));
        }
    }
    problems
}

/// The word in backquotes that is the first cell of a table's row.
fn first_cell(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once("` |").map(|(word, _)| word)
}

/// As serde's `rename_all = "snake_case"` writes it.
fn snake_case(variant: &str) -> String {
    let mut out = String::new();
    for c in variant.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_one_row() {
        let source = "pub enum Code {\n    /// A.\n    ReadLag,\n    Stalled { by: u8 },\n    Gone,\n}\n";
        let tree =
            Tree::of(&[("a.rs", source), ("a.md", "| `read_lag` | x |\n| `gone` | y |\n| `gone` | z |\n")]);
        let found: Vec<String> =
            check_list(&tree, "a.rs", "Code", "a.md").into_iter().map(|p| p.text).collect();
        assert_eq!(
            found,
            ["lists `stalled` 0 times instead of once", "lists `gone` 2 times instead of once"]
        );
    }
}
