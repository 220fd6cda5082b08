//! Moments of whole numbers from their tail: E X = Σ P(X > k) and E X² = Σ (2k + 1) · P(X > k) over k ≥ 0, which hold for any
//! law on the whole numbers and need nothing but its distribution function.

use super::{MOST_TOKENS, Moments};

/// Steps a deviation: the sum is taken a block at a time where the tail is that flat, by the rule of the middle, whose fault is
/// of the order of (1 / 512)² / 24 of a step.
const STEPS: f64 = 512.0;

/// The part of [0, [`MOST_TOKENS`]] outside of which a law has less than 10⁻¹⁸ of its mass.
pub(super) struct Reach {
    pub low: f64,
    pub high: f64,
}

/// The moments of X on `floor`..=[`MOST_TOKENS`], where `tail(k)` is P(X > k) for k ≥ `floor` before the upper bound, and
/// `scale(k)` the width over which it changes at k.
pub(super) fn of_tail(
    floor: u32,
    reach: &Reach,
    tail: impl Fn(f64) -> f64,
    scale: impl Fn(f64) -> f64,
) -> Moments {
    let most = f64::from(MOST_TOKENS);
    // Counted from the lower end, so that no large squares are taken from each other.
    let start = reach.low.floor().clamp(f64::from(floor), most);
    let end = reach.high.ceil().clamp(start, most);
    let (mut j, mut first, mut second) = (0.0_f64, 0.0_f64, 0.0_f64);
    while start + j < end {
        let width = (scale(start + j) / STEPS).floor().clamp(1.0, end - start - j);
        let beyond = tail(start + j + (width - 1.0) / 2.0);
        first += width * beyond;
        second += beyond * ((j + width) * (j + width) - j * j);
        j += width;
    }
    let variance = (second - first * first).max(0.0);
    Moments { mean: start + first, stddev: libm::sqrt(variance), least: floor, most: MOST_TOKENS }
}

/// P(Z > z) of a standard normal Z.
pub(super) fn beyond(z: f64) -> f64 {
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Deviations outside of which a normal has less than 10⁻¹⁸ of its mass.
pub(super) const FAR: f64 = 9.0;
