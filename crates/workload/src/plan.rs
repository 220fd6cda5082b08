//! The plan: every request, as a pure function of its index.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokmark_base::content::segment_id;
use tokmark_base::digest::Digest;
use tokmark_base::{Content, Frame, Lexicon, Micros, Phase, Seed};

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
    /// What a server wraps around a prompt, where `spec.apply_chat_template` wants that counted.
    pub frame: Option<Arc<dyn Frame>>,
}

impl Inputs {
    /// For synthetic prompts.
    pub fn synthetic(lexicon: Arc<dyn Lexicon>) -> Self {
        Self { lexicon, file: None, lengths: None, salt: None, frame: None }
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
        let Inputs { lexicon, file, lengths, salt, frame } = inputs;
        if frame.is_some() != spec.apply_chat_template {
            return Err(WorkloadError::NoFrame);
        }
        let source: Box<dyn Source> = match (file, spec.wants_file()) {
            (Some(file), true) => file.source(spec, seed, lexicon, salt)?,
            (None, false) => Box::new(Synthetic::new(spec, seed, lexicon, lengths, salt, frame)?),
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
        Shape {
            isl: outline.isl,
            osl: outline.osl,
            priority: outline.priority,
            ..Shape::of(&request, outline.content)
        }
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
mod tests;
