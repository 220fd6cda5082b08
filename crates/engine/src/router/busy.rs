//! Filter: which workers are too busy for another request.
//!
//! Tokens to prefill are looked at as they are. Active blocks go through a latch: a worker becomes too busy as soon as either the
//! blocks the router tracks or those the engine reports exceed the threshold, and stops being so only after both have been seen at or
//! below it since. Source: shared facts on Dynamo 1.6.1's busy thresholds.

use super::spec::RouterSpec;
use super::{WorkerFacts, WorkerId};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Busy {
    blocks: Option<f64>,
    tokens: Option<u64>,
    tokens_frac: Option<f64>,
    latches: Vec<Latch>,
}

/// Of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Latch {
    set: bool,
    tracked_below: bool,
    /// `None` as long as the engine never reported: its word is not waited for.
    reported_below: Option<bool>,
}

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The router.
    Tracked,
    /// The engine.
    Reported,
}

impl Busy {
    /// What `spec` asks for; nothing without a threshold.
    pub(super) fn of(spec: &RouterSpec, workers: usize) -> Option<Self> {
        let busy = Self {
            blocks: spec.busy_decode_blocks,
            tokens: spec.busy_prefill_tokens,
            tokens_frac: spec.busy_prefill_tokens_frac,
            latches: vec![Latch::default(); workers],
        };
        (busy.blocks.is_some() || busy.tokens.is_some() || busy.tokens_frac.is_some()).then_some(busy)
    }

    /// Whether blocks matter.
    pub(super) fn counts_blocks(&self) -> bool {
        self.blocks.is_some()
    }

    /// So many blocks of `worker` are active, says `source`.
    pub(super) fn observe(&mut self, worker: WorkerId, source: Source, active: u64, facts: &WorkerFacts) {
        let Some(share) = self.blocks else {
            return;
        };
        let below = active as f64 <= share * facts.blocks as f64;
        let latch = &mut self.latches[worker.0 as usize];
        match source {
            Source::Tracked => latch.tracked_below = below,
            Source::Reported => latch.reported_below = Some(below),
        }
        if !below && !latch.set {
            latch.set = true;
            // What the other one said before does not count.
            match source {
                Source::Tracked => latch.reported_below = latch.reported_below.map(|_| false),
                Source::Reported => latch.tracked_below = false,
            }
        } else if latch.tracked_below && latch.reported_below != Some(false) {
            latch.set = false;
        }
    }

    /// Whether `worker`, with so many tokens to prefill, is too busy.
    pub(super) fn is_busy(&self, worker: WorkerId, prefill_tokens: u64, facts: &WorkerFacts) -> bool {
        self.latches[worker.0 as usize].set
            || self.tokens.is_some_and(|limit| prefill_tokens > limit)
            || self.tokens_frac.is_some_and(|frac| exceeds(prefill_tokens, frac, facts))
    }

    /// There are so many workers now.
    pub(super) fn grow(&mut self, workers: usize) {
        self.latches.resize(workers, Latch::default());
    }

    /// A worker starts anew.
    pub(super) fn forget(&mut self, worker: WorkerId) {
        self.latches[worker.0 as usize] = Latch::default();
    }
}

/// Whether a worker has more tokens to prefill than `frac` times its largest batch; never without a limit.
pub(super) fn exceeds(prefill_tokens: u64, frac: f64, facts: &WorkerFacts) -> bool {
    facts.batch_tokens.is_some_and(|batch| prefill_tokens as f64 > frac * f64::from(batch))
}

#[cfg(test)]
mod tests;
