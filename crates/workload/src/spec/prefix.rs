//! `workload.prefix`: what prompts share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prefixes that prompts share: a pool of them, or one system prompt with a context a user, or a share of each prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrefixSpec {
    /// Length of a prefix of the pool, tokens, in front of `isl` tokens of the prompt's own; 0: no prefix.
    pub length: u32,
    /// How many different prefixes there are; each item draws one of them.
    #[schemars(range(min = 1))]
    pub pool: u32,
    /// Law by which prefixes are drawn.
    pub choice: PrefixChoice,
    /// Exponent of the Zipf law: prefix k of the pool (from 1) is drawn in proportion to k^−alpha.
    #[schemars(range(min = 0))]
    pub zipf_alpha: f64,
    /// Different own parts a prefix goes with; unset: every prompt has an own part of its own.
    #[schemars(range(min = 1))]
    pub prompts: Option<u32>,
    /// Length of a system prompt that all prompts share, tokens; 0: none.
    pub system: u32,
    /// Length of a context that the turns of one session share (one user's), behind the system prompt, tokens; 0: none.
    pub user_context: u32,
    /// Share of each prompt that is its prefix: `isl` is the whole then, ⌊isl · ratio⌋ tokens the prefix, ⌊isl · (1 − ratio)⌋ the
    /// prompt's own. A list is a sweep.
    #[schemars(range(min = 0, max = 1))]
    pub ratio: Option<f64>,
    /// Share of prompt tokens that a cache large enough shall find: a `ratio` whose prefixes are all sent once before the measured
    /// part.
    #[schemars(range(min = 0, max = 1))]
    pub hit_rate: Option<f64>,
}

impl Default for PrefixSpec {
    fn default() -> Self {
        Self {
            length: 0,
            pool: 1,
            choice: PrefixChoice::Uniform,
            zipf_alpha: 1.0,
            prompts: None,
            system: 0,
            user_context: 0,
            ratio: None,
            hit_rate: None,
        }
    }
}

impl PrefixSpec {
    /// The share of each prompt that is its prefix, where one is asked.
    pub fn share(&self) -> Option<f64> {
        self.ratio.or(self.hit_rate)
    }

    /// Tokens of the prefix and of the prompt's own part, where a prefix is a share r of prompts of `isl` tokens: ⌊isl · r⌋ and
    /// ⌊isl · (1 − r)⌋, both cut, as Dynamo's `prefix_ratio_benchmark.py` cuts them, so that a token can be lost. What is less than
    /// 10⁻⁶ below a whole token is whole: of 14,000 tokens 0.9 leaves 1,400, where double arithmetic alone has 1,399.
    pub fn split(&self, isl: u32) -> Option<(u32, u32)> {
        let share = self.share()?;
        let cut = |part: f64| libm::floor(f64::from(isl) * part + 1e-6) as u32;
        Some((cut(share), cut(1.0 - share)))
    }

    /// Whether prompts share anything.
    pub fn is_asked(&self) -> bool {
        self.length > 0 || self.share().is_some() || self.has_context()
    }

    /// Whether there is a system prompt or a user's context.
    pub fn has_context(&self) -> bool {
        self.system > 0 || self.user_context > 0
    }
}

/// How a prefix is drawn from the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrefixChoice {
    /// Each as often as any other.
    #[default]
    Uniform,
    /// The first the most often, by Zipf's law.
    Zipf,
}

/// What keeps caches from finding a prompt: words at its beginning or end that no other prompt has, or other words in every run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheBust {
    /// None.
    #[default]
    None,
    /// In front of everything: nothing of the prompt is found.
    Prefix,
    /// Behind the shared prefix: the prefix is found, the rest is not.
    Suffix,
    /// Each run has words of its own, and within a run what is shared stays shared: nothing is found of an earlier run, or of another
    /// target's. Lengths, starts and classes stay those of the seed, so that two runs differ in nothing but their words.
    Run,
}

impl CacheBust {
    /// Whether prompts hold words for it.
    pub fn has_words(self) -> bool {
        matches!(self, Self::Prefix | Self::Suffix)
    }
}
