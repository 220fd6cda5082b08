//! Disaggregation: blocks set aside for a context that is on its way here, blocks kept for one that is to be fetched.
//!
//! The order of things is Dynamo's: blocks are set aside between passes only, for one request at the end of each pass and for one
//! more with each that is taken over, first asked first served, and only while a sequence more may run. As long as somebody
//! waits for that, requests that would have to be computed here are not admitted.

use tokmark_base::Micros;
use tokmark_kv::BlockId;

use super::batch::{Admission, Batch};
use super::request::{Place, Request};
use crate::{Arrival, Lifecycle, Out, RequestId};

impl Batch {
    /// See [`crate::Engine::reserve`]. A request that can never be served is `Rejected`.
    pub(crate) fn reserve(&mut self, now: Micros, mut arrival: Arrival, out: &mut Out) {
        self.still = false;
        let id = arrival.id;
        arrival.carried.cached = true;
        match self.accept(arrival) {
            Ok(request) => {
                let ticket = self.lodge(request, Place::Expected);
                self.handoff.expected.push_back(ticket);
                self.capacity_changed(now, out);
            }
            Err(why) => out.push(now, id, Lifecycle::Rejected(why)),
        }
    }

    /// See [`crate::Engine::release`].
    pub(crate) fn release(&mut self, now: Micros, id: RequestId, out: &mut Out) {
        self.still = false;
        match self.slots.get(&id) {
            Some(&slot)
                if matches!(self.requests[slot as usize].place, Place::Expected | Place::Reserved) =>
            {
                self.leave(slot);
                self.capacity_changed(now, out);
            }
            _ if self.in_pass => self.handoff.released.push(id),
            _ => {
                self.free_kept(id);
                self.capacity_changed(now, out);
            }
        }
    }

    /// See [`crate::Engine::cached`].
    pub(crate) fn cached(&self, arrival: &Arrival) -> u32 {
        let Some(input) = arrival.input.filter(|_| self.pool.reuses()) else {
            return 0;
        };
        let block = self.rules.block;
        let chain = Request::chain_of(arrival, input, block);
        let most = if self.rules.recompute_last { input.saturating_sub(1) / block } else { input / block };
        let mut found = Vec::new();
        self.pool.find(&chain.names()[..most as usize], &mut found);
        found.len() as u32 * block
    }

    /// A request whose blocks are set aside arrives; `false` if there is no such request.
    pub(crate) fn take_over(&mut self, now: Micros, arrival: &Arrival, out: &mut Out) -> bool {
        let Some(&slot) = self.slots.get(&arrival.id) else {
            return false;
        };
        let request = &mut self.requests[slot as usize];
        if request.place != Place::Reserved || request.arrival.carried != arrival.carried {
            return false;
        }
        request.place = Place::Waiting;
        request.arrival.keep = arrival.keep;
        let complete = request.delivery() / self.rules.block;
        self.pool.store(&request.chain, &request.blocks, request.named as usize..complete as usize);
        request.named = request.named.max(complete);
        let ticket = request.ticket(slot);
        self.waiting.push_in_order(ticket);
        self.census.waiting += 1;
        out.push(now, arrival.id, Lifecycle::Queued);
        self.handoff.taken_over += 1;
        self.capacity_changed(now, out);
        true
    }

    /// Blocks of a finished request stay in use until [`Self::release`].
    pub(crate) fn keep(&mut self, id: RequestId, blocks: Vec<BlockId>) {
        if let Some(mut before) = self.handoff.kept.insert(id, blocks) {
            self.pool.give_back(&mut before);
        }
    }

    fn free_kept(&mut self, id: RequestId) {
        if let Some(mut blocks) = self.handoff.kept.remove(&id) {
            self.pool.give_back(&mut blocks);
        }
    }

    /// After a command: sets blocks aside, unless a pass is in flight, at the end of which it is done.
    pub(crate) fn capacity_changed(&mut self, now: Micros, out: &mut Out) {
        if !self.in_pass {
            self.handoff.taken_over = 0;
            self.set_aside(now, out);
            self.note_kv(now);
        }
    }

    /// A pass is over.
    pub(crate) fn settle_handoff(&mut self, now: Micros, out: &mut Out) {
        while let Some(id) = self.handoff.released.pop() {
            self.free_kept(id);
        }
        for _ in 0..=std::mem::take(&mut self.handoff.taken_over) {
            self.set_aside(now, out);
        }
    }

    /// Sets blocks aside for the first who waits for that, if there are enough.
    pub(crate) fn set_aside(&mut self, now: Micros, out: &mut Out) -> bool {
        let slot = loop {
            let Some(&ticket) = self.handoff.expected.front() else {
                return false;
            };
            if self.is_at(ticket, Place::Expected) {
                break ticket.slot;
            }
            self.handoff.expected.pop_front();
        };
        if self.running.len() as u64 >= u64::from(self.rules.sequences) {
            return false;
        }
        // Who is promised the blocks of its whole life gets its own; others share what is here.
        let shares = self.rules.admission == Admission::Known;
        let mut held = 0;
        if shares {
            held = self.look_up(slot);
        } else if self.requests[slot as usize].target.div_ceil(self.rules.block) > self.available() {
            return false;
        } else {
            self.scratch.found.clear();
        }
        let request = &mut self.requests[slot as usize];
        let found = self.scratch.found.len() as u32;
        let fresh = request.whole() - found;
        if fresh + found - held + self.promised_to_fetches() > self.pool.free() {
            return false;
        }
        let request = &mut self.requests[slot as usize];
        if !self.pool.take(&self.scratch.found, fresh, &mut request.blocks) {
            return false;
        }
        (request.place, request.named) = (Place::Reserved, found);
        self.handoff.aside += u32::from(!request.blocks.is_empty());
        self.handoff.expected.pop_front();
        out.push(now, request.id(), Lifecycle::Reserved);
        true
    }
}
