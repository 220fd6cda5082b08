//! Which worker gets a request: filter → score → pick.
//!
//! Sans-I/O like the engines: the cluster says what arrives, what ends and what the workers report, each with its moment; the
//! router says where each request goes, now or later.
//!
//! Start reading at [`Router`] and [`RouterSpec`], then `dispatcher.rs`, which puts the parts together: `busy.rs` filters,
//! `policy/` scores, `pick.rs` picks; `tracker.rs` and `knowledge.rs` say what load and caches look like from here, `queue.rs`
//! holds back, `affinity.rs` keeps conversations in place. One more policy is one file in `policy/`.
//!
//! Not yet: blocks of replies tracked as they grow, modelled decay of prefills, priorities that jump by seconds, classes of
//! requests with limits of their own, deadlines, a cache shared by all workers, an approximate index bounded by capacity.

mod affinity;
mod busy;
mod dispatcher;
mod knowledge;
mod pick;
mod policy;
mod queue;
mod spec;
mod tracker;

pub use spec::{Affinity, PolicyKind, QueuePolicy, RouterError, RouterSpec, build};
use tokmark_base::Micros;
use tokmark_kv::{Chain, KvEvent};

use crate::{Gauges, Rejection, RequestId};

/// A worker's number within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

/// What a router knows of a worker from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerFacts {
    /// KV blocks it has.
    pub blocks: u64,
    /// Tokens it computes a pass at most; `None`: no limit.
    pub batch_tokens: Option<u32>,
}

/// A request as a router sees it.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its number.
    pub id: RequestId,
    /// Tokens of its prompt.
    pub input: u32,
    /// The prompt's blocks.
    pub chain: Chain,
    /// How long its reply is expected to be, if anybody said so.
    pub output: Option<u32>,
    /// The conversation it belongs to.
    pub session: Option<u64>,
    /// Smaller goes first.
    pub priority: i32,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To this worker, now.
    To(WorkerId),
    /// Nowhere yet: it will come out of a later call's `placed`.
    Queued,
    /// Nowhere at all.
    Refused(Rejection),
}

/// A router of one pool.
pub trait Router: Send {
    /// A request arrives.
    fn arrive(&mut self, now: Micros, query: Query) -> Verdict;

    /// The first token of a request is out.
    fn prefilled(&mut self, now: Micros, request: RequestId, placed: &mut Vec<(RequestId, WorkerId)>);

    /// A request is gone from its worker, for whatever reason, or from the router's queue.
    fn gone(&mut self, now: Micros, request: RequestId, placed: &mut Vec<(RequestId, WorkerId)>);

    /// Another token of a request is out (only asked for by routers that track output; see [`Self::wants_tokens`]).
    fn token(&mut self, _now: Micros, _request: RequestId) {}

    /// Whether [`Self::token`] matters.
    fn wants_tokens(&self) -> bool {
        false
    }

    /// Whether [`Self::observe_kv`] and [`Self::observe_load`] matter; without, the cluster need not collect them.
    fn wants_kv(&self) -> bool {
        false
    }

    /// Whether [`Self::observe_load`] matters.
    fn wants_load(&self) -> bool {
        false
    }

    /// A worker's cache changed at `at`; the router may learn of it later (event lag).
    fn observe_kv(&mut self, _at: Micros, _worker: WorkerId, _event: KvEvent) {}

    /// What a worker's metrics say.
    fn observe_load(&mut self, _now: Micros, _worker: WorkerId, _gauges: &Gauges) {}

    /// A worker is up (again) with an empty cache.
    fn up(
        &mut self,
        now: Micros,
        worker: WorkerId,
        facts: WorkerFacts,
        placed: &mut Vec<(RequestId, WorkerId)>,
    );

    /// A worker is down: what it held is forgotten, nothing goes there. Its requests are told of by [`Self::gone`], better after
    /// this than before: else one that waits may still go there.
    fn down(&mut self, now: Micros, worker: WorkerId);

    /// When the router wants [`Self::advance`] if nothing else happens (a queue's deadline).
    fn next_due(&self) -> Option<Micros> {
        None
    }

    /// Lets everything happen that is due.
    fn advance(&mut self, _now: Micros, _placed: &mut Vec<(RequestId, WorkerId)>) {}

    /// Moves the requests that were [`Verdict::Queued`] and have been refused after all since the last call to the end of `into`.
    /// To be asked after every call that can place something, and after [`Self::down`]; [`Self::gone`] is not called for them.
    fn refused(&mut self, _into: &mut Vec<(RequestId, Rejection)>) {}
}
