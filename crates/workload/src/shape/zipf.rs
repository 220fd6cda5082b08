//! Zipf's law over a finite pool, exact: place k (from 1) with a probability proportional to k^−alpha.

use std::sync::Arc;

use tokmark_base::Stream;

/// The largest pool: its distribution function is a table of 8 bytes a place.
pub const MOST_PLACES: u32 = 1 << 22;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Zipf {
    /// P(place ≤ k + 1) at k.
    up_to: Arc<[f64]>,
}

impl Zipf {
    /// Over `places` places, 1 to [`MOST_PLACES`], with exponent `alpha` ≥ 0; 0 is every place as often as any other.
    pub fn new(places: u32, alpha: f64) -> Self {
        let weights = (1..=places.clamp(1, MOST_PLACES)).map(|k| libm::pow(f64::from(k), -alpha));
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        for end in &mut up_to {
            *end /= sum;
        }
        Self { up_to: up_to.into() }
    }

    /// A place, from 0, by inversion.
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        let drawn = stream.unit();
        // The last end is 1, and what is drawn is below it.
        self.up_to.partition_point(|end| *end <= drawn) as u64
    }

    /// The probability of place `k`, from 0.
    pub fn probability(&self, k: usize) -> f64 {
        let below = k.checked_sub(1).map_or(0.0, |k| self.up_to[k]);
        self.up_to[k] - below
    }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Seed;

    use super::*;

    #[test]
    fn places_are_drawn_by_the_law() {
        for (places, alpha) in [(5_u32, 1.0), (40, 0.7), (3, 2.0), (7, 0.0), (1, 1.3)] {
            let zipf = Zipf::new(places, alpha);
            let norm: f64 = (1..=places).map(|k| f64::from(k).powf(-alpha)).sum();
            let mut seen = vec![0_u32; places as usize];
            let mut stream = Seed(4).stream("zipf", u64::from(places));
            (0..100_000).for_each(|_| seen[zipf.draw(&mut stream) as usize] += 1);
            for (k, n) in seen.iter().enumerate() {
                let want = (k as f64 + 1.0).powf(-alpha) / norm;
                assert!((zipf.probability(k) - want).abs() < 1e-12);
                let tolerance = 5.0 * (want * (1.0 - want) / 100_000.0).sqrt() + 1e-12;
                assert!((f64::from(*n) / 100_000.0 - want).abs() <= tolerance, "{places} {alpha} {k}: {n}");
            }
        }
    }
}
