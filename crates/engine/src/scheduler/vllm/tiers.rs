//! Tiers below the device, as vLLM's `OffloadingConnector` uses them (0.32, `kv_connector/v1/offloading/scheduler.py`) and Dynamo
//! 1.6.1 models it: where a [`Batch`] meets [`Tiers`].
//!
//! Complete blocks of prompts are offered when the pass that computed them is over. A request at the head of the queue whose prompt
//! goes on in a tier gets its blocks on the device and leaves the queue until they are filled; others may overtake it. Then it
//! goes before all that wait, and what was fetched counts as cached. If the next block is on its way into a tier, or one is being
//! fetched for somebody else, it is passed over until that has arrived.
//!
//! Where this differs:
//!
//! - The last block of a context is always computed here; vLLM fetches it too and computes its last token again.
//! - What is in a tier counts as used when a request is admitted or begins to fetch; for vLLM each time it is looked up.
//! - Who has its blocks goes before all that wait under the priority policy too; vLLM compares the two heads.
//! - A pass that takes blocks which are still being copied does not wait for the copies (Dynamo's replay; see [`tokmark_kv::tier`]).
//!
//! As in vLLM a fetch starts only if the whole context has room besides what running prefills and other fetches still need: it
//! cannot be thrown out again. What arrives below while nothing is computed is told to routers when the worker next wakes.

use std::collections::{BTreeMap, VecDeque};

use tokmark_base::Micros;
use tokmark_kv::tier::{Block, Reach, TierReport, Tiers, TiersParams};
use tokmark_kv::{KvEvent, Tier};

use super::batch::Batch;
use super::request::{Place, Request, Ticket};
use crate::RequestId;

/// What a batch knows of the tiers below it.
pub(crate) struct Below {
    tiers: Tiers,
    /// Blocks of the pass in flight.
    offers: Vec<Block>,
    /// Changes on the device that are told when the pass is over.
    held: Vec<KvEvent>,
    /// Whether somebody hears what is told.
    heard: bool,
    /// Requests whose blocks are on their way.
    loading: BTreeMap<RequestId, Ticket>,
    /// Requests whose blocks are there.
    ready: VecDeque<Ticket>,
    /// Somebody was passed over for a block on its way.
    waits: bool,
}

impl Below {
    pub(super) fn new(params: &TiersParams) -> Self {
        Self {
            tiers: Tiers::new(params),
            offers: Vec::new(),
            held: Vec::new(),
            heard: false,
            loading: BTreeMap::new(),
            ready: VecDeque::new(),
            waits: false,
        }
    }
}

/// What the tiers do for the head of the queue.
pub(super) enum Found {
    /// Nothing: it is computed here.
    Nothing,
    /// So much can be fetched.
    Reach(Reach),
    /// Something it needs is on its way.
    Waits,
}

impl Batch {
    /// Puts tiers below an empty cache.
    pub(super) fn with_tiers(mut self, params: &TiersParams) -> Self {
        self.pool.tell_events(true);
        self.below = Some(Box::new(Below::new(params)));
        self
    }

    /// A pass is about to be composed: whose blocks have arrived may go on.
    pub(super) fn hear_from_below(&mut self, now: Micros) {
        let Some(below) = &mut self.below else {
            return;
        };
        below.waits = false;
        below.tiers.advance(now);
        for loaded in below.tiers.loaded() {
            let Some(ticket) = below.loading.remove(&RequestId(loaded.request)) else {
                continue;
            };
            let request = &mut self.requests[ticket.slot as usize];
            let complete = request.named + loaded.blocks;
            self.pool.store(&request.chain, &request.blocks, request.named as usize..complete as usize);
            (request.named, request.offered) = (complete, request.offered.max(complete));
            below.ready.push_back(ticket);
        }
    }

    /// The next in turn: whose blocks have come, then the head of the queue.
    pub(super) fn head(&self) -> Option<Ticket> {
        let ready = self.below.as_ref().and_then(|below| below.ready.front().copied());
        ready.or_else(|| self.waiting.head())
    }

    /// Takes [`Self::head`] away.
    pub(super) fn pop_head(&mut self) {
        if self.below.as_mut().is_none_or(|below| below.ready.pop_front().is_none()) {
            self.waiting.pop();
        }
    }

    /// Back to where it was taken from.
    pub(super) fn put_back(&mut self, ticket: Ticket) {
        let request = &self.requests[ticket.slot as usize];
        let fetched = !request.delivered && !request.blocks.is_empty();
        match &mut self.below {
            Some(below) if fetched => below.ready.push_front(ticket),
            _ => self.waiting.push_front(ticket),
        }
    }

    /// What the tiers have of the request in `slot` behind what was found on the device.
    pub(super) fn look_below(&mut self, now: Micros, slot: u32) -> Found {
        let (from, end) = self.span_below(slot);
        let Some(below) = &mut self.below else {
            return Found::Nothing;
        };
        let request = &self.requests[slot as usize];
        if request.delivered || from >= end || !self.pool.reuses() {
            return Found::Nothing;
        }
        let reach = below.tiers.lookup(now, &request.chain.names()[..end], from);
        if reach.waits {
            below.waits = true;
            return Found::Waits;
        }
        if reach.blocks() == 0 { Found::Nothing } else { Found::Reach(reach) }
    }

    /// Of the blocks of the request in `slot`, how many were found on the device, and how many may be found at all.
    fn span_below(&self, slot: u32) -> (usize, usize) {
        let request = &self.requests[slot as usize];
        let most = request.known.saturating_sub(1) / self.rules.block;
        // A drafter needs the block before to be computed here too.
        let most = most.saturating_sub(u32::from(self.sampler.is_some()));
        (self.scratch.found.len(), most as usize)
    }

    /// Blocks that those who came before still need for their prompts: a fetch must not take them, for it cannot be thrown out.
    pub(super) fn promised_to_prompts(&self) -> u32 {
        let running = self.running.iter().map(|slot| &self.requests[*slot as usize]);
        let running: u32 = running.filter(|request| request.computed < request.prompt).map(lacks).sum();
        running + self.promised_to_fetches()
    }

    /// Of those, the ones of requests that hold what they fetch.
    pub(super) fn promised_to_fetches(&self) -> u32 {
        let Some(below) = &self.below else {
            return 0;
        };
        let fetching = below.loading.values().chain(&below.ready);
        let fetching = fetching.filter(|ticket| self.is_at(**ticket, Place::Waiting));
        fetching.map(|ticket| lacks(&self.requests[ticket.slot as usize])).sum()
    }

    /// Gives the request in `slot` its blocks on the device and starts to fetch what goes into them. `false`: there is no room.
    pub(super) fn fetch(&mut self, now: Micros, slot: u32, reach: Reach) -> bool {
        let (from, end) = self.span_below(slot);
        let Some(below) = &mut self.below else {
            return false;
        };
        let request = &mut self.requests[slot as usize];
        if !self.pool.take(&self.scratch.found, reach.blocks(), &mut request.blocks) {
            return false;
        }
        (request.named, request.loaded) = (from as u32, reach.blocks());
        let began = below.tiers.onboard(now, request.id().0, &request.chain.names()[..end], from);
        debug_assert_eq!(began, reach, "nothing happens between looking and fetching");
        if !request.preempted {
            below.tiers.count((end - from) as u64, reach);
        }
        below.loading.insert(request.id(), request.ticket(slot));
        self.handoff.aside += 1;
        true
    }

    /// The request in `slot` is admitted without having fetched anything.
    pub(super) fn note_miss_below(&mut self, now: Micros, slot: u32) {
        let (from, end) = self.span_below(slot);
        let request = &mut self.requests[slot as usize];
        request.loaded = 0;
        let Some(below) = self.below.as_mut().filter(|_| !request.delivered) else {
            return;
        };
        below.tiers.touch(now, request.chain.names());
        if !request.preempted {
            below.tiers.count(end.saturating_sub(from) as u64, Reach::default());
        }
    }

    /// A pass is composed: notes which blocks of prompts it completes, and whose copies can no longer be made.
    pub(super) fn note_offers(&mut self, now: Micros) {
        let Some(below) = &mut self.below else {
            return;
        };
        for slot in &self.running {
            let request = &mut self.requests[*slot as usize];
            let complete = request.computed.min(request.prompt) / self.rules.block;
            if request.share.is_none() || complete <= request.offered || !self.pool.reuses() {
                continue;
            }
            let (names, locals) = (request.chain.names(), request.chain.locals());
            below.offers.extend((request.offered as usize..complete as usize).map(|nth| Block {
                name: names[nth],
                local: locals[nth],
                parent: nth.checked_sub(1).map(|before| names[before]),
            }));
            request.offered = complete;
        }
        self.note_losses(now);
    }

    /// Blocks were taken at `now`: what was in them is gone.
    pub(super) fn note_losses(&mut self, now: Micros) {
        if let Some(below) = &mut self.below {
            below.hold(now, self.pool.events());
        }
    }

    /// A pass is over: its blocks are there to be copied, and what changed here and below is told, stamped and in order.
    pub(super) fn note_below(&mut self, now: Micros) {
        let Some(below) = &mut self.below else {
            return;
        };
        below.tiers.store(now, &below.offers, 0);
        below.offers.clear();
        below.hold(now, self.pool.events());
        below.tiers.advance(now);
        self.told.extend(below.tiers.events());
        self.told.extend(below.held.drain(..).map(|event| (now, event)));
    }

    pub(super) fn tell_below(&mut self, wanted: bool) {
        if let Some(below) = &mut self.below {
            below.heard = wanted;
            below.tiers.tell_events(wanted);
            self.pool.tell_events(true);
        }
    }

    /// A request went away while its blocks were on their way.
    pub(super) fn forget_below(&mut self, now: Micros, id: RequestId) {
        if let Some(below) = &mut self.below
            && below.loading.remove(&id).is_some()
        {
            below.tiers.cancel(now, id.0);
        }
    }

    pub(super) fn crash_below(&mut self, now: Micros) {
        if let Some(below) = &mut self.below {
            below.tiers.crash(now);
            below.offers.clear();
            below.loading.clear();
            below.ready.clear();
            below.waits = false;
        }
    }

    /// Whether something on its way is waited for.
    fn waits_for_below(&self) -> bool {
        self.below
            .as_ref()
            .is_some_and(|below| below.waits || !below.loading.is_empty() || !below.ready.is_empty())
    }

    /// Whether the next pass may be another because of the tiers: who waits is looked up again with each.
    pub(super) fn may_hear_from_below(&self) -> bool {
        let has_slot = (self.running.len() as u64) < u64::from(self.rules.sequences);
        let looks = self.below.is_some() && self.census.waiting > 0 && has_slot;
        looks || self.waits_for_below()
    }

    /// See [`crate::Scheduler::next_due`].
    pub(crate) fn next_due(&self) -> Option<Micros> {
        let below = self.below.as_ref().filter(|_| self.waits_for_below())?;
        below.tiers.next_due()
    }

    /// See [`crate::Scheduler::tier_report`].
    pub(crate) fn tier_report(&self) -> Option<TierReport> {
        self.below.as_ref().map(|below| below.tiers.report())
    }
}

/// Blocks that a request lacks for what is known of it.
fn lacks(request: &Request) -> u32 {
    request.whole().saturating_sub(request.blocks.len() as u32)
}

impl Below {
    /// Changes on the device: what is gone cannot be copied any more, and who listens hears of it when the pass is over.
    fn hold(&mut self, now: Micros, events: impl Iterator<Item = KvEvent>) {
        for event in events {
            if let KvEvent::Removed { tier: Tier::Device, blocks } = &event {
                self.tiers.gone(now, blocks);
            }
            if self.heard {
                self.held.push(event);
            }
        }
    }
}
