//! The plan: every request, as a pure function of its index.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokmark_base::content::segment_id;
use tokmark_base::digest::Digest;
use tokmark_base::{Content, Lexicon, Micros, Phase, Seed};

use crate::course::{Address, Course, Numbering};
use crate::load::Load;
use crate::shape::lengths::Empirical;
use crate::shape::{Cancel, Classes};
use crate::source::{Dataset, Source, Synthetic};
use crate::spec::{WorkloadError, WorkloadSpec};

/// Version of everything that turns a spec and a seed into bytes and starts. Raised whenever the same spec and seed would give
/// others.
pub const GENERATOR_VERSION: u32 = 2;

/// One planned request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedRequest {
    /// Its index in the plan.
    pub index: u64,
    /// Input tokens of its own words under the chosen tokenizer, if known exactly; what it says of earlier turns comes on top.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// What is said.
    pub prompt: Prompt,
    /// The slot: what was said and answered in the turns before goes in front of the prompt.
    pub history: bool,
    /// Its session and place in it, where the plan has sessions.
    pub session: Option<Place>,
    /// Its class, an index into [`Requests::classes`].
    pub class: Option<u16>,
    /// Priority of its own, beside that of its class.
    pub priority: Option<i32>,
    /// Its client goes away so long after it was sent.
    pub cancel_after: Option<Micros>,
    /// Further keys of its body.
    pub extra: Option<Map<String, Value>>,
}

/// A request's place in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The session: one number a run, warm-up and cool-down included.
    pub session: u64,
    /// The turn, from 0.
    pub turn: u32,
    /// Turns of the session.
    pub turns: u32,
}

/// The words of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Text: the prompt of a completion, the one user message of a chat.
    Text(String),
    /// A system prompt and a text. A completion has them one behind the other.
    System {
        /// What all say.
        system: String,
        /// What this one says.
        text: String,
    },
    /// Ready-made chat messages, as given in a file.
    Messages(Vec<Value>),
    /// A whole request body, sent as it is.
    Payload(Value),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// A kind of request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// The model to ask for, if it is not the target's.
    pub model: Option<String>,
    /// The model is an adapter.
    pub adapter: bool,
    /// Priority.
    pub priority: Option<i32>,
    /// Request headers.
    pub headers: BTreeMap<String, String>,
    /// Further keys of the body.
    pub extra: Map<String, Value>,
}

/// Anything that can say what request `index` is. `Plan` is the one of real runs.
pub trait Requests: Send + Sync {
    /// Request `index`. The same index gives the same request, in any order, from any thread.
    fn request(&self, index: u64) -> PlannedRequest;

    /// The same request without its words: what a simulation needs. Nothing is said to be shared unless a source knows it.
    fn shape(&self, index: u64) -> Shape {
        let request = self.request(index);
        let content = Content::of(segment_id("request", index), request.isl.unwrap_or(0));
        Shape::of(&request, content)
    }

    /// How indices are made.
    fn numbering(&self) -> Numbering {
        Numbering::Single
    }

    /// The kinds of requests there are.
    fn classes(&self) -> &[Class] {
        &[]
    }
}

/// A request's lengths, and which tokens it shares with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Input tokens of its own words, if known exactly.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// Which tokens its own words are made of.
    pub content: Content,
    /// What was said and answered in the turns before goes in front.
    pub history: bool,
    /// Its session and place in it.
    pub session: Option<Place>,
    /// Its class.
    pub class: Option<u16>,
    /// Priority of its own.
    pub priority: Option<i32>,
    /// Its client goes away so long after it was sent.
    pub cancel_after: Option<Micros>,
}

impl Shape {
    /// The shape of `request`, whose own words are `content`.
    pub fn of(request: &PlannedRequest, content: Content) -> Self {
        Self {
            isl: request.isl,
            osl: request.osl,
            content,
            history: request.history,
            session: request.session,
            class: request.class,
            priority: request.priority,
            cancel_after: request.cancel_after,
        }
    }
}

/// What a plan is made from beside its spec: what has been read for it.
pub struct Inputs {
    /// Makes text of exactly n tokens.
    pub lexicon: Arc<dyn Lexicon>,
    /// What `spec.file` or `spec.dataset` holds, where one is set.
    pub file: Option<Dataset>,
    /// What `spec.lengths_file` holds, where one is set.
    pub lengths: Option<Empirical>,
    /// A number no other run has, for words that keep caches from finding a prompt. Not part of the digest. Unset: two runs of one
    /// seed say the same, as simulations may.
    pub salt: Option<u64>,
}

impl Inputs {
    /// For synthetic prompts.
    pub fn synthetic(lexicon: Arc<dyn Lexicon>) -> Self {
        Self { lexicon, file: None, lengths: None, salt: None }
    }
}

/// The plan of a real run.
pub struct Plan {
    source: Box<dyn Source>,
    classes: Classes,
    cancel: Cancel,
    offset: u64,
    seed: Seed,
}

impl Plan {
    /// The plan of `spec`. `seed` is `spec.seed` unless the caller has a reason (a sweep that wants other words a point).
    pub fn new(spec: &WorkloadSpec, seed: Seed, inputs: Inputs) -> Result<Self, WorkloadError> {
        spec.check()?;
        if inputs.lengths.is_some() != spec.lengths_file.is_some() {
            return Err(WorkloadError::LengthsFile);
        }
        let Inputs { lexicon, file, lengths, salt } = inputs;
        let source: Box<dyn Source> = match (file, spec.wants_file()) {
            (Some(file), true) => file.source(spec, seed, lexicon)?,
            (None, false) => Box::new(Synthetic::new(spec, seed, lexicon, lengths, salt)?),
            _ => return Err(WorkloadError::Source),
        };
        Ok(Self {
            source,
            classes: Classes::new(&spec.classes, seed)?,
            cancel: Cancel::new(&spec.cancel, seed),
            offset: spec.offset,
            seed,
        })
    }

    /// The same from item `offset` on: what a later point of a sweep says that is to repeat nothing.
    #[must_use]
    pub fn from_item(self, offset: u64) -> Self {
        Self { offset, ..self }
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Whether the source has times of its own.
    pub fn is_timed(&self) -> bool {
        self.source.is_timed()
    }

    /// Distinct items there are; `None`: every one is new.
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
        for (key, value) in self.classes.canonical().into_iter().chain(self.cancel.canonical()) {
            digest = digest.part(key).part(value);
        }
        digest = digest.part("offset").part(self.offset.to_le_bytes());
        digest.part("load").part(load.canonical()).hex()
    }

    /// What `index` stands for, and the source's item for it.
    fn locate(&self, index: u64) -> (Address, u64) {
        let address = Requests::numbering(self).address(index);
        let item = match (self.source.distinct(), address.phase) {
            (Some(len), phase) => wrapped(phase, address.item, self.offset, len),
            (None, Phase::Profiling) => address.item + self.offset,
            // Ranges of their own, so that they say nothing a measured request says.
            (None, phase) => Numbering::Single.index(phase, address.item + self.offset, 0),
        };
        (address, item)
    }

    fn request_of(&self, index: u64) -> (PlannedRequest, u64) {
        let (address, item) = self.locate(index);
        let session = self.source.has_turns().then(|| Place {
            session: Numbering::Single.index(address.phase, address.item, 0),
            turn: address.turn,
            turns: self.source.turns(item),
        });
        let request = PlannedRequest {
            index,
            history: address.turn > 0 && self.source.keeps_history(),
            session,
            class: self.classes.of(item),
            cancel_after: self.cancel.of(index),
            ..PlannedRequest::default()
        };
        (request, item)
    }
}

impl Requests for Plan {
    fn request(&self, index: u64) -> PlannedRequest {
        let (request, item) = self.request_of(index);
        let turn = self.source.turn(item, request.session.map_or(0, |place| place.turn));
        PlannedRequest {
            isl: turn.isl,
            osl: turn.osl,
            prompt: turn.prompt,
            extra: turn.extra,
            priority: turn.priority,
            ..request
        }
    }

    fn shape(&self, index: u64) -> Shape {
        let (request, item) = self.request_of(index);
        let outline = self.source.outline(item, request.session.map_or(0, |place| place.turn));
        Shape { isl: outline.isl, osl: outline.osl, ..Shape::of(&request, outline.content) }
    }

    fn numbering(&self) -> Numbering {
        if self.source.has_turns() { Numbering::Turns } else { Numbering::Single }
    }

    fn classes(&self) -> &[Class] {
        self.classes.list()
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Course for Plan {
    fn numbering(&self) -> Numbering {
        Requests::numbering(self)
    }

    fn turns(&self, request: u64) -> u32 {
        self.source.turns(self.locate(request).1)
    }

    fn delay(&self, request: u64) -> Micros {
        let (address, item) = self.locate(request);
        self.source.delay(item, address.turn)
    }

    fn at(&self, request: u64) -> Option<Micros> {
        let (address, item) = self.locate(request);
        self.source.at(item, address.turn)
    }

    fn timed_items(&self) -> Option<u64> {
        if self.source.is_timed() { self.source.distinct() } else { None }
    }

    fn keeps_history(&self) -> bool {
        self.source.keeps_history()
    }
}

/// Which of `len` items item `n` of a phase is: measured ones take them in order, from `offset` on, and start again; a warm-up takes
/// them from the end backwards, so that as long as there are enough, no measured request has been seen by the service before.
pub(crate) fn wrapped(phase: Phase, n: u64, offset: u64, len: u64) -> u64 {
    let len = len.max(1);
    match phase {
        Phase::Warmup => len - 1 - n % len,
        Phase::Profiling | Phase::Cooldown => (n + offset) % len,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::index_of;
    use crate::load::LoadSpec;
    use crate::source::synthetic::tests::Letters;

    fn plan(spec: &WorkloadSpec) -> Plan {
        Plan::new(spec, Seed(spec.seed), Inputs::synthetic(Arc::new(Letters))).unwrap()
    }

    fn load(json: &str) -> Load {
        serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap()
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
            WorkloadSpec { prefix: crate::spec::PrefixSpec { length: 1, ..Default::default() }, ..spec },
        ] {
            assert!(seen.insert(plan(&other).digest(&load("{}"))), "{other:?}");
        }
    }

    #[test]
    fn every_key_that_decides_words_is_in_the_digest_and_no_other() {
        let read = |json: &str| serde_json::from_str::<WorkloadSpec>(json).unwrap_or_else(|e| panic!("{json}: {e}"));
        let digest = |json: &str| plan(&read(json)).digest(&load("{}"));
        let sets = [
            r#"{"lengths": "D(512,128)"}"#,
            r#"{"lengths": "N(512,9)/(128,9)"}"#,
            r#"{"lengths": "512,128:50;256,128:50"}"#,
            r#"{"lengths": "512,128:40;256,128:60"}"#,
            r#"{"prefix": {"length": 9}}"#,
            r#"{"prefix": {"length": 9, "pool": 2}}"#,
            r#"{"prefix": {"length": 9, "pool": 2, "choice": "zipf"}}"#,
            r#"{"prefix": {"length": 9, "pool": 2, "choice": "zipf", "zipf_alpha": 2}}"#,
            r#"{"prefix": {"length": 9, "pool": 2, "prompts": 3}}"#,
            r#"{"prefix": {"system": 9}}"#,
            r#"{"prefix": {"user_context": 9}}"#,
            r#"{"prefix": {"ratio": 0.5}}"#,
            r#"{"prefix": {"hit_rate": 0.5}}"#,
            r#"{"prefix": {"length": 9}, "cache_bust": "prefix"}"#,
            r#"{"prefix": {"length": 9}, "cache_bust": "suffix"}"#,
            r#"{"sessions": {"turns": 2}}"#,
            r#"{"sessions": {"turns_stddev": 2}}"#,
            r#"{"sessions": {"turns": 2, "delay": "1s"}}"#,
            r#"{"sessions": {"turns": 2, "delay": "1s", "delay_stddev": "1s"}}"#,
            r#"{"sessions": {"turns": 2, "delay": "1s", "delay_law": "exponential"}}"#,
            r#"{"sessions": {"turns": 2, "history": "none"}}"#,
            r#"{"classes": [{}]}"#,
            r#"{"classes": [{"name": "a"}]}"#,
            r#"{"classes": [{"name": "a", "model": "m"}]}"#,
            r#"{"classes": [{"name": "a", "model": "m", "adapter": true}]}"#,
            r#"{"classes": [{"name": "a", "priority": 1}]}"#,
            r#"{"classes": [{"name": "a"}, {"name": "b"}]}"#,
            r#"{"classes": [{"name": "a", "weight": 2}, {"name": "b", "weight": 1}]}"#,
            r#"{"cancel": {"share": 0.5, "after": "1s"}}"#,
            r#"{"cancel": {"share": 0.5, "after": "2s"}}"#,
            r#"{"offset": 3}"#,
        ];
        let seen: std::collections::BTreeSet<_> = sets.iter().map(|json| digest(json)).collect();
        assert_eq!(seen.len(), sets.len());
        assert!(!seen.contains(&digest("{}")));
        for (one, other) in [
            ("{}", r#"{"sessions": {"header": null}}"#),
            ("{}", r#"{"cancel": {"share": 0, "after": "2s"}}"#),
            (r#"{"classes": [{"name": "a"}]}"#, r#"{"classes": [{"name": "a", "headers": {"x": "y"}, "extra": {"k": 1}}]}"#),
            (r#"{"classes": [{"name": "a", "weight": 2}, {"name": "b", "weight": 1}]}"#, r#"{"classes": [{"name": "a", "weight": 4}, {"name": "b", "weight": 2}]}"#),
            (r#"{"lengths": "D(100,100)"}"#, r#"{"lengths": " D( 100,100 ) "}"#),
            (r#"{"lengths": "1,2:40;3,4:60"}"#, r#"{"lengths": "[(1,2):40,(3,4):60]"}"#),
        ] {
            assert_eq!(digest(one), digest(other), "{one} {other}");
        }
        let busted = read(r#"{"cache_bust": "prefix"}"#);
        let salted = |salt| {
            let inputs = Inputs { salt, ..Inputs::synthetic(Arc::new(Letters)) };
            let plan = Plan::new(&busted, Seed(1), inputs).unwrap();
            (plan.digest(&load("{}")), plan.request(0).prompt)
        };
        assert_eq!(salted(Some(1)), salted(Some(1)));
        assert_eq!(salted(Some(1)).0, salted(Some(2)).0);
        assert_ne!(salted(Some(1)).1, salted(Some(2)).1);
        assert_ne!(salted(Some(1)).1, salted(None).1);
    }

    #[test]
    fn a_file_without_its_lines_is_an_error() {
        let spec = WorkloadSpec { file: Some("p.jsonl".to_owned()), ..WorkloadSpec::default() };
        let error = Plan::new(&spec, Seed(1), Inputs::synthetic(Arc::new(Letters))).err();
        assert_eq!(error, Some(WorkloadError::Source));
    }
}
