//! What a reply has said so far: decoded events folded into a [`Reply`].

use tokmark_record::{Failure, FailureKind, ReplyText, Usage};

use crate::endpoint::{Chunk, EndpointKind, Template, said};
use crate::message;
use crate::reply::Reply;
use crate::sse::Event;

const DONE: &[u8] = b"[DONE]";

/// Events counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) events: u32,
    pub(crate) content: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Transcript {
    endpoint: EndpointKind,
    keep_text: bool,
    template: Template,
    pub(crate) reply: Reply,
    /// Events of any kind.
    events: u64,
    /// Bytes of the reply said so far, where each event says it all again.
    said: usize,
    /// An event said that it is the last.
    last: bool,
}

impl Transcript {
    pub(crate) fn new(endpoint: EndpointKind, keep_text: bool) -> Self {
        let mut transcript = Self {
            endpoint,
            keep_text,
            template: Template::default(),
            reply: Reply::default(),
            events: 0,
            said: 0,
            last: false,
        };
        transcript.take();
        transcript
    }

    /// Whether the text of the reply to come is kept.
    pub(crate) fn keep(&mut self, text: bool) {
        self.keep_text = text;
        self.reply.text = text.then(ReplyText::default);
    }

    /// The reply, and a clean page.
    pub(crate) fn take(&mut self) -> Reply {
        self.events = 0;
        self.said = 0;
        self.last = false;
        let clean = Reply { text: self.keep_text.then(ReplyText::default), ..Reply::default() };
        std::mem::replace(&mut self.reply, clean)
    }

    pub(crate) fn failed(&self) -> bool {
        self.reply.failure.is_some()
    }

    /// Notes what went wrong; the first failure stays.
    pub(crate) fn fail(&mut self, kind: FailureKind, text: &str) {
        if self.reply.failure.is_none() {
            let message = message::clip(text);
            self.reply.failure = Some(Failure { kind, message });
        }
    }

    /// One event of a stream.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Counted {
        if let Some((words, reasoning)) = self.ordinary(event) {
            self.events += 1;
            self.content(words, reasoning);
            return Counted { events: 1, content: 1 };
        }
        if event.name == b"error" {
            self.events += 1;
            let told = if event.data.is_empty() { event.comment } else { event.data };
            self.fail(FailureKind::ErrorInStream, &message::told(told));
            return Counted { events: 1, content: 0 };
        }
        let before = self.reply.content_events;
        let events = self.full(event);
        self.events += u64::from(events);
        Counted { events, content: (self.reply.content_events - before) as u32 }
    }

    /// The words of an event that is like the one before.
    fn ordinary<'a>(&self, event: &Event<'a>) -> Option<(&'a str, bool)> {
        if !event.name.is_empty() || self.reply.done {
            return None;
        }
        self.template.words(event.data)
    }

    /// By full parse. Data of several lines that is not one JSON value is an event a line if every line is one: a server
    /// forgot the blank line, and the two readings cannot both be right.
    fn full(&mut self, event: &Event<'_>) -> u32 {
        let error = match self.one(event.data) {
            Ok(()) => return 1,
            Err(error) => error,
        };
        let lines = || event.data.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let several = memchr::memchr(b'\n', event.data).is_some();
        if several && lines().all(|line| line == DONE || self.endpoint.decode(line).is_ok()) {
            // Every line was just decoded, so none fails now.
            return lines().filter(|line| self.one(line).is_ok()).count() as u32;
        }
        // A named event is an annotation (Dynamo's `llm_metrics`, a proxy's `ping`) and need not be a chunk.
        if event.name.is_empty() {
            self.not_json(&error, event.data);
        }
        1
    }

    /// One value of a stream. Nothing counts after `[DONE]`.
    fn one(&mut self, data: &[u8]) -> Result<(), serde_json::Error> {
        if self.reply.done {
            return Ok(());
        }
        if data.trim_ascii() == DONE {
            self.reply.done = true;
            return Ok(());
        }
        let chunk = self.endpoint.decode(data)?;
        self.template.learn(data, &chunk);
        self.chunk(&chunk);
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) {
        if let Some(error) = &chunk.error {
            self.fail(FailureKind::ErrorInStream, error);
            return;
        }
        let (output, reasoning) = (self.news(chunk), chunk.reasoning.as_str());
        let answers = !(output.is_empty() && chunk.calls.is_empty());
        if answers || !reasoning.is_empty() {
            if self.reply.content_events == 0 {
                // Counted up to this event, tokens before it that made no words included: they are not in the gaps after it.
                self.reply.first_event_tokens =
                    chunk.usage.and_then(|u| u.completion).filter(|tokens| *tokens > 0);
            }
            self.text(reasoning, true);
            if let Some(text) = &mut self.reply.text {
                text.calls.push_str(chunk.calls.as_str());
            }
            // An event with both is output: the answer has begun.
            self.content(output, !answers);
        }
        if let Some(usage) = chunk.usage {
            self.usage(usage);
        }
        if let Some(server) = chunk.server {
            self.reply.server = Some(said::merged(self.reply.server, server));
        }
        self.last |= chunk.last;
        if let Some(reason) = &chunk.finish_reason {
            self.reply.finish_reason = Some(reason.clone());
        }
    }

    /// What the chunk says that was not said before.
    fn news<'c>(&mut self, chunk: &'c Chunk<'_>) -> &'c str {
        let output = chunk.output.as_str();
        if !chunk.whole {
            return output;
        }
        // A text that was taken back in part (half a character that became a whole one) says what stands behind the rest.
        let known =
            (0..=self.said.min(output.len())).rev().find(|at| output.is_char_boundary(*at)).unwrap_or(0);
        self.said = output.len();
        &output[known..]
    }

    /// One content event whose new words are these.
    fn content(&mut self, words: &str, reasoning: bool) {
        if !reasoning && self.reply.first_output.is_none() {
            self.reply.first_output = u32::try_from(self.reply.content_events).ok();
        }
        self.reply.content_events += 1;
        self.text(words, reasoning);
    }

    fn text(&mut self, words: &str, reasoning: bool) {
        if let Some(text) = &mut self.reply.text {
            let side = if reasoning { &mut text.reasoning } else { &mut text.output };
            side.push_str(words);
        }
    }

    /// Later counts replace earlier ones, each by itself.
    fn usage(&mut self, new: Usage) {
        let old = self.reply.usage.unwrap_or_default();
        self.reply.usage = Some(Usage {
            prompt: new.prompt.or(old.prompt),
            completion: new.completion.or(old.completion),
            cached: new.cached.or(old.cached),
            reasoning: new.reasoning.or(old.reasoning),
        });
    }

    /// The whole body of a reply that is no stream.
    pub(crate) fn body(&mut self, body: &[u8]) -> Counted {
        if body.trim_ascii().is_empty() {
            self.fail(FailureKind::NoContent, "the reply's body is empty");
            return Counted::default();
        }
        match self.endpoint.decode(body) {
            Ok(chunk) => {
                self.chunk(&chunk);
                // A body's usage counts the whole reply, which arrived as one.
                self.reply.first_event_tokens = None;
            }
            Err(error) => self.not_json(&error, body),
        }
        Counted { events: 1, content: self.reply.content_events as u32 }
    }

    fn not_json(&mut self, error: &serde_json::Error, data: &[u8]) {
        let start = String::from_utf8_lossy(&data[..data.len().min(message::KEPT_BYTES)]);
        self.fail(FailureKind::NotJson, &format!("{error}: {start}"));
    }

    /// The reply ended as HTTP says it should: did it also say all it had to?
    pub(crate) fn ended(&mut self) {
        let counted = self.reply.usage.and_then(|u| u.completion).unwrap_or(0) > 0;
        let silent = self.reply.content_events == 0 && !counted;
        let closed = self.reply.done || self.reply.finish_reason.is_some() || self.last;
        if self.reply.streamed && self.events == 0 {
            self.fail(FailureKind::NoContent, "the stream ended without an event");
        } else if self.reply.streamed && !closed {
            self.fail(FailureKind::CutShort, "the stream ended with neither a finish_reason nor [DONE]");
        } else if silent {
            self.fail(FailureKind::NoContent, "the reply has neither content nor tokens");
        }
    }
}
