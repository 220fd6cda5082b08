//! The batch scheduler behind vLLM and TensorRT-LLM: who is here, and what each command does to the books.
//!
//! Passes are composed in `compose.rs`; stretches of passes in which nothing can change are in `stretch.rs`.

use std::collections::{BTreeMap, VecDeque};

use tokmark_base::Micros;
use tokmark_kv::{BlockId, BlockPool, KvEvent};

use super::request::{Place, Queue, Request, Ticket, reply};
use super::speculation::Sampler;
use super::tiers::Below;
use crate::{Arrival, Breakdown, Carried, Census, Gauges, Lifecycle, Out, Rejection, RequestId};

/// What distinguishes one engine's batches from another's. Checked by those who fill it in: no capacity is 0.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Tokens a pass.
    pub(crate) tokens: u32,
    /// What the engine calls that number.
    pub(crate) limit: &'static str,
    /// Sequences that run at once.
    pub(crate) sequences: u32,
    /// Tokens a block.
    pub(crate) block: u32,
    /// Tokens of prompt and reply together.
    pub(crate) context: u32,
    /// Where the model ends by itself.
    pub(crate) natural: u32,
    /// A prompt may be computed in several passes.
    pub(crate) chunked: bool,
    /// Tokens of one prompt in one pass, unless it is alone; 0: no limit.
    pub(crate) long: u32,
    /// Adapters in one batch.
    pub(crate) adapters: usize,
    pub(crate) victim: Victim,
    pub(crate) admission: Admission,
    /// A reply ends where its context fills the whole cache.
    pub(crate) room_for_reply: bool,
    /// A context found in the cache as a whole is computed again from its last block on.
    pub(crate) recompute_last: bool,
}

/// Who is thrown out when blocks run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// Who was admitted last.
    Newest,
    /// Who was admitted first.
    Oldest,
    /// Who has the greatest (priority, arrival).
    Worst,
}

/// Which blocks must be free for a request to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Those of its context as far as it is known.
    Known,
    /// Those of its whole life, while all that run keep theirs.
    Completion,
}

/// See the module.
pub(crate) struct Batch {
    pub(crate) rules: Rules,
    pub(crate) sampler: Option<Sampler>,
    pub(crate) pool: BlockPool,
    pub(crate) requests: Vec<Request>,
    vacant: Vec<u32>,
    pub(crate) slots: BTreeMap<RequestId, u32>,
    pub(crate) waiting: Queue,
    pub(crate) running: Vec<u32>,
    arrivals: u64,
    pub(crate) census: Census,
    pub(crate) counts: Gauges,
    /// The pass in flight brings one token for each of `running`, and if no command comes none but they are in the next.
    pub(crate) still: bool,
    /// A pass is in flight.
    pub(crate) in_pass: bool,
    pub(crate) handoff: Handoff,
    /// Tiers below the device, if there are any.
    pub(crate) below: Option<Box<Below>>,
    pub(crate) told: Vec<(Micros, KvEvent)>,
    pub(crate) scratch: Scratch,
}

/// What is on its way here or away from here (disaggregation).
#[derive(Debug, Default)]
pub(crate) struct Handoff {
    /// Requests for which memory is to be set aside, in the order in which that was asked for.
    pub(crate) expected: VecDeque<Ticket>,
    /// How many requests hold blocks without running.
    pub(crate) aside: u32,
    /// Requests taken over since the pass in flight began.
    pub(crate) taken_over: u32,
    /// Blocks of requests that have finished, to be fetched by another worker.
    pub(crate) kept: BTreeMap<RequestId, Vec<BlockId>>,
    /// Of those, the ones to free when the pass in flight is over.
    pub(crate) released: Vec<RequestId>,
}

/// Memory kept between passes.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) found: Vec<BlockId>,
    pub(crate) passed_over: Vec<Ticket>,
    pub(crate) adapters: Vec<u64>,
    pub(crate) crossings: Vec<(u32, u32)>,
}

impl Batch {
    pub(crate) fn new(rules: Rules, pool: BlockPool, sampler: Option<Sampler>) -> Self {
        let waiting = match rules.victim {
            Victim::Worst => Queue::Priority(std::collections::BTreeSet::new()),
            Victim::Newest | Victim::Oldest => Queue::Fifo(VecDeque::new()),
        };
        Self {
            rules,
            sampler,
            pool,
            requests: Vec::new(),
            vacant: Vec::new(),
            slots: BTreeMap::new(),
            waiting,
            running: Vec::new(),
            arrivals: 0,
            census: Census::default(),
            counts: Gauges::default(),
            still: false,
            in_pass: false,
            handoff: Handoff::default(),
            below: None,
            told: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    pub(crate) fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        self.still = false;
        self.census.arrived += 1;
        let id = arrival.id;
        if arrival.carried.cached && self.take_over(now, &arrival, out) {
            return;
        }
        match self.accept(arrival) {
            Ok(request) => {
                let ticket = self.lodge(request, Place::Waiting);
                self.waiting.push(ticket);
                self.census.waiting += 1;
                out.push(now, id, Lifecycle::Queued);
            }
            Err(why) => {
                self.census.rejected += 1;
                out.push(now, id, Lifecycle::Rejected(why));
            }
        }
    }

    /// The request that `arrival` becomes, or why it cannot be served.
    pub(crate) fn accept(&mut self, arrival: Arrival) -> Result<Request, Rejection> {
        if self.slots.contains_key(&arrival.id) {
            return Err(Rejection::DuplicateId);
        }
        let rules = &self.rules;
        let input = arrival.input.ok_or(Rejection::UnknownLength)?;
        let (mut whole, reason) = reply(input, arrival.length, rules.context, rules.natural)?;
        let Carried { emitted, cached } = arrival.carried;
        let cache = u64::from(self.pool.total()) * u64::from(rules.block);
        let mut needed = u64::from(input) + u64::from(emitted);
        if rules.room_for_reply {
            needed = needed.max(u64::from(input) + 1);
            whole = u64::from(whole).min(cache.saturating_sub(u64::from(input))) as u32;
        }
        if needed > cache {
            return Err(Rejection::CacheTooSmall { needed, cache });
        }
        if emitted >= whole {
            return Err(Rejection::NothingAsked);
        }
        let prompt = input + emitted;
        if !rules.chunked && !cached && prompt > rules.tokens {
            return Err(Rejection::PassTooSmall { input: prompt, pass: rules.tokens, limit: rules.limit });
        }
        let chain = Request::chain_of(&arrival, input, rules.block);
        self.arrivals += 1;
        Ok(Request {
            nth: self.arrivals,
            prompt,
            known: prompt,
            target: input + whole,
            reason,
            delivered: cached,
            chain,
            arrival,
            ..Request::vacant(rules.block)
        })
    }

    /// Gives a request a slot.
    pub(crate) fn lodge(&mut self, request: Request, place: Place) -> Ticket {
        let slot = self.vacant.pop().unwrap_or(self.requests.len() as u32);
        self.slots.insert(request.id(), slot);
        let ticket = request.ticket(slot);
        match self.requests.get_mut(slot as usize) {
            Some(vacant) => {
                // A slot's block table keeps its memory.
                let blocks = std::mem::take(&mut vacant.blocks);
                *vacant = Request { place, blocks, ..request };
            }
            None => self.requests.push(Request { place, ..request }),
        }
        ticket
    }

    /// Whether the request a ticket stands for is still where the ticket says.
    pub(crate) fn is_at(&self, ticket: Ticket, place: Place) -> bool {
        let request = &self.requests[ticket.slot as usize];
        request.nth == ticket.nth && request.place == place
    }

    pub(crate) fn cancel(&mut self, now: Micros, id: RequestId, out: &mut Out) {
        let Some(&slot) = self.slots.get(&id) else {
            return;
        };
        if matches!(self.requests[slot as usize].place, Place::Expected | Place::Reserved) {
            return self.release(now, id, out);
        }
        self.still = false;
        self.running.retain(|other| *other != slot);
        self.forget_below(now, id);
        let emitted = u64::from(self.leave(slot));
        self.census.cancelled += 1;
        self.census.tokens_cancelled += emitted;
        out.push(now, id, Lifecycle::Cancelled);
        self.capacity_changed(now, out);
    }

    /// A request that can never be served; it is in `running` no more.
    pub(crate) fn fail(&mut self, now: Micros, slot: u32, out: &mut Out) {
        let id = self.requests[slot as usize].id();
        let emitted = u64::from(self.leave(slot));
        self.census.failed += 1;
        self.census.tokens_cancelled += emitted;
        out.push(now, id, Lifecycle::Failed(Breakdown::OutOfMemory));
    }

    /// A request got its last token; `running` forgets it later.
    pub(crate) fn finish(&mut self, now: Micros, slot: u32, out: &mut Out) {
        let request = &mut self.requests[slot as usize];
        let (id, reason) = (request.id(), request.reason);
        if request.arrival.keep {
            let blocks = std::mem::take(&mut request.blocks);
            self.keep(id, blocks);
        }
        let emitted = u64::from(self.leave(slot));
        self.census.finished += 1;
        self.census.tokens_finished += emitted;
        out.push(now, id, Lifecycle::Finished(reason));
    }

    /// A request leaves its slot and gives back its blocks. Tokens that came out for it here.
    pub(crate) fn leave(&mut self, slot: u32) -> u32 {
        let request = &mut self.requests[slot as usize];
        let emitted = request.emitted_here();
        match request.place {
            Place::Running => self.census.running -= 1,
            Place::Waiting => self.census.waiting -= 1,
            Place::Expected | Place::Reserved | Place::Gone => {}
        }
        if request.place != Place::Running && !request.blocks.is_empty() {
            self.handoff.aside -= 1;
        }
        self.census.tokens_running -= u64::from(emitted);
        self.census.work_running -= request.work;
        self.census.work_ended += request.work;
        self.pool.give_back(&mut request.blocks);
        self.slots.remove(&request.arrival.id);
        let blocks = std::mem::take(&mut request.blocks);
        *request = Request { blocks, ..Request::vacant(self.rules.block) };
        self.vacant.push(slot);
        emitted
    }

    pub(crate) fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>) {
        let mut here: Vec<u32> = std::mem::take(&mut self.slots).into_values().collect();
        here.sort_unstable_by_key(|slot| self.requests[*slot as usize].nth);
        for slot in here {
            let request = &mut self.requests[slot as usize];
            if matches!(request.place, Place::Waiting | Place::Running) {
                let carried = Carried { emitted: request.emitted(), cached: false };
                lost.push(Arrival { carried, ..std::mem::take(&mut request.arrival) });
            }
            *request = Request::vacant(self.rules.block);
            self.vacant.push(slot);
        }
        let census = &mut self.census;
        census.handed_over += census.waiting + census.running;
        census.tokens_finished += census.tokens_running;
        census.work_lost += census.work_running;
        (census.waiting, census.running, census.tokens_running, census.work_running) = (0, 0, 0, 0);
        self.waiting.clear();
        self.running.clear();
        self.crash_below(now);
        self.pool.reset();
        self.handoff = Handoff::default();
        (self.still, self.in_pass) = (false, false);
        self.note_kv(now);
    }

    /// Stamps what changed in the cache since the last call: routers hear of it when the pass is over.
    pub(crate) fn note_kv(&mut self, now: Micros) {
        self.note_below(now);
        self.told.extend(self.pool.events().map(|event| (now, event)));
    }

    pub(crate) fn kv_events(&mut self, into: &mut Vec<(Micros, KvEvent)>) {
        into.append(&mut self.told);
    }

    pub(crate) fn tell_kv(&mut self, wanted: bool) {
        self.pool.tell_events(wanted);
        self.tell_below(wanted);
    }

    pub(crate) fn census(&self) -> Census {
        let total = u64::from(self.pool.total());
        let free = u64::from(self.pool.free());
        Census { blocks_total: total, blocks_used: total - free, blocks_free: free, ..self.census }
    }

    pub(crate) fn gauges(&self) -> Gauges {
        let Census { running, waiting, blocks_total, blocks_used, tokens_emitted, .. } = self.census();
        Gauges {
            running,
            waiting,
            blocks_total,
            blocks_used,
            block_tokens: self.rules.block,
            generation_tokens: tokens_emitted,
            ..self.counts
        }
    }
}
