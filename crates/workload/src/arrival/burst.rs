//! Everything at once: every start is wanted at t = 0.

use tokmark_base::Stream;

use super::{Process, Step};

/// Everything at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst;

impl Process for Burst {
    fn describe(&self) -> String {
        "everything at once".to_owned()
    }

    fn gap_cv(&self) -> Option<f64> {
        None
    }

    fn step(&self, position: f64, _stream: &mut Stream) -> Option<Step> {
        Some(Step { at: position, next: position })
    }

    fn canonical(&self) -> String {
        "burst".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_is_the_origin() {
        let mut stream = tokmark_base::Seed(1).stream("arrival", 0);
        let step = Burst.step(0.0, &mut stream).unwrap();
        assert_eq!((step.at, step.next), (0.0, 0.0));
    }
}
