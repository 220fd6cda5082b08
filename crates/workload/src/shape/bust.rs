//! Cache busting: words that no other prompt has, of this run or another one (AIPerf's `--cache-bust`, whose `…-prefix` targets are
//! `prefix` here and whose `…-suffix` targets are `suffix`).
//!
//! They come from the run's salt, a number no other run has, and stand once in each prompt that begins anew: in every request, or,
//! where later turns say the earlier ones again, in the first of each session. They count as tokens of `isl`.

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
        let mut digest = Digest::new().part("cache bust").part(seed.0.to_le_bytes());
        if let Some(salt) = salt {
            digest = digest.part(salt.to_le_bytes());
        }
        let mut first = [0; 8];
        first.copy_from_slice(&digest.bytes()[..8]);
        let seed = Seed(u64::from_le_bytes(first));
        (place != CacheBust::None).then_some(Self { place, seed })
    }

    /// The words of request `key`, whose own part has `own` tokens: at most all of these.
    pub fn part(&self, key: u64, own: u32) -> Part {
        Part { name: "cache bust", index: key, tokens: own.min(BUST_TOKENS), seed: self.seed }
    }
}
