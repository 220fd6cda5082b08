//! Several kinds of pairs, each with its share of the requests: AIPerf's `--seq-dist`.

use tokmark_base::{Seed, Stream};

use super::{Distribution, Law, Moments};

/// One kind of pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its share, relative to the sum of all.
    pub weight: f64,
    /// Input length.
    pub input: Law,
    /// Output length.
    pub output: Law,
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    parts: Vec<Part>,
    /// Where each part's share of [0, 1) ends.
    ends: Vec<f64>,
}

impl Mixture {
    /// Of `parts`, of which one at least has a weight above 0; `None` otherwise.
    pub fn new(parts: Vec<Part>) -> Option<Self> {
        let sum: f64 = parts.iter().map(|part| part.weight).sum();
        if !(sum.is_finite() && sum > 0.0 && parts.iter().all(|part| part.weight >= 0.0)) {
            return None;
        }
        let mut so_far = 0.0;
        let ends = parts.iter().map(|part| {
            so_far += part.weight;
            so_far / sum
        });
        Some(Self { ends: ends.collect(), parts })
    }

    /// Its parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part of item `key`.
    pub fn part(&self, seed: Seed, key: u64) -> &Part {
        self.pick(&mut seed.stream("lengths", key))
    }

    fn pick(&self, stream: &mut Stream) -> &Part {
        let drawn = stream.unit();
        // The last end is 1, and no part without a share ends above the one before it.
        let at = self.ends.partition_point(|end| *end <= drawn).min(self.parts.len() - 1);
        &self.parts[at]
    }

    /// E X = Σ wᵢ mᵢ; Var X = Σ wᵢ (sᵢ² + (mᵢ − E X)²).
    fn moments(&self, law: impl Fn(&Part) -> Law) -> Moments {
        let sum: f64 = self.parts.iter().map(|part| part.weight).sum();
        let parts = self.parts.iter().filter(|part| part.weight > 0.0);
        let each: Vec<_> = parts.map(|part| (part.weight / sum, law(part).moments())).collect();
        let mean: f64 = each.iter().map(|(weight, m)| weight * m.mean).sum();
        let variance: f64 = each
            .iter()
            .map(|(weight, m)| weight * (m.stddev * m.stddev + (m.mean - mean) * (m.mean - mean)))
            .sum();
        Moments {
            mean,
            stddev: libm::sqrt(variance),
            least: each.iter().map(|(_, m)| m.least).min().unwrap_or(1),
            most: each.iter().map(|(_, m)| m.most).max().unwrap_or(1),
        }
    }

    /// Moments of the input length.
    pub fn input(&self) -> Moments {
        self.moments(|part| part.input)
    }

    /// Moments of the output length.
    pub fn output(&self) -> Moments {
        self.moments(|part| part.output)
    }

    /// Part of the plan's digest.
    pub fn canonical(&self) -> String {
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|part| {
                format!("{:?}: {} / {}", part.weight, part.input.canonical(), part.output.canonical())
            })
            .collect();
        format!("mixture [{}]", parts.join(", "))
    }
}
