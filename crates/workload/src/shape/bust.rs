//! Cache busting: words that no other prompt has, of this run or another one (AIPerf's `--cache-bust`, whose `…-prefix` targets are
//! `prefix` here and whose `…-suffix` targets are `suffix`).
//!
//! They come from the run's salt, a number no other run has, and stand once in each prompt that begins anew: in every request, or,
//! where later turns say the earlier ones again, in the first of each session. They count as tokens of `isl`.
//!
//! `run` has no such words: there the salt goes into the seed that all words are made from ([`words`]).

use tokmark_base::Seed;
use tokmark_base::digest::Digest;

use super::Part;
use crate::spec::CacheBust;

/// Tokens of the words: less than a block of any cache, and enough that two prompts do not have the same.
pub const BUST_TOKENS: u32 = 8;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Bust {
    /// Where the words stand.
    pub place: CacheBust,
    seed: Seed,
}

impl Bust {
    /// As asked; `None` if nothing is. Without a salt two runs of one seed say the same.
    pub fn new(place: CacheBust, seed: Seed, salt: Option<u64>) -> Option<Self> {
        place.has_words().then(|| Self { place, seed: mixed("cache bust", seed, salt) })
    }

    /// The words of request `key`, whose own part has `own` tokens: at most all of these.
    pub fn part(&self, key: u64, own: u32) -> Part {
        Part { name: "cache bust", index: key, tokens: own.min(BUST_TOKENS), seed: self.seed }
    }
}

/// The seed that words are made from: `seed`, but for [`CacheBust::Run`] with the run's salt in it. Without a salt two runs of one seed
/// say the same. Lengths, starts, classes and everything else come from `seed` itself.
pub fn words(place: CacheBust, seed: Seed, salt: Option<u64>) -> Seed {
    match salt {
        Some(_) if place == CacheBust::Run => mixed("words of a run", seed, salt),
        _ => seed,
    }
}

fn mixed(name: &str, seed: Seed, salt: Option<u64>) -> Seed {
    let mut digest = Digest::new().part(name).part(seed.0.to_le_bytes());
    if let Some(salt) = salt {
        digest = digest.part(salt.to_le_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&digest.bytes()[..8]);
    Seed(u64::from_le_bytes(first))
}
