//! Synthetic prompts: random words of an exact number of tokens, behind a shared prefix if one is asked.
//!
//! A prompt is a list of parts: `[cache bust] [system prompt] [user's context] [prefix of the pool] [cache bust] own words`, of which a
//! later turn of a session that keeps its history says the last alone. System prompt and user's context are AIPerf's
//! `--shared-system-prompt-length` and `--user-context-prompt-length`; both stand beside `isl`, as the prefix does.

use std::sync::Arc;

use tokmark_base::content::segment_id;
use tokmark_base::{Content, Frame, Lexicon, Micros, Seed, Segment};

use super::{Outline, Source, Turn};
use crate::course::{MOST_TURNS, phase_of};
use crate::plan::{Prompt, wrapped};
use crate::shape::lengths::Empirical;
use crate::shape::{Bust, Lengths, Pairs, Part, Prefix, Sessions, bust, lengths};
use crate::spec::{CacheBust, WorkloadError, WorkloadSpec};

/// Tokens of prompts made before the run to see whether the tokenizer can make their lengths (a millisecond's worth).
const LOOKED_AT: u64 = 20_000;

/// See the module.
pub struct Synthetic {
    seed: Seed,
    /// What words are made from.
    words: Seed,
    lengths: Pairs,
    /// `isl` and its like, as far as they are what lengths are made from.
    means: Option<(Lengths, Option<Lengths>)>,
    prefix: Option<Prefix>,
    system: u32,
    user_context: u32,
    bust: Option<Bust>,
    /// Each run has words of its own.
    in_each_run: bool,
    sessions: Option<Sessions>,
    entries: Option<u64>,
    lexicon: Arc<dyn Lexicon>,
    frame: Option<Framed>,
}

/// What a server wraps around a prompt, and its tokens: `isl` has room for them.
struct Framed {
    frame: Arc<dyn Frame>,
    tokens: u32,
}

impl Framed {
    /// Counts what the frame adds to `prompt`, which has `bare` tokens.
    fn around(frame: Arc<dyn Frame>, prompt: &Prompt, bare: u32) -> Option<Self> {
        let tokens = count(&*frame, prompt)?.checked_sub(bare)?;
        Some(Self { frame, tokens })
    }
}

/// Tokens of a prompt in its frame.
fn count(frame: &dyn Frame, prompt: &Prompt) -> Option<u32> {
    match prompt {
        Prompt::Text(text) => frame.count(None, text),
        Prompt::System { system, text } => frame.count(Some(system), text),
        Prompt::Messages(_) | Prompt::Payload(_) => None,
    }
}

/// What a request says.
struct Parts {
    all: Vec<Part>,
    /// How many of them are the system prompt's.
    system: usize,
}

impl Synthetic {
    /// Prompts as `spec` asks. `pairs` are those of `spec.lengths_file`, `salt` a number no other run has. Fails if the lexicon
    /// cannot make the lengths of the first prompts.
    pub fn new(
        spec: &WorkloadSpec,
        seed: Seed,
        lexicon: Arc<dyn Lexicon>,
        pairs: Option<Empirical>,
        salt: Option<u64>,
        frame: Option<Arc<dyn Frame>>,
    ) -> Result<Self, WorkloadError> {
        let own = spec.prefix.split(spec.isl).map_or(spec.isl, |(_, own)| own);
        let (lengths, means) = match (&spec.lengths, pairs) {
            (Some(text), _) => (lengths::parse(text)?, None),
            (None, Some(pairs)) => (Pairs::Empirical(pairs), None),
            (None, None) => {
                let input = Lengths { mean: own, stddev: spec.isl_stddev };
                let output = spec.osl.map(|mean| Lengths { mean, stddev: spec.osl_stddev });
                (Pairs::of_means(input, output), Some((input, output)))
            }
        };
        let mut synthetic = Self {
            seed,
            words: bust::words(spec.cache_bust, seed, salt),
            lengths,
            means,
            prefix: Prefix::new(&spec.prefix, spec.isl, seed),
            system: spec.prefix.system,
            user_context: spec.prefix.user_context,
            bust: Bust::new(spec.cache_bust, seed, salt),
            in_each_run: spec.cache_bust == CacheBust::Run,
            sessions: Sessions::new(&spec.sessions, seed),
            entries: spec.entries,
            lexicon,
            frame: None,
        };
        if let Some(frame) = frame {
            let (prompt, bare) = synthetic.say(&synthetic.parts(0, 0));
            let framed = Framed::around(frame, &prompt, bare);
            synthetic.frame =
                Some(framed.ok_or_else(|| WorkloadError::Frame { lexicon: synthetic.lexicon.id() })?);
        }
        synthetic.look()?;
        Ok(synthetic)
    }

    /// Makes the first prompts, to see whether they come out as long as asked.
    fn look(&self) -> Result<(), WorkloadError> {
        let mut looked_at = 0_u64;
        for item in 0..self.entries.unwrap_or(u64::MAX) {
            for turn in 0..self.turns(item) {
                if looked_at >= LOOKED_AT {
                    return Ok(());
                }
                let parts = self.parts(item, turn);
                let bare: u32 = parts.all.iter().map(|part| part.tokens).sum();
                let asked = bare + self.framing();
                looked_at += u64::from(asked).max(1);
                let (prompt, got) = self.say(&parts);
                let got = match &self.frame {
                    Some(framed) => count(&*framed.frame, &prompt).unwrap_or(got),
                    None => got,
                };
                if got != asked {
                    return Err(WorkloadError::Inexact { asked, got, lexicon: self.lexicon.id() });
                }
            }
        }
        Ok(())
    }

    /// Tokens around a prompt that count as its own.
    fn framing(&self) -> u32 {
        self.frame.as_ref().map_or(0, |framed| framed.tokens)
    }

    /// Which item's words item `item` says: one of the `entries`, if there is a number of them. (Where no two prompts may be the
    /// same, the plan does not see that items come again.)
    fn again(&self, item: u64) -> u64 {
        match (self.bust, self.entries) {
            (Some(_), Some(entries)) => {
                let (phase, n) = phase_of(item);
                wrapped(phase, n, 0, entries)
            }
            _ => item,
        }
    }

    /// The number of a request among all: that of its item where items are requests.
    fn key(&self, item: u64, turn: u32) -> u64 {
        if self.sessions.is_some() { item * u64::from(MOST_TURNS) + u64::from(turn) } else { item }
    }

    /// What names the lengths and own words of a request: its key, or the own part it repeats.
    fn own(&self, item: u64, turn: u32) -> (&'static str, u64) {
        let key = self.key(item, turn);
        let repeated = self.prefix.as_ref().and_then(|prefix| prefix.own(item, key));
        repeated.map_or(("text", key), |own| ("own", own))
    }

    fn parts(&self, item: u64, turn: u32) -> Parts {
        let (sent, item) = (item, self.again(item));
        let (name, index) = self.own(item, turn);
        let mut own = Part { name, index, tokens: self.lengths.input(self.seed, index), seed: self.words };
        own.tokens = own.tokens.saturating_sub(self.framing()).max(1);
        let mut parts = Parts { all: Vec::with_capacity(3), system: 0 };
        let says = |name, index, tokens| Part { name, index, tokens, seed: self.words };
        if turn == 0 || !self.keeps_history() {
            let bust = self.bust.map(|bust| (bust.place, bust.part(self.key(sent, turn), own.tokens)));
            own.tokens -= bust.map_or(0, |(_, part)| part.tokens);
            let bust_at = |place| bust.filter(|(at, _)| *at == place).map(|(_, part)| part);
            parts.all.extend(bust_at(CacheBust::Prefix));
            if self.system > 0 {
                parts.all.push(says("system", 0, self.system));
                parts.system = parts.all.len();
            }
            if self.user_context > 0 {
                parts.all.push(says("user context", item, self.user_context));
            }
            parts
                .all
                .extend(self.prefix.as_ref().map(|prefix| Part { seed: self.words, ..prefix.part(item) }));
            parts.all.extend(bust_at(CacheBust::Suffix));
        }
        parts.all.push(own);
        parts.all.retain(|part| part.tokens > 0);
        parts
    }

    /// The words, and their tokens. The user's words go on where the system prompt ends, so that one behind the other they have the
    /// tokens asked.
    fn say(&self, parts: &Parts) -> (Prompt, u32) {
        let (mut text, mut tokens, mut end) = (String::new(), 0, 0);
        for (at, part) in parts.all.iter().enumerate() {
            tokens += part.append(&mut text, &*self.lexicon);
            if at + 1 == parts.system {
                end = text.len();
            }
        }
        if parts.system == 0 {
            return (Prompt::Text(text), tokens);
        }
        let own = text.split_off(end);
        (Prompt::System { system: text, text: own }, tokens)
    }
}

impl Source for Synthetic {
    fn turn(&self, item: u64, turn: u32) -> Turn {
        let (prompt, isl) = self.say(&self.parts(item, turn));
        Turn {
            isl: Some(isl + self.framing()),
            osl: self.lengths.output(self.seed, self.own(self.again(item), turn).1),
            prompt,
            extra: None,
            priority: None,
        }
    }

    /// Lengths and segments alone: a lexicon whose words came out otherwise was refused when the source was made.
    fn outline(&self, item: u64, turn: u32) -> Outline {
        let parts = self.parts(item, turn);
        // All prompts begin with the same frame; what of it stands behind the words is taken to stand in front.
        let frame = Segment { id: segment_id("frame", 0), tokens: self.framing() };
        let frame = Some(frame).filter(|frame| frame.tokens > 0);
        let content =
            Content::Segments(frame.into_iter().chain(parts.all.iter().map(Part::segment)).collect());
        Outline {
            isl: Some(content.tokens() as u32),
            osl: self.lengths.output(self.seed, self.own(self.again(item), turn).1),
            content,
            priority: None,
        }
    }

    /// Where words keep caches from finding a prompt, each is new.
    fn distinct(&self) -> Option<u64> {
        self.entries.filter(|_| self.bust.is_none())
    }

    fn has_turns(&self) -> bool {
        self.sessions.is_some()
    }

    /// A session that is there to send a prefix beforehand does so once.
    fn turns(&self, item: u64) -> u32 {
        let primes = self.prefix.as_ref().is_some_and(|prefix| prefix.primes(item));
        self.sessions.as_ref().filter(|_| !primes).map_or(1, |sessions| sessions.turns(self.again(item)))
    }

    fn delay(&self, item: u64, turn: u32) -> Micros {
        match &self.sessions {
            Some(sessions) if turn > 0 => sessions.delay(self.key(self.again(item), turn)),
            _ => Micros::ZERO,
        }
    }

    fn keeps_history(&self) -> bool {
        self.sessions.as_ref().is_some_and(Sessions::keeps_history)
    }

    fn canonical(&self) -> Vec<(&'static str, String)> {
        let mut parts = vec![("source", "synthetic".to_owned()), ("lexicon", self.lexicon.id())];
        match self.means {
            Some((input, output)) => {
                parts.push(("isl", input.mean.to_string()));
                parts.push(("isl_stddev", format!("{:?}", input.stddev)));
                if let Some(output) = output {
                    parts.push(("osl", output.mean.to_string()));
                    parts.push(("osl_stddev", format!("{:?}", output.stddev)));
                }
            }
            None => parts.push(("lengths", self.lengths.canonical())),
        }
        if let Some(framed) = &self.frame {
            parts.push(("frame", framed.frame.id()));
        }
        if let Some(prefix) = &self.prefix {
            parts.push(("prefix", prefix.canonical()));
        }
        for (key, tokens) in [("system", self.system), ("user_context", self.user_context)] {
            if tokens > 0 {
                parts.push((key, tokens.to_string()));
            }
        }
        if let Some(bust) = self.bust {
            parts.push(("cache_bust", format!("{:?}", bust.place)));
        }
        if self.in_each_run {
            parts.push(("cache_bust", "run".to_owned()));
        }
        if let Some(sessions) = &self.sessions {
            parts.push(("sessions", sessions.canonical()));
        }
        if let Some(entries) = self.entries {
            parts.push(("entries", entries.to_string()));
        }
        parts
    }
}

#[cfg(test)]
pub(crate) mod tests;
