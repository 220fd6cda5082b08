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

/// Words at the beginning or end of a prompt that no other prompt has, so that no cache finds it.
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
}
