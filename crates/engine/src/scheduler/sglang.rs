//! SGLang: a radix cache, prefill batches before decode batches, and a bet on how long replies will be.
//!
//! A pass computes prompts or decodes, never both: prompts first, if one can be admitted. One is if its tokens (beyond what the radix
//! cache has) and its whole reply fit into what is free or can be thrown out, less a share (`new_token_ratio`) of what the running
//! replies still lack. The share falls with every decode pass; when memory runs out in the middle, the request with the fewest
//! tokens out goes back to the queue, and the share is estimated anew. Prompts longer than `chunked_prefill_size` are computed in
//! parts.
//!
//! Sources: SGLang 0.5.x `srt/managers/{scheduler,schedule_batch,schedule_policy}.py`, and Dynamo 1.6.1's model of it
//! (`aisimulate-core` 0.13.0). Where they differ, this is as Dynamo's:
//! - A token's place in the cache is taken when the token comes out, not when it goes into the next pass. What a reply leaves
//!   behind ends before its last token, which never goes into one, as in SGLang.
//! - Of requests with equally few tokens the first of the batch is retracted; SGLang takes the one with the longest prompt.
//! - With `lpm` a longer match overtakes a prompt that is computed in parts (and may itself be cut); in SGLang the one begun goes on.
//! - A prompt that has no room stops the queue; the prefix it would share still counts as room when it is looked at.
//! - `schedule_conservativeness` may raise the share above 1, and the share stays where it is while there is nothing to do; SGLang
//!   caps it and puts it back to its start.
//!
//! And this as SGLang's, where Dynamo's stops or cannot tell:
//! - A prompt of more than `max_prefill_tokens` runs alone.
//! - If several prompts in parts hold what the others lack and nobody runs, the last one starts anew.
//! - A reply ends where the cache does, a page before its end; the last one running fails if others hold what it needs.
//!
//! Not yet: mixed chunks, priorities, other policies than `fcfs` and `lpm`, speculative decoding, LoRA slots, the hierarchical
//! cache.

use std::collections::{BTreeSet, VecDeque};

use tokmark_base::Micros;
use tokmark_kv::{KvEvent, RadixCache};
use tokmark_perf::Step;

use crate::{Arrival, Carried, Census, EngineError, Gauges, Lifecycle, Out, Rejection, RequestId, Scheduler};

mod admission;
mod handoff;
mod job;
mod params;
mod passes;

use handoff::Handoffs;
use job::Job;
use params::Ratio;
pub use params::{SchedulePolicy, SglangParams};

/// See the module.
#[derive(Debug)]
pub struct Sglang {
    params: SglangParams,
    cache: RadixCache,
    ratio: Ratio,
    /// In the order in which they have their turn; those with a lease between two parts of their prompts.
    waiting: VecDeque<Job>,
    /// Those with a lease among them.
    begun: usize,
    running: Vec<Job>,
    handoffs: Handoffs,
    flight: Flight,
    /// Those that are here.
    ids: BTreeSet<RequestId>,
    census: Census,
    counts: Gauges,
    kv: Vec<(Micros, KvEvent)>,
}

/// The pass in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    None,
    /// Those that run from `old` on are prefilled; of the prompt at the head of the queue so many tokens are.
    Prefill {
        old: usize,
        chunk: Option<u32>,
    },
    /// All that run decode; so many did when it began.
    Decode {
        sequences: usize,
    },
}

impl Sglang {
    /// A worker with an empty cache.
    pub fn new(params: SglangParams) -> Result<Self, EngineError> {
        params.check()?;
        let cache = RadixCache::new(params.pages(), params.page_size);
        Ok(Self {
            cache: if params.disable_radix_cache { cache.without_reuse() } else { cache },
            ratio: Ratio::new(&params),
            waiting: VecDeque::new(),
            begun: 0,
            running: Vec::new(),
            handoffs: Handoffs::default(),
            flight: Flight::None,
            ids: BTreeSet::new(),
            census: Census::default(),
            counts: Gauges::default(),
            kv: Vec::new(),
            params,
        })
    }

    /// The share of the running replies' remaining tokens for which room is kept now (`new_token_ratio`).
    pub fn new_token_ratio(&self) -> f64 {
        self.ratio.now
    }

    fn accept(&self, arrival: Arrival) -> Result<Job, Rejection> {
        if self.ids.contains(&arrival.id) || self.handoffs.kept.contains_key(&arrival.id) {
            return Err(Rejection::DuplicateId);
        }
        let limit = self.params.max_queued_requests.map(|limit| limit as usize);
        match limit {
            Some(limit) if !arrival.carried.cached && self.waiting.len() - self.begun >= limit => {
                Err(Rejection::QueueFull { limit })
            }
            _ => Job::new(arrival, self.census.arrived, &self.params),
        }
    }

    /// What every pass has in common, put into `step`.
    fn step(&mut self, step: Step) -> Step {
        self.counts.passes += 1;
        Step {
            cache_tokens: self.params.capacity(),
            running: (self.running.len() + self.begun) as u32,
            slots: self.params.slots() as u32,
            ..step
        }
    }

    /// So many tokens of `job` are computed by the pass being composed.
    fn schedule(&mut self, job: &mut Job, tokens: u64) {
        job.work += tokens;
        self.census.work_scheduled += tokens;
        self.census.work_running += tokens;
    }

    /// A request is no longer here.
    fn left(&mut self, job: &Job, well: bool) {
        self.ids.remove(&job.id());
        let emitted = u64::from(job.emitted);
        self.census.tokens_running -= emitted;
        if well {
            self.census.tokens_finished += emitted;
        } else {
            self.census.tokens_cancelled += emitted;
        }
        self.census.work_running -= job.work;
        self.census.work_ended += job.work;
    }

    /// A request that is through leaves what it computed to others.
    fn let_go(&mut self, mut job: Job) {
        if let Some(lease) = job.lease.take() {
            self.cache.finish_at(&job.sequence, job.gone_through(), lease);
        }
        self.handoffs.generation += 1;
    }

    /// A request loses its memory.
    fn drop_lease(&mut self, job: &mut Job) {
        if let Some(lease) = job.lease.take() {
            self.cache.release(lease);
        }
    }

    /// Takes a request out of wherever it is.
    fn take(&mut self, id: RequestId) -> Option<Job> {
        if !self.ids.contains(&id) {
            return None;
        }
        if let Some(index) = self.running.iter().position(|job| job.id() == id) {
            if let Flight::Prefill { old, .. } = &mut self.flight
                && index < *old
            {
                *old -= 1;
            }
            return Some(self.running.remove(index));
        }
        if let Some(index) = self.waiting.iter().position(|job| job.id() == id) {
            let job = self.waiting.remove(index)?;
            if job.lease.is_some() {
                self.begun -= 1;
                if let (0, Flight::Prefill { chunk, .. }) = (index, &mut self.flight) {
                    *chunk = None;
                }
            }
            return Some(job);
        }
        self.handoffs.take(id)
    }

    /// What the cache has to tell happened at `now`.
    fn tell_at(&mut self, now: Micros) {
        let told = self.cache.told();
        self.kv.extend(told.into_iter().map(|event| (now, event)));
    }
}

impl Scheduler for Sglang {
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        let (id, cached) = (arrival.id, arrival.carried.cached);
        let job = self.accept(arrival);
        self.census.arrived += 1;
        match job {
            Ok(job) => {
                self.ids.insert(id);
                out.push(now, id, Lifecycle::Queued);
                if cached {
                    self.deliver(now, job, out);
                } else {
                    self.waiting.push_back(job);
                }
            }
            Err(why) => {
                self.census.rejected += 1;
                out.push(now, id, Lifecycle::Rejected(why));
            }
        }
    }

    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        let Some(mut job) = self.take(request) else {
            return;
        };
        self.drop_lease(&mut job);
        self.census.cancelled += 1;
        self.left(&job, false);
        out.push(now, request, Lifecycle::Cancelled);
        self.handoffs.generation += 1;
        self.retry_between(now, out);
    }

    fn begin(&mut self, now: Micros, out: &mut Out) -> Option<Step> {
        loop {
            self.promote(now, out);
            self.order();
            let handoffs = &self.handoffs;
            let first = handoffs.ready.is_empty() && handoffs.pending.is_empty();
            // What waits for room must not wait for a prompt that holds it half-computed.
            if (first || self.running.is_empty())
                && let Some(step) = self.compose_prefill(now, first, out)
            {
                return Some(step);
            }
            if self.running.is_empty() {
                if self.unjam(now, out) {
                    continue;
                }
                self.flight = Flight::None;
                return None;
            }
            if let Some(step) = self.compose_decode(now, out) {
                return Some(step);
            }
        }
    }

    fn end(&mut self, now: Micros, out: &mut Out) {
        match std::mem::replace(&mut self.flight, Flight::None) {
            Flight::None => {}
            Flight::Prefill { old, chunk } => self.end_prefill(now, old, chunk, out),
            Flight::Decode { .. } => self.end_decode(now, out),
        }
        self.settle(now, out);
        self.tell_at(now);
    }

    fn steady(&self) -> u32 {
        self.steady_passes()
    }

    fn repeat(&mut self, stamps: &[Micros], out: &mut Out) {
        self.repeat_decode(stamps, out);
    }

    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        self.ask(now, arrival, out);
    }

    fn release(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        self.let_free(now, request, out);
    }

    fn cached(&self, arrival: &Arrival) -> u32 {
        let Ok(job) = Job::new(arrival.clone(), 0, &self.params) else {
            return 0;
        };
        let page = u64::from(self.params.page_size);
        (self.cache.matched(&job.sequence, (job.context() - 1) / page) * page) as u32
    }

    fn census(&self) -> Census {
        let free = self.cache.free() + self.cache.evictable();
        Census {
            waiting: (self.waiting.len() - self.begun + self.handoffs.waiting()) as u64,
            running: (self.running.len() + self.begun) as u64,
            blocks_total: self.cache.total(),
            blocks_used: self.cache.protected() + self.cache.owned(),
            blocks_free: free,
            ..self.census
        }
    }

    fn gauges(&self) -> Gauges {
        let census = self.census();
        Gauges {
            running: census.running,
            waiting: census.waiting,
            blocks_total: census.blocks_total,
            blocks_used: census.blocks_used,
            generation_tokens: census.tokens_emitted,
            block_tokens: self.params.page_size,
            ..self.counts
        }
    }

    fn kv_events(&mut self, into: &mut Vec<(Micros, KvEvent)>) {
        into.append(&mut self.kv);
    }

    fn tell_kv(&mut self, wanted: bool) {
        self.cache.tell(wanted);
        if !wanted {
            self.kv.clear();
        }
    }

    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, _out: &mut Out) {
        let mut jobs: Vec<Job> = self.waiting.drain(..).collect();
        self.begun = 0;
        jobs.append(&mut self.running);
        jobs.extend(self.handoffs.drain());
        jobs.sort_by_key(|job| job.nth);
        let census = &mut self.census;
        census.handed_over += jobs.len() as u64;
        census.tokens_finished += census.tokens_running;
        census.work_lost += census.work_running;
        (census.tokens_running, census.work_running) = (0, 0);
        for job in jobs {
            let carried = Carried { emitted: job.out(), cached: false };
            lost.push(Arrival { carried, ..job.arrival });
        }
        self.handoffs = Handoffs::default();
        self.ids.clear();
        self.cache.clear();
        self.ratio.reset();
        self.flight = Flight::None;
        self.tell_at(now);
    }
}

#[cfg(test)]
mod tests;
