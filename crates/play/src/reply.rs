//! One reply in the making: what the engine did goes in, bytes for the wire come out. Sans-I/O but for [`Line`], past which they
//! may leave at once.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokmark_base::{Lexicon, Micros, Stream};
use tokmark_engine::{Breakdown, Event, Lifecycle, RequestId};
use tokmark_record::catalogue::Server as Kind;
use tokmark_record::{ServerSaid, Usage};
use tokmark_wire::ReplyWriter;
use tokmark_wire::endpoint::error_body;

use crate::fault::{Break, Manner, Turn, UsagePolicy};
use crate::habits::{self, Habits};
use crate::line::Line;
use crate::prompt::Words;
use crate::replies::Replies;

/// What a reply is made of.
pub(crate) struct Recipe {
    pub(crate) writer: ReplyWriter,
    pub(crate) manner: Manner,
    pub(crate) streaming: bool,
    /// What the client asked for; the manner may know better.
    pub(crate) usage: UsagePolicy,
    pub(crate) prompt_tokens: u32,
    /// Tokens an event; the manner may know better.
    pub(crate) stream_interval: u32,
    /// Whether the usage says how many of them were in the cache.
    pub(crate) tell_cached: bool,
    /// Whether the reply says how long the engine took.
    pub(crate) tell_times: bool,
    /// Whose ways it has where they differ.
    pub(crate) plays: Kind,
    pub(crate) lexicon: Arc<dyn Lexicon>,
    pub(crate) words: Stream,
}

/// See the module.
pub(crate) struct Reply {
    recipe: Recipe,
    /// Where it is kept for later turns once it has ended well, and the words of the prompt it answers.
    keep: Option<(Arc<Replies>, Words)>,
    /// Everything said so far, and how much of it is in events.
    text: String,
    told: usize,
    tokens: u32,
    /// Tokens of the prompt that were in the cache when it was first admitted.
    cached: Option<u32>,
    times: Times,
    /// Tokens that wait for their event to be full.
    held: u32,
    turn: Option<Turn>,
    out: Vec<u8>,
    due: Option<Micros>,
    /// Bytes of a reply in one piece, once it is made; a fault may send fewer.
    length: Option<u64>,
    /// The head is out, or on its way: no status can be said any more.
    committed: bool,
    /// What to answer in the place of a reply.
    refused: Option<Refused>,
    state: State,
    line: Option<Rc<Line>>,
    waker: Option<Waker>,
}

/// The engine's own stamps of one request, the first of each kind.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    queued: Option<Micros>,
    admitted: Option<Micros>,
    first_token: Option<Micros>,
}

impl Times {
    /// What a server says of them when the reply ends at `end`.
    fn said(self, end: Micros) -> ServerSaid {
        let since = |from: Option<Micros>, to: Option<Micros>| Some(to? - from?);
        ServerSaid {
            queue_us: since(self.queued, self.admitted),
            prefill_us: since(self.admitted, self.first_token),
            first_token_us: since(self.queued, self.first_token),
            total_us: since(self.queued, Some(end)),
            ..ServerSaid::default()
        }
    }
}

/// A reply that came to nothing before anything of it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) message: String,
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
        recipe.stream_interval = recipe.manner.tokens_per_event.unwrap_or(recipe.stream_interval);
        let mut reply = Self {
            recipe,
            keep: None,
            text: String::new(),
            told: 0,
            tokens: 0,
            cached: None,
            times: Times::default(),
            held: 0,
            turn,
            out: Vec::new(),
            due: None,
            length: None,
            committed: false,
            refused: None,
            state: State::Fresh,
            line: None,
            waker: None,
        };
        reply.turn_if_reached();
        reply
    }

    /// From here on chunks may go past hyper, on this line.
    pub(crate) fn attach(&mut self, line: Rc<Line>) {
        self.line = Some(line);
    }

    /// If it ends well it is kept there, as what was said to a prompt of these words.
    pub(crate) fn keep_in(&mut self, replies: Arc<Replies>, prompt: Words) {
        self.keep = Some((replies, prompt));
    }

    /// The head is on its way: what goes wrong from here on goes wrong in the stream.
    pub(crate) fn commit(&mut self) {
        self.committed = true;
    }

    /// What the engine says of it. [`Self::send`] wants to be called afterwards.
    pub(crate) fn happened(&mut self, event: &Event) {
        match event.what {
            Lifecycle::Queued => self.times.queued = self.times.queued.or(Some(event.at)),
            Lifecycle::Admitted { cached } => {
                self.cached = self.cached.or(cached);
                self.times.admitted = self.times.admitted.or(Some(event.at));
            }
            Lifecycle::FirstToken => {
                self.times.first_token = self.times.first_token.or(Some(event.at));
                self.generated(1, event.at);
            }
            Lifecycle::Tokens(tokens) => self.generated(tokens, event.at),
            Lifecycle::Finished(reason) => {
                let went_well = !self.deaf();
                self.finished(reason.as_str(), event.at);
                if went_well {
                    self.keep(event.request);
                }
            }
            Lifecycle::Failed(why) => self.failed(why),
            Lifecycle::Rejected(_) | Lifecycle::Cancelled => self.dropped(),
            Lifecycle::PrefillChunk(_)
            | Lifecycle::Stretch { .. }
            | Lifecycle::Preempted
            | Lifecycle::Reserved
            | Lifecycle::Moved => {}
        }
    }

    /// Sends what is ready past hyper if it may, or wakes whoever will.
    pub(crate) fn send(&mut self) {
        let line = self.line.as_ref().filter(|line| line.is_open() && self.state == State::Going);
        match line {
            Some(_) if self.out.is_empty() => {}
            Some(line) => {
                let sent = line.send(&self.out, self.due.take());
                self.out.clear();
                if !sent {
                    self.wake();
                }
            }
            None if self.out.is_empty() && self.end().is_none() => {}
            None => self.wake(),
        }
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
        if first || turning || self.held >= self.recipe.stream_interval {
            self.tell(at);
        }
        self.turn_if_reached();
    }

    /// Generation is over, for `reason`.
    pub(crate) fn finished(&mut self, reason: &str, at: Micros) {
        if self.deaf() {
            return;
        }
        if self.recipe.tell_times {
            self.recipe.writer.say(self.times.said(at));
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
    }

    /// Keeps it, if it ended well, before the client can say it again.
    fn keep(&mut self, request: RequestId) {
        let well = self.end() == Some(End::Clean);
        if let Some((replies, prompt)) = self.keep.take().filter(|_| well) {
            replies.keep(prompt, request, &self.text, self.tokens);
        }
    }

    /// The service gave it up: a status if none is out yet, else what the server it plays does with a stream.
    fn failed(&mut self, why: Breakdown) {
        if self.deaf() {
            return;
        }
        let Some(status) = habits::status_of(self.recipe.plays, why) else {
            self.state = State::Over(End::Cut);
            return;
        };
        let message = why.to_string();
        let begun = self.recipe.streaming && (self.committed || self.tokens > 0);
        if !begun {
            self.refused = Some(Refused { status, message });
            self.state = State::Over(End::Cut);
            return;
        }
        self.state = match self.recipe.plays.error_event(why, status, &message) {
            Some(event) => {
                self.out.extend_from_slice(&event);
                State::Over(End::Clean)
            }
            None => State::Over(End::Cut),
        };
    }

    /// The engine gave it up: nothing the client is still there to see.
    pub(crate) fn dropped(&mut self) {
        if !self.deaf() {
            self.state = State::Over(End::Cut);
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

    /// Waits until it is known whether there will be anything to send.
    pub(crate) fn poll_start(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state == State::Fresh {
            self.remember(cx);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// What to answer in its place, if it came to nothing.
    pub(crate) fn refused(&mut self) -> Option<Refused> {
        self.refused.take()
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
        let cached = self.cached.filter(|_| self.recipe.tell_cached);
        Usage { cached, ..self.counts() }
    }

    /// What an event in the middle says: vLLM and those after it leave the details to the last one.
    fn counts(&self) -> Usage {
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
        let usage = (self.recipe.usage == UsagePolicy::Always).then(|| self.counts());
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
