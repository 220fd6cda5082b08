//! An attempt in virtual time: what an ideal client would have seen of it.

use tokmark_base::Micros;
use tokmark_record::{Count, CountSource, Cut, Failure, FailureKind, Outcome, Read, Record, Usage};

use super::session::Said;
use crate::{Breakdown, Event, Lifecycle, Rejection};

/// An attempt in flight.
pub(super) struct Attempt {
    pub(super) record: Record,
    pub(super) tokens: u32,
    /// Prompt tokens found in the cache when it was first admitted.
    pub(super) cached: Option<u32>,
    /// How it ends if its client has gone away.
    pub(super) given_up: Option<Outcome>,
    /// When its client goes away, as planned.
    pub(super) goes: Option<Micros>,
    /// What a later turn of its session says again.
    pub(super) said: Option<Said>,
}

impl Attempt {
    /// Writes down what happened to it.
    pub(super) fn heed(&mut self, event: &Event, stamps: &[Micros]) {
        let at = event.at;
        match event.what {
            Lifecycle::Queued
            | Lifecycle::PrefillChunk(_)
            | Lifecycle::Preempted
            | Lifecycle::Reserved
            | Lifecycle::Moved => {}
            // What counts is the first admission: after a preemption the cache holds the request's own blocks.
            Lifecycle::Admitted { cached } => self.cached = self.cached.or(cached),
            Lifecycle::FirstToken => self.read(at, 1),
            Lifecycle::Tokens(tokens) => self.read(at, tokens),
            Lifecycle::Stretch { from, len } => {
                stamps[from as usize..(from + len) as usize].iter().for_each(|at| self.read(*at, 1));
            }
            Lifecycle::Finished(reason) => self.finish(at, reason.as_str()),
            Lifecycle::Rejected(why) => self.refuse(at, why),
            Lifecycle::Failed(why) => self.fail(at, why),
            Lifecycle::Cancelled => {
                self.record.ended_us = Some(at);
                if !self.record.streamed {
                    self.record.reads.0.clear();
                }
                self.record.outcome = self.given_up.take().unwrap_or(Outcome::Cut { by: Cut::Interrupt });
            }
        }
    }

    /// Tokens arrived: one event, one read, read the moment it came.
    fn read(&mut self, at: Micros, tokens: u32) {
        let read = Read { user: at, kernel: Some(at), open: at, bytes: 0, events: 1, content: 1, tail: true };
        if self.record.streamed || self.record.reads.is_empty() {
            self.record.reads.0.push(read);
        } else if let Some(last) = self.record.reads.0.last_mut() {
            // A body is one event, when its last byte is there.
            *last = read;
        }
        self.tokens += tokens;
    }

    fn finish(&mut self, at: Micros, reason: &str) {
        let record = &mut self.record;
        let count = |tokens| Count { tokens, source: CountSource::Server };
        record.ended_us = Some(at);
        record.first_output = Some(0);
        record.finish_reason = Some(reason.to_owned());
        record.usage = Some(Usage {
            prompt: record.asked.isl,
            completion: Some(self.tokens),
            cached: self.cached,
            ..Usage::default()
        });
        record.input = record.asked.isl.map(count);
        record.output = Some(count(self.tokens));
        record.outcome = Outcome::Success;
    }

    fn refuse(&mut self, at: Micros, why: Rejection) {
        self.give_up(at, why.status(), why.cause());
    }

    /// Before the first token a failure is a status; after it the reply was a 200 that broke off.
    fn fail(&mut self, at: Micros, why: Breakdown) {
        let status = match why {
            Breakdown::Injected { status } => status,
            _ => 500,
        };
        if self.record.reads.is_empty() || !self.record.streamed {
            self.record.reads.0.clear();
            return self.give_up(at, status, why.to_string());
        }
        self.record.ended_us = Some(at);
        self.record.status = Some(200);
        let kind = match why {
            Breakdown::Cut | Breakdown::WorkerLost => FailureKind::CutShort,
            _ => FailureKind::ErrorInStream,
        };
        self.record.outcome = Outcome::Failed(Failure { kind, message: why.to_string() });
    }

    fn give_up(&mut self, at: Micros, status: u16, message: String) {
        let kind = if status < 500 { FailureKind::HttpClientError } else { FailureKind::HttpServerError };
        self.record.ended_us = Some(at);
        self.record.status = Some(status);
        self.record.outcome = Outcome::Failed(Failure { kind, message });
    }
}
