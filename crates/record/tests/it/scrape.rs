//! A scrape read back, well enough for our own fixtures.

use std::collections::{BTreeMap, BTreeSet};

/// One family as a server wrote it.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// Label names over all its samples, `le` of a histogram left out.
    pub(crate) labels: BTreeSet<String>,
    /// Bounds of a histogram, `+Inf` left out.
    pub(crate) bounds: Vec<f64>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn without_le(&self) -> Vec<(&str, &str)> {
        self.labels.iter().filter(|(k, _)| k != "le").map(|(k, v)| (k.as_str(), v.as_str())).collect()
    }

    pub(crate) fn le(&self) -> Option<&str> {
        self.labels.iter().find(|(k, _)| k == "le").map(|(_, v)| v.as_str())
    }
}

/// Families by name. Label values of the fixtures hold no quotes, commas or escapes.
pub(crate) fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            name.clone_into(&mut current);
            kind.clone_into(&mut families.entry(current.clone()).or_default().kind);
        } else if !line.starts_with('#') {
            let sample = sample(line);
            let family = families.get_mut(&current).unwrap();
            let is_bucket = family.kind == "histogram" && sample.name.ends_with("_bucket");
            for (label, value) in &sample.labels {
                if is_bucket && label == "le" {
                    let bound: f64 = value.parse().unwrap();
                    if bound.is_finite() && !family.bounds.contains(&bound) {
                        family.bounds.push(bound);
                    }
                } else {
                    family.labels.insert(label.clone());
                }
            }
            family.samples.push(sample);
        }
    }
    families
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap().split_terminator("\",");
    let labels = labels.map(|pair| {
        let (label, value) = pair.split_once("=\"").unwrap();
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    });
    Sample { name: name.to_owned(), labels: labels.collect(), value: value.parse().unwrap() }
}
