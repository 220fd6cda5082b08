//! Conservation: where every request and every token is.

/// A count of everything an engine ever took in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Requests that arrived.
    pub arrived: u64,
    /// Accepted and waiting.
    pub waiting: u64,
    /// Holding a slot.
    pub running: u64,
    /// Ended well.
    pub finished: u64,
    /// Refused on arrival.
    pub rejected: u64,
    /// Given up by their clients.
    pub cancelled: u64,
    /// Tokens that came out.
    pub tokens_emitted: u64,
    /// Of those, tokens of requests that are running.
    pub tokens_running: u64,
    /// Of those, tokens of requests that finished.
    pub tokens_finished: u64,
    /// Of those, tokens of requests that were cancelled.
    pub tokens_cancelled: u64,
}

/// Something got lost: a fault of the engine, never of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine lost count of its {what}: {0:?}\nhint: this is a fault in tokmark, please report it with the spec", .census)]
pub struct Leak {
    /// `requests` or `tokens`.
    what: &'static str,
    /// The counts that do not add up.
    census: Census,
}

impl Census {
    /// Requests in = waiting + running + finished + rejected + cancelled; tokens out = those of the running, finished and cancelled.
    pub fn check(&self) -> Result<(), Leak> {
        let requests = self.waiting + self.running + self.finished + self.rejected + self.cancelled;
        let tokens = self.tokens_running + self.tokens_finished + self.tokens_cancelled;
        let what = if requests != self.arrived {
            "requests"
        } else if tokens != self.tokens_emitted {
            "tokens"
        } else {
            return Ok(());
        };
        Err(Leak { what, census: *self })
    }

    /// Requests that are in and have not ended.
    pub fn in_flight(&self) -> u64 {
        self.waiting + self.running
    }
}
