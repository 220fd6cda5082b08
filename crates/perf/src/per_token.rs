//! llm-d-inference-sim's two calculators: times of one request that is served beside others.
//!
//! Source: llm-d-inference-sim, `pkg/llm-d-inference-sim/latencies.go` and its command-line documentation. It rounds every mean,
//! deviation and draw down to whole milliseconds; here they keep their fractions.
//!
//! The model is one of requests, made for the engine `slots`, which asks for each request by itself. Under a batch scheduler it
//! says how long a pass lasts: the constant form charges its TTFT to every pass that has prompt tokens and its ITL to every pass
//! that decodes; the per-token form charges its overhead once a pass and its time per token for all prompt tokens of the pass, so
//! a prompt cut into k chunks pays the overhead k times, and requests that prefill together share it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{TimingError, at_least, time};
use crate::timing::{Step, StepTime, Timing};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerToken {
    prefill: Prefill,
    prefill_stddev_ms: f64,
    itl: Spread,
    load_factor: f64,
}

/// How long the first token takes, by its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prefill {
    /// The same for every prompt, milliseconds (`constant`).
    Mean(f64),
    /// `overhead_ms` + tokens that are not in the cache × `token_ms` (`per_token`).
    PerToken {
        /// Before the first token is counted, milliseconds.
        overhead_ms: f64,
        /// For each token, milliseconds.
        token_ms: f64,
    },
}

/// A mean and its standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Mean, milliseconds.
    pub mean_ms: f64,
    /// Standard deviation, milliseconds; at most 30 % of the mean.
    pub stddev_ms: f64,
}

/// Published figures: `docs/` of llm-d-inference-sim, as noted in the reference on llm-d, §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Preset {
    /// A model of 8 B parameters on one H100: TTFT 100 ± 20 ms or 30 ms + 250 µs a token, ITL 12 ± 2 ms, load factor 2.
    #[serde(rename = "8b-h100")]
    H100X1,
    /// A model of 70 B parameters on eight H100: TTFT 200 ± 40 ms or 80 ms + 500 µs a token, ITL 25 ± 4 ms, load factor 3.
    #[serde(rename = "70b-8xh100")]
    H100X8,
    /// A model of 1 to 3 B parameters on one L40S: TTFT 110 ± 15 ms or 20 ms + 350 µs a token, ITL 15 ± 2 ms, load factor 1.5.
    #[serde(rename = "3b-l40s")]
    L40S,
}

/// What a preset says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Time to the first token, if it is the same for every prompt.
    pub ttft: Spread,
    /// What a prefill costs before its first token, milliseconds, if it grows with the prompt.
    pub overhead_ms: f64,
    /// What each token of the prompt costs, milliseconds, if it grows with the prompt. Its deviation is not published.
    pub token_ms: f64,
    /// Time between tokens.
    pub itl: Spread,
    /// How many times slower with all slots taken.
    pub load_factor: f64,
}

impl Preset {
    /// Its figures.
    pub fn published(self) -> Published {
        let of = |ttft: (f64, f64), overhead_ms, token_ms, itl: (f64, f64), load_factor| Published {
            ttft: Spread { mean_ms: ttft.0, stddev_ms: ttft.1 },
            overhead_ms,
            token_ms,
            itl: Spread { mean_ms: itl.0, stddev_ms: itl.1 },
            load_factor,
        };
        match self {
            Self::H100X1 => of((100.0, 20.0), 30.0, 0.25, (12.0, 2.0), 2.0),
            Self::H100X8 => of((200.0, 40.0), 80.0, 0.5, (25.0, 4.0), 3.0),
            Self::L40S => of((110.0, 15.0), 20.0, 0.35, (15.0, 2.0), 1.5),
        }
    }
}

impl PerToken {
    /// A model with this prefill and this time between tokens. With all slots taken both means are `load_factor` times what they
    /// are with one, in between proportionally; deviations stay as they are.
    pub fn new(
        prefill: Prefill,
        prefill_stddev_ms: f64,
        itl: Spread,
        load_factor: f64,
    ) -> Result<Self, TimingError> {
        let shortest = match prefill {
            Prefill::Mean(ms) => {
                time("ttft", ms)?;
                ms
            }
            Prefill::PerToken { overhead_ms, token_ms } => {
                time("prefill_overhead", overhead_ms)?;
                time("prefill_time_per_token", token_ms)?;
                overhead_ms + token_ms
            }
        };
        time("itl", itl.mean_ms)?;
        at_least("load_factor", load_factor, 1.0, "1 or more; 1 is no slower under load")?;
        for (key, stddev_ms, mean_ms) in
            [("ttft_stddev", prefill_stddev_ms, shortest), ("itl_stddev", itl.stddev_ms, itl.mean_ms)]
        {
            time(key, stddev_ms)?;
            if stddev_ms > LARGEST_STDDEV * mean_ms {
                return Err(TimingError::Spread { key, stddev_ms, mean_ms });
            }
        }
        Ok(Self { prefill, prefill_stddev_ms, itl, load_factor })
    }

    fn load(&self, step: &Step) -> f64 {
        if step.slots <= 1 {
            return 1.0;
        }
        let others = f64::from(step.running.max(1) - 1);
        1.0 + (self.load_factor - 1.0) * others / f64::from(step.slots - 1)
    }
}

/// Deviation ÷ mean, at most.
const LARGEST_STDDEV: f64 = 0.3;
/// How far a draw may be from its mean, as a part of the mean.
const FURTHEST: f64 = 0.7;

/// A draw from the normal law, cut at ±70 % of the mean.
fn drawn(mean_ms: f64, stddev_ms: f64, noise: f64) -> f64 {
    (mean_ms + stddev_ms * noise).clamp((1.0 - FURTHEST) * mean_ms, (1.0 + FURTHEST) * mean_ms)
}

impl Timing for PerToken {
    /// One draw serves both parts of a pass that prefills and decodes.
    fn step(&self, step: &Step) -> StepTime {
        let load = self.load(step);
        let mut time = StepTime::default();
        if step.prefill_sequences > 0 {
            let mean_ms = match self.prefill {
                Prefill::Mean(ms) => ms,
                Prefill::PerToken { overhead_ms, token_ms } => {
                    overhead_ms + step.prefill_tokens as f64 * token_ms
                }
            };
            time.prefill_ms = drawn(load * mean_ms, self.prefill_stddev_ms, step.noise);
        }
        if step.decode_sequences > 0 {
            time.decode_ms = drawn(load * self.itl.mean_ms, self.itl.stddev_ms, step.noise);
        }
        time
    }

    fn needs_lengths(&self) -> bool {
        matches!(self.prefill, Prefill::PerToken { .. })
    }

    fn is_noisy(&self) -> bool {
        self.prefill_stddev_ms > 0.0 || self.itl.stddev_ms > 0.0
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]
mod tests {
    use super::*;

    fn prefill(tokens: u64) -> Step {
        Step { prefill_sequences: 1, prefill_tokens: tokens, running: 1, slots: 5, ..Step::default() }
    }

    fn decode() -> Step {
        Step { decode_sequences: 1, decode_tokens: 1, running: 1, slots: 5, ..Step::default() }
    }

    fn small() -> PerToken {
        let itl = Spread { mean_ms: 10.0, stddev_ms: 2.0 };
        PerToken::new(Prefill::PerToken { overhead_ms: 30.0, token_ms: 0.25 }, 6.0, itl, 2.0).unwrap()
    }

    #[test]
    fn a_prompt_costs_its_overhead_and_its_tokens() {
        // Cached tokens are in the context, not among the tokens computed.
        let step = Step { prefill_context: 500, ..prefill(400) };
        assert_eq!(small().step(&step), StepTime { prefill_ms: 130.0, ..StepTime::default() });
        assert_eq!(small().step(&decode()), StepTime { decode_ms: 10.0, ..StepTime::default() });
        assert_eq!(small().step(&Step::default()), StepTime::default());
        assert!(small().needs_lengths() && small().is_noisy());
    }

    #[test]
    fn load_slows_both_down_in_a_straight_line() {
        for (running, slots, factor) in
            [(1, 5, 1.0), (3, 5, 1.5), (5, 5, 2.0), (0, 5, 1.0), (1, 1, 1.0), (7, 0, 1.0)]
        {
            let time = small().step(&Step { running, slots, ..prefill(400) });
            assert_eq!(time.prefill_ms, 130.0 * factor, "{running} of {slots}");
            let time = small().step(&Step { running, slots, ..decode() });
            assert_eq!(time.decode_ms, 10.0 * factor, "{running} of {slots}");
        }
    }

    #[test]
    fn noise_moves_by_deviations_and_is_cut_at_seventy_percent() {
        for (noise, ms) in
            [(0.0, 10.0), (1.0, 12.0), (-1.5, 7.0), (3.5, 17.0), (9.0, 17.0), (-3.5, 3.0), (-9.0, 3.0)]
        {
            let got = small().step(&Step { noise, ..decode() }).decode_ms;
            assert!((got - ms).abs() < 1e-12, "{noise}: {got}");
        }
        // The deviation stays as it is under load, the bound moves with the mean.
        let loaded = Step { running: 5, noise: 1.0, ..decode() };
        assert_eq!(small().step(&loaded).decode_ms, 22.0);
        let loaded = Step { noise: 100.0, ..loaded };
        assert_eq!(small().step(&loaded).decode_ms, 34.0);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let itl = Spread { mean_ms: 10.0, stddev_ms: 0.0 };
        let bad = [
            (PerToken::new(Prefill::Mean(-1.0), 0.0, itl, 1.0), "timing.ttft is -1 ms"),
            (PerToken::new(Prefill::Mean(f64::NAN), 0.0, itl, 1.0), "timing.ttft is NaN ms"),
            (PerToken::new(Prefill::Mean(4e6), 0.0, itl, 1.0), "from zero to an hour"),
            (PerToken::new(Prefill::Mean(1.0), 0.0, itl, 0.5), "timing.load_factor is 0.5"),
            (
                PerToken::new(Prefill::Mean(10.0), 3.1, itl, 1.0),
                "timing.ttft_stddev is 3.1 ms, more than 30 %",
            ),
            (
                PerToken::new(Prefill::Mean(1.0), 0.0, Spread { stddev_ms: 3.1, ..itl }, 1.0),
                "timing.itl_stddev is 3.1 ms",
            ),
            (
                PerToken::new(Prefill::PerToken { overhead_ms: 1.0, token_ms: -1.0 }, 0.0, itl, 1.0),
                "timing.prefill_time_per_token is -1 ms",
            ),
        ];
        for (built, words) in bad {
            let text = built.unwrap_err().to_string();
            assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
        }
    }
}
