//! Input and output lengths together. Each is a pure function of the seed and of what asks for it, drawn from streams of their
//! own, so that the output lengths do not change the words.

use tokmark_base::Seed;

use super::{Distribution, Empirical, Law, Lengths, Mixture, Moments};

/// How pairs are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Pairs {
    /// One knows nothing of the other.
    Apart {
        /// Input length.
        input: Law,
        /// Output length; `None`: the server decides.
        output: Option<Law>,
    },
    /// Kinds of pairs.
    Mixture(Mixture),
    /// Pairs somebody saw.
    Empirical(Empirical),
}

impl Pairs {
    /// As `isl`, `isl_stddev`, `osl` and `osl_stddev` say.
    pub fn of_means(input: Lengths, output: Option<Lengths>) -> Self {
        let law = |lengths: Lengths| Law::Normal(lengths.law());
        Self::Apart { input: law(input), output: output.map(law) }
    }

    /// The input length of item `key`, tokens.
    pub fn input(&self, seed: Seed, key: u64) -> u32 {
        let law = match self {
            Self::Apart { input, .. } => input,
            Self::Mixture(mixture) => &mixture.part(seed, key).input,
            Self::Empirical(pairs) => return pairs.pair(seed, key).0,
        };
        law.draw(&mut seed.stream("isl", key))
    }

    /// The output length of item `key`, tokens, if one is asked.
    pub fn output(&self, seed: Seed, key: u64) -> Option<u32> {
        let law = match self {
            Self::Apart { output, .. } => output.as_ref()?,
            Self::Mixture(mixture) => &mixture.part(seed, key).output,
            Self::Empirical(pairs) => return Some(pairs.pair(seed, key).1),
        };
        Some(law.draw(&mut seed.stream("osl", key)))
    }

    /// Moments of the input length.
    pub fn input_moments(&self) -> Moments {
        match self {
            Self::Apart { input, .. } => input.moments(),
            Self::Mixture(mixture) => mixture.input(),
            Self::Empirical(pairs) => pairs.input(),
        }
    }

    /// Moments of the output length, if one is asked.
    pub fn output_moments(&self) -> Option<Moments> {
        match self {
            Self::Apart { output, .. } => output.as_ref().map(Distribution::moments),
            Self::Mixture(mixture) => Some(mixture.output()),
            Self::Empirical(pairs) => Some(pairs.output()),
        }
    }

    /// Part of the plan's digest.
    pub fn canonical(&self) -> String {
        match self {
            Self::Apart { input, output } => {
                let output = output.as_ref().map_or_else(|| "none".to_owned(), Distribution::canonical);
                format!("{} / {output}", input.canonical())
            }
            Self::Mixture(mixture) => mixture.canonical(),
            Self::Empirical(pairs) => pairs.canonical(),
        }
    }
}
