//! Files and functions stay short enough to be read in one go.

use super::Problem;
use super::rust::{code_only, functions, without_tests};
use crate::tree::{SourceFile, Tree};

/// Above this a file is unusual; it is counted and shown.
const USUAL: usize = 300;
/// Above this a file needs a written reason in its first lines: `// tidy: long — why`.
const LONGEST: usize = 700;
/// Lines of code in a function, as clippy's `too_many_lines` counts them. The exception is clippy's:
/// `#[expect(clippy::too_many_lines, reason = "why")]`.
const FUNCTION: usize = 70;
/// Test modules longer than this lie in a file beside the code.
const INLINE_TESTS: usize = 170;
/// Where the reason for a long file must stand.
const REASON_WITHIN: usize = 12;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.rust()
        .flat_map(|file| [file_length(file), function_lengths(file), inline_tests(file)].concat())
        .collect()
}

/// How many files are longer than usual, for the closing line.
pub(super) fn told(tree: &Tree) -> String {
    let long = tree.rust().filter(|file| file.text.lines().count() > USUAL).count();
    let all = tree.rust().count();
    format!("{all} of them Rust, {long} of those longer than {USUAL} lines")
}

fn file_length(file: &SourceFile) -> Vec<Problem> {
    let lines = file.text.lines().count();
    let reason = file.text.lines().take(REASON_WITHIN).find_map(|line| line.strip_prefix("// tidy: long — "));
    match (lines > LONGEST, reason) {
        (true, None) => vec![Problem::of(
            &file.path,
            format!(
                "{lines} lines, more than {LONGEST}\n  hint: divide it, or open it with `// tidy: long — the reason`"
            ),
        )],
        (false, Some(_)) => {
            vec![Problem::of(&file.path, format!("has a reason to be long, but only {lines} lines"))]
        }
        (true, Some(reason)) if reason.trim().is_empty() => {
            vec![Problem::of(&file.path, "`tidy: long` without a reason")]
        }
        _ => Vec::new(),
    }
}

fn function_lengths(file: &SourceFile) -> Vec<Problem> {
    let lines: Vec<&str> = file.text.lines().collect();
    let too_long = functions(&code_only(&file.text)).into_iter().filter(|f| f.code_lines > FUNCTION);
    too_long
        .filter(|f| !is_excused(&lines[..f.line - 1]))
        .map(|f| {
            let text = format!("`{}` has {} lines of code, more than {FUNCTION}", f.name, f.code_lines);
            Problem::at(&file.path, f.line, text)
        })
        .collect()
}

/// Whether the attributes right above a function excuse its length with a reason.
fn is_excused(above: &[&str]) -> bool {
    let attributes = above.iter().rev().take_while(|line| {
        let line = line.trim();
        !line.is_empty() && line != "}" && !line.ends_with(';')
    });
    let attributes: Vec<&str> = attributes.copied().collect();
    attributes.iter().any(|line| line.contains("clippy::too_many_lines"))
        && attributes.iter().any(|line| line.contains("reason"))
}

fn inline_tests(file: &SourceFile) -> Vec<Problem> {
    let (_, longest) = without_tests(&code_only(&file.text));
    if longest <= INLINE_TESTS {
        return Vec::new();
    }
    let text = format!(
        "{longest} lines of tests inside the file, more than {INLINE_TESTS}\n  hint: move them to tests.rs beside it"
    );
    vec![Problem::of(&file.path, text)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines))
    }

    #[test]
    fn a_long_function_needs_a_reason() {
        let bare = Tree::of(&[("a.rs", &function_of(71))]);
        assert_eq!(check(&bare).len(), 1);
        let excused = format!("#[expect(clippy::too_many_lines, reason = \"a table\")]\n{}", function_of(71));
        assert!(check(&Tree::of(&[("a.rs", &excused)])).is_empty());
        assert!(check(&Tree::of(&[("a.rs", &function_of(70))])).is_empty());
    }

    #[test]
    fn a_long_file_needs_a_reason_and_only_a_long_one() {
        let long = "//! x\n".repeat(701);
        assert_eq!(check(&Tree::of(&[("a.rs", &long)])).len(), 1);
        assert!(
            check(&Tree::of(&[("a.rs", &format!("// tidy: long — a table of words\n{long}"))])).is_empty()
        );
        assert_eq!(check(&Tree::of(&[("a.rs", "// tidy: long — once it was\n")])).len(), 1);
    }

    #[test]
    fn long_tests_lie_beside_the_code() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const A: u8 = 1;\n".repeat(170));
        assert_eq!(check(&Tree::of(&[("a.rs", &tests)])).len(), 1);
    }
}
