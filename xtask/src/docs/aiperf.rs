//! The table of AIPerf's flags in docs/aiperf.md, read out of the source of the list of those that are done.

use std::fmt::Write as _;

use super::cell;
use super::keys::strings;
use crate::tree::Tree;

/// The list of AIPerf's flags that are done.
const FLAGS: &str = "crates/cli/src/args/aiperf/mod.rs";

/// One row a flag.
pub(super) fn table(tree: &Tree) -> Result<String, String> {
    let source = tree.text(FLAGS).ok_or_else(|| format!("{FLAGS} is missing"))?;
    let (_, list) = source.split_once("pub const FLAGS").ok_or_else(|| format!("{FLAGS} has no FLAGS"))?;
    let list = list.split("\n];").next().unwrap_or_default();
    let rows: Vec<String> = list.lines().filter_map(row).collect();
    if rows.is_empty() {
        return Err(format!("no flag could be read from {FLAGS}"));
    }
    Ok(format!("\n| flag | also | what it does |\n|---|---|---|\n{}\n", rows.concat()))
}

/// `flag(&["name", "also"], "VALUE", "help"),` or `short(&["name"], 'n', "VALUE", "help"),`.
fn row(line: &str) -> Option<String> {
    let (names, rest) = line.trim().split_once("(&[")?.1.split_once(']')?;
    let (names, texts) = (strings(names), strings(rest));
    let ([name, also @ ..], [value, help]) = (&names[..], &texts[..]) else { return None };
    let value = if value.is_empty() { String::new() } else { format!(" {}", cell(value)) };
    let short = rest.split_once('\'').and_then(|(_, rest)| rest.chars().next());
    let short = short.filter(|_| line.trim().starts_with("short(")).map(|short| format!("`-{short}`"));
    let also: Vec<String> = short.into_iter().chain(also.iter().map(|name| format!("`--{name}`"))).collect();
    let mut out = String::new();
    let _ = writeln!(out, "| `--{name}{value}` | {} | {} |", also.join(", "), cell(help));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_becomes_a_row() {
        let plain = row(r#"    flag(&["a", "b"], "N|M", "Does it's work"),"#);
        assert_eq!(plain.as_deref(), Some("| `--a N\\|M` | `--b` | Does it's work |\n"));
        let short = row(r#"    short(&["url"], 'u', "URL", "Where"),"#);
        assert_eq!(short.as_deref(), Some("| `--url URL` | `-u` | Where |\n"));
    }
}
