//! Equal gaps: starts at 0, 1/rate, 2/rate, … (no accumulated rounding: positions are whole numbers).

use tokmark_base::Stream;

use super::{Process, Step};

/// Equal gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// Starts a second.
    pub rate: f64,
}

impl Process for Constant {
    fn describe(&self) -> String {
        format!("constant, {} req/s", self.rate)
    }

    fn mean_rate(&self) -> Option<f64> {
        Some(self.rate)
    }

    fn gap_cv(&self) -> Option<f64> {
        Some(0.0)
    }

    fn step(&self, position: f64, _stream: &mut Stream) -> Option<Step> {
        Some(Step { at: position, next: position + 1.0 })
    }

    fn canonical(&self) -> String {
        format!("constant rate={:?}", self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_equal() {
        let constant = Constant { rate: 4.0 };
        let (mean, cv) = super::super::moments(&constant, 1_000);
        assert_eq!((mean, cv), (1.0, 0.0));
        assert_eq!(constant.describe(), "constant, 4 req/s");
    }
}
