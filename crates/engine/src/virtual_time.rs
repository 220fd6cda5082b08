//! The virtual-time driver: plan in, records out, as fast as the CPU allows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokmark_base::content::segment_id;
use tokmark_base::{Micros, Phase};
use tokmark_record::{Asked, Cut, Failure, FailureKind, Outcome, Record, SessionTurn, Sink};
use tokmark_workload::{Class, Next, Pacer, Release, Requests, Shape};

use crate::{Arrival, Census, Engine, Leak, Length, Out, RequestId};

mod attempt;
mod session;

use attempt::Attempt;
use session::Sessions;

/// Why a simulation stopped before its end. What was recorded until then is in the sink.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// Nothing will ever happen again, and the plan is not through.
    #[error(
        "the simulation cannot go on at {at}: the plan waits for a completion, and the engine has nothing in flight\nhint: this is a fault in tokmark, please report it with the spec"
    )]
    Stuck {
        /// Virtual time.
        at: Micros,
    },
    /// Requests are in the engine, and nothing will ever happen to them.
    #[error(
        "the simulation cannot go on at {at}: nothing will ever happen to the requests in flight ({waiting} wait in workers, {running} run, {routing} are with the router, {transferring} between prefill and decode)\nhint: each waits for memory or a worker that never comes free; give the workers more KV cache or the router a higher threshold, and report it if that does not help"
    )]
    Starved {
        /// Virtual time.
        at: Micros,
        /// Requests that wait in workers.
        waiting: u64,
        /// Requests in batches.
        running: u64,
        /// Requests that no worker has yet.
        routing: u64,
        /// Requests between prefill and decode.
        transferring: u64,
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

/// When a run ends beside its plan's own end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Length of the measured part, as the plan has it: the grace counts from its end.
    pub duration: Option<Micros>,
    /// How long attempts in flight may take after the last start (or the duration's end); `None`: as long as they need.
    pub grace: Option<Micros>,
    /// An attempt that takes longer has failed, and its client is gone.
    pub timeout: Option<Micros>,
    /// Replies come whole, with their last token (`stream: false`).
    pub whole: bool,
    /// A reply may end before the length asked for, where the model ends by itself (no `ignore_eos`).
    pub own_end: bool,
    /// Some part of the plan ends by time alone: where time stands still it never ends.
    pub timed: bool,
}

/// What a simulation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Where every request ended up.
    pub census: Census,
    /// When the last attempt ended.
    pub ended: Micros,
    /// Attempts made.
    pub issued: u64,
    /// It was stopped from outside.
    pub stopped: bool,
}

/// Plays the plan of `pacer` and `requests` against `engine`, from t = 0 to the end of the last attempt, and hands every attempt to
/// `sink` as it ends. `stop` is asked now and then: once true, nothing more is started and what is in flight is cut.
///
/// A record holds what an ideal client would have seen: sent at the moment of release, one read a token with the token's own
/// stamp. There is no HTTP in it: no status (but the one a refusal would have had), no connection, no bytes.
pub fn simulate(
    pacer: &mut Pacer,
    requests: &dyn Requests,
    engine: &mut dyn Engine,
    limits: Limits,
    sink: &mut dyn Sink,
    stop: &dyn Fn() -> bool,
) -> Result<Played, SimulateError> {
    engine.look_ahead(true);
    let mut run = Run {
        pacer,
        requests,
        engine,
        sink,
        limits,
        out: Out::default(),
        classes: requests.classes().iter().map(Kind::of).collect(),
        attempts: BTreeMap::new(),
        sessions: Sessions::default(),
        deadlines: VecDeque::new(),
        goers: BTreeSet::new(),
        next_attempt: 0,
        phase: Phase::default(),
        measured_from: None,
        cut_at: None,
        ended: Micros::ZERO,
        stopped: false,
    };
    run.play(stop)?;
    for unsent in run.pacer.unsent() {
        run.unsent(unsent);
    }
    let census = run.engine.census();
    census.check()?;
    for sample in run.engine.samples(run.ended) {
        run.sink.sample(sample);
    }
    Ok(Played { census, ended: run.ended, issued: run.next_attempt, stopped: run.stopped })
}

/// More than any plan that goes on; fewer than a person waits for.
const ROUNDS_LIMIT: u32 = 1_000;

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
    limits: Limits,
    out: Out,
    /// What the plan's classes are to an engine.
    classes: Vec<Kind>,
    attempts: BTreeMap<RequestId, Attempt>,
    sessions: Sessions,
    /// In order of time, as attempts start in order and all may take equally long. Those of attempts that ended stay until theirs.
    deadlines: VecDeque<(Micros, RequestId)>,
    /// Attempts in flight whose clients go away as planned.
    goers: BTreeSet<(Micros, RequestId)>,
    next_attempt: u64,
    /// Phase of the last start.
    phase: Phase,
    measured_from: Option<Micros>,
    cut_at: Option<(Micros, Cut)>,
    ended: Micros,
    stopped: bool,
}

/// What a class is to an engine.
#[derive(Clone, Copy, Default)]
struct Kind {
    adapter: Option<u64>,
    priority: Option<i32>,
}

impl Kind {
    fn of(class: &Class) -> Self {
        // An adapter is known by the name of its model, whichever classes ask for it.
        let name = class.model.as_deref().filter(|_| class.adapter);
        Self { adapter: name.map(|name| segment_id(&format!("adapter {name}"), 0)), priority: class.priority }
    }
}

/// Room for so many reads is made at once: more than most replies have tokens, little enough for thousands of streams.
const READS_AT_ONCE: u32 = 4_096;

/// `stop` is asked once in so many turns of the loop.
const TURNS_A_LOOK: u32 = 1_024;

impl Run<'_> {
    fn play(&mut self, stop: &dyn Fn() -> bool) -> Result<(), SimulateError> {
        let mut now = Micros::ZERO;
        let (mut rounds, mut turns) = (0, 0_u32);
        loop {
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(TURNS_A_LOOK) && stop() && !self.stopped {
                self.stop(now);
            }
            let due = self.release(now);
            let mut ended = self.settle(now);
            if !ended {
                let Some(next) = self.next(due, now)? else {
                    return Ok(());
                };
                if next > now {
                    rounds = 0;
                }
                now = next;
                self.engine.advance(now, &mut self.out);
                ended = self.settle(now);
                self.expire(now);
            }
            // What ended at this very moment may make something due at the same.
            rounds += u32::from(ended);
            if self.limits.timed && rounds > ROUNDS_LIMIT {
                return Err(SimulateError::InPlace { at: now });
            }
        }
    }

    /// Nothing more is started, what is in flight is cut now.
    fn stop(&mut self, now: Micros) {
        self.stopped = true;
        for unsent in self.pacer.stop(now) {
            self.unsent(unsent);
        }
        self.sessions.end();
        self.cut_at = Some((now, Cut::Interrupt));
    }

    /// Lets go everything that is due.
    fn release(&mut self, now: Micros) -> Due {
        loop {
            match self.pacer.poll(now) {
                Next::Release(release) => {
                    if release.phase != self.phase {
                        // A phase that ends by its time leaves sessions behind.
                        self.phase = release.phase;
                        self.sessions.keep_only(self.pacer.waiting_turns());
                    }
                    if release.phase == Phase::Profiling {
                        let from = release.intended.unwrap_or(now);
                        self.measured_from.get_or_insert(from);
                    }
                    self.start(release, now);
                }
                Next::Wait { until } => return until.map_or(Due::AfterCompletion, Due::At),
                Next::Finished => {
                    self.sessions.end();
                    if let (None, Some(grace)) = (self.cut_at, self.limits.grace) {
                        // The last start of an open loop may lie long before the end of the measured part.
                        let end = self.measured_from.zip(self.limits.duration).map(|(from, d)| from + d);
                        let from = end.map_or(now, |end| end.max(now));
                        self.cut_at = Some((from + grace, Cut::Grace));
                    }
                    return Due::Over;
                }
            }
        }
    }

    /// Ends what has had its time.
    fn expire(&mut self, now: Micros) {
        while let Some((at, id)) = self.goers.first().copied().filter(|(at, _)| *at <= now) {
            self.goers.pop_first();
            self.give_up(at, id, Outcome::Cut { by: Cut::Plan });
        }
        while let Some((at, id)) = self.deadlines.front().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.pop_front();
            if let Some(limit) = self.limits.timeout {
                let message = format!("no end within {limit}");
                let failure = Failure { kind: FailureKind::Timeout, message };
                self.give_up(at, id, Outcome::Failed(failure));
            }
        }
        if let Some((at, by)) = self.cut_at.filter(|(at, _)| *at <= now) {
            let ids: Vec<RequestId> = self.attempts.keys().copied().collect();
            for id in ids {
                self.give_up(at.max(now), id, Outcome::Cut { by });
            }
        }
    }

    /// The client goes away.
    fn give_up(&mut self, now: Micros, id: RequestId, outcome: Outcome) {
        if !self.attempts.contains_key(&id) {
            return;
        }
        self.engine.cancel(now, id, &mut self.out);
        // What came out until now belongs to the record; `Cancelled` ends it.
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.given_up = Some(outcome);
        }
        self.settle(now);
    }

    fn start(&mut self, release: Release, now: Micros) {
        let mut shape = self.requests.shape(release.request);
        let id = RequestId(self.next_attempt);
        let said = self.sessions.start(self.requests, release.request, id, &mut shape);
        let mut record = self.record(release, &shape);
        record.released_us = Some(now);
        record.acted_us = Some(now);
        record.sent_us = Some(now);
        record.sent_end_us = Some(now);
        record.streamed = !self.limits.whole;
        // One read a token: asked for at once, it is moved around less.
        record.reads.0.reserve(shape.osl.unwrap_or(0).min(READS_AT_ONCE) as usize);
        let kind = shape.class.and_then(|class| self.classes.get(usize::from(class)));
        let kind = kind.copied().unwrap_or_default();
        let arrival = Arrival {
            id,
            input: shape.isl,
            content: shape.content,
            length: match shape.osl {
                Some(max) if self.limits.own_end => Length { max: Some(max), ..Length::default() },
                Some(exactly) => Length::exactly(exactly),
                None => Length::default(),
            },
            priority: shape.priority.or(kind.priority).unwrap_or(0),
            adapter: kind.adapter,
            session: shape.session.map(|place| place.session),
            ..Arrival::default()
        };
        let goes = shape.cancel_after.map(|after| now + after);
        self.goers.extend(goes.map(|at| (at, id)));
        self.attempts.insert(id, Attempt { record, tokens: 0, cached: None, given_up: None, goes, said });
        if let Some(limit) = self.limits.timeout {
            self.deadlines.push_back((now + limit, id));
        }
        self.engine.arrive(now, arrival, &mut self.out);
    }

    /// Something planned that the stop rule kept back.
    fn unsent(&mut self, release: Release) {
        let mut shape = self.requests.shape(release.request);
        // How much it would have said again nobody knows.
        shape.isl = shape.isl.filter(|_| !shape.history);
        let record = self.record(release, &shape);
        self.sink.record(record);
    }

    fn record(&mut self, release: Release, shape: &Shape) -> Record {
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        Record {
            attempt,
            request: release.request,
            phase: release.phase,
            session: shape.session.map(|p| SessionTurn { id: p.session, turn: p.turn, of: p.turns }),
            class: shape.class,
            asked: Asked { isl: shape.isl, osl: shape.osl },
            intended_us: release.intended,
            ..Record::default()
        }
    }

    /// The next moment at which anything happens; `None` when all is over.
    fn next(&mut self, due: Due, now: Micros) -> Result<Option<Micros>, SimulateError> {
        if matches!(due, Due::Over) && self.attempts.is_empty() {
            return Ok(None);
        }
        while self.deadlines.front().is_some_and(|(_, id)| !self.attempts.contains_key(id)) {
            self.deadlines.pop_front();
        }
        let released = match due {
            // A pacer that asks to be polled at a moment when it was just polled would hang the loop.
            Due::At(at) if at <= now => return Err(SimulateError::Stuck { at: now }),
            Due::At(at) => Some(at),
            Due::AfterCompletion | Due::Over => None,
        };
        let deadline = self.deadlines.front().map(|(at, _)| *at);
        let goes = self.goers.first().map(|(at, _)| *at);
        let cut = self.cut_at.map(|(at, _)| at).filter(|_| !self.attempts.is_empty());
        let next = [released, self.engine.next_due(), deadline, goes, cut].into_iter().flatten().min();
        next.map_or_else(|| Err(self.stuck(now)), |next| Ok(Some(next.max(now))))
    }

    /// Why nothing will ever happen again.
    fn stuck(&self, at: Micros) -> SimulateError {
        let census = self.engine.census();
        if census.in_flight() == 0 {
            return SimulateError::Stuck { at };
        }
        let Census { waiting, running, routing, transferring, .. } = census;
        SimulateError::Starved { at, waiting, running, routing, transferring }
    }

    /// Writes down what happened up to `now`; `true` if an attempt ended.
    fn settle(&mut self, now: Micros) -> bool {
        let mut ended = false;
        let out = std::mem::take(&mut self.out);
        for event in &out.events {
            let Some(attempt) = self.attempts.get_mut(&event.request) else {
                continue;
            };
            attempt.heed(event, &out.stamps);
            if event.what.is_end()
                && let Some(attempt) = self.attempts.remove(&event.request)
            {
                ended = true;
                self.ended = self.ended.max(event.at);
                let well = attempt.record.outcome.is_success();
                if let Some(goes) = attempt.goes {
                    self.goers.remove(&(goes, event.request));
                }
                let goes_on = self.pacer.completed(attempt.record.request, now, well);
                if let Some(said) = attempt.said.filter(|_| well && goes_on) {
                    self.sessions.ended(event.request, said, attempt.tokens);
                }
                self.sink.record(attempt.record);
            }
        }
        self.out = out;
        self.out.clear();
        ended
    }
}

#[cfg(test)]
mod tests;
