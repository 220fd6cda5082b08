//! Classes: which kind of request an item is, drawn by weight.

use tokmark_base::Seed;

use crate::plan::Class;
use crate::spec::{ClassSpec, WorkloadError};

/// The kinds and their shares.
#[derive(Clone, Debug)]
pub struct Classes {
    list: Vec<Class>,
    /// Where each class's part of [0, 1) ends.
    ends: Vec<f64>,
    seed: Seed,
}

impl Classes {
    /// The classes of `spec`, weights normalised.
    pub fn new(spec: &[ClassSpec], seed: Seed) -> Result<Self, WorkloadError> {
        let weights: Vec<f64> = spec.iter().map(|class| class.weight.unwrap_or(1.0)).collect();
        let sum: f64 = weights.iter().sum();
        let mut end = 0.0;
        let ends = weights
            .iter()
            .map(|weight| {
                end += weight / sum;
                end
            })
            .collect();
        let list = spec
            .iter()
            .map(|class| Class {
                name: class.name.clone(),
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
        Some(self.ends.iter().position(|end| drawn < *end).unwrap_or(last) as u16)
    }

    /// Names and weights, part of the plan's digest.
    pub fn canonical(&self) -> Vec<(&'static str, String)> {
        self.list
            .iter()
            .zip(&self.ends)
            .map(|(class, end)| ("class", format!("{} priority={:?} to={end:?}", class.name, class.priority)))
            .collect()
    }
}
