//! Many workers as one engine: pools of workers behind routers, hand-over from prefill to decode, and what goes wrong.
//!
//! Start reading at [`Cluster`], whose loop (`happen`) does one thing at a time in the order of stamps; then `cluster/flow.rs`
//! (where a request is), `cluster/heed.rs` (what a worker's events mean), `cluster/place.rs` (how a request gets to a worker),
//! `disagg.rs` (from prefill to decode), `cluster/faults.rs` (crashes and the rest), `cluster/build.rs` (from a spec).
//!
//! At one moment the order is: faults and start-ups, KV transfers, workers by number (prefill before decode), routers. What a
//! worker's event sets off happens before the next of these.
//!
//! Not yet: ranks of one worker in lockstep (with expert parallelism, every rank waits for the slowest), KV events that tell which
//! worker they come from when a cluster passes them on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use tokmark_base::Micros;
use tokmark_kv::KvEvent;
use tokmark_record::Sample;

use crate::disagg::Handover;
use crate::fault::Fates;
use crate::{Arrival, Breakdown, Census, Engine, Gauges, Lifecycle, Out, Rejection, RequestId};

mod build;
mod faults;
mod flow;
mod heed;
mod place;
mod pool;

pub use build::{Blueprint, BuildError, build};
pub(crate) use faults::Act;
pub use faults::CrashPolicy;
pub(crate) use flow::{Flow, Stage, Todo};
pub use pool::WorkerView;
pub(crate) use pool::{Lane, Pool};

/// See the module.
pub struct Cluster {
    /// One, or prefill and decode.
    pub(crate) pools: Vec<Pool>,
    /// Every rank of every worker, pool by pool.
    pub(crate) lanes: Vec<Lane>,
    /// With two pools.
    pub(crate) handover: Option<Handover>,
    crash: CrashPolicy,
    fates: Fates,
    /// Faults and start-ups to come, by moment and then by number.
    agenda: BTreeMap<(Micros, u64), Act>,
    /// KV transfers under way; one whose request has gone is skipped.
    pub(crate) transfers: BinaryHeap<Reverse<(Micros, u64, RequestId)>>,
    flows: BTreeMap<RequestId, Flow>,
    /// Everything but what the workers count.
    ledger: Census,
    todo: VecDeque<Todo>,
    tickets: u64,
    now: Micros,
    look_ahead: bool,
    /// KV events for whoever asked the cluster for them.
    kv: Option<Vec<(Micros, KvEvent)>>,
    scratch: Vec<(Micros, KvEvent)>,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Act(u64),
    Transfer,
    Lane(usize),
    Router(usize),
}

impl Cluster {
    /// The earliest thing to happen.
    fn first(&self) -> Option<(Micros, Next)> {
        let act = self.agenda.first_key_value().map(|((at, nth), _)| (*at, Next::Act(*nth)));
        let transfer = self.transfers.peek().map(|Reverse((at, ..))| (*at, Next::Transfer));
        let lane =
            self.lanes.iter().enumerate().filter_map(|(i, lane)| Some((lane.due?, Next::Lane(i)))).min();
        let routers = self.pools.iter().enumerate();
        let router = routers.filter_map(|(i, pool)| Some((pool.router.next_due()?, Next::Router(i)))).min();
        [act, transfer, lane, router].into_iter().flatten().min()
    }

    /// Everything due at `to` or before.
    fn happen(&mut self, to: Micros, out: &mut Out) {
        while let Some((at, next)) = self.first().filter(|(at, _)| *at <= to) {
            let at = at.max(self.now);
            self.now = at;
            match next {
                Next::Act(nth) => self.act(at, nth, out),
                Next::Transfer => self.transferred(at, out),
                Next::Lane(lane) => self.drive(lane, out, |engine, out| engine.advance(at, out)),
                Next::Router(pool) => {
                    let mut placed = Vec::new();
                    self.pools[pool].router.advance(at, &mut placed);
                    self.placed(pool, at, placed);
                }
            }
            self.settle(out);
        }
        self.now = self.now.max(to);
    }

    /// Everything due before `now`: what happens at `now` itself waits until the driver advances, so that all that arrives at one
    /// moment shares a worker's first pass.
    fn until(&mut self, now: Micros, out: &mut Out) -> Micros {
        if now > self.now {
            self.happen(Micros(now.0 - 1), out);
            self.now = now;
        }
        self.now
    }

    /// Gives a command to a worker, and heeds what comes out.
    pub(crate) fn drive(
        &mut self,
        lane: usize,
        out: &mut Out,
        command: impl FnOnce(&mut dyn Engine, &mut Out),
    ) {
        let mark = out.events.len();
        command(&mut *self.lanes[lane].engine, out);
        self.lanes[lane].due = self.lanes[lane].engine.next_due();
        self.heed(lane, mark, out);
    }

    /// Does what events set off, and what that sets off, until nothing is left.
    pub(crate) fn settle(&mut self, out: &mut Out) {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Prefilled { pool, id, at } => {
                    self.tell(pool, at, |router, placed| router.prefilled(at, id, placed));
                }
                Todo::Gone { pool, id, at } => {
                    self.tell(pool, at, |router, placed| router.gone(at, id, placed));
                }
                Todo::Send { pool, unit, id, at } => self.sent(pool, unit, id, at, out),
                Todo::Place { pool, id, at } => self.place(pool, id, at, out),
                Todo::Enter { id, at } => self.enter(id, at, out),
                Todo::HandOver { id, at } => self.hand_over(id, at, out),
                Todo::Reserved { id, at } => self.reserved(id, at, out),
                Todo::Release { lane, id, at } => {
                    self.drive(lane, out, |engine, out| engine.release(at, id, out));
                }
                Todo::Refused { pool, id, why, at } => self.refused(pool, id, why, at, out),
            }
        }
    }

    /// Workers as they are now, pool by pool.
    pub fn workers(&self) -> Vec<WorkerView> {
        self.pools.iter().flat_map(|pool| pool.views(&self.lanes)).collect()
    }

    pub(crate) fn flow(&mut self, id: RequestId) -> Option<&mut Flow> {
        self.flows.get_mut(&id)
    }

    pub(crate) fn todo(&mut self, todo: Todo) {
        self.todo.push_back(todo);
    }

    pub(crate) fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Checks that what the cluster believes of its requests is what its workers say.
    fn audit(&self) {
        debug_assert_eq!(self.census().check(), Ok(()));
        debug_assert_eq!(self.census().in_flight(), self.flows.len() as u64, "{:?}", self.flows);
    }
}

impl Engine for Cluster {
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        let now = self.until(now, out);
        self.ledger.arrived += 1;
        self.receive(now, arrival, out);
        self.settle(out);
        self.audit();
    }

    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        let now = self.until(now, out);
        // What happens at this very moment may take it somewhere else first.
        while let Some(flow) = self.flows.get(&request) {
            let stage = flow.stage;
            if let Some(lane) = stage.lane() {
                self.drive(lane, out, |engine, out| engine.cancel(now, request, out));
                self.settle(out);
                if self.flows.get(&request).is_some_and(|flow| flow.stage == stage) {
                    break;
                }
            } else {
                self.end(request, now, Lifecycle::Cancelled);
                out.push(now, request, Lifecycle::Cancelled);
                self.settle(out);
            }
        }
        self.audit();
    }

    fn advance(&mut self, now: Micros, out: &mut Out) {
        self.happen(now.max(self.now), out);
        self.audit();
    }

    fn next_due(&self) -> Option<Micros> {
        // Faults and start-ups that nobody waits for need no one to look.
        if self.flows.is_empty() {
            return None;
        }
        self.first().map(|(at, _)| at.max(self.now))
    }

    fn look_ahead(&mut self, allowed: bool) {
        self.look_ahead = allowed;
        for lane in &mut self.lanes {
            lane.engine.look_ahead(allowed);
            lane.due = lane.engine.next_due();
        }
    }

    fn census(&self) -> Census {
        let mut census = self.ledger;
        for lane in &self.lanes {
            let there = lane.engine.census();
            census.waiting += there.waiting;
            census.running += there.running;
            census.work_scheduled += there.work_scheduled;
            census.work_running += there.work_running;
            census.work_ended += there.work_ended;
            census.work_lost += there.work_lost;
            census.blocks_total += there.blocks_total;
            census.blocks_used += there.blocks_used;
            census.blocks_free += there.blocks_free;
        }
        census
    }

    fn gauges(&self) -> Gauges {
        let mut gauges = Gauges::default();
        self.lanes.iter().for_each(|lane| gauges += lane.engine.gauges());
        gauges.waiting += self.ledger.routing + self.ledger.transferring;
        gauges
    }

    fn samples(&self, at: Micros) -> Vec<Sample> {
        let lanes = self.lanes.iter().enumerate().map(|(nth, lane)| {
            let engine = &lane.engine;
            engine.gauges().sample(&format!("engine{nth}"), at, engine.tier_report())
        });
        std::iter::once(self.gauges().sample("engine", at, None)).chain(lanes).collect()
    }

    fn cluster(&mut self) -> Option<&mut Cluster> {
        Some(self)
    }

    fn kv_events(&mut self, into: &mut Vec<(Micros, KvEvent)>) {
        (0..self.pools.len()).for_each(|pool| self.collect_kv(pool));
        if let Some(kv) = &mut self.kv {
            into.append(kv);
        }
    }

    fn tell_kv(&mut self, wanted: bool) {
        self.kv = wanted.then(Vec::new);
        for pool in &self.pools {
            let wanted = wanted || pool.router.wants_kv();
            self.lanes[pool.lanes.clone()].iter_mut().for_each(|lane| lane.engine.tell_kv(wanted));
        }
    }

    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        out.push(now.max(self.now), arrival.id, Lifecycle::Reserved);
    }

    fn release(&mut self, _now: Micros, _request: RequestId, _out: &mut Out) {}

    fn cached(&self, arrival: &Arrival) -> u32 {
        self.lanes.iter().map(|lane| lane.engine.cached(arrival)).max().unwrap_or(0)
    }

    fn stall(&mut self, now: Micros, until: Micros, out: &mut Out) {
        let now = self.until(now, out);
        for lane in 0..self.lanes.len() {
            self.drive(lane, out, |engine, out| engine.stall(now, until, out));
        }
        self.settle(out);
    }

    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, out: &mut Out) {
        let now = self.until(now, out);
        let mut here = Vec::new();
        for lane in 0..self.lanes.len() {
            self.drive(lane, out, |engine, out| engine.crash(now, &mut here, out));
        }
        self.todo.clear();
        for (_, flow) in std::mem::take(&mut self.flows) {
            self.ledger.handed_over += 1;
            self.ledger.tokens_running -= u64::from(flow.emitted);
            self.ledger.tokens_finished += u64::from(flow.emitted);
            for pool in (0..self.pools.len()).filter(|pool| flow.counted[*pool]) {
                // What the router would place now is lost as well.
                self.pools[pool].router.gone(now, flow.arrival.id, &mut Vec::new());
            }
            lost.push(flow.resumed());
        }
        (self.ledger.routing, self.ledger.transferring) = (0, 0);
        self.transfers.clear();
        self.pools.iter_mut().for_each(Pool::forget);
    }
}

impl Cluster {
    /// A request comes in from outside.
    fn receive(&mut self, now: Micros, mut arrival: Arrival, out: &mut Out) {
        let id = arrival.id;
        let mut refuse = |ledger: &mut Census, why| {
            ledger.rejected += 1;
            out.push(now, id, Lifecycle::Rejected(why));
        };
        if self.flows.contains_key(&id) {
            return refuse(&mut self.ledger, Rejection::DuplicateId);
        }
        if self.handover.as_ref().is_some_and(Handover::needs_length) && arrival.input.is_none() {
            return refuse(&mut self.ledger, Rejection::UnknownLength);
        }
        let cut = match self.fates.draw(now, id) {
            crate::fault::Fate::Reject(status) => {
                return refuse(&mut self.ledger, Rejection::Busy { status });
            }
            crate::fault::Fate::Error(status) => {
                self.ledger.failed += 1;
                out.push(now, id, Lifecycle::Queued);
                out.push(now, id, Lifecycle::Failed(Breakdown::Injected { status }));
                return;
            }
            crate::fault::Fate::Cut(tokens) => crate::fault::cut(&mut arrival, tokens),
            crate::fault::Fate::Good => false,
        };
        self.flows.insert(id, Flow::new(arrival, cut));
        self.enter(id, now, out);
    }
}
