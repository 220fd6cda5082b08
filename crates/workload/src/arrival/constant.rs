//! Equal gaps: starts at 0, 1/rate, 2/rate, … (no accumulated rounding: positions are whole numbers).

use tokmark_base::Stream;

use super::{Process, Step};

/// Equal gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant;

impl Process for Constant {
    fn describe(&self) -> String {
        "constant".to_owned()
    }

    fn gap_cv(&self) -> Option<f64> {
        Some(0.0)
    }

    fn wrapped(&self, span: f64) -> Option<f64> {
        let f = 1.0 / span - libm::floor(1.0 / span);
        Some(f * (1.0 - f))
    }

    fn step(&self, position: f64, _stream: &mut Stream) -> Option<Step> {
        Some(Step { at: position, next: position + 1.0 })
    }

    fn canonical(&self) -> String {
        "constant".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_equal() {
        let constant = Constant;
        let (mean, cv) = super::super::moments(&constant, 1_000);
        assert_eq!((mean, cv), (1.0, 0.0));
        assert_eq!(constant.describe(), "constant");
        // A gap of two and a half spans, of a tenth of one, of a whole one.
        for (span, want) in [(0.4, 0.25), (10.0, 0.09), (1.0, 0.0)] {
            assert!((constant.wrapped(span).unwrap() - want).abs() < 1e-12, "{span}");
        }
    }
}
