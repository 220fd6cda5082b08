//! Observations counted under the bounds of a metric.

use super::{Kind, Metric};

/// A histogram's state: how many observations fell at or below each bound, and their sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: Vec<f64>,
    /// One longer than `bounds`: the last is beyond all of them. Not cumulated.
    counts: Vec<u64>,
    sum: f64,
    refused: u64,
}

/// Bounds no histogram can have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "the bounds of a histogram must be finite and strictly increasing, got {bounds:?}\nhint: sort them, drop repeats, and leave +Inf out"
)]
pub struct BoundsError {
    /// What was given.
    pub bounds: Vec<f64>,
}

impl Histogram {
    /// An empty one under upper bounds without `+Inf`.
    pub fn new(bounds: &[f64]) -> Result<Histogram, BoundsError> {
        let good = bounds.iter().all(|bound| bound.is_finite()) && bounds.is_sorted_by(|a, b| a < b);
        if !good {
            return Err(BoundsError { bounds: bounds.to_vec() });
        }
        Ok(Histogram { bounds: bounds.to_vec(), counts: vec![0; bounds.len() + 1], sum: 0.0, refused: 0 })
    }

    /// An empty one under the bounds of the catalogue; `None` if the metric is no histogram or its bounds depend on the
    /// configuration.
    pub fn of(metric: &Metric) -> Option<Histogram> {
        let bounds = metric.buckets.filter(|_| metric.kind == Kind::Histogram)?;
        Histogram::new(bounds).ok()
    }

    /// Counts one value. One that is not finite would spoil the sum for good: it is refused and counted as such.
    pub fn observe(&mut self, value: f64) {
        self.observe_many(value, 1);
    }

    /// Counts the same value several times.
    pub fn observe_many(&mut self, value: f64, times: u64) {
        if !value.is_finite() {
            self.refused += times;
            return;
        }
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at] += times;
        self.sum += value * times as f64;
    }

    /// Upper bounds, `+Inf` left out.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// For each bound and then for `+Inf`, how many observations lie at or below it.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        })
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of the observations, in the metric's unit.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Values that were not finite and are in neither the count nor the sum.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
