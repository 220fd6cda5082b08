//! Gamma arrivals: independent gamma gaps of shape `burstiness`. Below 1 the starts clump, 1 is Poisson, above 1 they even out
//! (vLLM's and AIPerf's `burstiness`; coefficient of variation of the gaps = 1/√burstiness).

use tokmark_base::Stream;

use super::{Process, Step};

/// Terms of the series of [`Gamma::wrapped`].
const TERMS: u32 = 10_000;

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

    /// With k the shape and n the span, a gap is X = G/n spans.
    ///
    /// Where a gap is as good as never longer than a span (by Chernoff, P(X > 1) ≤ e^{−k·(n − 1 − ln n)}), that is E[X] − E[X²] =
    /// 1/n − (1 + 1/k)/n². Otherwise, because x·(1 − x) is Σ (1 − cos 2πjx)/(πj)², the sum of (1 − Re φ(2πj))/(πj)² over all
    /// j ≥ 1, with the characteristic function φ(ω) = (1 − iω/(k·n))^{−k}; what is left of the sum after its last term is taken
    /// with φ as it is there, which by then hardly changes.
    fn wrapped(&self, span: f64) -> Option<f64> {
        let k = self.burstiness;
        if span > 1.0 && k * (span - 1.0 - libm::log(span)) > 40.0 {
            return Some(1.0 / span - (1.0 + 1.0 / k) / (span * span));
        }
        let away = |j: f64| {
            let x = std::f64::consts::TAU * j / (k * span);
            1.0 - libm::exp(-0.5 * k * libm::log1p(x * x)) * libm::cos(k * libm::atan(x))
        };
        let pi2 = std::f64::consts::PI * std::f64::consts::PI;
        let sum: f64 = (1..=TERMS).rev().map(f64::from).map(|j| away(j) / (pi2 * j * j)).sum();
        let rest = f64::from(TERMS) + 0.5;
        Some(sum + away(rest) / (pi2 * rest))
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

    #[test]
    fn what_gaps_have_beyond_whole_spans() {
        use crate::arrival::{Constant, Poisson};
        for span in [0.05, 0.5, 1.0, 3.0, 30.0, 44.0, 45.0, 1_000.0] {
            // Shape 1 is Poisson; a very great one is nearly constant.
            let of = |burstiness| Gamma { burstiness }.wrapped(span).unwrap();
            let poisson = Poisson.wrapped(span).unwrap();
            assert!((of(1.0) / poisson - 1.0).abs() < 1e-6, "{span}: {} and {poisson}", of(1.0));
            let constant = Constant.wrapped(span).unwrap();
            // One of shape 10⁶ scatters by a thousandth of its mean, which is 1/span.
            assert!((of(1e6) - constant).abs() < 1e-3 / span, "{span}: {} and {constant}", of(1e6));
        }
        for (span, burstiness) in [(0.5, 0.1), (0.5, 4.0), (3.0, 0.5), (30.0, 0.1), (45.0, 4.0)] {
            let want = Gamma { burstiness }.wrapped(span).unwrap();
            let drawn = super::super::wrapped(&Gamma { burstiness }, span, 100_000);
            // As of Poisson; clumped gaps are mostly near 0, and scatter the more.
            let near = 4.0 * want * (1.0 + 1.0 / burstiness).sqrt() / 100_000_f64.sqrt();
            assert!((drawn - want).abs() < near, "{burstiness}, {span}: {drawn}, not {want}");
        }
    }
}
