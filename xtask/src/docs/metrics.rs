//! The table of metrics in docs/measuring.md, read out of the files that define them, in the catalogue's order.

use std::fmt::Write as _;

use super::cell;
use crate::tree::Tree;

/// A file a metric.
pub(crate) const FOLDER: &str = "crates/measure/src/metric/";
/// The list.
pub(crate) const CATALOGUE: &str = "crates/measure/src/catalogue.rs";

/// One row a metric.
pub(super) fn table(tree: &Tree) -> Result<String, String> {
    let catalogue = tree.text(CATALOGUE).ok_or_else(|| format!("{CATALOGUE} is missing"))?;
    let mut out = String::from("\n| metric | unit | formula | needs | from |\n|---|---|---|---|---|\n");
    for name in listed(catalogue) {
        let path = format!("{FOLDER}{name}.rs");
        let source = tree.text(&path).ok_or_else(|| format!("{path} is missing"))?;
        let field = |name: &str| field(source, name).ok_or_else(|| format!("{path} has no `{name}:`"));
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            field("tag")?,
            unit(source).ok_or_else(|| format!("{path} has no `unit:`"))?,
            cell(&field("formula")?),
            cell(&field("needs")?),
            cell(&field("source")?)
        );
    }
    out.push('\n');
    Ok(out)
}

/// The modules whose `METRIC` the catalogue lists, in its order.
pub(crate) fn listed(catalogue: &str) -> Vec<String> {
    let names = catalogue.lines().filter_map(|line| line.trim().strip_suffix("::METRIC,"));
    names.map(|path| path.rsplit("::").next().unwrap_or(path).to_owned()).collect()
}

/// The text of a field of the definition, `name: "text"`; a long text may go on over lines that end in `\`.
pub(crate) fn field(source: &str, name: &str) -> Option<String> {
    let (_, rest) = source.split_once(&format!("\n    {name}: "))?;
    let rest = rest.trim_start().strip_prefix('"')?;
    let (text, _) = rest.split_once("\",")?;
    let lines: Vec<&str> = text
        .split("\\\n")
        .enumerate()
        .map(|(n, line)| if n == 0 { line } else { line.trim_start() })
        .collect();
    Some(lines.concat().replace("\\\"", "\""))
}

/// `unit: Unit::TokensPerSecond` in words.
fn unit(source: &str) -> Option<String> {
    let (_, rest) = source.split_once("\n    unit: Unit::")?;
    let variant: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
    let words = match variant.as_str() {
        "Kilobytes" => "kB",
        "Millis" | "MillisReal" => "ms",
        "Percent" => "%",
        "Requests" => "requests",
        "RequestsPerSecond" => "requests/s",
        "RequestsPerSecondPerGpu" => "requests/s/GPU",
        "Seconds" => "s",
        "Tokens" => "tokens",
        "TokensPerSecond" => "tokens/s",
        "TokensPerSecondPerGpu" => "tokens/s/GPU",
        "TokensPerSecondPerUser" => "tokens/s/user",
        other => other,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_becomes_a_row() {
        let metric = "pub const METRIC: Metric = Metric {\n    tag: \"a_b\",\n    unit: Unit::Millis,\n    formula: \"x | \\\n              y\",\n    needs: \"z\",\n    source: \"w\",\n};\n";
        let path = format!("{FOLDER}a_b.rs");
        let tree = Tree::of(&[(CATALOGUE, "&[\n    a_b::METRIC,\n];\n"), (&path, metric)]);
        assert!(table(&tree).unwrap().ends_with("| `a_b` | ms | x \\| y | z | w |\n\n"));
    }
}
