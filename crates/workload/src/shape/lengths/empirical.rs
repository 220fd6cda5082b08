//! Pairs of lengths as somebody saw them, drawn at random, each as often as any other.

use std::sync::Arc;

use tokmark_base::Seed;
use tokmark_base::digest::Digest;

use super::Moments;

/// See the module. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Empirical {
    pairs: Arc<[(u32, u32)]>,
}

impl Empirical {
    /// Of pairs (input, output), each at least 1; `None` if there are none.
    pub fn new(pairs: Vec<(u32, u32)>) -> Option<Self> {
        (!pairs.is_empty()).then(|| Self { pairs: pairs.into() })
    }

    /// The pairs.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// The pair of item `key`.
    pub fn pair(&self, seed: Seed, key: u64) -> (u32, u32) {
        self.pairs[seed.stream("lengths", key).below(self.pairs.len() as u64) as usize]
    }

    /// Moments of the input length.
    pub fn input(&self) -> Moments {
        moments(self.pairs.iter().map(|(input, _)| *input))
    }

    /// Moments of the output length.
    pub fn output(&self) -> Moments {
        moments(self.pairs.iter().map(|(_, output)| *output))
    }

    /// Part of the plan's digest.
    pub fn canonical(&self) -> String {
        let digest = self.pairs.iter().fold(Digest::new(), |digest, (input, output)| {
            digest.part(input.to_le_bytes()).part(output.to_le_bytes())
        });
        format!("empirical {}", digest.hex())
    }
}

fn moments(lengths: impl Iterator<Item = u32> + Clone) -> Moments {
    let n = lengths.clone().count().max(1) as f64;
    let mean = lengths.clone().map(f64::from).sum::<f64>() / n;
    let squares: f64 = lengths.clone().map(|x| (f64::from(x) - mean) * (f64::from(x) - mean)).sum();
    Moments {
        mean,
        stddev: libm::sqrt(squares / n),
        least: lengths.clone().min().unwrap_or(1),
        most: lengths.max().unwrap_or(1),
    }
}
