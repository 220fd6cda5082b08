//! Speculative decoding: how many drafts are accepted.

use tokmark_base::Stream;

/// Speculative decoding, as far as a scheduler sees it.
#[derive(Clone, Debug)]
pub struct Speculative {
    /// vLLM's name: drafts verified a step beside the one token that is sure.
    pub num_speculative_tokens: u32,
    /// How many of them hold.
    pub acceptance: Acceptance,
    /// Where the dice come from. The same stream gives the same replies' rhythm.
    pub stream: Stream,
}

/// How many drafts hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Acceptance {
    /// So many tokens a step on average, the sure one included (vLLM's "mean acceptance length"), from 1 to 1 +
    /// `num_speculative_tokens`. Each draft is as likely to hold as the one before it, if that one held.
    Length(f64),
    /// The chance of each draft by its position, 0 to 1, given that those before it held (Dynamo's
    /// `aic_nextn_accept_rates`). Positions that are not named never hold.
    Rates(Vec<f64>),
}

impl Speculative {
    /// What is wrong with it: the parameter, its value, what it must be.
    pub(crate) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        if self.num_speculative_tokens == 0 {
            return Some(("num_speculative_tokens", "0".to_owned(), "1 or more"));
        }
        match &self.acceptance {
            Acceptance::Length(mean) => {
                let most = 1.0 + f64::from(self.num_speculative_tokens);
                let ok = mean.is_finite() && (1.0..=most).contains(mean);
                (!ok).then(|| ("acceptance length", mean.to_string(), "from 1 to 1 + num_speculative_tokens"))
            }
            Acceptance::Rates(rates) => rates
                .iter()
                .find(|rate| !(rate.is_finite() && (0.0..=1.0).contains(*rate)))
                .map(|rate| ("acceptance rate", rate.to_string(), "from 0 to 1")),
        }
    }
}

/// The dice.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    /// Drafts a step.
    pub(crate) drafts: u32,
    rates: Vec<f64>,
    stream: Stream,
}

impl Sampler {
    pub(crate) fn new(speculative: &Speculative) -> Self {
        let drafts = speculative.num_speculative_tokens;
        let rates = match &speculative.acceptance {
            Acceptance::Rates(rates) => rates.clone(),
            Acceptance::Length(mean) => vec![even_rate(mean - 1.0, drafts); drafts as usize],
        };
        Self { drafts, rates, stream: speculative.stream.clone() }
    }

    /// How many of `drafts` hold.
    pub(crate) fn accepted(&mut self, drafts: u32) -> u32 {
        let rates = self.rates.iter().take(drafts as usize);
        rates.take_while(|rate| self.stream.unit() < **rate).count() as u32
    }
}

/// The chance p of each draft so that of `drafts` on average `mean` hold: Σ pⁱ over i = 1..=drafts, solved by bisection to
/// the last bit.
fn even_rate(mean: f64, drafts: u32) -> f64 {
    let held = |p: f64| {
        let mut power = 1.0;
        (0..drafts).fold(0.0, |sum, _| {
            power *= p;
            sum + power
        })
    };
    let (mut low, mut high) = (0.0, 1.0);
    if held(high) <= mean {
        return high;
    }
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if held(middle) < mean {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokmark_base::Seed;

    fn speculative(drafts: u32, acceptance: Acceptance) -> Speculative {
        let stream = Seed(1).stream("speculation", 0);
        Speculative { num_speculative_tokens: drafts, acceptance, stream }
    }

    #[test]
    fn certain_drafts_hold_up_to_the_first_that_cannot() {
        let mut sampler = Sampler::new(&speculative(3, Acceptance::Rates(vec![1.0, 0.0, 1.0])));
        assert_eq!(sampler.accepted(3), 1);
        assert_eq!(sampler.accepted(1), 1);
        assert_eq!(sampler.accepted(0), 0);
        let mut all = Sampler::new(&speculative(3, Acceptance::Length(4.0)));
        assert_eq!(all.accepted(3), 3);
        let mut none = Sampler::new(&speculative(3, Acceptance::Length(1.0)));
        assert_eq!(none.accepted(3), 0);
    }

    #[test]
    fn the_mean_length_is_the_one_asked_for() {
        // Two drafts, 1.75 tokens a step: p + p² = 0.75, so p = 1/2.
        assert!((even_rate(0.75, 2) - 0.5).abs() < 1e-12);
        let mut sampler = Sampler::new(&speculative(2, Acceptance::Length(1.75)));
        let sum: u32 = (0..100_000).map(|_| sampler.accepted(2)).sum();
        assert!((f64::from(sum) / 1e5 - 0.75).abs() < 0.01, "{sum}");
    }

    #[test]
    fn impossible_chances_are_named() {
        let fault = |drafts, acceptance| speculative(drafts, acceptance).fault().map(|fault| fault.0);
        assert_eq!(fault(0, Acceptance::Length(1.0)), Some("num_speculative_tokens"));
        assert_eq!(fault(2, Acceptance::Length(3.1)), Some("acceptance length"));
        assert_eq!(fault(2, Acceptance::Length(f64::NAN)), Some("acceptance length"));
        assert_eq!(fault(2, Acceptance::Rates(vec![0.5, -0.1])), Some("acceptance rate"));
        assert_eq!(fault(2, Acceptance::Rates(vec![0.5])), None);
    }
}
