//! The house rules that a compiler cannot check, a file each.
//!
//! A check looks at a [`Tree`] (every text file of the repository, read once) and says what is wrong. One more check is
//! one file here and one line in [`CHECKS`]; `cargo xtask tidy` runs them all, and so does a test.

use std::fmt;

use crate::tree::Tree;
use crate::{Outcome, proc};

mod codes;
mod direction;
mod documents;
mod flags;
mod headers;
mod length;
mod metrics;
mod purity;
mod rust;
mod words;

/// One thing that is wrong, where, and why it matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: Option<usize>,
    text: String,
}

impl Problem {
    /// About a line, counted from 1.
    fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), text: text.into() }
    }

    /// About a whole file.
    fn of(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.text),
            None => write!(f, "{}: {}", self.path, self.text),
        }
    }
}

/// A rule: what it is called and what it finds.
type Check = fn(&Tree) -> Vec<Problem>;

/// Every rule of the house.
const CHECKS: &[(&str, Check)] = &[
    ("codes", codes::check),
    ("direction", direction::check),
    ("documents", documents::check),
    ("flags", flags::check),
    ("headers", headers::check),
    ("length", length::check),
    ("metrics", metrics::check),
    ("purity", purity::check),
    ("words", words::check),
];

/// `cargo xtask tidy [CHECK…]`.
pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.iter().find(|arg| CHECKS.iter().all(|(name, _)| name != arg)) {
        let names: Vec<_> = CHECKS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no check `{unknown}`\n  hint: {}", names.join(", ")).into());
    }
    let tree = Tree::read(&proc::root())?;
    let mut found = 0;
    for (name, check) in CHECKS {
        if !args.is_empty() && !args.iter().any(|arg| arg == name) {
            continue;
        }
        let problems = check(&tree);
        found += problems.len();
        for problem in problems {
            println!("{name}: {problem}");
        }
    }
    println!("tidy: {} files, {}", tree.files.len(), length::told(&tree));
    if found == 0 { Ok(()) } else { Err(format!("{found} untidy places").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let tree = Tree::read(&proc::root()).unwrap();
        let problems: Vec<String> = CHECKS
            .iter()
            .flat_map(|(name, check)| check(&tree).into_iter().map(move |p| format!("{name}: {p}")))
            .collect();
        assert!(problems.is_empty(), "{} untidy places:\n{}", problems.len(), problems.join("\n"));
    }
}
