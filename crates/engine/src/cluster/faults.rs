//! Workers that die, come up, slow down and stand still; and what becomes of the requests they had.

use std::collections::BTreeSet;

use tokmark_base::Micros;

use super::pool::State;
use super::{Cluster, Pool, Stage, Todo};
use crate::fault::{FaultError, FaultSpec, PoolName, Victim};
use crate::spec::OnCrash;
use crate::{Breakdown, Lifecycle, Out, Rejection, RequestId};

/// What becomes of a request whose worker crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPolicy {
    /// Fail, start anew, or go on elsewhere.
    pub on_crash: OnCrash,
    /// How often one request may be moved.
    pub limit: u32,
    /// Start a request anew too if tokens of it are out.
    pub retry_started: bool,
}

impl Default for CrashPolicy {
    fn default() -> Self {
        Self { on_crash: OnCrash::Fail, limit: 3, retry_started: false }
    }
}

/// Something on the agenda. Workers are numbered within their pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    Crash {
        pool: usize,
        member: usize,
        restart: Option<Micros>,
    },
    /// The start-up of this number is over.
    Up {
        pool: usize,
        member: usize,
        start: u64,
    },
    /// The slow-down of this number begins (with its factor) or ends.
    Slow {
        pool: usize,
        member: usize,
        fault: u64,
        factor: Option<f64>,
    },
    Stall {
        pool: usize,
        member: usize,
        until: Micros,
    },
}

impl Cluster {
    /// Adds a fault to those to come; its times count from `now`.
    pub fn inject(&mut self, now: Micros, fault: &FaultSpec) -> Result<(), FaultError> {
        fault.check(0)?;
        self.inject_nth(now.max(self.now), fault, 0)
    }

    /// Forgets every fault that has not struck yet and those that strike arrivals; slow workers are as fast as before from their
    /// next pass on. A worker that stands still does so to the end of its stall. To be called after [`crate::Engine::advance`].
    pub fn clear_faults(&mut self) {
        self.fates.clear();
        self.agenda.retain(|_, act| matches!(act, Act::Up { .. }));
        for (pool, member) in self.everybody() {
            self.pools[pool].members[member].slow.clear();
            self.set_drag(pool, member);
        }
        for lane in &mut self.lanes {
            lane.engine.look_ahead(false);
            lane.engine.look_ahead(self.look_ahead);
            lane.due = lane.engine.next_due();
        }
    }

    pub(super) fn inject_nth(
        &mut self,
        origin: Micros,
        fault: &FaultSpec,
        index: usize,
    ) -> Result<(), FaultError> {
        let Some(victim) = fault.victim() else {
            self.fates.add(fault.clone(), origin);
            return Ok(());
        };
        for (pool, member) in self.struck(victim, index)? {
            match *fault {
                FaultSpec::Crash { at, restart, .. } => {
                    self.plan(
                        origin + at.0,
                        Act::Crash { pool, member, restart: restart.map(|after| after.0) },
                    );
                }
                FaultSpec::ColdStart { delay, .. } => self.pools[pool].members[member].startup = delay.0,
                FaultSpec::Slow { from, to, factor, .. } => {
                    let fault = self.ticket();
                    self.plan(origin + from.0, Act::Slow { pool, member, fault, factor: Some(factor) });
                    if let Some(to) = to {
                        self.plan(origin + to.0, Act::Slow { pool, member, fault, factor: None });
                    }
                }
                FaultSpec::Stall { from, to, .. } => {
                    self.plan(origin + from.0, Act::Stall { pool, member, until: origin + to.0 });
                }
                FaultSpec::Reject { .. } | FaultSpec::Error { .. } | FaultSpec::Cut { .. } => {}
            }
        }
        Ok(())
    }

    /// The workers that a fault strikes.
    fn struck(&self, victim: Victim, index: usize) -> Result<Vec<(usize, usize)>, FaultError> {
        if let Some(name) = victim.pool
            && !self.pools.iter().any(|pool| pool.name == Some(name))
        {
            return Err(FaultError::NoSuchPool { index, pool: name.as_str() });
        }
        let meant = |pool: &Pool| victim.pool.is_none_or(|name| pool.name == Some(name));
        let most =
            self.pools.iter().filter(|pool| meant(pool)).map(|pool| pool.members.len()).max().unwrap_or(0);
        if let Some(worker) = victim.worker
            && worker as usize >= most
        {
            return Err(FaultError::NoSuchWorker { index, worker, workers: most as u32 });
        }
        let struck = |&(pool, member): &(usize, usize)| {
            meant(&self.pools[pool]) && victim.worker.is_none_or(|worker| worker as usize == member)
        };
        Ok(self.everybody().into_iter().filter(struck).collect())
    }

    fn everybody(&self) -> Vec<(usize, usize)> {
        let pools = self.pools.iter().enumerate();
        pools.flat_map(|(pool, p)| (0..p.members.len()).map(move |member| (pool, member))).collect()
    }

    pub(super) fn plan(&mut self, at: Micros, act: Act) {
        let nth = self.ticket();
        self.agenda.insert((at, nth), act);
    }

    /// Does what is on the agenda.
    pub(super) fn act(&mut self, at: Micros, nth: u64, out: &mut Out) {
        let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().1 == nth) else {
            return;
        };
        match entry.remove() {
            Act::Crash { pool, member, restart } => self.down(pool, member, restart, at, out),
            Act::Up { pool, member, start } => {
                if self.pools[pool].members[member].state == State::Coming(start) {
                    self.up(pool, member, at, out);
                }
            }
            Act::Slow { pool, member, fault, factor } => {
                // Passes that begin from this moment on are concerned: those before are as they were.
                self.catch_up(pool, member, at, out);
                let slow = &mut self.pools[pool].members[member].slow;
                slow.retain(|(nth, _)| *nth != fault);
                slow.extend(factor.map(|factor| (fault, factor)));
                self.set_drag(pool, member);
            }
            Act::Stall { pool, member, until } => {
                let worker = &mut self.pools[pool].members[member];
                worker.stalled = worker.stalled.max(until);
                if worker.state == State::Up {
                    self.stand_still(pool, member, at, out);
                }
            }
        }
    }

    /// Lets a worker do everything it does before `at`, and forget what it has planned from there on.
    fn catch_up(&mut self, pool: usize, member: usize, at: Micros, out: &mut Out) {
        let look_ahead = self.look_ahead;
        for lane in self.pools[pool].ranks(member) {
            self.drive(lane, out, |engine, out| {
                engine.advance(Micros(at.0.saturating_sub(1)), out);
                engine.look_ahead(false);
                engine.look_ahead(look_ahead);
            });
        }
    }

    fn set_drag(&mut self, pool: usize, member: usize) {
        let worker = &self.pools[pool].members[member];
        worker.drag.set(worker.slow.iter().map(|(_, factor)| factor).product());
    }

    fn stand_still(&mut self, pool: usize, member: usize, at: Micros, out: &mut Out) {
        let until = self.pools[pool].members[member].stalled;
        for lane in self.pools[pool].ranks(member) {
            self.drive(lane, out, |engine, out| engine.stall(at, until, out));
        }
    }

    /// A worker is started: it serves once its start-up is over.
    pub(super) fn start_up(&mut self, pool: usize, member: usize, at: Micros) {
        let start = self.ticket();
        let worker = &mut self.pools[pool].members[member];
        worker.state = State::Coming(start);
        let at = at + worker.startup;
        self.plan(at, Act::Up { pool, member, start });
    }

    /// A worker serves from now on, with an empty cache.
    fn up(&mut self, pool: usize, member: usize, at: Micros, out: &mut Out) {
        self.pools[pool].members[member].state = State::Up;
        if self.pools[pool].members[member].stalled > at {
            self.stand_still(pool, member, at, out);
        }
        let facts = self.pools[pool].facts;
        for unit in self.pools[pool].units(member) {
            self.tell(pool, at, |router, placed| router.up(at, unit, facts, placed));
        }
        let waiting = std::mem::take(&mut self.pools[pool].lobby);
        self.todo.extend(waiting.into_iter().map(|id| Todo::Place { pool, id, at }));
    }

    /// A worker dies, with all its ranks.
    fn down(&mut self, pool: usize, member: usize, restart: Option<Micros>, at: Micros, out: &mut Out) {
        match self.pools[pool].members[member].state {
            State::Down => return,
            State::Coming(_) => {}
            State::Up => {
                let mut lost = Vec::new();
                for lane in self.pools[pool].ranks(member) {
                    self.drive(lane, out, |engine, out| engine.crash(at, &mut lost, out));
                }
            }
        }
        let was_up = self.pools[pool].members[member].state == State::Up;
        self.pools[pool].members[member].state = State::Down;
        if let Some(after) = restart {
            self.start_up(pool, member, at + after);
        }
        if was_up {
            for unit in self.pools[pool].units(member) {
                self.pools[pool].router.down(at, unit);
            }
            // The router may refuse, now that it knows.
            self.placed(pool, at, Vec::new());
            // What ended at this very moment goes its way before the rest is looked after.
            self.settle(out);
            for id in self.lost_with(pool, member) {
                self.recover(id, at, out);
            }
        }
        if !self.pools[pool].will_serve() {
            self.give_up_waiting(pool, at, out);
        }
    }

    /// The requests that were with a worker, whose blocks it kept, or for which it had set memory aside.
    fn lost_with(&self, pool: usize, member: usize) -> BTreeSet<RequestId> {
        let ranks = self.pools[pool].ranks(member);
        let there = |lane: Option<usize>| lane.is_some_and(|lane| ranks.contains(&lane));
        self.flows
            .iter()
            .filter(|(_, flow)| there(flow.stage.lane()) || there(flow.stage.target()) || there(flow.source))
            .map(|(id, _)| *id)
            .collect()
    }

    /// A request has lost its worker.
    pub(crate) fn recover(&mut self, id: RequestId, at: Micros, out: &mut Out) {
        let CrashPolicy { on_crash, limit, retry_started } = self.crash;
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        let stays = match on_crash {
            OnCrash::Fail => false,
            OnCrash::Retry => flow.moves < limit && (flow.emitted == 0 || retry_started),
            OnCrash::Migrate => flow.moves < limit,
        };
        if !stays {
            self.end(id, at, Lifecycle::Failed(Breakdown::WorkerLost));
            out.push(at, id, Lifecycle::Failed(Breakdown::WorkerLost));
            return;
        }
        self.leave_behind(id, at);
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.moves += 1;
            flow.again = if on_crash == OnCrash::Retry { flow.emitted } else { 0 };
        }
        self.ledger.moved += 1;
        out.push(at, id, Lifecycle::Moved);
        self.todo.push_back(Todo::Enter { id, at });
    }

    /// Nobody of the pool will ever serve again: those that wait for it are refused.
    fn give_up_waiting(&mut self, pool: usize, at: Micros, out: &mut Out) {
        let waits = |stage| stage == Stage::Lobby(pool) || stage == Stage::Routed(pool);
        let waiting: Vec<RequestId> =
            self.flows.iter().filter(|(_, flow)| waits(flow.stage)).map(|(id, _)| *id).collect();
        for id in waiting {
            self.refuse(id, Rejection::NoWorker, at, out);
        }
    }
}

impl PoolName {
    /// The name of the nth pool of a disaggregated deployment.
    pub(crate) fn nth(pool: usize) -> Self {
        if pool == 0 { Self::Prefill } else { Self::Decode }
    }
}
