//! No scratch words: what is unfinished is an issue, not a comment; names say what a thing is.

use super::Problem;
use crate::tree::{SourceFile, Tree};

/// Words that mark unfinished work. They are put together here so that this file does not find itself.
fn unfinished() -> [String; 7] {
    let word = |a: &str, b: &str| format!("{a}{b}");
    [
        word("TO", "DO"),
        word("FIX", "ME"),
        word("XX", "X"),
        word("HA", "CK"),
        word("todo", "!("),
        word("unimplemented", "!("),
        word("dbg", "!("),
    ]
}

/// File names that say nothing.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils", "v2"];
/// Files that people read or that run.
const LOOKED_AT: &[&str] = &[".md", ".py", ".rs", ".sh", ".toml"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let words = unfinished();
    let looked_at =
        tree.files.iter().filter(|file| LOOKED_AT.iter().any(|ending| file.path.ends_with(ending)));
    looked_at.flat_map(|file| [words_in(file, &words), name_of(file), private_paths(file)].concat()).collect()
}

fn words_in(file: &SourceFile, words: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for word in words.iter().filter(|word| stands_alone(line, word)) {
            let text = format!(
                "`{word}`\n  hint: finish it, or open an issue and say in the comment what holds today"
            );
            problems.push(Problem::at(&file.path, index + 1, text));
        }
    }
    problems
}

/// Whether `word` stands in `line` and is no part of a longer word.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_part(before) && (word.ends_with('(') || !is_part(after))
    })
}

fn name_of(file: &SourceFile) -> Vec<Problem> {
    let name = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs"));
    if name.is_some_and(|name| EMPTY_NAMES.contains(&name)) {
        return vec![Problem::of(
            &file.path,
            "a name that says nothing\n  hint: name it after what it holds",
        )];
    }
    Vec::new()
}

/// Paths of somebody's own machine, which no reader of the repository can follow.
fn private_paths(file: &SourceFile) -> Vec<Problem> {
    let own = [format!("/wo{}/", "rk"), format!("/ho{}/", "me"), format!("sha{}/", "red")];
    let lines = file.text.lines().enumerate();
    let hits = lines.filter(|(_, line)| own.iter().any(|path| starts_a_path(line, path)));
    hits.map(|(index, _)| Problem::at(&file.path, index + 1, "a path outside this repository")).collect()
}

fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '/' | '.' | '-' | '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found_and_words_that_hold_it_are_not() {
        let [first, ..] = unfinished();
        let text = format!("//! A.\n// {first}: later\nconst {first}S: u8 = 1;\n");
        let found = check(&Tree::of(&[("crates/base/src/a.rs", &text)]));
        assert_eq!(found.iter().map(|p| p.line).collect::<Vec<_>>(), [Some(2)]);
    }

    #[test]
    fn names_say_something() {
        assert_eq!(check(&Tree::of(&[("crates/base/src/utils.rs", "")])).len(), 1);
        assert!(check(&Tree::of(&[("crates/base/src/units.rs", "")])).is_empty());
    }

    #[test]
    fn paths_of_ones_own_machine_are_found() {
        let text = format!("see /wo{}/main and http://x/wo{}/a\n", "rk", "rk");
        assert_eq!(check(&Tree::of(&[("a.md", &text)])).len(), 1);
        assert!(check(&Tree::of(&[("a.md", "a network/shared/one\n")])).is_empty());
    }
}
