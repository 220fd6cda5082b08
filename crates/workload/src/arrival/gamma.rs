//! Gamma arrivals: independent gamma gaps of shape `burstiness`. Below 1 the starts clump, 1 is Poisson, above 1 they even out
//! (vLLM's and AIPerf's `burstiness`; coefficient of variation of the gaps = 1/√burstiness).

use tokmark_base::Stream;

use super::{Process, Step};

/// Gamma gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    /// Shape of the gaps.
    pub burstiness: f64,
}

impl Process for Gamma {
    fn describe(&self) -> String {
        format!("gamma (burstiness {})", self.burstiness)
    }

    fn gap_cv(&self) -> Option<f64> {
        Some(1.0 / libm::sqrt(self.burstiness))
    }

    fn step(&self, position: f64, stream: &mut Stream) -> Option<Step> {
        let at = position + stream.gamma(self.burstiness);
        Some(Step { at, next: at })
    }

    fn canonical(&self) -> String {
        format!("gamma burstiness={:?}", self.burstiness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_mean_one_and_the_deviation_of_their_shape() {
        for burstiness in [0.25, 1.0, 4.0] {
            let gamma = Gamma { burstiness };
            let (mean, cv) = super::super::moments(&gamma, 200_000);
            let want = gamma.gap_cv().unwrap();
            assert!((mean - 1.0).abs() < 0.02, "burstiness {burstiness}: mean {mean}");
            assert!((cv / want - 1.0).abs() < 0.02, "burstiness {burstiness}: cv {cv}, not {want}");
        }
    }
}
