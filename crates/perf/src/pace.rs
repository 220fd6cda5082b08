//! A model with everything laid around it, always in the same order.

use std::sync::Arc;

use crate::error::TimingError;
use crate::experts::Experts;
use crate::graphs::Graphs;
use crate::overhead::Overhead;
use crate::scaled::Scaled;
use crate::timing::Timing;

/// Collects what goes around a model and lays it around in this order, whatever the order it was asked for in:
///
/// 1. [`Experts`]: the model's times, stretched by the busiest rank;
/// 2. [`Graphs`]: what of it runs padded, what eagerly, and at least how long;
/// 3. [`Scaled`]: all of that on a faster accelerator, the floor included;
/// 4. [`Overhead`]: the CPU, which is not scaled.
///
/// What was not asked for is not there: no layer that does nothing is put around a model.
pub struct Pace {
    model: Arc<dyn Timing>,
    experts: Option<(f64, f64)>,
    sizes: Vec<u32>,
    eager_factor: f64,
    floor_ms: f64,
    speedup: (f64, f64),
    overhead_ms: (f64, f64),
}

impl Pace {
    /// `model` with nothing around it.
    pub fn new(model: impl Timing + 'static) -> Self {
        Self {
            model: Arc::new(model),
            experts: None,
            sizes: Vec::new(),
            eager_factor: 1.0,
            floor_ms: 0.0,
            speedup: (1.0, 1.0),
            overhead_ms: (0.0, 0.0),
        }
    }

    /// `share` of a pass takes `imbalance` times as long; see [`Experts::new`].
    #[must_use]
    pub fn experts(mut self, share: f64, imbalance: f64) -> Self {
        self.experts = Some((share, imbalance));
        self
    }

    /// Decode batches run at these sizes, `eager_factor` times slower beyond; see [`Graphs::new`].
    #[must_use]
    pub fn graphs(mut self, sizes: Vec<u32>, eager_factor: f64) -> Self {
        self.sizes = sizes;
        self.eager_factor = eager_factor;
        self
    }

    /// The accelerator spends at least this on a pass, milliseconds.
    #[must_use]
    pub fn floor(mut self, ms: f64) -> Self {
        self.floor_ms = ms;
        self
    }

    /// The accelerator is so many times faster; see [`Scaled::new`].
    #[must_use]
    pub fn speedup(mut self, all: f64, decode: f64) -> Self {
        self.speedup = (all, decode);
        self
    }

    /// The CPU adds so much, milliseconds; see [`Overhead::new`].
    #[must_use]
    pub fn overhead(mut self, step_ms: f64, sequence_ms: f64) -> Self {
        self.overhead_ms = (step_ms, sequence_ms);
        self
    }

    /// The whole.
    pub fn build(self) -> Result<Arc<dyn Timing>, TimingError> {
        let mut model = self.model;
        if let Some((share, imbalance)) = self.experts {
            model = Arc::new(Experts::new(model, share, imbalance)?);
        }
        if !self.sizes.is_empty() || (self.eager_factor, self.floor_ms) != (1.0, 0.0) {
            model = Arc::new(Graphs::new(model, self.sizes, self.eager_factor, self.floor_ms)?);
        }
        if self.speedup != (1.0, 1.0) {
            model = Arc::new(Scaled::new(model, self.speedup.0, self.speedup.1)?);
        }
        if self.overhead_ms != (0.0, 0.0) {
            model = Arc::new(Overhead::new(model, self.overhead_ms.0, self.overhead_ms.1)?);
        }
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::per_token::{PerToken, Prefill, Spread};
    use crate::timing::{Step, StepTime};

    #[test]
    fn layers_are_laid_in_their_order_whatever_was_asked_first() {
        let model =
            PerToken::new(Prefill::Mean(16.0), 0.0, Spread { mean_ms: 4.0, stddev_ms: 0.0 }, 1.0).unwrap();
        let pace = Pace::new(model)
            .overhead(1.0, 0.5)
            .speedup(2.0, 1.0)
            .floor(20.0)
            .graphs(vec![8], 3.0)
            .experts(0.5, 2.0)
            .build()
            .unwrap();
        let part = |prefill_ms, decode_ms, overhead_ms| StepTime { prefill_ms, decode_ms, overhead_ms };
        // Experts: × 1.5; above the floor; halved; the CPU on top.
        let prefill = Step { prefill_sequences: 2, ..Step::default() };
        assert_eq!(pace.step(&prefill), part(12.0, 0.0, 2.0));
        // 4 × 1.5 = 6, raised to the floor of 20, halved.
        let decode = Step { decode_sequences: 4, decode_tokens: 4, ..Step::default() };
        assert_eq!(pace.step(&decode), part(0.0, 10.0, 3.0));
        // 4 × 1.5 × 3 without a graph = 18, still under the floor.
        let decode = Step { decode_sequences: 9, decode_tokens: 9, ..Step::default() };
        assert_eq!(pace.step(&decode), part(0.0, 10.0, 5.5));
        assert_eq!(pace.step(&Step::default()), StepTime::default());
        assert!(!pace.needs_lengths() && !pace.is_noisy());
    }

    #[test]
    fn a_layer_that_cannot_be_is_refused() {
        let pace = || Pace::new(crate::polynomial::Polynomial);
        for (built, key) in [
            (pace().experts(1.5, 2.0).build(), "moe_share"),
            (pace().experts(0.5, f64::NAN).build(), "imbalance"),
            (pace().graphs(vec![0], 1.0).build(), "cuda_graph_sizes"),
            (pace().graphs(vec![1], 0.5).build(), "eager_factor"),
            (pace().floor(-1.0).build(), "step_floor"),
            (pace().speedup(f64::NAN, 1.0).build(), "speedup_ratio"),
            (pace().overhead(0.0, -1.0).build(), "overhead_per_sequence"),
        ] {
            let text = built.err().unwrap().to_string();
            assert!(text.starts_with(&format!("timing.{key} is")), "{text}");
        }
    }
}
