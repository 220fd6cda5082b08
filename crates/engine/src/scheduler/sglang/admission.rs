//! Whose prompts are computed next: order of the queue, room, the batch.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use tokmark_base::Micros;
use tokmark_perf::Step;

use super::job::Job;
use super::{Flight, SchedulePolicy, Sglang};
use crate::{Lifecycle, Out};

/// Longest prefix first only while so many wait at most (`CachePolicy`'s fallback to FCFS).
const LPM_WAITING: usize = 128;
/// A prompt of which no more than this is cached …
const IN_BATCH_CHECK: u64 = 32;
/// … and of which another one that waits has the first so many tokens in common goes last: the other one will cache them.
const IN_BATCH_COMMON: u64 = 32;

/// What is left for the batch being composed, tokens.
struct Budget {
    /// Of the cache, what running replies will need taken off.
    cache: f64,
    /// Of `max_prefill_tokens`.
    prompt: u64,
    /// Of `chunked_prefill_size`.
    chunk: u64,
    /// Nobody is in yet.
    empty: bool,
}

/// A prompt's part in the pass: its tokens `from..to`.
struct Part {
    from: u64,
    to: u64,
}

impl Sglang {
    /// Puts the queue in order.
    pub(super) fn order(&mut self) {
        let waiting = self.waiting.len();
        if self.params.schedule_policy != SchedulePolicy::Lpm || !self.cache.reuses() || waiting > LPM_WAITING
        {
            return;
        }
        let page = u64::from(self.params.page_size);
        let common = IN_BATCH_COMMON.div_ceil(page);
        let mut begun = BTreeSet::new();
        let mut scored: Vec<(bool, u64, Job)> = Vec::with_capacity(waiting);
        for job in self.waiting.drain(..) {
            let found = self.cache.matched(&job.sequence, u64::MAX) * page;
            let last = found <= IN_BATCH_CHECK
                && job.sequence.opening(common).is_some_and(|opening| !begun.insert(opening));
            scored.push((last, found, job));
        }
        scored.sort_by_key(|(last, found, _)| (*last, Reverse(*found)));
        self.waiting.extend(scored.into_iter().map(|(_, _, job)| job));
    }

    /// The next prefill batch, if anybody can be admitted. `fresh`: those may be who hold nothing yet.
    pub(super) fn compose_prefill(&mut self, now: Micros, fresh: bool, out: &mut Out) -> Option<Step> {
        let slots = self.params.slots().saturating_sub(self.running.len());
        let mut budget = self.budget();
        let mut step = Step::default();
        let old = self.running.len();
        let mut chunk = None;
        while self.running.len() - old + usize::from(chunk.is_some()) < slots && budget.chunk > 0 {
            let Some(index) = self.waiting.iter().position(|job| fresh || job.lease.is_some()) else {
                break;
            };
            let Some(part) = self.part(&self.waiting[index], &budget) else {
                break;
            };
            let Some(mut job) = self.waiting.remove(index) else {
                break;
            };
            let begun = job.lease.is_some();
            if !self.take_in(&mut job, &part, now, out) {
                self.waiting.insert(index, job);
                break;
            }
            self.begun -= usize::from(begun);
            let charged = self.paged(part.to - part.from);
            let through = job.computed == job.context();
            let reserve = if through { self.reserve_for(&job) } else { 0 };
            budget.cache -= (charged + reserve) as f64;
            budget.prompt = budget.prompt.saturating_sub(charged);
            budget.chunk = budget.chunk.saturating_sub(charged);
            budget.empty = false;
            step.prefill_sequences += 1;
            step.prefill_tokens += part.to - part.from;
            step.prefill_context += part.from;
            if through {
                self.running.push(job);
            } else {
                chunk = Some((job, (part.to - part.from) as u32));
            }
        }
        if budget.empty {
            return None;
        }
        let (job, tokens) = chunk.unzip();
        if let Some(job) = job {
            self.begun += 1;
            self.waiting.push_front(job);
        }
        self.flight = Flight::Prefill { old, chunk: tokens };
        Some(self.step(step))
    }

    /// Nobody runs, and of those who wait some hold what others lack: the last of them gives it back. False if that is no help.
    pub(super) fn unjam(&mut self, now: Micros, out: &mut Out) -> bool {
        let holds = |job: &Job| job.lease.is_some();
        let Some(last) = self.waiting.iter().rposition(holds).filter(|last| *last > 0) else {
            return false;
        };
        let Some(mut job) = self.waiting.remove(last) else {
            return false;
        };
        self.throw_out(&mut job, now, out);
        self.waiting.insert(last, job);
        self.begun -= 1;
        self.retry_between(now, out);
        true
    }

    fn budget(&self) -> Budget {
        let ratio = self.ratio.now;
        let replies: f64 = self.running.iter().map(|job| self.reserve_for(job) as f64 * ratio).sum();
        let room = (self.cache.free() + self.cache.evictable()) * u64::from(self.params.page_size);
        Budget {
            cache: room as f64 - replies,
            prompt: u64::from(self.params.max_prefill_tokens),
            chunk: self.params.chunked_prefill_size.map_or(u64::MAX, u64::from),
            empty: true,
        }
    }

    /// Tokens of its reply that count when room is looked for.
    fn reserve_for(&self, job: &Job) -> u64 {
        u64::from(job.remaining().min(self.params.clip_max_new_tokens))
    }

    /// Whole pages for `tokens`.
    fn paged(&self, tokens: u64) -> u64 {
        tokens.next_multiple_of(u64::from(self.params.page_size))
    }

    /// How much of `job` the batch has room for; `None`: nothing, and nobody behind it has a turn either.
    fn part(&self, job: &Job, budget: &Budget) -> Option<Part> {
        let page = u64::from(self.params.page_size);
        let context = job.context();
        // The last token is always computed: it is the one the next comes from.
        let from = match job.lease {
            Some(_) => job.computed,
            None => self.cache.matched(&job.sequence, (context - 1) / page) * page,
        };
        let rest = context - from;
        let tokens = if self.paged(rest) <= budget.chunk { rest } else { budget.chunk / page * page };
        let charged = self.paged(tokens);
        let reserve = if tokens < rest { 0 } else { self.reserve_for(job) };
        let full = (charged + reserve) as f64 >= budget.cache;
        if tokens == 0 || full || (charged > budget.prompt && !budget.empty) {
            return None;
        }
        Some(Part { from, to: from + tokens })
    }

    /// Gives a prompt its memory and counts it in; false if there is none.
    fn take_in(&mut self, job: &mut Job, part: &Part, now: Micros, out: &mut Out) -> bool {
        let page = u64::from(self.params.page_size);
        let pages = part.to.div_ceil(page);
        if let Some(lease) = &mut job.lease {
            let more = pages.saturating_sub(lease.pages());
            if !self.cache.grow(lease, more) {
                return false;
            }
        } else {
            let Some(lease) = self.cache.admit(&job.sequence, part.from / page, pages) else {
                return false;
            };
            job.lease = Some(lease);
            self.admitted(job, part.from, now, out);
        }
        job.computed = part.to;
        self.schedule(job, part.to - part.from);
        true
    }

    /// A request has its turn.
    fn admitted(&mut self, job: &mut Job, cached: u64, now: Micros, out: &mut Out) {
        let reuses = self.cache.reuses();
        if reuses {
            self.counts.prefix_queries += job.context();
            self.counts.prefix_hits += cached;
        }
        if !job.seen {
            self.counts.prompt_tokens += u64::from(job.arrival.input.unwrap_or(0));
            job.seen = true;
        }
        out.push(now, job.id(), Lifecycle::Admitted { cached: reuses.then_some(cached as u32) });
    }

    /// Those whose context came with them begin to decode, as far as there are slots.
    pub(super) fn promote(&mut self, now: Micros, out: &mut Out) {
        while self.running.len() < self.params.slots() {
            let Some(mut job) = self.handoffs.ready.pop_front() else {
                return;
            };
            if !job.seen {
                self.counts.prompt_tokens += u64::from(job.arrival.input.unwrap_or(0));
                job.seen = true;
            }
            let cached = self.cache.reuses().then_some(0);
            out.push(now, job.id(), Lifecycle::Admitted { cached });
            self.running.push(job);
        }
    }
}
