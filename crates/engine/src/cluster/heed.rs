//! What the events of a worker mean for the cluster, and what of them its clients see.

use tokmark_base::Micros;

use super::flow::Counted;
use super::{Cluster, Flow, Stage, Todo};
use crate::{Breakdown, Event, FinishReason, Lifecycle, Out, RequestId};

impl Cluster {
    /// Goes through what `lane` told since `mark`: keeps what clients are to see, and notes what is to be done.
    pub(super) fn heed(&mut self, lane: usize, mark: usize, out: &mut Out) {
        let mut kept = mark;
        for index in mark..out.events.len() {
            let mut event = out.events[index];
            if self.heed_one(lane, &mut event) {
                out.events[kept] = event;
                kept += 1;
            }
        }
        out.events.truncate(kept);
    }

    /// Whether clients see this event.
    fn heed_one(&mut self, lane: usize, event: &mut Event) -> bool {
        let (id, at) = (event.request, event.at);
        let Some(flow) = self.flows.get_mut(&id) else {
            return false;
        };
        let prefill = flow.stage == Stage::Prefill(lane);
        match event.what {
            Lifecycle::Queued => !std::mem::replace(&mut flow.told, true),
            Lifecycle::Admitted { .. } => {
                let delivered = flow.stage == Stage::Delivered(lane);
                if delivered {
                    flow.stage = Stage::Serve(lane);
                }
                !delivered
            }
            Lifecycle::Reserved => {
                self.todo.push_back(Todo::Reserved { id, at });
                false
            }
            Lifecycle::FirstToken | Lifecycle::Tokens(_) | Lifecycle::Stretch { .. } => {
                !prefill && self.heed_tokens(lane, event)
            }
            Lifecycle::Finished(_) if prefill => {
                self.todo.push_back(Todo::HandOver { id, at });
                false
            }
            Lifecycle::Finished(reason) => {
                let whole = flow.arrival.length.max == Some(flow.arrival.carried.emitted + flow.emitted);
                if flow.cut && whole && reason == FinishReason::Length {
                    event.what = Lifecycle::Failed(Breakdown::Cut);
                }
                self.end(id, at, event.what);
                true
            }
            Lifecycle::Rejected(_) if flow.emitted > 0 => {
                event.what = Lifecycle::Failed(Breakdown::WorkerLost);
                self.end(id, at, event.what);
                true
            }
            Lifecycle::Rejected(_) | Lifecycle::Failed(_) | Lifecycle::Cancelled => {
                self.end(id, at, event.what);
                true
            }
            Lifecycle::PrefillChunk(_) | Lifecycle::Preempted | Lifecycle::Moved => true,
        }
    }

    /// Counts tokens. A request that was started anew gets those again that are out already; nobody sees them twice.
    fn heed_tokens(&mut self, lane: usize, event: &mut Event) -> bool {
        let (id, at) = (event.request, event.at);
        let Some(flow) = self.flows.get_mut(&id) else {
            return false;
        };
        let pool = self.lanes[lane].pool;
        if !std::mem::replace(&mut flow.prefilled, true) {
            self.todo.push_back(Todo::Prefilled { pool, id, at });
        }
        let n = match event.what {
            Lifecycle::Tokens(n) => n,
            Lifecycle::Stretch { len, .. } => len,
            _ => 1,
        };
        let again = flow.again.min(n);
        let fresh = n - again;
        if fresh == 0 {
            flow.again -= again;
            return false;
        }
        let before = flow.arrival.carried.emitted + flow.emitted;
        event.what = match event.what {
            Lifecycle::Stretch { from, .. } => Lifecycle::Stretch { from: from + again, len: fresh },
            _ if before == 0 && fresh == 1 => Lifecycle::FirstToken,
            _ => Lifecycle::Tokens(fresh),
        };
        flow.again -= again;
        flow.emitted += fresh;
        self.ledger.tokens_emitted += u64::from(fresh);
        self.ledger.tokens_running += u64::from(fresh);
        if self.pools[pool].tokens {
            (0..fresh).for_each(|_| self.pools[pool].router.token(at, id));
        }
        true
    }

    /// A request ends, as `what` says: everybody forgets it.
    pub(super) fn end(&mut self, id: RequestId, at: Micros, what: Lifecycle) {
        self.set_stage(id, None);
        let Some(flow) = self.flows.remove(&id) else {
            return;
        };
        let tokens = u64::from(flow.emitted);
        let ledger = &mut self.ledger;
        ledger.tokens_running -= tokens;
        let (count, of_tokens) = match what {
            Lifecycle::Finished(_) => (&mut ledger.finished, &mut ledger.tokens_finished),
            Lifecycle::Rejected(_) => (&mut ledger.rejected, &mut ledger.tokens_cancelled),
            Lifecycle::Cancelled => (&mut ledger.cancelled, &mut ledger.tokens_cancelled),
            _ => (&mut ledger.failed, &mut ledger.tokens_cancelled),
        };
        *count += 1;
        *of_tokens += tokens;
        self.leave(id, at, &flow);
    }

    /// Routers and the workers that keep or set aside memory for a request are told that it has gone.
    fn leave(&mut self, id: RequestId, at: Micros, flow: &Flow) {
        for pool in (0..self.pools.len()).filter(|pool| flow.counted[*pool]) {
            self.todo.push_back(Todo::Gone { pool, id, at });
        }
        for lane in flow.source.into_iter().chain(flow.stage.target()) {
            self.todo.push_back(Todo::Release { lane, id, at });
        }
        if let Stage::Lobby(pool) = flow.stage {
            self.pools[pool].lobby.retain(|waiting| *waiting != id);
        }
    }

    /// A request starts from the beginning: everybody forgets where it was.
    pub(super) fn leave_behind(&mut self, id: RequestId, at: Micros) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        let before = flow.clone();
        flow.counted = [false; 2];
        (flow.source, flow.chosen) = (None, None);
        self.set_stage(id, Some(Stage::Routed(0)));
        self.leave(id, at, &before);
    }

    /// Moves a request to another stage (`None`: out), and keeps count of those that no worker counts.
    pub(crate) fn set_stage(&mut self, id: RequestId, stage: Option<Stage>) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        let input = u64::from(flow.arrival.input.unwrap_or(0));
        if let Stage::Prefill(lane) = flow.stage {
            self.lanes[lane].prefill_tokens -= input;
        }
        if let Some(Stage::Prefill(lane)) = stage {
            self.lanes[lane].prefill_tokens += input;
        }
        flow.stage = stage.unwrap_or(flow.stage);
        let (before, after) = (flow.where_counted, stage.map_or(Counted::Elsewhere, |_| flow.counts()));
        flow.where_counted = after;
        match before {
            Counted::Routing => self.ledger.routing -= 1,
            Counted::Transferring => self.ledger.transferring -= 1,
            Counted::Elsewhere => {}
        }
        match after {
            Counted::Routing => self.ledger.routing += 1,
            Counted::Transferring => self.ledger.transferring += 1,
            Counted::Elsewhere => {}
        }
    }
}
