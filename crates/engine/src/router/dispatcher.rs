//! The router: holds back, filters, asks the policy, and keeps the books.

use tokmark_base::{Micros, Stream};
use tokmark_kv::KvEvent;
use tokmark_kv::index::Overlap;

use super::affinity::Sessions;
use super::busy::{Busy, Source, exceeds};
use super::knowledge::Knowledge;
use super::policy::{self, Ask, Candidate, Policy};
use super::queue::Waiting;
use super::spec::{Affinity, RouterSpec};
use super::tracker::{Footprint, Load, Tracker};
use super::{Query, Router, Verdict, WorkerFacts, WorkerId};
use crate::{Gauges, Rejection, RequestId};

/// What the books are kept in.
#[derive(Clone, Copy, Debug)]
struct Rules {
    block_tokens: u32,
    host_weight: f64,
    disk_weight: f64,
    /// Whether prompts are taken to share blocks.
    reuse: bool,
    active_blocks: bool,
    prefill_tokens: bool,
    busy_status: u16,
}

/// A worker of the pool.
#[derive(Clone, Copy, Debug)]
struct Slot {
    facts: WorkerFacts,
    up: bool,
}

/// See the module.
pub(super) struct Dispatcher {
    rules: Rules,
    slots: Vec<Slot>,
    policy: Box<dyn Policy>,
    draws: Stream,
    tracker: Option<Tracker>,
    knowledge: Option<Knowledge>,
    busy: Option<Busy>,
    waiting: Option<Waiting>,
    sessions: Option<Sessions>,
    refused: Vec<(RequestId, Rejection)>,
    overlaps: Vec<Overlap>,
    candidates: Vec<Candidate>,
}

impl Dispatcher {
    /// The router that a checked `spec` asks for.
    pub(super) fn new(spec: &RouterSpec, workers: &[WorkerFacts], block_tokens: u32, draws: Stream) -> Self {
        let count = workers.len();
        Self {
            rules: Rules {
                block_tokens,
                host_weight: spec.host_weight,
                disk_weight: spec.disk_weight,
                reuse: spec.assume_kv_reuse,
                active_blocks: spec.track_active_blocks,
                prefill_tokens: spec.track_prefill_tokens,
                busy_status: spec.busy_status,
            },
            slots: workers.iter().map(|facts| Slot { facts: *facts, up: true }).collect(),
            policy: policy::of(spec),
            draws,
            tracker: spec.asks_load().then(|| Tracker::new(count)),
            knowledge: Knowledge::of(spec, count),
            busy: Busy::of(spec, count),
            waiting: spec.queue_threshold.map(|threshold| Waiting::new(spec.queue_policy, threshold)),
            sessions: (spec.affinity != Affinity::None)
                .then(|| Sessions::new(spec.affinity == Affinity::Hard, spec.affinity_ttl.0)),
            refused: Vec::new(),
            overlaps: Vec::new(),
            candidates: Vec::new(),
        }
    }

    fn workers(&self) -> impl Iterator<Item = (WorkerId, &Slot)> {
        self.slots.iter().enumerate().map(|(index, slot)| (WorkerId(index as u32), slot))
    }

    fn prefill_tokens(&self, worker: WorkerId) -> u64 {
        self.tracker.as_ref().map_or(0, |tracker| tracker.prefill_tokens(worker))
    }

    /// Whether there are workers up and all of them have more to prefill than the queue's threshold.
    fn holds_back(&self, threshold: f64) -> bool {
        let mut up = self.workers().filter(|(_, slot)| slot.up).peekable();
        up.peek().is_some()
            && up.all(|(worker, slot)| exceeds(self.prefill_tokens(worker), threshold, &slot.facts))
    }

    fn is_busy(&self, worker: WorkerId, slot: &Slot) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.is_busy(worker, self.prefill_tokens(worker), &slot.facts))
    }

    /// Asks what every worker's cache holds of the prompt.
    fn look_up(&mut self, now: Micros, query: &Query) {
        match &mut self.knowledge {
            Some(knowledge) => knowledge.overlaps(now, query.chain.names(), &mut self.overlaps),
            None => self.overlaps.clear(),
        }
    }

    fn overlap(&self, worker: WorkerId) -> Overlap {
        self.overlaps.get(worker.0 as usize).copied().unwrap_or_default()
    }

    /// Tokens that an overlap stands for, a block of a lower tier counting as much as its weight says.
    fn cached(&self, overlap: Overlap) -> u64 {
        let Rules { host_weight, disk_weight, block_tokens, .. } = self.rules;
        let blocks = f64::from(overlap.device)
            + host_weight * f64::from(overlap.host)
            + disk_weight * f64::from(overlap.disk);
        (blocks * f64::from(block_tokens)).round() as u64
    }

    /// Which blocks of a prompt count. Those of its tokens whose content is not known are shared with nobody.
    fn footprint(&self, query: &Query) -> Footprint {
        let rules = &self.rules;
        if self.tracker.is_none() || !rules.active_blocks {
            return Footprint::default();
        }
        let blocks = u64::from(query.input / rules.block_tokens);
        if !rules.reuse {
            return Footprint { names: Vec::new(), own: blocks };
        }
        let names = query.chain.names().to_vec();
        let own = blocks.saturating_sub(names.len() as u64);
        Footprint { names, own }
    }

    /// Filter: the workers that are up and not too busy.
    fn filter(&mut self, footprint: &Footprint) -> Result<(), Rejection> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let mut up = false;
        for (worker, slot) in self.workers().filter(|(_, slot)| slot.up) {
            up = true;
            if self.is_busy(worker, slot) {
                continue;
            }
            let overlap = self.overlap(worker);
            let load =
                self.tracker.as_ref().map_or_else(Load::default, |tracker| tracker.load(worker, footprint));
            candidates.push(Candidate { worker, overlap, cached: self.cached(overlap), load });
        }
        let some = !candidates.is_empty();
        self.candidates = candidates;
        match (up, some) {
            (false, _) => Err(Rejection::NoWorker),
            (true, false) => Err(Rejection::Busy { status: self.rules.busy_status }),
            (true, true) => Ok(()),
        }
    }

    /// Where the conversation of a request is, if it may go there.
    fn bound(&mut self, now: Micros, query: &Query) -> Result<Option<usize>, Rejection> {
        let (Some(sessions), Some(session)) = (&mut self.sessions, query.session) else {
            return Ok(None);
        };
        let Some(worker) = sessions.worker(now, session) else {
            return Ok(None);
        };
        let candidate = self.candidates.iter().position(|candidate| candidate.worker == worker);
        if candidate.is_none() && sessions.hard {
            sessions.release(session);
            return Err(Rejection::Busy { status: self.rules.busy_status });
        }
        Ok(candidate)
    }

    /// Filter, score, pick, and note it.
    fn place(&mut self, now: Micros, query: &Query) -> Result<WorkerId, Rejection> {
        self.look_up(now, query);
        let footprint = self.footprint(query);
        self.filter(&footprint)?;
        let chosen = if let Some(bound) = self.bound(now, query)? {
            bound
        } else {
            let ask = Ask { input: u64::from(query.input), block_tokens: self.rules.block_tokens };
            self.policy.pick(ask, &self.candidates, &mut self.draws)
        };
        let Candidate { worker, cached, .. } = self.candidates[chosen];
        if let (Some(sessions), Some(session)) = (&mut self.sessions, query.session) {
            sessions.bind(now, session, query.id, worker);
        }
        if let Some(knowledge) = &mut self.knowledge {
            knowledge.routed(now, worker, query.chain.names());
        }
        if let Some(tracker) = &mut self.tracker {
            let prefill =
                if self.rules.prefill_tokens { u64::from(query.input).saturating_sub(cached) } else { 0 };
            tracker.add(query.id, worker, footprint, prefill);
        }
        self.recount(worker);
        Ok(worker)
    }

    /// Tells the latch how many blocks of `worker` are active now.
    fn recount(&mut self, worker: WorkerId) {
        if let (Some(busy), Some(tracker)) = (&mut self.busy, &self.tracker) {
            let facts = &self.slots[worker.0 as usize].facts;
            busy.observe(worker, Source::Tracked, tracker.active_blocks(worker), facts);
        }
    }

    /// Lets waiting requests go as long as some worker has room.
    fn drain(&mut self, now: Micros, placed: &mut Vec<(RequestId, WorkerId)>) {
        loop {
            let Some(threshold) = self.waiting.as_ref().filter(|w| !w.is_empty()).map(|w| w.threshold) else {
                return;
            };
            if self.holds_back(threshold) {
                return;
            }
            let Some(query) = self.waiting.as_mut().and_then(Waiting::pop) else {
                return;
            };
            match self.place(now, &query) {
                Ok(worker) => placed.push((query.id, worker)),
                Err(why) => self.refused.push((query.id, why)),
            }
        }
    }

    /// Tokens of the prompt in the cache of the worker that holds most of it.
    fn best_cached(&mut self, now: Micros, query: &Query) -> u64 {
        self.look_up(now, query);
        let up = self.workers().filter(|(_, slot)| slot.up);
        up.map(|(worker, _)| self.cached(self.overlap(worker))).max().unwrap_or(0)
    }
}

impl Router for Dispatcher {
    fn arrive(&mut self, now: Micros, query: Query) -> Verdict {
        let waits = self.waiting.as_ref().is_some_and(|w| !w.is_empty() || self.holds_back(w.threshold));
        if !waits {
            return self.place(now, &query).map_or_else(Verdict::Refused, Verdict::To);
        }
        let asks = self.waiting.as_ref().is_some_and(Waiting::asks_caches);
        let cached = if asks { self.best_cached(now, &query) } else { 0 };
        if let Some(waiting) = &mut self.waiting {
            waiting.push(now, query, cached);
        }
        Verdict::Queued
    }

    fn prefilled(&mut self, now: Micros, request: RequestId, placed: &mut Vec<(RequestId, WorkerId)>) {
        if let Some(tracker) = &mut self.tracker {
            tracker.prefilled(request);
        }
        self.drain(now, placed);
    }

    fn gone(&mut self, now: Micros, request: RequestId, placed: &mut Vec<(RequestId, WorkerId)>) {
        if let Some(sessions) = &mut self.sessions {
            sessions.gone(now, request);
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.remove(request);
        }
        if let Some(worker) = self.tracker.as_mut().and_then(|tracker| tracker.remove(request)) {
            self.recount(worker);
        }
        self.drain(now, placed);
    }

    fn wants_kv(&self) -> bool {
        self.knowledge.as_ref().is_some_and(Knowledge::is_told)
    }

    fn wants_load(&self) -> bool {
        self.busy.as_ref().is_some_and(Busy::counts_blocks)
    }

    fn observe_kv(&mut self, at: Micros, worker: WorkerId, event: KvEvent) {
        if let Some(knowledge) = &mut self.knowledge {
            knowledge.observe(at, worker, event);
        }
    }

    fn observe_load(&mut self, _: Micros, worker: WorkerId, gauges: &Gauges) {
        if let (Some(busy), Some(slot)) = (&mut self.busy, self.slots.get(worker.0 as usize)) {
            busy.observe(worker, Source::Reported, gauges.blocks_used, &slot.facts);
        }
    }

    fn up(
        &mut self,
        now: Micros,
        worker: WorkerId,
        facts: WorkerFacts,
        placed: &mut Vec<(RequestId, WorkerId)>,
    ) {
        let count = self.slots.len().max(worker.0 as usize + 1);
        self.slots.resize(count, Slot { facts, up: false });
        if let Some(tracker) = &mut self.tracker {
            tracker.grow(count);
        }
        if let Some(busy) = &mut self.busy {
            busy.grow(count);
        }
        self.forget(worker);
        self.slots[worker.0 as usize] = Slot { facts, up: true };
        self.drain(now, placed);
    }

    fn down(&mut self, now: Micros, worker: WorkerId) {
        if let Some(slot) = self.slots.get_mut(worker.0 as usize) {
            slot.up = false;
        }
        self.forget(worker);
        if self.slots.iter().all(|slot| !slot.up) {
            // Nobody is left to wait for: everything is refused, nothing can be placed.
            self.drain(now, &mut Vec::new());
        }
    }

    fn refused(&mut self, into: &mut Vec<(RequestId, Rejection)>) {
        into.append(&mut self.refused);
    }
}

impl Dispatcher {
    /// A worker has nothing any more.
    fn forget(&mut self, worker: WorkerId) {
        if worker.0 as usize >= self.slots.len() {
            return;
        }
        if let Some(tracker) = &mut self.tracker {
            tracker.forget(worker);
        }
        if let Some(knowledge) = &mut self.knowledge {
            knowledge.forget(worker);
        }
        if let Some(busy) = &mut self.busy {
            busy.forget(worker);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.forget(worker);
        }
    }
}

#[cfg(test)]
mod tests;
