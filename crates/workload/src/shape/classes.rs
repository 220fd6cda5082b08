//! Classes: which kind of request an item is, drawn by weight (AIPerf's `--model-selection-strategy`, inference-perf's
//! `lora_traffic_split`, genai-perf's weights).
//!
//! Weights are relative and are normalised. Two kinds of slips are refused: a sum near 1 or near 100 (within 10 %) that is more than
//! 1 % off, for somebody wrote shares or per cent that do not add up (0.5 + 0.4; 60 + 30); and weights on some classes only. What is
//! within 1 % is rounding (0.33 + 0.33 + 0.33) and is normalised away. Where nobody has a weight, all are alike.

use std::collections::BTreeSet;

use tokmark_base::Seed;

use crate::plan::Class;
use crate::spec::{ClassSpec, WorkloadError};

/// How far a sum near 1 or 100 may be off, relative; a hair more than 1 %, so that 0.33 + 0.33 + 0.33 is within.
const ROUNDED: f64 = 0.01 + 1e-9;

/// How far off a sum still seems to be meant as 1 or 100, relative.
const NEAR: f64 = 0.1 + 1e-9;

/// The kinds and their shares.
#[derive(Clone, Debug)]
pub struct Classes {
    list: Vec<Class>,
    /// Where each class's part of [0, 1) ends.
    ends: Vec<f64>,
    seed: Seed,
}

impl Classes {
    /// Refuses weights that do not say what they seem to, and names that do not tell classes apart.
    pub fn check(spec: &[ClassSpec]) -> Result<(), WorkloadError> {
        if spec.len() > usize::from(u16::MAX) {
            return Err(WorkloadError::ClassCount { classes: spec.len() });
        }
        let mut names = BTreeSet::new();
        for class in spec.iter().filter(|class| !class.name.is_empty()) {
            if !names.insert(&class.name) {
                return Err(WorkloadError::ClassName { name: class.name.clone() });
            }
        }
        weights(spec)
    }

    /// The classes of `spec`, weights normalised. A class without a name is called by its model, or by its number.
    pub fn new(spec: &[ClassSpec], seed: Seed) -> Result<Self, WorkloadError> {
        Self::check(spec)?;
        let weights: Vec<f64> = spec.iter().map(|class| class.weight.unwrap_or(1.0)).collect();
        let sum: f64 = weights.iter().sum();
        let mut so_far = 0.0;
        let ends = weights.iter().map(|weight| {
            so_far += weight;
            so_far / sum
        });
        let ends = ends.collect();
        let list = spec
            .iter()
            .zip(names(spec))
            .map(|(class, name)| Class {
                name,
                model: class.model.clone(),
                adapter: class.adapter,
                priority: class.priority,
                headers: class.headers.clone(),
                extra: class.extra.clone(),
            })
            .collect();
        Ok(Self { list, ends, seed })
    }

    /// All of them.
    pub fn list(&self) -> &[Class] {
        &self.list
    }

    /// The class of item `item`.
    pub fn of(&self, item: u64) -> Option<u16> {
        let last = self.list.len().checked_sub(1)?;
        let drawn = self.seed.stream("class", item).unit();
        // The last end is 1, and no class without a weight ends above the one before it.
        Some(self.ends.partition_point(|end| *end <= drawn).min(last) as u16)
    }

    /// Weights and what decides which work is done when: part of the plan's digest. Not: names, models, headers and further keys of the
    /// body, which change nothing of what is said and when.
    pub fn canonical(&self) -> Vec<(&'static str, String)> {
        let classes = self.list.iter().zip(&self.ends);
        classes
            .map(|(class, end)| {
                let Class { adapter, priority, .. } = class;
                ("class", format!("adapter={adapter} priority={priority:?} to={end:?}"))
            })
            .collect()
    }
}

fn weights(spec: &[ClassSpec]) -> Result<(), WorkloadError> {
    let with = spec.iter().position(|class| class.weight.is_some());
    let without = spec.iter().position(|class| class.weight.is_none());
    let (Some(with), None) = (with, without) else {
        return match (with, without) {
            (Some(with), Some(without)) => Err(WorkloadError::SomeWeights { with, without }),
            _ => Ok(()),
        };
    };
    debug_assert_eq!(with, 0);
    let mut sum = 0.0;
    for (at, weight) in spec.iter().filter_map(|class| class.weight).enumerate() {
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(WorkloadError::Weight { at, weight });
        }
        sum += weight;
    }
    let wrong = |near, hint| Err(WorkloadError::WeightSum { sum, near, hint });
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(WorkloadError::WeightTotal { sum });
    }
    for near in [1.0, 100.0] {
        let off = (sum / near - 1.0).abs();
        if off > ROUNDED && off <= NEAR {
            return wrong(
                near,
                "make them add up, or, if they are relative, write them otherwise (2 and 1 for two to one)",
            );
        }
    }
    Ok(())
}

/// A name for each.
fn names(spec: &[ClassSpec]) -> Vec<String> {
    let mut taken: BTreeSet<String> =
        spec.iter().map(|class| class.name.clone()).filter(|name| !name.is_empty()).collect();
    let name = |(at, class): (usize, &ClassSpec)| {
        if !class.name.is_empty() {
            return class.name.clone();
        }
        let numbered = (at + 1..).map(|n| format!("class-{n}"));
        let mut offered = class.model.iter().cloned().chain(numbered).filter(|name| !name.is_empty());
        // Numbers do not end.
        let name = offered.find(|name| !taken.contains(name)).unwrap_or_default();
        taken.insert(name.clone());
        name
    };
    spec.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(weights: &[f64]) -> Vec<ClassSpec> {
        weights.iter().map(|w| ClassSpec { weight: Some(*w), ..ClassSpec::default() }).collect()
    }

    #[test]
    fn weights_that_nearly_add_up_are_refused() {
        for good in [
            &[0.33, 0.33, 0.34][..],
            &[0.33, 0.33, 0.33],
            &[33.3, 33.3, 33.3],
            &[2.0, 1.0],
            &[1.0, 1.0],
            &[0.5, 0.25],
            &[60.0, 20.0],
            &[0.0, 1.0],
        ] {
            assert_eq!(Classes::check(&weighted(good)), Ok(()), "{good:?}");
        }
        for (bad, what) in [
            (&[0.5, 0.4][..], "sum to 0.9, which is near 1"),
            (&[0.5, 0.55], "near 1"),
            (&[60.0, 35.0], "sum to 95, which is near 100"),
            (&[0.0, 0.0], "sum to 0\nhint: give one class at least a weight above 0"),
            (&[0.0], "sum to 0\n"),
            (&[-1.0, 3.0], "classes[0].weight is -1"),
            (&[1.0, f64::NAN], "classes[1].weight is NaN"),
        ] {
            let message = Classes::check(&weighted(bad)).unwrap_err().to_string();
            assert!(message.contains(what) && message.contains("hint:"), "{bad:?}: {message}");
        }
        let mut some = weighted(&[1.0, 1.0]);
        some[1].weight = None;
        assert_eq!(Classes::check(&some), Err(WorkloadError::SomeWeights { with: 0, without: 1 }));
    }

    #[test]
    fn shares_are_drawn_as_weighted() {
        let classes = Classes::new(&weighted(&[0.33, 0.0, 0.33, 0.33, 0.0]), Seed(3)).unwrap();
        let mut seen = [0_u32; 5];
        (0..90_000).for_each(|item| seen[usize::from(classes.of(item).unwrap())] += 1);
        assert_eq!((seen[1], seen[4]), (0, 0));
        // Five standard deviations of 90,000 draws at one third.
        assert!([0, 2, 3].iter().all(|at| (29_293..30_707).contains(&seen[*at])), "{seen:?}");
        assert_eq!(Classes::new(&[], Seed(3)).unwrap().of(0), None);
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        let class = |name: &str, model: Option<&str>| ClassSpec {
            name: name.to_owned(),
            model: model.map(str::to_owned),
            ..ClassSpec::default()
        };
        let spec = [
            class("", None),
            class("", Some("m")),
            class("", Some("m")),
            class("class-1", None),
            class("", Some("gold")),
            class("gold", None),
        ];
        let classes = Classes::new(&spec, Seed(1)).unwrap();
        let names: Vec<_> = classes.list().iter().map(|class| &*class.name).collect();
        assert_eq!(names, ["class-2", "m", "class-3", "class-1", "class-5", "gold"]);
        let twice = [class("a", None), class("a", Some("m"))];
        assert_eq!(Classes::check(&twice), Err(WorkloadError::ClassName { name: "a".to_owned() }));
    }
}
