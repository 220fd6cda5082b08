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

    /// With f·(1 − f) integrated over all multiples: (coth(n/2) − 2/n)/n for a span of n.
    fn wrapped(&self, span: f64) -> Option<f64> {
        if span < 1e-3 {
            // The first terms of its series: the formula cancels.
            return Some(1.0 / 6.0 - span * span / 360.0);
        }
        Some((1.0 - 2.0 / span + 2.0 / libm::expm1(span)) / span)
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
    fn what_gaps_have_beyond_whole_spans() {
        for span in [0.2, 1.0, 6.0, 300.0] {
            let (want, got) =
                (Poisson.wrapped(span).unwrap(), super::super::wrapped(&Poisson, span, 200_000));
            // f·(1 − f) lies between 0 and 1/4, and about as far from its mean as that is from 0.
            assert!((got - want).abs() < 4.0 * want / 200_000_f64.sqrt(), "{span}: {got}, not {want}");
        }
        let near = [0.999e-3, 1.001e-3].map(|span| Poisson.wrapped(span).unwrap());
        assert!((near[0] - near[1]).abs() < 1e-9, "{near:?}");
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
