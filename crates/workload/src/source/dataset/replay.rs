//! What was read, as the source of a plan.

use std::sync::Arc;

use serde_json::Value;
use tokmark_base::content::segment_id;
use tokmark_base::{Content, Lexicon, Micros, Seed, Segment};

use super::Data;
use super::items::Turns;
use super::packed::Head;
use super::permutation::Permutation;
use crate::plan::Prompt;
use crate::shape::{Lengths, Sessions, bust};
use crate::source::row::Said;
use crate::source::{FileFormat, Outline, Source, Turn};
use crate::spec::{CacheBust, History, Order, SessionSpec, WorkloadError, WorkloadSpec};

/// Tokens of prompts made before the run to see whether the tokenizer can make their lengths (a millisecond's worth).
const LOOKED_AT: u64 = 20_000;

/// See the module.
pub(super) struct Replay {
    data: Arc<Data>,
    lexicon: Arc<dyn Lexicon>,
    seed: Seed,
    /// What words are made from.
    words: Seed,
    /// Each run has words of its own.
    in_each_run: bool,
    /// Items in use, from the first.
    len: u64,
    order: Taking,
    output: Option<Lengths>,
    sessions: SessionSpec,
    /// Think times of turns for which the file has none.
    thinking: Option<Sessions>,
}

/// In which order items are taken.
enum Taking {
    AsTheyStand,
    Shuffled(Permutation),
    Drawn,
}

impl Replay {
    pub(super) fn new(
        data: Arc<Data>,
        spec: &WorkloadSpec,
        seed: Seed,
        lexicon: Arc<dyn Lexicon>,
        salt: Option<u64>,
    ) -> Result<Self, WorkloadError> {
        let in_each_run = spec.cache_bust == CacheBust::Run;
        if in_each_run && data.says_texts {
            return Err(WorkloadError::OwnTexts { file: data.file.clone() });
        }
        let len = u64::from(data.items.len());
        let len = spec.entries.map_or(len, |entries| entries.clamp(1, len));
        let order = match spec.order {
            Order::Shuffle => Taking::Shuffled(Permutation::new(len, seed)),
            Order::Random => Taking::Drawn,
            // A pool is drawn from, whatever else is asked.
            Order::Sequential if data.format == FileFormat::RandomPool => Taking::Drawn,
            Order::Sequential => Taking::AsTheyStand,
        };
        // The law of think times alone: the file has its own turns.
        let law = SessionSpec { turns: 2, ..spec.sessions.clone() };
        let replay = Self {
            lexicon,
            seed,
            words: bust::words(spec.cache_bust, seed, salt),
            in_each_run,
            len,
            order,
            output: spec.osl.map(|mean| Lengths { mean, stddev: spec.osl_stddev }),
            thinking: Sessions::new(&law, seed),
            sessions: spec.sessions.clone(),
            data,
        };
        replay.look()?;
        Ok(replay)
    }

    /// Fails if the lexicon cannot make the lengths of the first prompts.
    fn look(&self) -> Result<(), WorkloadError> {
        let mut looked_at = 0;
        for item in 0..self.len {
            if looked_at >= LOOKED_AT {
                break;
            }
            for turn in 0..self.turns(item) {
                let Some(asked) = self.outline(item, turn).isl else { return Ok(()) };
                looked_at += u64::from(asked);
                let got = self.turn(item, turn).isl.unwrap_or(0);
                if got != asked {
                    return Err(WorkloadError::Inexact { asked, got, lexicon: self.lexicon.id() });
                }
                if looked_at >= LOOKED_AT {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Calls `f` with the row of a turn.
    fn row<T>(&self, item: u64, turn: u32, f: impl FnOnce(Head<'_>) -> T) -> T {
        self.turns_of(item, |mut turns| f(Head::of(turns.nth(turn as usize).unwrap_or_default())))
    }

    /// Calls `f` with the rows of an item.
    fn turns_of<T>(&self, item: u64, f: impl FnOnce(Turns<'_>) -> T) -> T {
        let place = match &self.order {
            Taking::AsTheyStand => item % self.len,
            Taking::Shuffled(order) => order.of(item % self.len),
            Taking::Drawn => self.seed.stream("draw", item).below(self.len),
        } as u32;
        f(self.data.items.block_of(place).turns(place))
    }

    /// Which of the file's items `item` is, so that words of its own do not depend on the order they are taken in. Drawn items are
    /// new each time.
    fn key(item: u64, turn: u32) -> u64 {
        item << 12 | u64::from(turn)
    }

    fn osl(&self, row: &Head<'_>, key: u64) -> Option<u32> {
        row.output_length
            .or_else(|| self.output.map(|lengths| lengths.draw(&mut self.seed.stream("osl", key))))
    }

    /// The blocks of a row: id and tokens of each.
    fn blocks(&self, row: &Head<'_>, ids: Vec<u64>) -> impl Iterator<Item = (u64, u32)> {
        let size = self.data.block_size.unwrap_or(1);
        let mut left = row.input_length.unwrap_or(0);
        ids.into_iter().map(move |id| {
            let tokens = size.min(left);
            left -= tokens;
            (id, tokens)
        })
    }

    fn extend(&self, text: &mut String, tokens: u32, name: &str, index: u64) -> u32 {
        self.lexicon.extend(text, tokens, &mut self.words.stream(name, index))
    }

    fn is_in_order(&self) -> bool {
        matches!(self.order, Taking::AsTheyStand)
    }
}

/// Tokens a ready-made body asks for.
fn asked_by(body: &Value) -> Option<u32> {
    let asked = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| body.get(key)?.as_u64());
    asked.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
}

impl Source for Replay {
    fn turn(&self, item: u64, turn: u32) -> Turn {
        self.row(item, turn, |row| {
            let key = Self::key(item, turn);
            let mut text = String::new();
            let (isl, prompt, osl) = match row.said() {
                Said::Blocks(ids) => {
                    let blocks = self.blocks(&row, ids);
                    let isl = blocks.map(|(id, tokens)| self.extend(&mut text, tokens, "block", id)).sum();
                    (Some(isl), Prompt::Text(text), self.osl(&row, key))
                }
                Said::Length => {
                    let isl = self.extend(&mut text, row.input_length.unwrap_or(0), "text", key);
                    (Some(isl), Prompt::Text(text), self.osl(&row, key))
                }
                // A text has a length where its format's customs had it counted, with the tokenizer of the run.
                Said::Text(text) => (row.input_length, Prompt::Text(text), self.osl(&row, key)),
                Said::Messages(messages) => (None, Prompt::Messages(messages), self.osl(&row, key)),
                Said::Payload(body) => {
                    // A body is sent as it is: what it does not ask for is not asked.
                    let osl = asked_by(&body).or(row.output_length);
                    (None, Prompt::Payload(body), osl)
                }
            };
            Turn { isl, osl, prompt, extra: row.extra(), priority: row.priority }
        })
    }

    fn outline(&self, item: u64, turn: u32) -> Outline {
        self.row(item, turn, |row| {
            let key = Self::key(item, turn);
            let (isl, osl, priority) = (row.input_length, self.osl(&row, key), row.priority);
            match row.said() {
                Said::Blocks(ids) => {
                    let blocks = self.blocks(&row, ids);
                    let segments = blocks.map(|(id, tokens)| Segment { id: segment_id("block", id), tokens });
                    Outline { isl, osl, content: Content::Segments(segments.collect()), priority }
                }
                Said::Length => {
                    let content = Content::of(segment_id("text", key), isl.unwrap_or(0));
                    Outline { isl, osl, content, priority }
                }
                said => {
                    let osl = if let Said::Payload(body) = &said {
                        asked_by(body).or(row.output_length)
                    } else {
                        osl
                    };
                    Outline { isl: None, osl, content: Content::default(), priority }
                }
            }
        })
    }

    fn distinct(&self) -> Option<u64> {
        (!matches!(self.order, Taking::Drawn)).then_some(self.len)
    }

    fn has_turns(&self) -> bool {
        self.data.items.most_turns() > 1
    }

    fn turns(&self, item: u64) -> u32 {
        if self.has_turns() { self.turns_of(item, |turns| turns.len() as u32).max(1) } else { 1 }
    }

    fn delay(&self, item: u64, turn: u32) -> Micros {
        if turn == 0 {
            return Micros::ZERO;
        }
        let (own, at) = self.row(item, turn, |row| (row.delay, row.at));
        match own {
            Some(own) => Micros(libm::round(own.0 as f64 * self.sessions.delay_ratio) as i64),
            // It has a time of its own.
            None if at.is_some() && self.is_timed() => Micros::ZERO,
            None => self.thinking.as_ref().map_or(Micros::ZERO, |law| law.delay(Self::key(item, turn))),
        }
    }

    fn at(&self, item: u64, turn: u32) -> Option<Micros> {
        let origin = self.data.origin.filter(|_| self.is_in_order())?;
        self.row(item, turn, |row| row.at).map(|at| at - origin)
    }

    fn is_timed(&self) -> bool {
        self.data.origin.is_some() && self.is_in_order()
    }

    fn keeps_history(&self) -> bool {
        self.data.adds && self.sessions.history == History::Reply
    }

    fn canonical(&self) -> Vec<(&'static str, String)> {
        let mut parts = vec![
            ("source", "file".to_owned()),
            ("format", format!("{:?}", self.data.format)),
            ("rows", self.data.digest.clone()),
            ("lexicon", self.lexicon.id()),
            ("items", self.len.to_string()),
            ("window_us", format!("{:?}", self.data.window)),
        ];
        if let Some(size) = self.data.block_size {
            parts.push(("block_size", size.to_string()));
        }
        let order = match self.order {
            Taking::AsTheyStand => "sequential",
            Taking::Shuffled(_) => "shuffle",
            Taking::Drawn => "random",
        };
        parts.push(("order", order.to_owned()));
        if self.in_each_run {
            parts.push(("cache_bust", "run".to_owned()));
        }
        if let Some(output) = self.output {
            parts.push(("osl", output.mean.to_string()));
            parts.push(("osl_stddev", format!("{:?}", output.stddev)));
        }
        if self.has_turns() {
            parts.push(("delay_ratio", format!("{:?}", self.sessions.delay_ratio)));
            parts.extend(self.thinking.as_ref().map(|law| ("sessions", law.canonical())));
        }
        parts
    }
}
