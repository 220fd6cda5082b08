//! The plan: every request, as a pure function of its index.
//!
//! Indices below 2⁴⁰ are measured requests. Warm-up and cool-down have ranges of their own, so that measured request `i` says
//! the same whether or not there is a warm-up, and is not one the service has just been warmed with.

use std::sync::Arc;

use tokmark_base::content::segment_id;
use tokmark_base::digest::Digest;
use tokmark_base::{Content, Lexicon, Phase, Seed};

use crate::load::Load;
use crate::source::{Jsonl, Source, Synthetic};
use crate::spec::{WorkloadError, WorkloadSpec};

/// Version of everything that turns a spec and a seed into bytes and starts. Raised whenever the same spec and seed would give
/// others.
pub const GENERATOR_VERSION: u32 = 1;

/// Width of a phase's range of indices.
const RANGE: u64 = 1 << 40;

/// One planned request.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRequest {
    /// Its index in the plan.
    pub index: u64,
    /// Input tokens under the chosen tokenizer, if known exactly.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// What is said.
    pub prompt: Prompt,
}

/// The words of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Text: the prompt of a completion, the one user message of a chat.
    Text(String),
    /// Ready-made chat messages, as given in a file.
    Messages(Vec<serde_json::Value>),
}

/// Anything that can say what request `index` is. `Plan` is the one of real runs.
pub trait Requests: Send + Sync {
    /// Request `index`. The same index gives the same request, in any order, from any thread.
    fn request(&self, index: u64) -> PlannedRequest;

    /// The same request without its words: what a simulation needs. Nothing is said to be shared unless a source knows it.
    fn shape(&self, index: u64) -> Shape {
        let PlannedRequest { isl, osl, .. } = self.request(index);
        Shape { isl, osl, content: Content::of(segment_id("request", index), isl.unwrap_or(0)) }
    }
}

/// A request's lengths, and which tokens it shares with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Input tokens, if known exactly.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// Which tokens the prompt is made of.
    pub content: Content,
}

/// The index of request `n` of a phase.
pub const fn index_of(phase: Phase, n: u64) -> u64 {
    match phase {
        Phase::Profiling => n,
        Phase::Warmup => RANGE + n,
        Phase::Cooldown => 2 * RANGE + n,
    }
}

/// The phase an index belongs to, and its number within that phase.
pub const fn phase_of(index: u64) -> (Phase, u64) {
    match index / RANGE {
        0 => (Phase::Profiling, index),
        1 => (Phase::Warmup, index - RANGE),
        _ => (Phase::Cooldown, index - 2 * RANGE),
    }
}

/// The plan of a real run.
pub struct Plan {
    source: Box<dyn Source>,
    seed: Seed,
}

impl Plan {
    /// The plan of `spec`. `seed` is `spec.seed` unless the caller has a reason (a sweep that wants other words a point).
    /// `file` holds the lines of `spec.file` where that is set; the lexicon makes the words otherwise.
    pub fn new(
        spec: &WorkloadSpec,
        seed: Seed,
        lexicon: Arc<dyn Lexicon>,
        file: Option<Jsonl>,
    ) -> Result<Self, WorkloadError> {
        spec.check()?;
        let source: Box<dyn Source> = match (file, &spec.file) {
            (Some(lines), Some(_)) => Box::new(lines.shaped(spec, seed)),
            (None, None) => Box::new(Synthetic::new(spec, seed, lexicon)?),
            _ => return Err(WorkloadError::Source),
        };
        Ok(Self { source, seed })
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Distinct requests there are; `None`: every one is new.
    pub fn distinct(&self) -> Option<u64> {
        self.source.distinct()
    }

    /// The plan's digest, 64 hexadecimal digits: BLAKE3 over generator version, seed, everything that decides words and lengths
    /// (hashes of the files read included), and the law of arrivals with its ramp. Not: target, model, headers, how many were
    /// sent or for how long, caps.
    pub fn digest(&self, load: &Load) -> String {
        let mut digest = Digest::new()
            .part("tokmark plan")
            .part(GENERATOR_VERSION.to_le_bytes())
            .part(self.seed.0.to_le_bytes());
        for (key, value) in self.source.canonical() {
            digest = digest.part(key).part(value);
        }
        digest
            .part("arrival")
            .part(load.arrival.process().canonical())
            .part("ramp_us")
            .part(load.ramp.0.to_le_bytes())
            .hex()
    }
}

impl Requests for Plan {
    fn request(&self, index: u64) -> PlannedRequest {
        let item = self.source.distinct().map_or(index, |len| wrapped(index, len));
        PlannedRequest { index, ..self.source.item(item) }
    }

    fn shape(&self, index: u64) -> Shape {
        self.source.shape(self.source.distinct().map_or(index, |len| wrapped(index, len)))
    }
}

/// Which of `len` items index `index` is: measured requests take them in order and start again; a warm-up takes them from the end
/// backwards, so that as long as there are enough, no measured request has been seen by the service before.
fn wrapped(index: u64, len: u64) -> u64 {
    let len = len.max(1);
    match phase_of(index) {
        (Phase::Warmup, n) => len - 1 - n % len,
        (_, n) => n % len,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::LoadSpec;
    use crate::source::synthetic::tests::Letters;

    fn plan(spec: &WorkloadSpec) -> Plan {
        Plan::new(spec, Seed(spec.seed), Arc::new(Letters), None).unwrap()
    }

    fn load(json: &str) -> Load {
        serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap()
    }

    #[test]
    fn indices_tell_their_phase() {
        for phase in [Phase::Warmup, Phase::Profiling, Phase::Cooldown] {
            for n in [0, 1, RANGE - 1] {
                assert_eq!(phase_of(index_of(phase, n)), (phase, n));
            }
        }
    }

    #[test]
    fn entries_wrap_and_a_warm_up_starts_at_the_far_end() {
        let spec = WorkloadSpec { isl: 20, entries: Some(10), ..WorkloadSpec::default() };
        let plan = plan(&spec);
        let prompt = |i| plan.request(i).prompt;
        assert_eq!(prompt(3), prompt(13));
        assert_ne!(prompt(3), prompt(4));
        assert_eq!(prompt(index_of(Phase::Warmup, 0)), prompt(9));
        assert_eq!(plan.request(13).index, 13);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        // Pinned: one seed gives these bytes on every machine. A change here is a new GENERATOR_VERSION.
        let spec = WorkloadSpec { isl: 12, isl_stddev: 3.0, osl_stddev: 20.0, ..WorkloadSpec::default() };
        let requests: Vec<_> = (0..3).map(|i| plan(&spec).request(i)).collect();
        let seen: Vec<_> = requests.iter().map(|r| (r.isl, r.osl, &r.prompt)).collect();
        let text = |t: &str| Prompt::Text(t.to_owned());
        assert_eq!(
            seen,
            [
                (Some(1), Some(162), &text("i")),
                (Some(13), Some(100), &text("xsymtchrnfvqv")),
                (Some(12), Some(78), &text("arwxwrmfkomi"))
            ]
        );
    }

    #[test]
    fn the_digest_is_of_what_is_said_and_when_and_of_nothing_else() {
        let spec = WorkloadSpec::default();
        let base = plan(&spec).digest(&load("{}"));
        assert_eq!(base.len(), 64);
        for same in [r#"{"requests": 5000, "warmup": 20}"#, r#"{"duration": "1m", "grace": "1s"}"#] {
            assert_eq!(plan(&spec).digest(&load(same)), base, "{same}");
        }
        let mut seen = std::collections::BTreeSet::from([base]);
        for other in [
            r#"{"concurrency": 9}"#,
            r#"{"rate": 9}"#,
            r#"{"rate": 9, "arrival": "constant"}"#,
            r#"{"ramp": "9s"}"#,
        ] {
            assert!(seen.insert(plan(&spec).digest(&load(other))), "{other}");
        }
        for other in [
            WorkloadSpec { isl: 513, ..spec.clone() },
            WorkloadSpec { isl_stddev: 1.0, ..spec.clone() },
            WorkloadSpec { osl: None, ..spec.clone() },
            WorkloadSpec { osl: Some(1), ..spec.clone() },
            WorkloadSpec { entries: Some(512), ..spec.clone() },
            WorkloadSpec { seed: 43, ..spec.clone() },
            WorkloadSpec { prefix: crate::spec::PrefixSpec { length: 1, pool: 1 }, ..spec },
        ] {
            assert!(seen.insert(plan(&other).digest(&load("{}"))), "{other:?}");
        }
    }

    #[test]
    fn a_file_without_its_lines_is_an_error() {
        let spec = WorkloadSpec { file: Some("p.jsonl".to_owned()), ..WorkloadSpec::default() };
        let error = Plan::new(&spec, Seed(1), Arc::new(Letters), None).err();
        assert_eq!(error, Some(WorkloadError::Source));
    }
}
