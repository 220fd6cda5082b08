//! Normal lengths drawn anew while they are below zero, then rounded up, at least 1: what AIPerf's `--seq-dist` does with
//! `ISL|sd,OSL|sd`.

use tokmark_base::Stream;

use super::moments::{self, FAR, Reach};
use super::{Distribution, Fixed, MOST_TOKENS, Moments};

/// Draws before the mean is taken instead. With a mean of at least 0 each draw is kept with a probability of at least ½.
const DRAWS: u32 = 1_000;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncated {
    /// Mean of the whole normal, tokens; at least 0.
    pub mean: f64,
    /// Standard deviation of the whole normal, tokens; 0: every length is the mean.
    pub stddev: f64,
}

/// A draw from the normal with `mean` ≥ 0 and `stddev`, anew while it is below zero.
pub(crate) fn not_negative(mean: f64, stddev: f64, stream: &mut Stream) -> f64 {
    if stddev == 0.0 {
        return mean;
    }
    (0..DRAWS).map(|_| mean + stddev * stream.normal()).find(|drawn| *drawn >= 0.0).unwrap_or(mean)
}

impl Distribution for Truncated {
    fn draw(&self, stream: &mut Stream) -> u32 {
        not_negative(self.mean, self.stddev, stream).ceil().clamp(1.0, f64::from(MOST_TOKENS)) as u32
    }

    /// P(X > k) = Q((k − μ) / σ) / Q(−μ / σ) for k ≥ 1, with Q the normal tail. Rounding up moves the mean by ½.
    fn moments(&self) -> Moments {
        if self.stddev == 0.0 {
            return Fixed { tokens: self.mean.ceil() as u32 }.moments();
        }
        let kept = moments::beyond(-self.mean / self.stddev);
        let far = FAR * self.stddev + 1.0;
        moments::of_tail(
            1,
            &Reach { low: self.mean - far, high: self.mean + far },
            |k| moments::beyond((k - self.mean) / self.stddev) / kept,
            |_| self.stddev,
        )
    }

    fn canonical(&self) -> String {
        format!("truncated normal mean={:?} stddev={:?}", self.mean, self.stddev)
    }
}
