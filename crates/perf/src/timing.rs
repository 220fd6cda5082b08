//! The border between engines and timing models: a step goes in, its duration comes out.

use tokmark_base::Micros;

/// What one forward pass computes. Engines fill it, timing models read what they need.
///
/// Sums are over the sequences of the pass. Engines that serve each request by itself ask for passes of one sequence and say in
/// `running` how many others there are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// Sequences of which prompt tokens are computed.
    pub prefill_sequences: u32,
    /// Prompt tokens computed, cached ones not counted.
    pub prefill_tokens: u64,
    /// Tokens those sequences had in the cache before, reused ones included.
    pub prefill_context: u64,
    /// Sequences that decode.
    pub decode_sequences: u32,
    /// Tokens computed for them: one each, more with speculative decoding (drafts verified, accepted or not).
    pub decode_tokens: u32,
    /// Tokens of context those sequences have, the one about to be computed not counted.
    pub decode_context: u64,
    /// Tokens the device's KV cache holds when it is full; 0 if the engine has none.
    pub cache_tokens: u64,
    /// Sequences that hold a slot.
    pub running: u32,
    /// Slots there are.
    pub slots: u32,
    /// A standard normal number drawn for this step, for models with a deviation; 0 asks for the mean.
    pub noise: f64,
}

/// How long a step takes, in parts. A pass lasts their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepTime {
    /// For the prompt tokens, milliseconds.
    pub prefill_ms: f64,
    /// For the tokens decoded, milliseconds.
    pub decode_ms: f64,
    /// For everything that does not depend on the accelerator (scheduling, sampling, detokenising), milliseconds.
    pub overhead_ms: f64,
}

/// How long a step takes. `engine` asks; every model implements it, the estimator's too.
///
/// A model answers for a moment, without memory: what an engine is doing meanwhile is in the step. The same step always gets the
/// same answer, and parts that have nothing to do (no sequence) take 0.
pub trait Timing: Send + Sync {
    /// The duration of `step`, finite and not negative.
    fn step(&self, step: &Step) -> StepTime;

    /// Whether an answer depends on the lengths in the step. An engine that does not know a prompt's length may ask only a model
    /// for which this is false.
    fn needs_lengths(&self) -> bool {
        true
    }

    /// Whether [`Step::noise`] matters, so that an engine draws it.
    fn is_noisy(&self) -> bool {
        false
    }

    /// The whole duration, rounded to a microsecond.
    fn duration(&self, step: &Step) -> Micros {
        self.step(step).rounded()
    }
}

impl StepTime {
    /// The sum of the parts, milliseconds.
    pub fn total_ms(&self) -> f64 {
        self.prefill_ms + self.decode_ms + self.overhead_ms
    }

    /// The sum, rounded to a microsecond; never negative, at most a day.
    pub fn rounded(&self) -> Micros {
        Micros((self.total_ms() * 1_000.0).round().clamp(0.0, 86_400e6) as i64)
    }
}

impl<T: Timing + ?Sized> Timing for Box<T> {
    fn step(&self, step: &Step) -> StepTime {
        (**self).step(step)
    }

    fn needs_lengths(&self) -> bool {
        (**self).needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        (**self).is_noisy()
    }
}

impl<T: Timing + ?Sized> Timing for std::sync::Arc<T> {
    fn step(&self, step: &Step) -> StepTime {
        (**self).step(step)
    }

    fn needs_lengths(&self) -> bool {
        (**self).needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        (**self).is_noisy()
    }
}
