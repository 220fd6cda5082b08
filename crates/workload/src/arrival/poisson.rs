//! Poisson arrivals: independent exponential gaps, the field's model of many independent users.

use tokmark_base::Stream;

use super::{Process, Step};

/// Exponential gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poisson;

impl Process for Poisson {
    fn describe(&self) -> String {
        "Poisson".to_owned()
    }

    fn gap_cv(&self) -> Option<f64> {
        Some(1.0)
    }

    fn step(&self, position: f64, stream: &mut Stream) -> Option<Step> {
        let at = position + stream.exponential();
        Some(Step { at, next: at })
    }

    fn canonical(&self) -> String {
        "poisson".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_mean_and_deviation_one() {
        let poisson = Poisson;
        let (mean, cv) = super::super::moments(&poisson, 200_000);
        assert!((mean - 1.0).abs() < 0.01, "mean {mean}");
        assert!((cv - 1.0).abs() < 0.01, "cv {cv}");
    }

    #[test]
    fn counts_in_windows_are_as_scattered_as_poisson_counts() {
        // The variance of the number of starts in a window of ten mean gaps is its mean.
        let mut stream = tokmark_base::Seed(11).stream("arrival", 0);
        let poisson = Poisson;
        let (mut position, mut counts) = (0.0, vec![0_u32; 20_000]);
        loop {
            let step = poisson.step(position, &mut stream).unwrap();
            let Some(count) = counts.get_mut((step.at / 10.0) as usize) else {
                break;
            };
            *count += 1;
            position = step.next;
        }
        let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64;
        let var = counts.iter().map(|c| (f64::from(*c) - mean).powi(2)).sum::<f64>() / counts.len() as f64;
        assert!((var / mean - 1.0).abs() < 0.03, "index of dispersion {}", var / mean);
    }
}
