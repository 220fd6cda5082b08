//! The virtual-time driver: plan in, records out, as fast as the CPU allows.

use std::collections::BTreeMap;

use tokmark_base::Micros;
use tokmark_record::{Asked, Count, CountSource, Failure, FailureKind, Outcome, Read, Record, Sink, Usage};
use tokmark_workload::{Next, Pacer, Release, Requests};

use crate::{Arrival, Census, Engine, Event, Leak, Length, Lifecycle, Rejection, RequestId};

/// Why a simulation stopped before its end. What was recorded until then is in the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// Nothing will ever happen again, and the plan is not through.
    #[error(
        "the simulation cannot go on at {at}: the plan waits for a completion, and the engine has nothing in flight\nhint: this is a fault in tokmark, please report it with the spec"
    )]
    Stuck {
        /// Virtual time.
        at: Micros,
    },
    /// Virtual time stands still.
    #[error(
        "the simulation cannot go on: at {at} requests ended {ROUNDS_LIMIT} times without time passing\nhint: a closed loop over an engine that refuses or answers at once runs in place; give the engine a longer queue or a time above zero"
    )]
    InPlace {
        /// Virtual time.
        at: Micros,
    },
    /// The engine lost count.
    #[error(transparent)]
    Leak(#[from] Leak),
}

/// Plays the plan of `pacer` and `requests` against `engine`, from t = 0 to the end of the last attempt, and hands every attempt to
/// `sink` as it ends. Returns where every request ended up.
///
/// A record holds what an ideal client would have seen: sent at the moment of release, one read a token with the token's own
/// stamp. There is no HTTP in it: no status (but the one a refusal would have had), no connection, no bytes.
pub fn simulate(
    pacer: &mut Pacer,
    requests: &dyn Requests,
    engine: &mut dyn Engine,
    sink: &mut dyn Sink,
) -> Result<Census, SimulateError> {
    let mut run =
        Run { pacer, requests, engine, sink, events: Vec::new(), attempts: BTreeMap::new(), next_attempt: 0 };
    let mut now = Micros::ZERO;
    let mut rounds = 0;
    loop {
        let due = run.release(now);
        if run.settle(now) {
            // What ended at this very moment may have made something due.
            rounds += 1;
            if rounds > ROUNDS_LIMIT {
                return Err(SimulateError::InPlace { at: now });
            }
            continue;
        }
        let Some(next) = run.next(due, now)? else {
            break;
        };
        if next > now {
            rounds = 0;
        }
        now = next;
        run.engine.advance(now, &mut run.events);
    }
    for unsent in run.pacer.unsent() {
        run.unsent(unsent);
    }
    let census = run.engine.census();
    census.check()?;
    Ok(census)
}

/// More than any plan that ends; fewer than a person waits for.
const ROUNDS_LIMIT: u32 = 100_000;

/// When the pacer wants to be asked again.
#[derive(Clone, Copy)]
enum Due {
    At(Micros),
    AfterCompletion,
    Over,
}

struct Run<'a> {
    pacer: &'a mut Pacer,
    requests: &'a dyn Requests,
    engine: &'a mut dyn Engine,
    sink: &'a mut dyn Sink,
    events: Vec<Event>,
    attempts: BTreeMap<RequestId, Attempt>,
    next_attempt: u64,
}

/// An attempt in flight.
struct Attempt {
    record: Record,
    tokens: u32,
}

impl Run<'_> {
    /// Lets go everything that is due.
    fn release(&mut self, now: Micros) -> Due {
        loop {
            match self.pacer.poll(now) {
                Next::Release(release) => self.start(release, now),
                Next::Wait { until } => return until.map_or(Due::AfterCompletion, Due::At),
                Next::Finished => return Due::Over,
            }
        }
    }

    fn start(&mut self, release: Release, now: Micros) {
        let mut record = self.record(release);
        record.released_us = Some(now);
        record.acted_us = Some(now);
        record.sent_us = Some(now);
        record.sent_end_us = Some(now);
        record.streamed = true;
        let id = RequestId(record.attempt);
        let arrival = Arrival {
            id,
            input: record.asked.isl,
            length: record.asked.osl.map_or_else(Length::default, Length::exactly),
        };
        self.attempts.insert(id, Attempt { record, tokens: 0 });
        self.engine.arrive(now, arrival, &mut self.events);
    }

    /// Something planned that the stop rule kept back.
    fn unsent(&mut self, release: Release) {
        let record = self.record(release);
        self.sink.record(record);
    }

    fn record(&mut self, release: Release) -> Record {
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        let planned = self.requests.request(release.request);
        Record {
            attempt,
            request: release.request,
            phase: release.phase,
            asked: Asked { isl: planned.isl, osl: planned.osl },
            intended_us: release.intended,
            ..Record::default()
        }
    }

    /// The next moment at which anything happens; `None` when all is over.
    fn next(&self, due: Due, now: Micros) -> Result<Option<Micros>, SimulateError> {
        let next = match (due, self.engine.next_due()) {
            // A pacer that asks to be polled at a moment when it was just polled would hang the loop.
            (Due::At(at), _) if at <= now => None,
            (Due::At(at), event) => Some(event.map_or(at, |event| at.min(event))),
            (Due::AfterCompletion | Due::Over, event) => event,
        };
        match next {
            Some(next) => Ok(Some(next.max(now))),
            None if matches!(due, Due::Over) && self.attempts.is_empty() => Ok(None),
            None => Err(SimulateError::Stuck { at: now }),
        }
    }

    /// Writes down what happened up to `now`; `true` if an attempt ended.
    fn settle(&mut self, now: Micros) -> bool {
        let mut ended = false;
        for event in std::mem::take(&mut self.events) {
            let Some(attempt) = self.attempts.get_mut(&event.request) else {
                continue;
            };
            match event.what {
                Lifecycle::Queued | Lifecycle::Admitted => continue,
                Lifecycle::FirstToken => attempt.read(event.at, 1),
                Lifecycle::Tokens(tokens) => attempt.read(event.at, tokens),
                Lifecycle::Finished(reason) => attempt.finish(event.at, reason.as_str()),
                Lifecycle::Rejected(why) => attempt.fail(event.at, why),
                Lifecycle::Cancelled => attempt.record.ended_us = Some(event.at),
            }
            if attempt.record.ended_us.is_some()
                && let Some(attempt) = self.attempts.remove(&event.request)
            {
                ended = true;
                self.pacer.completed(attempt.record.request, now);
                self.sink.record(attempt.record);
            }
        }
        ended
    }
}

impl Attempt {
    /// Tokens arrived: one event, one read, read the moment it came.
    fn read(&mut self, at: Micros, tokens: u32) {
        let reads = &mut self.record.reads.0;
        let before = reads.last().map(|read| read.user).or(self.record.sent_us);
        reads.push(Read {
            user: at,
            kernel: Some(at),
            open: before.unwrap_or(at),
            bytes: 0,
            events: 1,
            content: 1,
            tail: true,
        });
        self.tokens += tokens;
    }

    fn finish(&mut self, at: Micros, reason: &str) {
        let record = &mut self.record;
        let count = |tokens| Count { tokens, source: CountSource::Server };
        record.ended_us = Some(at);
        record.first_output = Some(0);
        record.finish_reason = Some(reason.to_owned());
        record.usage =
            Some(Usage { prompt: record.asked.isl, completion: Some(self.tokens), ..Usage::default() });
        record.input = record.asked.isl.map(count);
        record.output = Some(count(self.tokens));
        record.outcome = Outcome::Success;
    }

    fn fail(&mut self, at: Micros, why: Rejection) {
        let status = why.status();
        let kind = if status < 500 { FailureKind::HttpClientError } else { FailureKind::HttpServerError };
        self.record.ended_us = Some(at);
        self.record.status = Some(status);
        self.record.outcome = Outcome::Failed(Failure { kind, message: why.to_string() });
    }
}

#[cfg(test)]
mod tests;
