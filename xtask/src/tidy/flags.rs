//! Every flag of a verb is documented. The keys of the spec are on a generated page (`documents`); what a verb declares with
//! clap's attributes stands in the README or under docs/.

use super::Problem;
use crate::tree::{SourceFile, Tree};

/// Where the verbs and their flags are declared.
const ARGS: &str = "crates/cli/src/args/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let is_page = |file: &&SourceFile| file.path == "README.md" || file.path.starts_with("docs/");
    let pages: Vec<&str> = tree.ending(".md").filter(is_page).map(|file| file.text.as_str()).collect();
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with(ARGS) && !file.is_test()) {
        for (line, flag) in declared(&file.text) {
            if !pages.iter().any(|page| names(page, &flag)) {
                problems.push(Problem::at(
                    &file.path,
                    line,
                    format!("`--{flag}` stands on no page of docs/"),
                ));
            }
        }
    }
    problems
}

/// The long flags that `#[arg(…)]` attributes of a source declare, hidden ones left out, with their lines.
fn declared(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = source.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(mut attribute) = line.trim().strip_prefix("#[arg(").map(str::to_owned) else { continue };
        while !attribute.ends_with(")]") {
            let Some((_, more)) = lines.next() else { break };
            attribute.push_str(more.trim());
        }
        let words: Vec<&str> = attribute.trim_end_matches(")]").split(',').map(str::trim).collect();
        let Some(long) = words.iter().find(|word| **word == "long" || word.starts_with("long =")) else {
            continue;
        };
        if attribute.contains("hide = true") {
            continue;
        }
        let given = long.split('"').nth(1).map(str::to_owned);
        let field = || lines.clone().map(|(_, line)| line.trim()).find_map(field_name);
        if let Some(flag) = given.or_else(field) {
            found.push((index + 1, flag));
        }
    }
    found
}

/// The flag that a field is called by: `pub dry_run: bool,` gives `dry-run`.
fn field_name(line: &str) -> Option<String> {
    let (name, _) = line.trim_start_matches("pub ").split_once(':')?;
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| name.replace('_', "-"))
}

/// Whether a page names `--flag` as a whole word.
fn names(page: &str, flag: &str) -> bool {
    let word = format!("--{flag}");
    page.match_indices(&word).any(|(at, _)| {
        let after = page[at + word.len()..].chars().next();
        !after.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_found_where_clap_finds_them() {
        let source = "struct A {\n    /// x\n    #[arg(long)]\n    pub dry_run: bool,\n    #[arg(short = 'f', long = \"spec\", value_name = \"FILE\")]\n    pub file: String,\n    #[arg(\n        long,\n        hide = true\n    )]\n    pub secret: bool,\n    #[arg(value_name = \"URL\")]\n    pub urls: Vec<String>,\n}\n";
        assert_eq!(declared(source), [(3, "dry-run".to_owned()), (5, "spec".to_owned())]);
    }

    #[test]
    fn a_page_names_whole_flags() {
        assert!(names("use `--out DIR`", "out") && !names("use `--out-dir`", "out"));
    }
}
