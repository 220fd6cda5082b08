//! A trace or data set, read: its rows, grouped into sessions, in the order of their times.

use std::sync::Arc;

use tokmark_base::{Lexicon, Seed};

use super::{Jsonl, Source};
use crate::spec::WorkloadSpec;

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Dataset(Jsonl);

impl Dataset {
    /// The source of a plan.
    pub fn source(self, spec: &WorkloadSpec, seed: Seed, _lexicon: Arc<dyn Lexicon>) -> Box<dyn Source> {
        Box::new(self.0.shaped(spec, seed))
    }
}

impl From<Jsonl> for Dataset {
    fn from(lines: Jsonl) -> Self {
        Self(lines)
    }
}
