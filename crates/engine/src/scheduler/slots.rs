//! The slot engine: N slots, a first-come first-served queue, and a timing model that answers for each request by itself.
//!
//! A request gets a slot the moment one is free; its first token is out `Timing::prefill` later, each further token
//! `Timing::decode` after the one before; the slot is free again with the last token. Requests do not slow each other
//! down unless the timing model says so: this is a target whose truth is known, not a model of a real scheduler.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use tokmark_base::{Micros, Stream};
use tokmark_perf::{Step, Timing};

use crate::{Arrival, Carried, Census, Engine, FinishReason, Length, Lifecycle, Out, Rejection, RequestId};

/// See the module.
pub struct Slots {
    timing: Box<dyn Timing>,
    noise: Option<Stream>,
    limits: Limits,
    now: Micros,
    /// Nobody is admitted before this moment.
    stalled: Micros,
    arrivals: u64,
    jobs: BTreeMap<RequestId, Job>,
    /// In order of arrival. A job cancelled while it waited leaves its entry behind; it is skipped.
    queue: VecDeque<Ticket>,
    due: BinaryHeap<Reverse<(Micros, Ticket)>>,
    census: Census,
}

/// Why an engine could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// An engine that can never serve.
    #[error("{name} is 0: the engine could never serve a request\nhint: give {name} as 1 or more")]
    ZeroCapacity {
        /// `slots`, `context` or `natural_output`.
        name: &'static str,
    },
    /// A parameter out of its range.
    #[error("{name} is {value}: it must be {must}\nhint: give {name} a value within these limits")]
    Parameter {
        /// Under the engine's own name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        must: &'static str,
    },
}

#[derive(Clone, Copy)]
struct Limits {
    slots: usize,
    queue: Option<usize>,
    context: u32,
    natural_output: u32,
}

/// The n-th arrival and its number: orders what happens at the same microsecond, and tells a stale entry from a live one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    nth: u64,
    id: RequestId,
}

struct Job {
    nth: u64,
    arrival: Arrival,
    output: u32,
    reason: FinishReason,
    /// Tokens that are out, elsewhere or here.
    emitted: u32,
    running: bool,
}

impl Job {
    /// Tokens that came out here.
    fn here(&self) -> u64 {
        u64::from(self.emitted - self.arrival.carried.emitted)
    }
}

impl Slots {
    /// An engine with `slots` slots, an endless queue, a context of 131,072 tokens, and a model that ends by itself after 128.
    pub fn new(timing: impl Timing + 'static, slots: usize) -> Result<Self, EngineError> {
        let limits =
            Limits { slots: capacity("slots", slots)?, queue: None, context: 131_072, natural_output: 128 };
        Ok(Self {
            timing: Box::new(timing),
            noise: None,
            limits,
            now: Micros(i64::MIN),
            stalled: Micros(i64::MIN),
            arrivals: 0,
            jobs: BTreeMap::new(),
            queue: VecDeque::new(),
            due: BinaryHeap::new(),
            census: Census::default(),
        })
    }

    /// Where models with a deviation get their draws from; without it they give their means.
    #[must_use]
    pub fn noise(mut self, stream: Stream) -> Self {
        self.noise = Some(stream).filter(|_| self.timing.is_noisy());
        self
    }

    /// How long `step` takes, drawn if the model draws.
    fn duration(&mut self, mut step: Step) -> Micros {
        if let Some(noise) = &mut self.noise {
            step.noise = noise.normal();
        }
        self.timing.duration(&step)
    }

    /// Refuses arrivals while `limit` requests are waiting.
    #[must_use]
    pub fn queue_limit(mut self, limit: usize) -> Self {
        self.limits.queue = Some(limit);
        self
    }

    /// The model's context: prompt and reply together never exceed it.
    pub fn context(mut self, tokens: u32) -> Result<Self, EngineError> {
        self.limits.context = capacity("context", tokens)?;
        Ok(self)
    }

    /// Where the model ends by itself unless told to go on.
    pub fn natural_output(mut self, tokens: u32) -> Result<Self, EngineError> {
        self.limits.natural_output = capacity("natural_output", tokens)?;
        Ok(self)
    }

    /// Takes a request in, or says why not.
    fn accept(&mut self, arrival: &Arrival, nth: u64) -> Result<(), Rejection> {
        let waiting = self.census.waiting as usize;
        let free = self.census.running < self.limits.slots as u64;
        match self.limits.queue {
            Some(limit) if !free && waiting >= limit => return Err(Rejection::QueueFull { limit }),
            _ => {}
        }
        if self.jobs.contains_key(&arrival.id) {
            return Err(Rejection::DuplicateId);
        }
        if arrival.input.is_none() && self.timing.needs_lengths() {
            return Err(Rejection::UnknownLength);
        }
        let (output, reason) = self.limits.output(arrival.input, arrival.length)?;
        let emitted = arrival.carried.emitted;
        if emitted >= output {
            return Err(Rejection::NothingAsked);
        }
        self.jobs.insert(
            arrival.id,
            Job { nth, arrival: arrival.clone(), output, reason, emitted, running: false },
        );
        Ok(())
    }

    /// Gives free slots to those who wait longest.
    fn admit(&mut self, at: Micros, out: &mut Out) {
        while at >= self.stalled && self.census.running < self.limits.slots as u64 {
            let Some(ticket) = self.queue.pop_front() else {
                return;
            };
            let Some(job) = live(&mut self.jobs, ticket) else {
                continue;
            };
            job.running = true;
            self.census.waiting -= 1;
            self.census.running += 1;
            out.push(at, ticket.id, Lifecycle::Admitted { cached: None });
            let context = u64::from(job.arrival.input.unwrap_or(0)) + u64::from(job.emitted);
            let step = Step {
                running: self.census.running as u32,
                slots: self.limits.slots as u32,
                ..if job.arrival.carried.cached {
                    Step { decode_sequences: 1, decode_tokens: 1, decode_context: context, ..Step::default() }
                } else {
                    Step { prefill_sequences: 1, prefill_tokens: context, ..Step::default() }
                }
            };
            let first = at + self.duration(step);
            self.due.push(Reverse((first, ticket)));
        }
    }

    /// One token of one job.
    fn step(&mut self, at: Micros, ticket: Ticket, out: &mut Out) {
        let Some(job) = live(&mut self.jobs, ticket) else {
            return;
        };
        let what = if job.emitted == 0 { Lifecycle::FirstToken } else { Lifecycle::Tokens(1) };
        job.emitted += 1;
        self.census.tokens_emitted += 1;
        self.census.tokens_running += 1;
        out.push(at, ticket.id, what);
        if job.emitted < job.output {
            let step = Step {
                decode_sequences: 1,
                decode_tokens: 1,
                decode_context: u64::from(job.arrival.input.unwrap_or(0)) + u64::from(job.emitted),
                running: self.census.running as u32,
                slots: self.limits.slots as u32,
                ..Step::default()
            };
            let next = at + self.duration(step);
            self.due.push(Reverse((next, ticket)));
            return;
        }
        out.push(at, ticket.id, Lifecycle::Finished(job.reason));
        self.census.running -= 1;
        self.census.finished += 1;
        self.census.tokens_running -= job.here();
        self.census.tokens_finished += job.here();
        self.jobs.remove(&ticket.id);
        self.admit(at, out);
    }

    /// Keeps the earliest entry a live one, so that `next_due` never names a moment at which nothing happens.
    fn drop_stale(&mut self) {
        while let Some(Reverse((_, ticket))) = self.due.peek() {
            if live(&mut self.jobs, *ticket).is_some() {
                return;
            }
            self.due.pop();
        }
    }

    /// When a stall ends that somebody waits for: otherwise nobody waits while a slot is free.
    fn resumes(&self) -> Option<Micros> {
        let free = self.census.running < self.limits.slots as u64;
        (free && self.census.waiting > 0).then_some(self.stalled)
    }

    fn happen(&mut self, to: Micros, out: &mut Out) {
        loop {
            if let Some(at) = self.resumes().filter(|at| *at <= to) {
                self.admit(at, out);
            }
            let Some(Reverse((at, ticket))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= to)
            else {
                break;
            };
            self.due.pop();
            self.step(at, ticket, out);
            self.drop_stale();
        }
        self.now = self.now.max(to);
    }
}

impl Engine for Slots {
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        let nth = self.arrivals;
        self.arrivals += 1;
        self.census.arrived += 1;
        if let Err(why) = self.accept(&arrival, nth) {
            self.census.rejected += 1;
            out.push(now, arrival.id, Lifecycle::Rejected(why));
            return;
        }
        self.census.waiting += 1;
        self.queue.push_back(Ticket { nth, id: arrival.id });
        out.push(now, arrival.id, Lifecycle::Queued);
        self.admit(now, out);
        self.happen(now, out);
    }

    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        let now = now.max(self.now);
        self.happen(now, out);
        let Some(job) = self.jobs.remove(&request) else {
            return;
        };
        if job.running {
            self.census.running -= 1;
            self.census.tokens_running -= job.here();
            self.census.tokens_cancelled += job.here();
        } else {
            self.census.waiting -= 1;
        }
        self.census.cancelled += 1;
        out.push(now, request, Lifecycle::Cancelled);
        self.drop_stale();
        self.admit(now, out);
        self.happen(now, out);
    }

    fn advance(&mut self, now: Micros, out: &mut Out) {
        self.happen(now.max(self.now), out);
        debug_assert_eq!(self.census.check(), Ok(()));
    }

    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, out: &mut Out) {
        self.happen(now.max(self.now), out);
        let mut jobs: Vec<Job> = std::mem::take(&mut self.jobs).into_values().collect();
        jobs.sort_by_key(|job| job.nth);
        for job in jobs {
            let carried = Carried { emitted: job.emitted, cached: false };
            lost.push(Arrival { carried, ..job.arrival });
        }
        let census = &mut self.census;
        census.handed_over += census.waiting + census.running;
        census.tokens_finished += census.tokens_running;
        (census.waiting, census.running, census.tokens_running) = (0, 0, 0);
        self.queue.clear();
        self.due.clear();
        self.stalled = Micros(i64::MIN);
    }

    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        out.push(now.max(self.now), arrival.id, Lifecycle::Reserved);
    }

    fn release(&mut self, _now: Micros, _request: RequestId, _out: &mut Out) {}

    fn stall(&mut self, now: Micros, until: Micros, out: &mut Out) {
        let now = now.max(self.now);
        // What would happen at this very moment no longer does.
        self.happen(Micros(now.0.saturating_sub(1)).max(self.now), out);
        let longer = until.since(now.max(self.stalled));
        self.due = self.due.drain().map(|Reverse((at, ticket))| Reverse((at + longer, ticket))).collect();
        self.stalled = self.stalled.max(until);
    }

    fn next_due(&self) -> Option<Micros> {
        self.due.peek().map(|Reverse((at, _))| *at).into_iter().chain(self.resumes()).min()
    }

    fn census(&self) -> Census {
        self.census
    }
}

impl Limits {
    /// How many tokens a reply will have, and why it will end there.
    fn output(&self, input: Option<u32>, length: Length) -> Result<(u32, FinishReason), Rejection> {
        let room = match input {
            Some(input) if input >= self.context => {
                return Err(Rejection::TooLong { input, context: self.context });
            }
            input => self.context - input.unwrap_or(0),
        };
        let most = length.max.unwrap_or(u32::MAX).min(room);
        if most == 0 {
            return Err(Rejection::NothingAsked);
        }
        let own_end = self.natural_output.max(length.min);
        Ok(if length.ignore_eos || own_end >= most {
            (most, FinishReason::Length)
        } else {
            (own_end, FinishReason::Stop)
        })
    }
}

fn capacity<N: PartialEq + From<u8>>(name: &'static str, n: N) -> Result<N, EngineError> {
    if n == N::from(0) { Err(EngineError::ZeroCapacity { name }) } else { Ok(n) }
}

/// The job a ticket stands for, unless it has left.
fn live(jobs: &mut BTreeMap<RequestId, Job>, ticket: Ticket) -> Option<&mut Job> {
    jobs.get_mut(&ticket.id).filter(|job| job.nth == ticket.nth)
}

#[cfg(test)]
mod tests;
