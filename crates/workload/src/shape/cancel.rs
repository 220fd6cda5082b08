//! Cancellation: which requests are given up by their client, and when.

use tokmark_base::{Micros, Seed};

use crate::spec::CancelSpec;

/// A share of requests that is given up.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    share: f64,
    after: Micros,
    seed: Seed,
}

impl Cancel {
    /// As `spec` asks.
    pub fn new(spec: &CancelSpec, seed: Seed) -> Self {
        Self { share: spec.share, after: spec.after.0, seed }
    }

    /// How long after it was sent request `index` is given up, if it is.
    pub fn of(&self, index: u64) -> Option<Micros> {
        (self.share > 0.0 && self.seed.stream("cancel", index).unit() < self.share).then_some(self.after)
    }

    /// Share and time, part of the plan's digest.
    pub fn canonical(&self) -> Vec<(&'static str, String)> {
        if self.share == 0.0 {
            return Vec::new();
        }
        vec![("cancel", format!("share={:?} after_us={}", self.share, self.after.0))]
    }
}
