//! Mixture of experts under expert parallelism: the rank with the busiest experts sets the pace of the layer.
//!
//! Tokens are shared among experts by a bounded power law, drawn once: an expert's weight x lies in 1…bound with density ∝ x^−α
//! (inverse-CDF sampling, the law behind the `power_law_1.01` and `power_law_1.2` columns of AIConfigurator's and AISimulate's
//! tables; there the bound is 0.8 × the tokens of the pass and counts are rounded to whole tokens, here it is one number and
//! shares are not rounded). α = 0 stands for no skew at all, not for a uniform draw.

use tokmark_base::{Seed, Stream};

use crate::error::{TimingError, at_least};
use crate::timing::{Step, StepTime, Timing};

/// How the tokens of a layer spread over the ranks that hold its experts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Experts of a layer.
    pub experts: u32,
    /// Exponent of the power law; 0: every expert gets the same.
    pub alpha: f64,
    /// Largest ÷ smallest weight an expert may have.
    pub bound: f64,
    /// Ranks, each with the same number of slots.
    pub ranks: u32,
    /// Slots for copies of busy experts. `None`: no balancing; expert i stays on rank i ÷ (experts per rank), as the engines place
    /// them. `Some`: copies for whoever is busiest per copy, then every slot, the busiest first, onto the rank with the least load
    /// that still has room (the greedy steps of DeepSeek's EPLB; its search over expert groups and nodes is not modelled). What a
    /// balancer knows about the load is taken to be exact.
    pub eplb_slots: Option<u32>,
}

impl Default for Spread {
    /// One expert on one rank, skewed by 1.01 up to 0.8 × 8,192 tokens as soon as there are more.
    fn default() -> Self {
        Self { experts: 1, alpha: 1.01, bound: 0.8 * 8_192.0, ranks: 1, eplb_slots: None }
    }
}

impl Spread {
    /// Load of the busiest rank ÷ mean load of a rank, 1 or more. The same seed gives the same answer.
    pub fn imbalance(&self, seed: Seed) -> Result<f64, TimingError> {
        self.check()?;
        let mut stream = seed.stream("experts", 0);
        let weights: Vec<f64> = (0..self.experts).map(|_| self.weight(&mut stream)).collect();
        let ranks = self.ranks as usize;
        let loads = match self.eplb_slots {
            None => in_order(&weights, ranks),
            Some(slots) => packed(copied(&weights, slots as usize), ranks),
        };
        let busiest = loads.iter().copied().fold(0.0, f64::max);
        let mean = weights.iter().sum::<f64>() / f64::from(self.ranks);
        Ok((busiest / mean).max(1.0))
    }

    /// Refuses what cannot be drawn or spread evenly.
    pub fn check(&self) -> Result<(), TimingError> {
        const MOST: u32 = 4_096;
        for (key, value) in [("experts", self.experts), ("expert_parallel", self.ranks)] {
            if value == 0 {
                return Err(TimingError::range(key, value.to_string(), "1 or more"));
            }
        }
        let copies = self.eplb_slots.unwrap_or(0);
        for (key, value) in [("experts", self.experts), ("eplb_slots", copies)] {
            if value > MOST {
                return Err(TimingError::range(key, value.to_string(), "4,096 at most"));
            }
        }
        at_least("expert_alpha", self.alpha, 0.0, "0 (no skew) or more")?;
        at_least("expert_bound", self.bound, 1.0, "1 or more")?;
        let slots = u64::from(self.experts) + u64::from(copies);
        if !slots.is_multiple_of(u64::from(self.ranks)) {
            let formula = match self.eplb_slots {
                Some(copies) => format!("experts {} + eplb_slots {copies}", self.experts),
                None => format!("experts {}", self.experts),
            };
            return Err(TimingError::Uneven { slots, formula, ranks: self.ranks });
        }
        Ok(())
    }

    fn weight(&self, stream: &mut Stream) -> f64 {
        if self.alpha == 0.0 {
            return 1.0;
        }
        inverse_cdf(self.alpha, self.bound, stream.unit())
    }
}

/// Where the bounded power law on 1…`bound` has collected the part `u` of its mass.
fn inverse_cdf(alpha: f64, bound: f64, u: f64) -> f64 {
    let exponent = 1.0 - alpha;
    // The general form divides by the exponent; at 1 its limit is the log-uniform law.
    let x = if exponent.abs() < 1e-9 {
        libm::pow(bound, u)
    } else {
        let far = libm::pow(bound, exponent);
        libm::pow((far - 1.0) * u + 1.0, 1.0 / exponent)
    };
    x.clamp(1.0, bound)
}

/// Loads of the ranks if experts stay in their order.
fn in_order(weights: &[f64], ranks: usize) -> Vec<f64> {
    weights.chunks(weights.len() / ranks).map(|held| held.iter().sum()).collect()
}

/// Loads of all slots once `copies` more went to whoever was busiest per copy, each time.
fn copied(weights: &[f64], copies: usize) -> Vec<f64> {
    let mut held = vec![1_u32; weights.len()];
    for _ in 0..copies {
        let per_copy = |i: usize| weights[i] / f64::from(held[i]);
        // Among equals the first: `max_by` would take the last.
        let busiest = (0..weights.len()).reduce(|a, b| if per_copy(b) > per_copy(a) { b } else { a });
        if let Some(busiest) = busiest {
            held[busiest] += 1;
        }
    }
    weights
        .iter()
        .zip(held)
        .flat_map(|(weight, held)| std::iter::repeat_n(weight / f64::from(held), held as usize))
        .collect()
}

/// Loads of the ranks if slots go, the busiest first, to the rank with the least load that has room.
fn packed(mut slots: Vec<f64>, ranks: usize) -> Vec<f64> {
    let room = slots.len() / ranks;
    slots.sort_by(|a, b| b.total_cmp(a));
    let mut loads = vec![(0.0_f64, 0_usize); ranks];
    for slot in slots {
        let free = loads.iter_mut().filter(|(_, held)| *held < room);
        if let Some((load, held)) = free.min_by(|a, b| a.0.total_cmp(&b.0)) {
            *load += slot;
            *held += 1;
        }
    }
    loads.into_iter().map(|(load, _)| load).collect()
}

/// Stretches the part of a pass that the experts take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experts<T> {
    model: T,
    stretch: f64,
}

impl<T: Timing> Experts<T> {
    /// `model`, whose times hold for balanced experts, with `share` (0 to 1) of prefill and decode taking `imbalance` times as
    /// long: a pass grows by 1 + share × (imbalance − 1).
    pub fn new(model: T, share: f64, imbalance: f64) -> Result<Self, TimingError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(TimingError::range("moe_share", share.to_string(), "from 0 to 1"));
        }
        at_least("imbalance", imbalance, 1.0, "1 or more")?;
        Ok(Self { model, stretch: 1.0 + share * (imbalance - 1.0) })
    }
}

impl<T: Timing> Timing for Experts<T> {
    fn step(&self, step: &Step) -> StepTime {
        let time = self.model.step(step);
        StepTime {
            prefill_ms: time.prefill_ms * self.stretch,
            decode_ms: time.decode_ms * self.stretch,
            overhead_ms: time.overhead_ms,
        }
    }

    fn needs_lengths(&self) -> bool {
        self.model.needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        self.model.is_noisy()
    }
}

#[cfg(test)]
mod tests;
