//! What the CPU does between passes: scheduling, sampling, detokenising.

use crate::error::{TimingError, time};
use crate::timing::{Step, StepTime, Timing};

/// Adds a constant to every pass, and a cost for each of its sequences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overhead<T> {
    model: T,
    step_ms: f64,
    sequence_ms: f64,
}

impl<T: Timing> Overhead<T> {
    /// `model` plus `step_ms` a pass and `sequence_ms` for each sequence that prefills or decodes in it.
    pub fn new(model: T, step_ms: f64, sequence_ms: f64) -> Result<Self, TimingError> {
        time("step_overhead", step_ms)?;
        time("overhead_per_sequence", sequence_ms)?;
        Ok(Self { model, step_ms, sequence_ms })
    }
}

impl<T: Timing> Timing for Overhead<T> {
    fn step(&self, step: &Step) -> StepTime {
        let mut time = self.model.step(step);
        let sequences = f64::from(step.prefill_sequences) + f64::from(step.decode_sequences);
        if sequences > 0.0 {
            time.overhead_ms += self.step_ms + self.sequence_ms * sequences;
        }
        time
    }

    fn needs_lengths(&self) -> bool {
        self.model.needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        self.model.is_noisy()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]
mod tests {
    use super::*;
    use crate::polynomial::Polynomial;

    #[test]
    fn every_pass_and_every_sequence_pay() {
        let model = Overhead::new(Polynomial, 0.5, 0.125).unwrap();
        let step = |prefill_sequences, decode_sequences| {
            model.step(&Step { prefill_sequences, decode_sequences, ..Step::default() }).overhead_ms
        };
        assert_eq!([step(0, 0), step(1, 0), step(0, 3), step(2, 2)], [0.0, 0.625, 0.875, 1.0]);
        let text = Overhead::new(Polynomial, -1.0, 0.0).unwrap_err().to_string();
        assert!(text.contains("timing.step_overhead is -1 ms"), "{text}");
        let text = Overhead::new(Polynomial, 0.0, f64::INFINITY).unwrap_err().to_string();
        assert!(text.contains("timing.overhead_per_sequence is inf ms"), "{text}");
    }
}
