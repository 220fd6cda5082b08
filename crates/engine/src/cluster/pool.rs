//! The workers of a cluster: ranks (lanes), and the pools they are in.

use std::collections::VecDeque;
use std::ops::Range;

use tokmark_base::Micros;

use crate::fault::{Drag, PoolName};
use crate::router::{Router, WorkerFacts, WorkerId};
use crate::{Engine, Gauges, RequestId};

/// One rank of one worker: an engine of its own.
pub(crate) struct Lane {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) pool: usize,
    /// When it wants to be advanced.
    pub(crate) due: Option<Micros>,
    /// Prompt tokens of the requests it prefills for decode workers.
    pub(crate) prefill_tokens: u64,
}

/// One worker: ranks that live and die together.
pub(crate) struct Member {
    pub(crate) state: State,
    pub(crate) drag: Drag,
    /// Slow-downs under way, by number.
    pub(crate) slow: Vec<(u64, f64)>,
    /// It stands still until here, also if it comes up meanwhile.
    pub(crate) stalled: Micros,
    /// From its start until it serves.
    pub(crate) startup: Micros,
    /// Whose turn it is among its ranks.
    pub(crate) turn: usize,
}

/// Whether a worker serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    /// It will be up when the start-up of this number is over.
    Coming(u64),
    /// For ever, unless somebody starts it.
    Down,
}

/// Workers behind one router.
pub(crate) struct Pool {
    pub(crate) name: Option<PoolName>,
    pub(crate) router: Box<dyn Router>,
    /// The router wants prompts cut into blocks.
    pub(crate) chains: bool,
    /// The router wants to be told of every token.
    pub(crate) tokens: bool,
    /// The router sees ranks, not workers: their caches differ.
    pub(crate) by_rank: bool,
    pub(crate) facts: WorkerFacts,
    pub(crate) block_tokens: u32,
    pub(crate) members: Vec<Member>,
    pub(crate) dp: usize,
    pub(crate) lanes: Range<usize>,
    /// Those that wait for a worker to come up, in order.
    pub(crate) lobby: VecDeque<RequestId>,
}

/// A worker's rank as it is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Pool of a disaggregated deployment.
    pub pool: Option<PoolName>,
    /// Number in its pool.
    pub worker: u32,
    /// Data-parallel rank.
    pub rank: u32,
    /// Whether it serves.
    pub up: bool,
    /// What its metrics would say.
    pub gauges: Gauges,
}

impl Pool {
    /// The ranks of a worker.
    pub(crate) fn ranks(&self, member: usize) -> Range<usize> {
        let first = self.lanes.start + member * self.dp;
        first..first + self.dp
    }

    /// The worker that a rank belongs to.
    pub(crate) fn member_of(&self, lane: usize) -> usize {
        (lane - self.lanes.start) / self.dp
    }

    /// What the router calls a worker: itself, or each of its ranks.
    pub(crate) fn units(&self, member: usize) -> impl Iterator<Item = WorkerId> + use<> {
        let per = if self.by_rank { self.dp } else { 1 };
        (member * per..(member + 1) * per).map(|unit| WorkerId(unit as u32))
    }

    /// What the router calls the worker of a rank.
    pub(crate) fn unit_of(&self, lane: usize) -> WorkerId {
        let rank = lane - self.lanes.start;
        WorkerId(if self.by_rank { rank } else { rank / self.dp } as u32)
    }

    /// The rank that a request goes to which the router sends to `unit`. Ranks that the router does not see take turns.
    pub(crate) fn lane(&mut self, unit: u32) -> usize {
        let unit = unit as usize;
        if self.by_rank {
            return self.lanes.start + unit;
        }
        let first = self.lanes.start + unit * self.dp;
        let member = &mut self.members[unit];
        let rank = member.turn;
        member.turn = (rank + 1) % self.dp;
        first + rank
    }

    pub(crate) fn is_up(&self, lane: usize) -> bool {
        self.members[self.member_of(lane)].state == State::Up
    }

    /// Whether somebody serves.
    pub(crate) fn serves(&self) -> bool {
        self.members.iter().any(|member| member.state == State::Up)
    }

    /// Whether somebody will serve, now or later.
    pub(crate) fn will_serve(&self) -> bool {
        self.members.iter().any(|member| member.state != State::Down)
    }

    /// Tells the router what the workers' metrics say.
    pub(crate) fn show_load(&mut self, at: Micros, lanes: &[Lane]) {
        let units = if self.by_rank { self.lanes.len() } else { self.members.len() };
        let per = self.lanes.len() / units;
        for unit in 0..units {
            let first = self.lanes.start + unit * per;
            let mut gauges = Gauges::default();
            lanes[first..first + per].iter().for_each(|lane| gauges += lane.engine.gauges());
            self.router.observe_load(at, WorkerId(unit as u32), &gauges);
        }
    }

    pub(crate) fn forget(&mut self) {
        self.lobby.clear();
        self.members.iter_mut().for_each(|member| member.turn = 0);
    }

    pub(crate) fn views<'a>(&'a self, lanes: &'a [Lane]) -> impl Iterator<Item = WorkerView> + 'a {
        self.lanes.clone().map(|lane| WorkerView {
            pool: self.name,
            worker: self.member_of(lane) as u32,
            rank: ((lane - self.lanes.start) % self.dp) as u32,
            up: self.is_up(lane),
            gauges: lanes[lane].engine.gauges(),
        })
    }
}
