//! How a request gets to a worker.

use tokmark_base::{Content, Micros};
use tokmark_kv::{Chain, hash};

use super::{Cluster, Stage, Todo};
use crate::router::{Query, Router, Verdict, WorkerId};
use crate::{Arrival, Breakdown, Carried, Length, Lifecycle, Out, Rejection, RequestId};

impl Cluster {
    /// A request starts: with the first pool, unless its decode worker prefills it.
    pub(super) fn enter(&mut self, id: RequestId, at: Micros, out: &mut Out) {
        let pool = usize::from(self.prefills_locally(id, at, out));
        match self.flows.get(&id).and_then(|flow| flow.chosen) {
            Some(lane) if pool == 1 => self.start(id, lane, at, out),
            _ => self.place(pool, id, at, out),
        }
    }

    /// Asks the router of `pool` where a request goes.
    pub(super) fn place(&mut self, pool: usize, id: RequestId, at: Micros, out: &mut Out) {
        if !self.flows.contains_key(&id) {
            return;
        }
        if !self.pools[pool].serves() {
            return self.wait_for_a_worker(pool, id, at, out);
        }
        match self.ask(pool, id, at, out) {
            Some(Verdict::To(unit)) => self.sent(pool, unit.0, id, at, out),
            Some(Verdict::Queued) => self.queued(id, at, Stage::Routed(pool), out),
            Some(Verdict::Refused(why)) => self.refuse(id, why, at, out),
            None => {}
        }
    }

    /// What the router of `pool` says of a request. From here on the router counts it, if it takes it.
    pub(crate) fn ask(&mut self, pool: usize, id: RequestId, at: Micros, out: &mut Out) -> Option<Verdict> {
        self.inform(pool, at, out);
        let chains = self.pools[pool].chains;
        let flow = self.flows.get_mut(&id)?;
        let query = query(&flow.arrival, flow.context(), chains.then_some(self.pools[pool].block_tokens));
        let verdict = self.pools[pool].router.arrive(at, query);
        flow.counted[pool] = !matches!(verdict, Verdict::Refused(_));
        Some(verdict)
    }

    /// Nobody of the pool is up: the request waits for one who is coming, or is refused.
    fn wait_for_a_worker(&mut self, pool: usize, id: RequestId, at: Micros, out: &mut Out) {
        if !self.pools[pool].will_serve() {
            return self.refuse(id, Rejection::NoWorker, at, out);
        }
        self.pools[pool].lobby.push_back(id);
        self.queued(id, at, Stage::Lobby(pool), out);
    }

    fn queued(&mut self, id: RequestId, at: Micros, stage: Stage, out: &mut Out) {
        self.set_stage(id, Some(stage));
        if let Some(flow) = self.flows.get_mut(&id)
            && !std::mem::replace(&mut flow.told, true)
        {
            out.push(at, id, Lifecycle::Queued);
        }
    }

    /// Nobody takes a request. One that has tokens out already fails, for its client has got a good status.
    pub(super) fn refuse(&mut self, id: RequestId, why: Rejection, at: Micros, out: &mut Out) {
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        let what = if flow.emitted > 0 {
            Lifecycle::Failed(Breakdown::WorkerLost)
        } else {
            Lifecycle::Rejected(why)
        };
        self.end(id, at, what);
        out.push(at, id, what);
    }

    /// The router refuses a request that waited. If that is because nobody is up and somebody is coming, it waits on.
    pub(super) fn refused(&mut self, pool: usize, id: RequestId, why: Rejection, at: Micros, out: &mut Out) {
        let Some(flow) = self.flows.get_mut(&id).filter(|flow| flow.stage == Stage::Routed(pool)) else {
            return;
        };
        flow.counted[pool] = false;
        if why == Rejection::NoWorker && self.pools[pool].will_serve() {
            return self.place(pool, id, at, out);
        }
        self.refuse(id, why, at, out);
    }

    /// The router of `pool` has sent a request to `unit`.
    pub(super) fn sent(&mut self, pool: usize, unit: u32, id: RequestId, at: Micros, out: &mut Out) {
        if !self.flows.contains_key(&id) {
            return;
        }
        let lane = self.pools[pool].lane(unit);
        if self.pools[pool].is_up(lane) {
            return self.start(id, lane, at, out);
        }
        // It chose before it knew that the worker had died.
        self.tell(pool, at, |router, placed| router.gone(at, id, placed));
        self.todo.push_back(Todo::Place { pool, id, at });
    }

    /// A request goes to a worker, for what the worker's pool does.
    pub(crate) fn start(&mut self, id: RequestId, lane: usize, at: Micros, out: &mut Out) {
        let pool = self.lanes[lane].pool;
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        let context = flow.context();
        flow.prefilled = false;
        let carried = Carried { emitted: context, cached: false };
        let arrival = Arrival { carried, ..flow.arrival.clone() };
        if flow.source.is_some() {
            return self.take_over(id, lane, arrival, at, out);
        }
        let (stage, arrival) = if self.handover.is_some() && pool == 0 {
            // The prefill worker computes one token, which nobody sees: the decode worker computes it again.
            let length = Length::exactly(context + 1);
            (Stage::Prefill(lane), Arrival { length, keep: true, ..arrival })
        } else {
            (Stage::Serve(lane), arrival)
        };
        self.set_stage(id, Some(stage));
        self.drive(lane, out, |engine, out| engine.arrive(at, arrival, out));
    }

    /// Brings what the router of `pool` knows of its workers up to date.
    fn inform(&mut self, pool: usize, at: Micros, out: &mut Out) {
        let router = &self.pools[pool].router;
        let (kv, load) = (router.wants_kv(), router.wants_load());
        if !(kv || load || self.pools[pool].tokens) {
            return;
        }
        // What is due was done; this is what look-ahead has left open.
        let before = Micros(at.0.saturating_sub(1));
        for lane in self.pools[pool].lanes.clone() {
            self.drive(lane, out, |engine, out| engine.advance(before, out));
        }
        if kv {
            self.collect_kv(pool);
        }
        if load {
            self.pools[pool].show_load(at, &self.lanes);
        }
    }

    /// Takes in what changed in the caches of `pool`, for its router and for whoever asked the cluster.
    pub(super) fn collect_kv(&mut self, pool: usize) {
        let Self { pools, lanes, kv, scratch, .. } = self;
        let pool = &mut pools[pool];
        let wanted = pool.router.wants_kv();
        for lane in pool.lanes.clone() {
            lanes[lane].engine.kv_events(scratch);
            let unit = pool.unit_of(lane);
            for (at, event) in scratch.drain(..) {
                match kv {
                    Some(kv) if wanted => kv.push((at, event.clone())),
                    Some(kv) => {
                        kv.push((at, event));
                        continue;
                    }
                    None => {}
                }
                pool.router.observe_kv(at, unit, event);
            }
        }
    }

    /// Tells the router of `pool` something, and notes what it places and refuses because of it.
    pub(crate) fn tell(
        &mut self,
        pool: usize,
        at: Micros,
        what: impl FnOnce(&mut dyn Router, &mut Vec<(RequestId, WorkerId)>),
    ) {
        let mut placed = Vec::new();
        what(&mut *self.pools[pool].router, &mut placed);
        self.placed(pool, at, placed);
    }

    /// The router of `pool` has placed these.
    pub(super) fn placed(&mut self, pool: usize, at: Micros, placed: Vec<(RequestId, WorkerId)>) {
        let sends = placed.into_iter().map(|(id, unit)| Todo::Send { pool, unit: unit.0, id, at });
        self.todo.extend(sends);
        let mut refused = Vec::new();
        self.pools[pool].router.refused(&mut refused);
        self.todo.extend(refused.into_iter().map(|(id, why)| Todo::Refused { pool, id, why, at }));
    }
}

/// A request as a router sees it; its prompt in blocks of `block` tokens, if anybody wants them.
fn query(arrival: &Arrival, context: u32, block: Option<u32>) -> Query {
    let adapter = arrival.adapter.map(|adapter| adapter.to_string());
    let seed = hash::seed(adapter.as_deref(), None);
    let empty = Content::default();
    let content = if block.is_some() { &arrival.content } else { &empty };
    Query {
        id: arrival.id,
        input: arrival.input.unwrap_or(0) + context,
        chain: Chain::of(content, block.unwrap_or(u32::MAX), seed),
        output: arrival.length.max,
        session: arrival.session,
        priority: arrival.priority,
    }
}
