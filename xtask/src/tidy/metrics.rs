//! One definition per metric: each file of `metric/` stands in the catalogue once, is named after its tag, and nothing else is
//! listed.

use super::Problem;
use crate::docs::metrics::{CATALOGUE, FOLDER, field, listed};
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(catalogue) = tree.text(CATALOGUE) else {
        return vec![Problem::of(CATALOGUE, "is missing")];
    };
    let listed = listed(catalogue);
    let files = tree
        .files
        .iter()
        .filter_map(|file| Some((file.path.strip_prefix(FOLDER)?.strip_suffix(".rs")?, &file.text)));
    let defined: Vec<_> = files.filter(|(name, _)| *name != "mod" && !name.contains('/')).collect();
    let mut problems = Vec::new();
    for (name, text) in &defined {
        let path = format!("{FOLDER}{name}.rs");
        let times = listed.iter().filter(|known| known == name).count();
        if times != 1 {
            problems
                .push(Problem::of(&path, format!("stands {times} times in catalogue.rs instead of once")));
        }
        if field(text, "tag").is_none_or(|tag| tag != *name) {
            problems.push(Problem::of(&path, "is not named after the tag of its metric"));
        }
    }
    let strangers = listed.iter().filter(|known| defined.iter().all(|(name, _)| name != known));
    problems
        .extend(strangers.map(|name| Problem::of(CATALOGUE, format!("lists `{name}`, which has no file"))));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_listed_once_under_its_own_name() {
        let file = |name: &str| format!("{FOLDER}{name}.rs");
        let metric = |tag: &str| format!("Metric {{\n    tag: \"{tag}\",\n}}\n");
        let catalogue = "&[\n    a::METRIC,\n    b::METRIC,\n    b::METRIC,\n    z::METRIC,\n]";
        let tree = Tree::of(&[
            (CATALOGUE, catalogue),
            (&file("a"), &metric("other")),
            (&file("b"), &metric("b")),
            (&file("c"), &metric("c")),
        ]);
        let found: Vec<String> = check(&tree).into_iter().map(|p| p.text).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found[0].contains("named after") && found[1].contains("2 times") && found[2].contains("0 times")
        );
        assert!(found[3].contains("`z`"));
    }
}
