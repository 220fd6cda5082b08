//! Steps: parts of the run one after another, each with a rate of its own, and the end of the run after the last. A stage of rate
//! 0 is a pause.

use std::sync::Arc;

use tokmark_base::Micros;
use tokmark_base::units::format_duration;

use super::Shape;
use super::pieces::Pieces;
use crate::arrival::Process;

/// So many stages are told one by one.
const MOST_TOLD: usize = 4;

/// Steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    stages: Arc<[(f64, Micros)]>,
    pieces: Arc<Pieces>,
}

impl Stages {
    /// Stages of so many starts a second for so long, one after another. At least one has starts.
    pub fn new(stages: Vec<(f64, Micros)>) -> Self {
        let (mut pieces, mut end) = (Pieces::default(), Micros::ZERO);
        for (rate, length) in &stages {
            // Ends are sums of whole microseconds: many short stages shall not drift.
            end += *length;
            pieces.push(*rate, *rate, end.as_secs_f64());
        }
        Self { stages: stages.into(), pieces: Arc::new(pieces) }
    }
}

impl Shape for Stages {
    fn describe(&self) -> String {
        if self.stages.len() > MOST_TOLD {
            let (least, most) = self.pieces.range();
            return format!("{} stages, {least} to {most} req/s", self.stages.len());
        }
        let told = |(rate, length): &(f64, Micros)| format!("{rate} req/s for {}", format_duration(*length));
        self.stages.iter().map(told).collect::<Vec<_>>().join(", then ")
    }

    fn at(&self, t: f64) -> f64 {
        self.pieces.at(t)
    }

    fn before(&self, t: f64) -> f64 {
        self.pieces.before(t)
    }

    fn time_of(&self, position: f64) -> Option<f64> {
        self.pieces.time_of(position)
    }

    fn mean(&self) -> f64 {
        self.pieces.mean()
    }

    fn mean_inverse(&self) -> f64 {
        self.pieces.mean_inverse()
    }

    fn gap_cv(&self, law: &dyn Process) -> Option<f64> {
        self.pieces.gap_cv(law)
    }

    fn end(&self) -> Option<f64> {
        Some(self.pieces.end())
    }

    fn canonical(&self) -> String {
        let stages: Vec<String> =
            self.stages.iter().map(|(rate, length)| format!("{rate:?}x{}us", length.0)).collect();
        format!("stages {}", stages.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use super::super::testing::{closed_form, statistics};
    use super::*;
    use crate::arrival::Constant;

    fn stages(of: &[(f64, i64)]) -> Stages {
        Stages::new(of.iter().map(|(rate, s)| (*rate, Micros(s * 1_000_000))).collect())
    }

    #[test]
    fn before_is_the_integral_and_time_of_its_inverse() {
        closed_form(&stages(&[(10.0, 5), (40.0, 3), (2.0, 4)]), 12.0);
        closed_form(&stages(&[(0.0, 2), (40.0, 3), (0.0, 1), (0.0, 1), (2.0, 4), (0.0, 2)]), 13.0);
    }

    #[test]
    fn a_step_goes_at_its_rate_and_after_the_last_nothing_starts() {
        let steps = stages(&[(2.0, 2), (0.0, 3), (4.0, 1)]);
        let starts: Vec<Option<f64>> = (0..9).map(|n| steps.time_of(f64::from(n))).collect();
        // The fifth start opens the stage after the pause.
        let want = [0.0, 0.5, 1.0, 1.5, 5.0, 5.25, 5.5, 5.75].map(Some);
        assert_eq!((&starts[..8], starts[8]), (&want[..], None));
        assert_eq!(
            (steps.end(), steps.mean(), steps.at(2.0), steps.at(6.0)),
            (Some(6.0), 8.0 / 6.0, 0.0, 0.0)
        );
        assert_eq!(steps.describe(), "2 req/s for 2s, then 0 req/s for 3s, then 4 req/s for 1s");
        let many = stages(&[(1.0, 1), (2.0, 1), (3.0, 1), (4.0, 1), (5.0, 1)]);
        assert_eq!(many.describe(), "5 stages, 1 to 5 req/s");
    }

    #[test]
    fn the_deviation_of_even_gaps_by_hand() {
        // 100 gaps of 0.5 s and 100 of 0.25 s: mean 0.375, deviation 0.125.
        let steps = stages(&[(2.0, 50), (4.0, 25)]);
        assert!((steps.gap_cv(&Constant).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert!((steps.mean_inverse() - (50.0 * 0.5 + 25.0 * 0.25) / 75.0).abs() < 1e-12);
        // The pauses before the first and after the last start lie in no gap.
        let framed = stages(&[(0.0, 9), (2.0, 50), (4.0, 25), (0.0, 9)]);
        assert!((framed.gap_cv(&Constant).unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn starts_have_its_mean_and_deviation() {
        statistics(&Rate::Stages(stages(&[(50.0, 40), (200.0, 20), (20.0, 40)])), 0.0, 100.0);
        statistics(
            &Rate::Stages(stages(&[(80.0, 30), (0.0, 5), (100.0, 30), (0.0, 5), (100.0, 1)])),
            0.0,
            71.0,
        );
    }
}
