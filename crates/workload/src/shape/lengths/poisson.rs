//! Poisson lengths, at least 1: `P(mean)/(mean)`.

use tokmark_base::Stream;

use super::{Distribution, MOST_TOKENS, Moments};

/// Means up to this are drawn by counting exponential gaps.
const FEW: f64 = 10.0;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poisson {
    /// Mean before the floor at one token; more than 0.
    pub mean: f64,
}

impl Distribution for Poisson {
    fn draw(&self, stream: &mut Stream) -> u32 {
        let drawn = if self.mean <= FEW { counted(self.mean, stream) } else { rejected(self.mean, stream) };
        drawn.clamp(1.0, f64::from(MOST_TOKENS)) as u32
    }

    /// With N Poisson of mean λ and X = max(1, N): E X = λ + e^−λ, E X² = λ² + λ + e^−λ.
    fn moments(&self) -> Moments {
        let (mean, none) = (self.mean, libm::exp(-self.mean));
        // Var X = λ + e^−λ − 2 λ e^−λ − e^−2λ, without the large squares.
        let variance = mean + none - 2.0 * mean * none - none * none;
        Moments { mean: mean + none, stddev: libm::sqrt(variance.max(0.0)), least: 1, most: MOST_TOKENS }
    }

    fn canonical(&self) -> String {
        format!("poisson mean={:?}", self.mean)
    }
}

/// Events of a Poisson process in `mean` units of time.
fn counted(mean: f64, stream: &mut Stream) -> f64 {
    let (mut time, mut events) = (stream.exponential(), 0.0);
    while time < mean {
        time += stream.exponential();
        events += 1.0;
    }
    events
}

/// Transformed rejection with a squeeze (W. Hörmann, "The transformed rejection method for generating Poisson random
/// variables", 1993, algorithm PTRS); exact for means of at least 10.
fn rejected(mean: f64, stream: &mut Stream) -> f64 {
    let spread = 0.931 + 2.53 * libm::sqrt(mean);
    let bend = -0.059 + 0.024_83 * spread;
    let inverse_alpha = 1.1239 + 1.1328 / (spread - 3.4);
    let squeeze = 0.9277 - 3.6224 / (spread - 2.0);
    let log_mean = libm::log(mean);
    loop {
        let u = stream.unit() - 0.5;
        let v = 1.0 - stream.unit();
        let us = 0.5 - u.abs();
        let k = libm::floor((2.0 * bend / us + spread) * u + mean + 0.43);
        if us >= 0.07 && v <= squeeze {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let left = libm::log(v * inverse_alpha / (bend / (us * us) + spread));
        if left <= k * log_mean - mean - libm::lgamma(k + 1.0) {
            return k;
        }
    }
}
