//! Log-normal lengths, given by their own mean and deviation (not by those of their logarithm): `L(mean,sd)/(mean,sd)`. Rounded to
//! the nearest, at least 1. Real prompts are about that skewed.

use tokmark_base::Stream;

use super::moments::{self, FAR, Reach};
use super::{Distribution, Fixed, MOST_TOKENS, Moments};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// Mean before rounding and floor, tokens; more than 0.
    pub mean: f64,
    /// Standard deviation before rounding and floor, tokens; 0: every length is the mean.
    pub stddev: f64,
}

impl LogNormal {
    /// Mean and deviation of the logarithm: σ² = ln(1 + s² / m²), μ = ln m − σ² / 2.
    fn logarithm(&self) -> (f64, f64) {
        let ratio = self.stddev / self.mean;
        let variance = libm::log1p(ratio * ratio);
        (libm::log(self.mean) - variance / 2.0, libm::sqrt(variance))
    }

    fn whole(length: f64) -> u32 {
        length.round().clamp(1.0, f64::from(MOST_TOKENS)) as u32
    }
}

impl Distribution for LogNormal {
    fn draw(&self, stream: &mut Stream) -> u32 {
        if self.stddev == 0.0 {
            return Self::whole(self.mean);
        }
        let (mu, sigma) = self.logarithm();
        Self::whole(libm::exp(mu + sigma * stream.normal()))
    }

    /// P(X > k) = Q((ln(k + ½) − μ) / σ), with Q the normal tail.
    fn moments(&self) -> Moments {
        if self.stddev == 0.0 {
            return Fixed { tokens: Self::whole(self.mean) }.moments();
        }
        let (mu, sigma) = self.logarithm();
        moments::of_tail(
            1,
            &Reach { low: libm::exp(mu - FAR * sigma) - 1.0, high: libm::exp(mu + FAR * sigma) + 1.0 },
            |k| moments::beyond((libm::log(k + 0.5) - mu) / sigma),
            |k| k * sigma.min(1.0),
        )
    }

    fn canonical(&self) -> String {
        format!("log-normal mean={:?} stddev={:?}", self.mean, self.stddev)
    }
}
