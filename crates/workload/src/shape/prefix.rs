//! A prefix that prompts share: one of a pool, drawn anew for each item (AIPerf's `--num-prefix-prompts` and
//! `--prefix-prompt-length`), by Zipf's law if asked. It stands in front of the prompt's own tokens and adds to them. The own parts
//! can repeat too, so many to a prefix: groups × prompts, as inference-perf's `shared_prefix` (`num_groups`,
//! `num_prompts_per_group`) has them, though drawn at random and not one after the other.

use std::fmt::Write as _;

use tokmark_base::{Phase, Seed};

use super::Part;
use super::zipf::Zipf;
use crate::course::phase_of;
use crate::spec::{PrefixChoice, PrefixSpec};

/// The pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefix {
    length: u32,
    pool: u32,
    zipf: Option<(Zipf, f64)>,
    prompts: Option<u32>,
    primed: bool,
    seed: Seed,
}

impl Prefix {
    /// The pool of `spec` for prompts whose own parts are `isl` long; `None` if no prefix is asked.
    pub fn new(spec: &PrefixSpec, isl: u32, seed: Seed) -> Option<Self> {
        let length = spec.split(isl).map_or(spec.length, |(prefix, _)| prefix);
        let pool = spec.pool.max(1);
        let zipf = (spec.choice == PrefixChoice::Zipf && spec.zipf_alpha > 0.0)
            .then(|| (Zipf::new(pool, spec.zipf_alpha), spec.zipf_alpha));
        let primed = spec.hit_rate.is_some();
        (length > 0).then_some(Self { length, pool, zipf, prompts: spec.prompts, primed, seed })
    }

    /// Its length, tokens.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Everything that decides which prefix is drawn, part of the plan's digest.
    pub fn canonical(&self) -> String {
        // A String takes whatever is written.
        let mut text = format!("length={} pool={}", self.length, self.pool);
        if let Some((_, alpha)) = self.zipf {
            let _ = write!(text, " zipf={alpha:?}");
        }
        if let Some(prompts) = self.prompts {
            let _ = write!(text, " prompts={prompts}");
        }
        if self.primed {
            text += " primed";
        }
        text
    }

    /// Which prefix item `item` draws. Where prefixes are to be sent beforehand, the items of the warm-up take them one after the
    /// other, so that as many items as there are prefixes send each once, wherever they begin.
    pub fn pick(&self, item: u64) -> u64 {
        let pool = u64::from(self.pool);
        if self.primed && is_warmup(item) {
            return phase_of(item).1 % pool;
        }
        let mut stream = self.seed.stream("prefix choice", item);
        match &self.zipf {
            Some((zipf, _)) => zipf.draw(&mut stream),
            None => stream.below(pool),
        }
    }

    /// The prefix of item `item`.
    pub fn part(&self, item: u64) -> Part {
        Part { name: "prefix", index: self.pick(item), tokens: self.length, seed: self.seed }
    }

    /// Which of all own parts (those of the first prefix, then those of the second, …) request `key` of item `item` says, if own
    /// parts repeat.
    pub fn own(&self, item: u64, key: u64) -> Option<u64> {
        let prompts = u64::from(self.prompts?);
        Some(self.pick(item) * prompts + self.seed.stream("own choice", key).below(prompts))
    }

    /// Whether item `item` is there to send a prefix beforehand.
    pub fn primes(&self, item: u64) -> bool {
        self.primed && is_warmup(item)
    }
}

fn is_warmup(item: u64) -> bool {
    phase_of(item).0 == Phase::Warmup
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::index_of;
    use crate::source::synthetic::tests::Letters;

    #[test]
    fn a_pool_is_drawn_evenly_and_the_same_prefix_is_the_same_text() {
        let spec = PrefixSpec { length: 12, pool: 4, ..PrefixSpec::default() };
        let prefix = Prefix::new(&spec, 512, Seed(5)).unwrap();
        let mut texts = std::collections::BTreeMap::<String, u32>::new();
        for item in 0..4_000 {
            let mut text = String::new();
            assert_eq!(prefix.part(item).append(&mut text, &Letters), 12);
            *texts.entry(text).or_default() += 1;
        }
        assert_eq!(texts.len(), 4);
        assert!(texts.values().all(|n| (850..1_150).contains(n)), "{texts:?}");
        assert_eq!(Prefix::new(&PrefixSpec::default(), 512, Seed(5)), None);
    }

    #[test]
    fn alpha_zero_is_the_uniform_choice() {
        let uniform = PrefixSpec { length: 1, pool: 9, ..PrefixSpec::default() };
        let zipf = PrefixSpec { choice: PrefixChoice::Zipf, zipf_alpha: 0.0, ..uniform };
        let [a, b] = [&uniform, &zipf].map(|spec| Prefix::new(spec, 1, Seed(5)).unwrap());
        assert!((0..200).all(|item| a.pick(item) == b.pick(item)));
        assert_eq!(a.canonical(), b.canonical());
        let steep = PrefixSpec { zipf_alpha: 1.0, ..zipf };
        let steep = Prefix::new(&steep, 1, Seed(5)).unwrap();
        let first = (0..20_000).filter(|item| steep.pick(*item) == 0).count();
        // 1 / (1 + 1/2 + … + 1/9) = 0.35348.
        assert!((6_730..7_410).contains(&first), "{first}");
    }

    #[test]
    fn a_warm_up_sends_each_prefix_once_wherever_it_begins() {
        let spec = PrefixSpec { hit_rate: Some(0.5), pool: 7, ..PrefixSpec::default() };
        let prefix = Prefix::new(&spec, 100, Seed(5)).unwrap();
        for offset in [0, 3, 1_000] {
            let sent: std::collections::BTreeSet<_> =
                (0..7).map(|n| prefix.pick(index_of(Phase::Warmup, n + offset))).collect();
            assert_eq!(sent.len(), 7);
        }
    }
}
