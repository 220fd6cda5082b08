//! A prefix that prompts share: one of a pool, drawn anew for each request (AIPerf's `--num-prefix-prompts` and
//! `--prefix-prompt-length`). It stands in front of the prompt's own tokens and adds to them.

use tokmark_base::content::segment_id;
use tokmark_base::{Lexicon, Seed, Segment};

use crate::spec::PrefixSpec;

/// The pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    length: u32,
    pool: u32,
    seed: Seed,
}

impl Prefix {
    /// The pool of `spec`; `None` if no prefix is asked.
    pub fn new(spec: &PrefixSpec, seed: Seed) -> Option<Self> {
        (spec.length > 0).then_some(Self { length: spec.length, pool: spec.pool.max(1), seed })
    }

    /// Its length, tokens.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Length and pool, part of the plan's digest.
    pub fn canonical(&self) -> String {
        format!("length={} pool={}", self.length, self.pool)
    }

    /// Which prefix request `item` draws.
    pub fn pick(&self, item: u64) -> u64 {
        self.seed.stream("prefix choice", item).below(u64::from(self.pool))
    }

    /// The prefix of request `item`, without its words.
    pub fn segment(&self, item: u64) -> Segment {
        Segment { id: segment_id("prefix", self.pick(item)), tokens: self.length }
    }

    /// Appends the prefix of request `item` and returns its tokens.
    pub fn append(&self, item: u64, text: &mut String, lexicon: &dyn Lexicon) -> u32 {
        let mut words = self.seed.stream("prefix", self.pick(item));
        lexicon.extend(text, self.length, &mut words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::synthetic::tests::Letters;

    #[test]
    fn a_pool_is_drawn_evenly_and_the_same_prefix_is_the_same_text() {
        let spec = PrefixSpec { length: 12, pool: 4, ..PrefixSpec::default() };
        let prefix = Prefix::new(&spec, Seed(5)).unwrap();
        let mut texts = std::collections::BTreeMap::<String, u32>::new();
        for item in 0..4_000 {
            let mut text = String::new();
            assert_eq!(prefix.append(item, &mut text, &Letters), 12);
            *texts.entry(text).or_default() += 1;
        }
        assert_eq!(texts.len(), 4);
        assert!(texts.values().all(|n| (850..1_150).contains(n)), "{texts:?}");
        assert_eq!(Prefix::new(&PrefixSpec::default(), Seed(5)), None);
    }
}
