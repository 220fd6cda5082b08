//! A faster accelerator of the same shape: Dynamo's `speedup_ratio` and `decode_speedup_ratio`.

use crate::error::{TimingError, at_least};
use crate::timing::{Step, StepTime, Timing};

/// Divides what a model says: prefill by one ratio, decode by both together. What does not depend on the accelerator stays.
///
/// A ratio of 0 makes its part take no time (Dynamo's mocker: no simulated delay), and that of the whole makes the model's own
/// overhead vanish as well. Dynamo's *offline replay* takes a ratio of 0 for 1 instead (seen in 1.6.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled<T> {
    model: T,
    speedup: f64,
    decode_speedup: f64,
}

impl<T: Timing> Scaled<T> {
    /// `model`, `speedup` times as fast, and `decode_speedup` times that when it decodes; 0 for no time at all.
    pub fn new(model: T, speedup: f64, decode_speedup: f64) -> Result<Self, TimingError> {
        for (key, ratio) in [("speedup_ratio", speedup), ("decode_speedup_ratio", decode_speedup)] {
            at_least(key, ratio, 0.0, "0 (no simulated time) or more; 2 is twice as fast")?;
        }
        Ok(Self { model, speedup, decode_speedup })
    }
}

impl<T: Timing> Timing for Scaled<T> {
    fn step(&self, step: &Step) -> StepTime {
        if self.speedup == 0.0 {
            return StepTime::default();
        }
        let time = self.model.step(step);
        let decode_ms = match self.speedup * self.decode_speedup {
            0.0 => 0.0,
            ratio => time.decode_ms / ratio,
        };
        StepTime { prefill_ms: time.prefill_ms / self.speedup, decode_ms, overhead_ms: time.overhead_ms }
    }

    fn needs_lengths(&self) -> bool {
        self.model.needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        self.model.is_noisy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overhead::Overhead;
    use crate::per_token::{PerToken, Prefill, Spread};

    #[test]
    fn ratios_divide_what_the_accelerator_does() {
        let model =
            PerToken::new(Prefill::Mean(12.0), 0.0, Spread { mean_ms: 6.0, stddev_ms: 0.0 }, 1.0).unwrap();
        let model = Overhead::new(model, 1.0, 0.0).unwrap();
        let step = Step { prefill_sequences: 1, decode_sequences: 1, ..Step::default() };
        let time = |speedup, decode| {
            let time = Scaled::new(model, speedup, decode).unwrap().step(&step);
            (time.prefill_ms, time.decode_ms, time.overhead_ms)
        };
        assert_eq!(time(1.0, 1.0), (12.0, 6.0, 1.0));
        assert_eq!(time(2.0, 1.0), (6.0, 3.0, 1.0));
        assert_eq!(time(2.0, 1.5), (6.0, 2.0, 1.0));
        assert_eq!(time(0.5, 1.0), (24.0, 12.0, 1.0));
        assert_eq!(time(1.0, 0.0), (12.0, 0.0, 1.0));
        assert_eq!(time(0.0, 3.0), (0.0, 0.0, 0.0));
        for (bad, key) in [
            (Scaled::new(model, f64::NAN, 1.0), "timing.speedup_ratio is NaN"),
            (Scaled::new(model, 1.0, -1.0), "timing.decode_speedup_ratio is -1"),
        ] {
            let text = bad.unwrap_err().to_string();
            assert!(text.contains(key) && text.contains("\nhint: "), "{text}");
        }
    }
}
