//! The constant model: the same TTFT and ITL for every request, whatever the load. The truth of such a target is known
//! exactly, which is what makes it the one to measure a client against.

use tokmark_base::Micros;

use crate::timing::{Step, StepTime, Timing};

/// A fixed time to the first token and a fixed time between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    ttft: Micros,
    itl: Micros,
}

/// Why a constant model was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstantError {
    /// Time does not run backwards.
    #[error("{name} is {value}: a time cannot be negative\nhint: give {name} as zero or more, as in 20ms")]
    Negative {
        /// Which of the two.
        name: &'static str,
        /// What was given.
        value: Micros,
    },
    /// Longer than any run.
    #[error("{name} is {value}: longer than an hour\nhint: give {name} with its unit, as in 20ms")]
    TooLong {
        /// Which of the two.
        name: &'static str,
        /// What was given.
        value: Micros,
    },
}

impl Default for Constant {
    /// 40 ms and 8 ms: a small model on one GPU with a few streams.
    fn default() -> Self {
        Self { ttft: Micros(40_000), itl: Micros(8_000) }
    }
}

impl Constant {
    /// A model with these two times, each from zero to an hour.
    pub fn new(ttft: Micros, itl: Micros) -> Result<Self, ConstantError> {
        for (name, value) in [("ttft", ttft), ("itl", itl)] {
            if value < Micros::ZERO {
                return Err(ConstantError::Negative { name, value });
            }
            if value > LONGEST {
                return Err(ConstantError::TooLong { name, value });
            }
        }
        Ok(Self { ttft, itl })
    }

    /// From admission to the first token.
    pub fn ttft(&self) -> Micros {
        self.ttft
    }

    /// From one token to the next.
    pub fn itl(&self) -> Micros {
        self.itl
    }
}

impl Timing for Constant {
    fn step(&self, step: &Step) -> StepTime {
        let ms = |sequences: u32, time: Micros| if sequences > 0 { time.0 as f64 / 1_000.0 } else { 0.0 };
        StepTime {
            prefill_ms: ms(step.prefill_sequences, self.ttft),
            decode_ms: ms(step.decode_sequences, self.itl),
            overhead_ms: 0.0,
        }
    }

    fn needs_lengths(&self) -> bool {
        false
    }
}

/// A bound that keeps every sum of stamps far from the end of `i64`.
const LONGEST: Micros = Micros(3_600_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_changes_nothing() {
        let model = Constant::new(Micros(100_000), Micros(10_000)).unwrap();
        for n in [1, 4096, u32::MAX] {
            let prefill = Step { prefill_sequences: n, prefill_tokens: u64::from(n), ..Step::default() };
            let decode = Step { decode_sequences: n, decode_context: u64::from(n), ..Step::default() };
            assert_eq!(model.duration(&prefill), Micros(100_000));
            assert_eq!(model.duration(&decode), Micros(10_000));
        }
        assert_eq!(model.duration(&Step::default()), Micros::ZERO);
        assert!(!model.needs_lengths());
    }

    #[test]
    fn impossible_times_are_refused_by_name() {
        let text = Constant::new(Micros(-1), Micros::ZERO).unwrap_err().to_string();
        assert!(text.starts_with("ttft is -1 µs") && text.contains("hint:"), "{text}");
        let text = Constant::new(Micros::ZERO, Micros::MAX).unwrap_err().to_string();
        assert!(text.starts_with("itl is") && text.contains("hint:"), "{text}");
    }
}
