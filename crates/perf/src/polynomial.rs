//! Dynamo's built-in curves: what its mocker and its offline replay assume when nothing else is said.
//!
//! Source: aisimulate-core 0.13.0, `engine/common/perf_model.rs` and the callers in `engine/scheduler/vllm/core.rs`.

use crate::timing::{Step, StepTime, Timing};

/// Two quadratics: prefill over the new tokens of a pass, decode over the part of the cache in use.
///
/// - prefill ms = 4.209989e-7·n² + 1.518344e-2·n + 16.50142, where n = sequences × (⌊mean length⌋ − ⌊mean cached length⌋), both
///   means over the sequences that prefill, the length with what is cached; 0 if nothing is left of n.
/// - decode ms = max(1, −25.74·u² + 54.01·u + 5.74), where u = context tokens ÷ tokens the cache holds, at most 1, and 1 without a
///   cache; 0 if nobody decodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polynomial;

impl Timing for Polynomial {
    fn step(&self, step: &Step) -> StepTime {
        StepTime { prefill_ms: prefill_ms(mean_tokens(step)), decode_ms: decode_ms(step), overhead_ms: 0.0 }
    }
}

/// Prompt tokens of a pass as Dynamo counts them: it hands its models whole means, so what is lost to rounding is lost here too.
pub(crate) fn mean_tokens(step: &Step) -> u64 {
    let sequences = u64::from(step.prefill_sequences);
    if sequences == 0 {
        return 0;
    }
    let cached = step.prefill_context / sequences;
    let whole = (step.prefill_context + step.prefill_tokens) / sequences;
    sequences * (whole - cached)
}

fn prefill_ms(tokens: u64) -> f64 {
    if tokens == 0 {
        return 0.0;
    }
    let n = tokens as f64;
    4.209_989e-7 * (n * n) + 1.518_344e-2 * n + 16.501_42
}

fn decode_ms(step: &Step) -> f64 {
    if step.decode_sequences == 0 {
        return 0.0;
    }
    let used = match step.cache_tokens {
        0 => 1.0,
        all => (step.decode_context as f64 / all as f64).min(1.0),
    };
    (-25.74 * (used * used) + 54.01 * used + 5.74).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (sequences, new tokens, cached tokens) → ms, worked out in Python's floats from the formula and whole means.
    const PREFILL: [((u32, u64, u64), f64); 8] = [
        ((1, 512, 0), 24.385_703_615_641_6),
        ((2, 1023, 0), 32.458_622_295_067_6),
        ((3, 1000, 500), 32.137_911_459_595_6),
        // 3 tokens over 4 sequences are 0 in the mean.
        ((4, 3, 0), 0.0),
        // And 1 token over 2 of which one is half cached are 1 each.
        ((2, 1, 1), 16.531_788_563_995_6),
        ((1, 8192, 0), 169.136_918_404_249_6),
        ((5, 4096, 12_345), 85.737_347_879_072_49),
        ((256, 8192, 1_000_001), 169.136_918_404_249_6),
    ];

    /// (context, capacity) → ms, likewise.
    const DECODE: [((u64, u64), f64); 7] = [
        ((512, 1_048_576), 5.766_365_933_418_274),
        ((512, 0), 34.01),
        ((0, 1_048_576), 5.74),
        ((1_048_576, 1_048_576), 34.01),
        ((2_000_000, 1_048_576), 34.01),
        ((524_288, 1_048_576), 26.310_000_000_000_002),
        ((123_456, 1_048_576), 11.742_158_656_790_853),
    ];

    #[test]
    fn prefill_is_dynamos() {
        for ((prefill_sequences, prefill_tokens, prefill_context), ms) in PREFILL {
            let step = Step { prefill_sequences, prefill_tokens, prefill_context, ..Step::default() };
            let got = Polynomial.step(&step);
            assert!((got.prefill_ms - ms).abs() < 1e-12, "{step:?}: {}", got.prefill_ms);
            assert_eq!((got.decode_ms, got.overhead_ms), (0.0, 0.0));
        }
        // Seen in Dynamo 1.6.1's offline replay: TTFT 24.385704 ms for 512 tokens.
        let step = Step { prefill_sequences: 1, prefill_tokens: 512, ..Step::default() };
        assert_eq!(Polynomial.duration(&step), tokmark_base::Micros(24_386));
        assert_eq!(Polynomial.step(&Step::default()), StepTime::default());
    }

    #[test]
    fn decode_is_dynamos() {
        for ((decode_context, cache_tokens), ms) in DECODE {
            let step = Step { decode_sequences: 1, decode_context, cache_tokens, ..Step::default() };
            let got = Polynomial.step(&step).decode_ms;
            assert!((got - ms).abs() < 1e-12, "{step:?}: {got}");
        }
        assert!(Polynomial.needs_lengths() && !Polynomial.is_noisy());
    }
}
