//! Conservation: where every request, every token and every block is.

use std::ops::AddAssign;

/// A count of everything an engine ever took in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Requests that arrived.
    pub arrived: u64,
    /// Accepted and waiting.
    pub waiting: u64,
    /// Holding a slot.
    pub running: u64,
    /// Accepted by a cluster and not with a worker yet: held by its router, or until a worker is up.
    pub routing: u64,
    /// Between two workers of a cluster: prefilled by the one, not taken over by the other yet.
    pub transferring: u64,
    /// Ended well.
    pub finished: u64,
    /// Refused on arrival.
    pub rejected: u64,
    /// Given up by the service.
    pub failed: u64,
    /// Given up by their clients.
    pub cancelled: u64,
    /// Handed over to another engine, which counts them as arrived (disaggregation, migration).
    pub handed_over: u64,
    /// How often a cluster moved a request to another worker because its own crashed. Not part of the sums.
    pub moved: u64,
    /// Tokens that came out.
    pub tokens_emitted: u64,
    /// Of those, tokens of requests that wait or run.
    pub tokens_running: u64,
    /// Of those, tokens of requests that finished or were handed over.
    pub tokens_finished: u64,
    /// Of those, tokens of requests that were cancelled or failed.
    pub tokens_cancelled: u64,
    /// Tokens whose computation was scheduled, prompts included.
    pub work_scheduled: u64,
    /// Of those, tokens whose result is in use by a running request.
    pub work_running: u64,
    /// Of those, tokens of requests that have ended or were handed over.
    pub work_ended: u64,
    /// Of those, tokens whose result was lost to preemption or a crash, to be computed again.
    pub work_lost: u64,
    /// KV blocks there are on the device.
    pub blocks_total: u64,
    /// Blocks that running requests hold.
    pub blocks_used: u64,
    /// Blocks that nobody holds, reusable content in them or not.
    pub blocks_free: u64,
}

/// Something got lost: a fault of the engine, never of its input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine lost count of its {what}: {0:?}\nhint: this is a fault in tokmark, please report it with the spec", .census)]
pub struct Leak {
    /// `requests`, `tokens`, `scheduled tokens` or `blocks`.
    what: &'static str,
    /// The counts that do not add up.
    census: Box<Census>,
}

impl Census {
    /// Requests in = waiting + running + routing + transferring + finished + rejected + failed + cancelled + handed over; tokens
    /// out = those of the living, the finished and the cancelled; tokens scheduled = in use + ended + lost; blocks = used + free.
    pub fn check(&self) -> Result<(), Leak> {
        let ended = self.finished + self.rejected + self.failed + self.cancelled + self.handed_over;
        let sums = [
            ("requests", self.arrived, self.in_flight() + ended),
            (
                "tokens",
                self.tokens_emitted,
                self.tokens_running + self.tokens_finished + self.tokens_cancelled,
            ),
            ("scheduled tokens", self.work_scheduled, self.work_running + self.work_ended + self.work_lost),
            ("blocks", self.blocks_total, self.blocks_used + self.blocks_free),
        ];
        match sums.into_iter().find(|(_, whole, parts)| whole != parts) {
            Some((what, _, _)) => Err(Leak { what, census: Box::new(*self) }),
            None => Ok(()),
        }
    }

    /// Requests that are in and have not ended.
    pub fn in_flight(&self) -> u64 {
        self.waiting + self.running + self.routing + self.transferring
    }
}

impl AddAssign for Census {
    fn add_assign(&mut self, other: Self) {
        let Self {
            arrived,
            waiting,
            running,
            routing,
            transferring,
            finished,
            rejected,
            failed,
            cancelled,
            handed_over,
            moved,
            tokens_emitted,
            tokens_running,
            tokens_finished,
            tokens_cancelled,
            work_scheduled,
            work_running,
            work_ended,
            work_lost,
            blocks_total,
            blocks_used,
            blocks_free,
        } = other;
        self.arrived += arrived;
        self.waiting += waiting;
        self.running += running;
        self.routing += routing;
        self.transferring += transferring;
        self.finished += finished;
        self.rejected += rejected;
        self.failed += failed;
        self.cancelled += cancelled;
        self.handed_over += handed_over;
        self.moved += moved;
        self.tokens_emitted += tokens_emitted;
        self.tokens_running += tokens_running;
        self.tokens_finished += tokens_finished;
        self.tokens_cancelled += tokens_cancelled;
        self.work_scheduled += work_scheduled;
        self.work_running += work_running;
        self.work_ended += work_ended;
        self.work_lost += work_lost;
        self.blocks_total += blocks_total;
        self.blocks_used += blocks_used;
        self.blocks_free += blocks_free;
    }
}
