//! One reply in the making: the engine's tokens go in, bytes for the wire come out. Sans-I/O.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokmark_base::{Lexicon, Micros, Stream};
use tokmark_record::Usage;
use tokmark_wire::ReplyWriter;
use tokmark_wire::endpoint::error_body;

use crate::fault::{Break, Manner, Turn, UsagePolicy};

/// What a reply is made of.
pub(crate) struct Recipe {
    pub(crate) writer: ReplyWriter,
    pub(crate) manner: Manner,
    pub(crate) streaming: bool,
    /// What the client asked for; the manner may know better.
    pub(crate) usage: UsagePolicy,
    pub(crate) prompt_tokens: u32,
    pub(crate) lexicon: Arc<dyn Lexicon>,
    pub(crate) words: Stream,
}

/// See the module.
pub(crate) struct Reply {
    recipe: Recipe,
    /// Everything said so far, and how much of it is in events.
    text: String,
    told: usize,
    tokens: u32,
    /// Tokens that wait for their event to be full.
    held: u32,
    turn: Option<Turn>,
    out: Vec<u8>,
    due: Option<Micros>,
    /// Bytes of a reply in one piece, once it is made; a fault may send fewer.
    length: Option<u64>,
    state: State,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not even the role was sent.
    Fresh,
    Going,
    /// Nothing more will come, and nobody will be told.
    Silent,
    Over(End),
}

/// How a reply ends on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As HTTP wants it.
    Clean,
    /// By dropping the connection.
    Cut,
}

/// What can be sent now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) bytes: Vec<u8>,
    /// The engine's stamp of the earliest token in it.
    pub(crate) due: Option<Micros>,
}

impl Reply {
    pub(crate) fn new(mut recipe: Recipe) -> Self {
        let turn = recipe.manner.turn.take();
        recipe.usage = recipe.manner.usage.unwrap_or(recipe.usage);
        let mut reply = Self {
            recipe,
            text: String::new(),
            told: 0,
            tokens: 0,
            held: 0,
            turn,
            out: Vec::new(),
            due: None,
            length: None,
            state: State::Fresh,
            waker: None,
        };
        reply.turn_if_reached();
        reply
    }

    /// `tokens` more tokens were generated at `at`.
    pub(crate) fn generated(&mut self, tokens: u32, at: Micros) {
        if self.deaf() {
            return;
        }
        let first = self.tokens == 0;
        let recipe = &mut self.recipe;
        recipe.lexicon.extend(&mut self.text, tokens, &mut recipe.words);
        self.tokens += tokens;
        self.held += tokens;
        let turning = self.turn.as_ref().is_some_and(|turn| turn.after <= self.tokens);
        if first || turning || self.held >= self.recipe.manner.tokens_per_event {
            self.tell(at);
        }
        self.turn_if_reached();
        self.wake();
    }

    /// Generation is over, for `reason`.
    pub(crate) fn finished(&mut self, reason: &str, at: Micros) {
        if self.deaf() {
            return;
        }
        if self.recipe.streaming {
            self.tell(at);
            self.recipe.writer.finish(reason, &mut self.out);
            if self.recipe.usage != UsagePolicy::Never {
                self.recipe.writer.usage(&self.usage(), &mut self.out);
            }
            if self.recipe.manner.done {
                self.recipe.writer.done(&mut self.out);
            }
            self.state = State::Over(End::Clean);
        } else {
            self.whole(reason, at);
        }
        self.wake();
    }

    /// The engine gave it up: nothing the client is still there to see.
    pub(crate) fn dropped(&mut self) {
        if !self.deaf() {
            self.state = State::Over(End::Cut);
            self.wake();
        }
    }

    /// What can be sent now; `None` when all is sent; pending until there is more.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ready>> {
        if !self.out.is_empty() {
            return Poll::Ready(Some(Ready { bytes: std::mem::take(&mut self.out), due: self.due.take() }));
        }
        if matches!(self.state, State::Over(_)) {
            return Poll::Ready(None);
        }
        self.remember(cx);
        Poll::Pending
    }

    /// The length of a reply in one piece, once it is made; `None` if it never will be.
    pub(crate) fn poll_length(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        if self.length.is_none() && self.end().is_none() {
            self.remember(cx);
            return Poll::Pending;
        }
        Poll::Ready(self.length)
    }

    /// How it ended, once it has.
    pub(crate) fn end(&self) -> Option<End> {
        match self.state {
            State::Over(end) => Some(end),
            _ => None,
        }
    }

    /// Whether it ended well and all of it was taken.
    pub(crate) fn all_sent(&self) -> bool {
        self.out.is_empty() && self.end() == Some(End::Clean)
    }

    /// Whether the engine's further events are of no interest.
    fn deaf(&self) -> bool {
        matches!(self.state, State::Silent | State::Over(_))
    }

    fn remember(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn usage(&self) -> Usage {
        Usage { prompt: Some(self.recipe.prompt_tokens), completion: Some(self.tokens), ..Usage::default() }
    }

    /// Puts what is held into an event. The role goes with the first words, as in vLLM.
    fn tell(&mut self, at: Micros) {
        if !self.recipe.streaming || self.held == 0 {
            return;
        }
        if self.state == State::Fresh {
            self.recipe.writer.role(&mut self.out);
            self.state = State::Going;
        }
        let usage = (self.recipe.usage == UsagePolicy::Always).then(|| self.usage());
        let words = &self.text[self.told..];
        self.recipe.writer.content(words, usage.as_ref(), &mut self.out);
        self.told = self.text.len();
        self.held = 0;
        self.due.get_or_insert(at);
    }

    /// Goes wrong in the middle of a stream, if that is where we are. (A reply in one piece goes wrong in [`Self::whole`].)
    fn turn_if_reached(&mut self) {
        let tokens = self.tokens;
        let streaming = self.recipe.streaming;
        let Some(turn) = self.turn.take_if(|turn| streaming && turn.after <= tokens) else {
            return;
        };
        match turn.what {
            Break::Cut => self.state = State::Over(End::Cut),
            Break::End => self.state = State::Over(End::Clean),
            Break::Stall => self.state = State::Silent,
            Break::Error(message) => {
                self.recipe.writer.error(&message, &mut self.out);
                self.recipe.writer.done(&mut self.out);
                self.state = State::Over(End::Clean);
            }
            Break::NotJson => self.out.extend_from_slice(b"data: {\"choices\": [oops\n\n"),
        }
    }

    /// The reply in one piece, or what a fault makes of it.
    fn whole(&mut self, reason: &str, at: Micros) {
        let mut body = self.recipe.writer.body(&self.text, reason, &self.usage());
        if self.recipe.usage == UsagePolicy::Never {
            body = without_usage(body);
        }
        let turn = self.turn.take().map(|turn| turn.what);
        match &turn {
            Some(Break::Error(message)) => body = error_body("internal_error", message, 500),
            Some(Break::NotJson) => body.truncate(body.len() - 1),
            _ => {}
        }
        self.length = Some(body.len() as u64);
        self.due = Some(at);
        self.state = match turn {
            Some(Break::Cut | Break::End) => State::Over(End::Cut),
            Some(Break::Stall) => State::Silent,
            _ => State::Over(End::Clean),
        };
        if self.state != State::Over(End::Clean) {
            body.truncate(body.len() / 2);
        }
        self.out = body;
    }
}

/// The same body without its `usage`.
fn without_usage(body: Vec<u8>) -> Vec<u8> {
    let Ok(serde_json::Value::Object(mut object)) = serde_json::from_slice(&body) else {
        return body;
    };
    object.remove("usage");
    serde_json::Value::Object(object).to_string().into_bytes()
}

#[cfg(test)]
mod tests;
