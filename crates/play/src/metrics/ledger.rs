//! Follows every request by the engine's events and counts what servers count.
//!
//! All times are the engine's own stamps: what the metrics say is what the simulated server would say of itself; what the real
//! one adds, its lateness, has a metric of its own.

use std::collections::BTreeMap;

use tokmark_base::Micros;
use tokmark_engine::{Event, FinishReason, Lifecycle, Rejection, RequestId};
use tokmark_record::catalogue::Server;
use tokmark_wire::EndpointKind;

use super::family::{Family, Seen};

/// What is known of a request when it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) endpoint: EndpointKind,
    pub(crate) streaming: bool,
    /// Tokens of its prompt.
    pub(crate) input: u32,
    /// `max_tokens`.
    pub(crate) asked: Option<u32>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    server: Server,
    open: BTreeMap<RequestId, Course>,
    books: Books,
}

/// What was counted up to one moment.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    pub(crate) families: Vec<Family>,
    tallies: [Tally; 6],
    /// Refused because a queue was full.
    pub(crate) queue_full: u64,
    /// Failed or refused, by the status of the answer; injected and engine errors alike.
    pub(crate) errors: BTreeMap<u16, u64>,
    /// Requests in the engine.
    pub(crate) in_flight: u64,
    /// Of those, requests of which nothing has come out yet.
    pub(crate) unanswered: u64,
}

/// Counts of one endpoint, streams or bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Requests taken in by the server.
    pub(crate) started: u64,
    /// Ended at `max_tokens` or at the end of the context.
    pub(crate) length: u64,
    /// Ended by the model.
    pub(crate) stop: u64,
    /// Left by their clients.
    pub(crate) cancelled: u64,
    /// Given up by the service.
    pub(crate) failed: u64,
    /// Refused for what they ask.
    pub(crate) invalid: u64,
    /// Refused because the service is too busy.
    pub(crate) overload: u64,
    /// Prompt tokens of requests whose first token is out, those in the cache among them.
    pub(crate) prompt: u64,
    /// Of those, tokens that were in the cache.
    pub(crate) prompt_cached: u64,
    /// Tokens generated.
    pub(crate) generation: u64,
    /// The three before, of requests that ended well.
    pub(crate) ended: Tokens,
}

/// Tokens of requests that ended well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) prompt: u64,
    pub(crate) prompt_cached: u64,
    pub(crate) generation: u64,
}

/// What happened to a request so far.
#[derive(Debug)]
struct Course {
    visit: Visit,
    arrived: Micros,
    admitted: Option<Micros>,
    first: Option<Micros>,
    last: Micros,
    tokens: u32,
    preemptions: u32,
    cached: Option<u32>,
}

impl Ledger {
    /// An empty ledger of the metrics `server` has. `max_model_len` bounds some of them.
    pub(crate) fn new(server: Server, max_model_len: Option<u32>) -> Self {
        let books = Books {
            families: Family::all(server, max_model_len),
            tallies: [Tally::default(); 6],
            queue_full: 0,
            errors: BTreeMap::new(),
            in_flight: 0,
            unanswered: 0,
        };
        Self { server, open: BTreeMap::new(), books }
    }

    /// A copy of what was counted, to be written down without holding anybody up.
    pub(crate) fn books(&self) -> Books {
        let unanswered = self.open.values().filter(|course| course.first.is_none()).count();
        Books { in_flight: self.open.len() as u64, unanswered: unanswered as u64, ..self.books.clone() }
    }

    /// A request arrived.
    pub(crate) fn open(&mut self, id: RequestId, at: Micros, visit: Visit) {
        self.tally(visit).started += 1;
        let course = Course {
            visit,
            arrived: at,
            admitted: None,
            first: None,
            last: at,
            tokens: 0,
            preemptions: 0,
            cached: None,
        };
        self.open.insert(id, course);
    }

    /// Something happened to it.
    pub(crate) fn note(&mut self, event: &Event) {
        let Some(course) = self.open.get_mut(&event.request) else {
            return;
        };
        match event.what {
            Lifecycle::Admitted { cached } => {
                course.admitted.get_or_insert(event.at);
                course.cached = course.cached.or(cached);
            }
            Lifecycle::Preempted => course.preemptions += 1,
            Lifecycle::FirstToken => self.tokens(event, 1),
            Lifecycle::Tokens(tokens) => self.tokens(event, tokens),
            Lifecycle::Finished(reason) => self.finished(event, reason),
            Lifecycle::Rejected(why) => self.refused(event.request, why),
            Lifecycle::Failed(_) => {
                if let Some(course) = self.open.remove(&event.request) {
                    self.tally(course.visit).failed += 1;
                }
            }
            Lifecycle::Cancelled => {
                if let Some(course) = self.open.remove(&event.request) {
                    self.tally(course.visit).cancelled += 1;
                }
            }
            Lifecycle::Queued
            | Lifecycle::PrefillChunk(_)
            | Lifecycle::Stretch { .. }
            | Lifecycle::Reserved
            | Lifecycle::Moved => {}
        }
    }

    /// A failed or refused request was answered with this status.
    pub(crate) fn answered(&mut self, status: u16) {
        *self.books.errors.entry(status).or_default() += 1;
    }

    fn tally(&mut self, visit: Visit) -> &mut Tally {
        let endpoint = match visit.endpoint {
            EndpointKind::Chat => 0,
            EndpointKind::Completions => 2,
            EndpointKind::Sglang | EndpointKind::Tgi => 4,
        };
        &mut self.books.tallies[endpoint + usize::from(visit.streaming)]
    }

    fn observe(&mut self, visit: Visit, seen: Seen, value: f64, times: u64) {
        if let Some(family) = self.books.families.iter_mut().find(|family| family.seen == seen) {
            family.observe(visit.streaming, value, times);
        }
    }

    fn tokens(&mut self, event: &Event, tokens: u32) {
        let Some(course) = self.open.get_mut(&event.request) else {
            return;
        };
        let visit = course.visit;
        let cached = course.cached.unwrap_or(0);
        let is_first = course.first.is_none();
        course.first.get_or_insert(event.at);
        let since = event.at.since(if is_first { course.arrived } else { course.last }).as_secs_f64();
        course.last = event.at;
        course.tokens += tokens;
        let tally = self.tally(visit);
        tally.generation += u64::from(tokens);
        if is_first {
            tally.prompt += u64::from(visit.input);
            tally.prompt_cached += u64::from(cached);
            self.observe(visit, Seen::FirstToken, since, 1);
        } else if matches!(self.server, Server::Vllm) {
            // vLLM counts a step of several tokens once; the others share its time out among them.
            self.observe(visit, Seen::BetweenTokens, since, 1);
        } else if tokens > 0 {
            self.observe(visit, Seen::BetweenTokens, since / f64::from(tokens), u64::from(tokens));
        }
    }

    fn finished(&mut self, event: &Event, reason: FinishReason) {
        let Some(course) = self.open.remove(&event.request) else {
            return;
        };
        let visit = course.visit;
        let tally = self.tally(visit);
        match reason {
            FinishReason::Length => tally.length += 1,
            FinishReason::Stop => tally.stop += 1,
        }
        tally.ended.prompt += u64::from(visit.input);
        tally.ended.prompt_cached += u64::from(course.cached.unwrap_or(0));
        tally.ended.generation += u64::from(course.tokens);
        for (seen, value) in course.observed(event.at, self.server).into_iter().flatten() {
            self.observe(visit, seen, value, 1);
        }
    }

    fn refused(&mut self, id: RequestId, why: Rejection) {
        let Some(course) = self.open.remove(&id) else {
            return;
        };
        self.books.queue_full += u64::from(matches!(why, Rejection::QueueFull { .. }));
        let tally = self.tally(course.visit);
        if why.status() < 500 {
            tally.invalid += 1;
        } else {
            tally.overload += 1;
        }
    }
}

impl Books {
    /// Counts by endpoint and by whether they are streams.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (EndpointKind, bool, &Tally)> {
        let of = |at: usize| [EndpointKind::Chat, EndpointKind::Completions, EndpointKind::Sglang][at / 2];
        self.tallies.iter().enumerate().map(move |(at, tally)| (of(at), at % 2 == 1, tally))
    }
}

impl Course {
    /// What is observed of a request that ended well.
    fn observed(&self, end: Micros, server: Server) -> [Option<(Seen, f64)>; 14] {
        let some = |seen, value: f64| Some((seen, value));
        let span = |seen, from: Option<Micros>, to: Option<Micros>| {
            from.zip(to).map(|(from, to)| (seen, to.since(from).as_secs_f64()))
        };
        let last = Some(self.last);
        let after_first = self.tokens.saturating_sub(1);
        let per_token = match self.first {
            Some(first) if after_first > 0 => {
                some(Seen::PerToken, self.last.since(first).as_secs_f64() / f64::from(after_first))
            }
            // vLLM observes 0 for a reply of one token, the others nothing.
            Some(_) if server == Server::Vllm => some(Seen::PerToken, 0.0),
            _ => None,
        };
        let cached = self.cached.map(|cached| cached.min(self.visit.input));
        [
            span(Seen::Whole, Some(self.arrived), Some(end)),
            span(Seen::Queue, Some(self.arrived), self.admitted),
            span(Seen::Prefill, self.admitted, self.first),
            span(Seen::Decode, self.first, last),
            span(Seen::Inference, self.admitted, last),
            per_token,
            some(Seen::Prompt, f64::from(self.visit.input)),
            some(Seen::Generation, f64::from(self.tokens)),
            some(Seen::LongestGeneration, f64::from(self.tokens)),
            self.visit.asked.map(|asked| (Seen::MaxTokens, f64::from(asked))),
            some(Seen::Choices, 1.0),
            some(Seen::Preemptions, f64::from(self.preemptions)),
            cached.map(|cached| (Seen::Computed, f64::from(self.visit.input - cached))),
            cached.map(|cached| (Seen::Cached, f64::from(cached))),
        ]
    }
}
