//! Composing a pass and ending it: vLLM's `Scheduler.schedule` (0.32, `v1/core/sched/scheduler.py`) as Dynamo 1.6.1 models it.
//!
//! Those that run come first, in the order in which they were admitted; when blocks run out somebody is thrown out, and then
//! nobody is admitted in this pass. Then come those that wait, as long as their head can start.

use tokmark_base::Micros;
use tokmark_perf::Step;

use super::batch::{Admission, Batch, Victim};
use super::request::{Place, Request, Share};
use super::tiers::Found;
use crate::{Lifecycle, Out};

/// A pass being composed.
#[derive(Default)]
struct Pass {
    /// Tokens left.
    budget: u32,
    /// Tokens of one prompt at most.
    long: u32,
    /// Somebody was thrown out, or given up.
    disturbed: bool,
    /// Only requests for which blocks were set aside may start.
    holders_only: bool,
    /// Admission ended before the head of the queue was looked at.
    is_cut: bool,
}

/// What became of an attempt to schedule a running request.
enum Outcome {
    /// It is in the pass.
    Scheduled,
    /// It is not in `running` any more.
    Gone,
}

/// What became of an attempt to admit the head of the queue.
enum Answer {
    Admitted,
    /// It is gone; the next one is the head.
    Gone,
    /// It stays where it is, and so do those behind it.
    Stays,
    /// What it needs is being fetched from a tier below; the next one is the head.
    Fetches,
    /// What it needs is on its way for others; those behind it may go first.
    Waits,
}

impl Batch {
    pub(crate) fn begin(&mut self, now: Micros, out: &mut Out) -> Option<Step> {
        self.hear_from_below(now);
        let mut holders_only = !self.handoff.expected.is_empty();
        let mut is_last_try = false;
        loop {
            let (budget, long) = (self.rules.tokens, self.long_limit());
            let mut pass = Pass { budget, long, holders_only, ..Pass::default() };
            self.schedule_running(now, &mut pass, out);
            if !pass.disturbed {
                self.admit(now, &mut pass, out);
            }
            if self.running.iter().any(|slot| self.requests[*slot as usize].share.is_some()) {
                let step = self.step();
                // The next pass is composed in the usual order, and asks whom this one did not.
                let is_usual = !(pass.disturbed || pass.is_cut || holders_only || is_last_try);
                self.still = is_usual && self.is_still(&step);
                self.in_pass = true;
                self.note_offers(now);
                self.counts.passes += 1;
                return Some(step);
            }
            if pass.disturbed || (holders_only && self.set_aside(now, out)) {
                continue;
            }
            // Nobody can start in this order of things. In the other one perhaps: who holds blocks may stand behind who waits for
            // them, and who is waited for may find no room either.
            if is_last_try || self.census.waiting == 0 {
                self.note_offers(now);
                return None;
            }
            (is_last_try, holders_only) = (true, !holders_only);
        }
    }

    /// vLLM caps long prompts only while there is somebody whom they could starve.
    fn long_limit(&self) -> u32 {
        let eligible = self.census.running + self.census.waiting;
        if self.rules.long > 0 && eligible > 1 { self.rules.long } else { u32::MAX }
    }

    fn schedule_running(&mut self, now: Micros, pass: &mut Pass, out: &mut Out) {
        let mut index = 0;
        while index < self.running.len() && pass.budget > 0 {
            if let Outcome::Scheduled = self.schedule(now, &mut index, pass, out) {
                index += 1;
            }
        }
    }

    /// Schedules the running request at `index`, throwing out others as long as it lacks blocks.
    fn schedule(&mut self, now: Micros, index: &mut usize, pass: &mut Pass, out: &mut Out) -> Outcome {
        let slot = self.running[*index];
        let (total, context) = (self.pool.total(), self.rules.context);
        let request = &mut self.requests[slot as usize];
        let block = request.chain.block();
        let mut share = Share::default();
        let left = request.known - request.computed;
        share.tokens = left.min(pass.budget).min(pass.long);
        if let Some(sampler) = self.sampler.as_ref().filter(|_| request.generating && left == 1) {
            let cache = (u64::from(total) * u64::from(block)).saturating_sub(u64::from(request.known));
            let room = (context - request.known).saturating_sub(1).min(pass.budget - 1);
            share.drafts = u64::from(sampler.drafts.min(room)).min(cache) as u32;
        }
        let reach = request.computed + share.tokens + share.drafts;
        let have = request.blocks.len() as u32;
        // The usual case first, without a division: a running request lacks a block once in a block's worth of passes.
        if u64::from(reach) > u64::from(have) * u64::from(block) {
            let needed = reach.div_ceil(block);
            while !self.pool.take(&[], needed - have, &mut self.requests[slot as usize].blocks) {
                pass.disturbed = true;
                if needed > total {
                    self.running.remove(*index);
                    self.fail(now, slot, out);
                    return Outcome::Gone;
                }
                if self.throw_out(now, index, pass, out) == slot {
                    return Outcome::Gone;
                }
            }
        }
        self.enter(slot, share, pass);
        Outcome::Scheduled
    }

    /// Throws out one running request and says which.
    fn throw_out(&mut self, now: Micros, index: &mut usize, pass: &mut Pass, out: &mut Out) -> u32 {
        let place = match self.rules.victim {
            Victim::Newest => self.running.len() - 1,
            Victim::Oldest => 0,
            Victim::Worst => self.worst(),
        };
        let slot = self.running.remove(place);
        // Dynamo's mode for the oldest lets the request that moves up into this place miss the pass.
        if place < *index && self.rules.victim == Victim::Worst {
            *index -= 1;
        }
        let request = &mut self.requests[slot as usize];
        if let Some(share) = request.share.take() {
            pass.budget += share.tokens + share.drafts;
            let undone = u64::from(share.tokens);
            request.work -= undone;
            self.census.work_scheduled -= undone;
            self.census.work_running -= undone;
        }
        self.census.work_running -= request.work;
        self.census.work_lost += request.work;
        self.pool.give_back(&mut request.blocks);
        (request.work, request.computed, request.named) = (0, 0, 0);
        (request.generating, request.preempted, request.place) = (false, true, Place::Waiting);
        let ticket = request.ticket(slot);
        out.push(now, request.id(), Lifecycle::Preempted);
        self.waiting.push_front(ticket);
        self.census.running -= 1;
        self.census.waiting += 1;
        self.counts.preemptions += 1;
        slot
    }

    /// Where in `running` the one with the greatest (priority, arrival) is.
    fn worst(&self) -> usize {
        let rank = |place: &usize| {
            let request = &self.requests[self.running[*place] as usize];
            (request.arrival.priority, request.nth)
        };
        (0..self.running.len()).max_by_key(rank).unwrap_or(0)
    }

    /// A request with all the blocks it needs takes its share of the pass, and what it completes can be found by others.
    fn enter(&mut self, slot: u32, mut share: Share, pass: &mut Pass) {
        let request = &mut self.requests[slot as usize];
        share.before = request.computed.min(request.prompt);
        request.computed += share.tokens;
        share.prompt = request.computed.min(request.prompt) - share.before;
        pass.budget -= share.tokens + share.drafts;
        request.share = Some(share);
        request.work += u64::from(share.tokens);
        self.census.work_scheduled += u64::from(share.tokens);
        self.census.work_running += u64::from(share.tokens);
        self.name_computed(slot);
    }

    /// Names the blocks that are complete by now.
    pub(crate) fn name_computed(&mut self, slot: u32) {
        let request = &mut self.requests[slot as usize];
        let block = request.chain.block();
        if u64::from(request.computed) < u64::from(request.named + 1) * u64::from(block) {
            return;
        }
        let complete = request.computed / block;
        request.reach(complete * block);
        self.pool.store(&request.chain, &request.blocks, request.named as usize..complete as usize);
        request.named = complete;
    }

    fn admit(&mut self, now: Micros, pass: &mut Pass, out: &mut Out) {
        self.note_adapters();
        while (self.running.len() as u64) < u64::from(self.rules.sequences) {
            let Some(ticket) = self.head() else {
                break;
            };
            if !self.is_at(ticket, Place::Waiting) {
                self.pop_head();
                continue;
            }
            let gives_way = pass.holders_only && self.requests[ticket.slot as usize].blocks.is_empty();
            if gives_way || !self.has_adapter_room(ticket.slot) {
                self.pop_head();
                self.scratch.passed_over.push(ticket);
                continue;
            }
            match self.admit_head(now, ticket.slot, pass, out) {
                Answer::Admitted | Answer::Gone | Answer::Fetches => self.pop_head(),
                Answer::Waits => {
                    self.pop_head();
                    self.scratch.passed_over.push(ticket);
                }
                Answer::Stays => break,
            }
            if pass.budget == 0 {
                pass.is_cut = true;
                break;
            }
        }
        while let Some(ticket) = self.scratch.passed_over.pop() {
            self.put_back(ticket);
        }
    }

    /// Collects the adapters in the pass.
    fn note_adapters(&mut self) {
        self.scratch.adapters.clear();
        for slot in &self.running {
            let request = &self.requests[*slot as usize];
            if let Some(adapter) = request.arrival.adapter.filter(|_| request.share.is_some())
                && !self.scratch.adapters.contains(&adapter)
            {
                self.scratch.adapters.push(adapter);
            }
        }
    }

    fn has_adapter_room(&self, slot: u32) -> bool {
        let adapters = &self.scratch.adapters;
        self.requests[slot as usize]
            .arrival
            .adapter
            .is_none_or(|adapter| adapters.len() < self.rules.adapters || adapters.contains(&adapter))
    }

    /// Admits the head of the queue, which is in `slot`, if it can start.
    fn admit_head(&mut self, now: Micros, slot: u32, pass: &mut Pass, out: &mut Out) -> Answer {
        let whole = self.requests[slot as usize].whole();
        if whole > self.pool.total() {
            self.fail(now, slot, out);
            return Answer::Gone;
        }
        if pass.budget == 0 && !self.requests[slot as usize].delivered {
            return Answer::Stays;
        }
        // A context that was waited for has its blocks already.
        let has_blocks = !self.requests[slot as usize].blocks.is_empty();
        if has_blocks {
            self.scratch.found.clear();
        } else if let Some(answer) = self.find_context(now, slot) {
            return answer;
        }
        let request = &mut self.requests[slot as usize];
        let (block, found) = (request.chain.block(), self.scratch.found.len() as u32);
        let hit = if has_blocks { request.named } else { found };
        let there = if request.delivered { request.delivery() } else { hit * block };
        let left = request.known - there;
        if !self.rules.chunked {
            let prompt = request.prompt.saturating_sub(there).min(pass.long);
            // A context that had been delivered may be longer than a pass when it has to be computed here after all.
            if prompt > pass.budget && request.prompt <= self.rules.tokens {
                return Answer::Stays;
            }
        }
        let tokens = left.min(pass.budget).min(pass.long);
        let have = request.blocks.len() as u32 + found;
        let fresh = (there + tokens).div_ceil(block).saturating_sub(have);
        if (left > 0 && tokens == 0) || !self.pool.take(&self.scratch.found, fresh, &mut request.blocks) {
            return Answer::Stays;
        }
        request.computed = there;
        if has_blocks {
            self.handoff.aside -= 1;
        } else {
            request.named = found;
            self.note_miss_below(now, slot);
        }
        let request = &self.requests[slot as usize];
        let cached = if request.delivered { 0 } else { there };
        self.count_admission(slot, cached.saturating_sub(request.loaded * block));
        let request = &mut self.requests[slot as usize];
        request.delivered = false;
        request.place = Place::Running;
        out.push(now, request.id(), Lifecycle::Admitted { cached: self.pool.reuses().then_some(cached) });
        self.running.push(slot);
        self.census.waiting -= 1;
        self.census.running += 1;
        if let Some(adapter) = self.requests[slot as usize].arrival.adapter
            && !self.scratch.adapters.contains(&adapter)
        {
            self.scratch.adapters.push(adapter);
        }
        self.enter(slot, Share { tokens, ..Share::default() }, pass);
        Answer::Admitted
    }

    /// Finds what there is of a request's context, here and below. If it cannot start with that now: why.
    fn find_context(&mut self, now: Micros, slot: u32) -> Option<Answer> {
        let held = self.look_up(slot);
        let below = self.look_below(now, slot);
        let promised = match below {
            Found::Waits => return Some(Answer::Waits),
            Found::Reach(_) => self.promised_to_prompts(),
            Found::Nothing => 0,
        };
        let needed = u64::from(self.needed(slot)) + u64::from(promised);
        if needed > u64::from(self.available()) + u64::from(held) {
            return Some(Answer::Stays);
        }
        match below {
            Found::Reach(reach) if self.fetch(now, slot, reach) => Some(Answer::Fetches),
            Found::Reach(_) => Some(Answer::Stays),
            _ => None,
        }
    }

    /// Finds what the cache has of a request's context; how many of those blocks are held.
    pub(crate) fn look_up(&mut self, slot: u32) -> u32 {
        let request = &mut self.requests[slot as usize];
        if !self.pool.reuses() {
            self.scratch.found.clear();
            return 0;
        }
        let block = request.chain.block();
        request.reach(request.known);
        let blocks = if request.delivered {
            request.delivery() / block
        } else if self.rules.recompute_last {
            // vLLM drops one block more where a drafter needs the hidden states behind it; Dynamo does so for any drafter.
            request.known.saturating_sub(1) / block
        } else {
            request.known / block
        };
        let names = &request.chain.names()[..blocks as usize];
        let mut held = self.pool.find(names, &mut self.scratch.found);
        if self.sampler.is_some()
            && self.rules.recompute_last
            && !request.delivered
            && self.scratch.found.pop().is_some()
        {
            held = self.pool.find(&names[..self.scratch.found.len()], &mut self.scratch.found);
        }
        held
    }

    /// Blocks the request in `slot` must be able to get before it may start.
    fn needed(&self, slot: u32) -> u32 {
        let request = &self.requests[slot as usize];
        match self.rules.admission {
            Admission::Known => request.whole(),
            Admission::Completion => request.target.div_ceil(self.rules.block),
        }
    }

    /// Blocks that are free and promised to nobody.
    pub(crate) fn available(&self) -> u32 {
        let free = self.pool.free();
        if self.rules.admission == Admission::Known {
            return free;
        }
        let promised = |request: &Request| {
            request.target.div_ceil(self.rules.block).saturating_sub(request.blocks.len() as u32)
        };
        let running = self.running.iter().map(|slot| promised(&self.requests[*slot as usize])).sum();
        let free = free.saturating_sub(running);
        if self.handoff.aside == 0 {
            return free;
        }
        let aside = self.requests.iter().filter(|request| {
            matches!(request.place, Place::Reserved | Place::Waiting) && !request.blocks.is_empty()
        });
        free.saturating_sub(aside.map(promised).sum())
    }

    fn count_admission(&mut self, slot: u32, cached: u32) {
        let request = &self.requests[slot as usize];
        if request.preempted || request.delivered {
            return;
        }
        self.counts.prompt_tokens += u64::from(request.prompt);
        if self.pool.reuses() {
            self.counts.prefix_queries += u64::from(request.prompt);
            self.counts.prefix_hits += u64::from(cached);
        }
    }

    /// What the pass just composed computes.
    ///
    /// As in Dynamo, reply tokens that are computed again after a preemption use up the budget but are not charged, and neither
    /// is the recomputation of a context that had been delivered; the pass that computes the last of a prompt gives its first
    /// token without a decode step.
    fn step(&self) -> Step {
        let mut step = Step {
            cache_tokens: u64::from(self.pool.total()) * u64::from(self.rules.block),
            running: self.running.len() as u32,
            slots: self.rules.sequences,
            ..Step::default()
        };
        for slot in &self.running {
            let request = &self.requests[*slot as usize];
            let Some(share) = request.share else {
                continue;
            };
            let prefills = share.prompt > 0 && !request.arrival.carried.cached;
            if prefills {
                step.prefill_sequences += 1;
                step.prefill_tokens += u64::from(share.prompt);
                step.prefill_context += u64::from(share.before);
            }
            let first = prefills && request.emitted_here() == 0;
            if request.computed == request.known && !first {
                step.decode_sequences += 1;
                step.decode_tokens += 1 + share.drafts;
                step.decode_context += u64::from(request.known);
            }
        }
        step
    }

    /// Whether the pass just composed brings each running request exactly one more token and nothing else.
    fn is_still(&self, step: &Step) -> bool {
        let mut running = self.running.iter().map(|slot| &self.requests[*slot as usize]);
        self.sampler.is_none()
            && self.handoff.expected.is_empty()
            && step.prefill_sequences == 0
            && running.all(|request| {
                request.share.is_some_and(|share| share.tokens <= 1)
                    && request.computed == request.known
                    && request.emitted() > 0
            })
    }

    pub(crate) fn end(&mut self, now: Micros, out: &mut Out) {
        (self.still, self.in_pass) = (false, false);
        let mut kept = 0;
        for index in 0..self.running.len() {
            let slot = self.running[index];
            if !self.end_share(now, slot, out) {
                self.running[kept] = slot;
                kept += 1;
            }
        }
        self.running.truncate(kept);
        self.settle_handoff(now, out);
        self.note_kv(now);
    }

    /// What the pass brought one request; whether it was its last.
    fn end_share(&mut self, now: Micros, slot: u32, out: &mut Out) -> bool {
        let request = &mut self.requests[slot as usize];
        let Some(share) = request.share.take() else {
            return false;
        };
        if request.computed < request.known {
            out.push(now, request.id(), Lifecycle::PrefillChunk(share.tokens));
            return false;
        }
        let accepted = match &mut self.sampler {
            Some(sampler) if share.drafts > 0 => sampler.accepted(share.drafts),
            _ => 0,
        };
        let first = request.emitted() == 0;
        let tokens = (1 + accepted).min(request.target - request.known);
        request.known += tokens;
        request.computed = request.known - 1;
        request.generating = true;
        // Drafts that held are context now, computed by this pass.
        let held = u64::from(tokens) - 1;
        request.work += held;
        self.census.work_scheduled += held;
        self.census.work_running += held;
        self.census.tokens_emitted += u64::from(tokens);
        self.census.tokens_running += u64::from(tokens);
        out.push(now, request.id(), if first { Lifecycle::FirstToken } else { Lifecycle::Tokens(tokens) });
        if request.known < request.target {
            return false;
        }
        self.finish(now, slot, out);
        true
    }
}
