//! What goes wrong with single requests: drawn when they arrive, from a stream of their own, so that one more fault or another
//! order of arrivals changes nothing for the rest.

use tokmark_base::{Micros, Seed};

use super::{ErrorType, FaultSpec};
use crate::{Arrival, RequestId};

/// What was drawn for one arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Refused with this status.
    Reject(u16),
    /// Answered with an error of this status.
    Error(u16),
    /// Cut behind so many tokens.
    Cut(u32),
    /// Nothing.
    Good,
}

/// The faults that strike arrivals.
#[derive(Clone, Debug)]
pub(crate) struct Fates {
    seed: Seed,
    faults: Vec<(FaultSpec, Micros)>,
}

impl Fates {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, faults: Vec::new() }
    }

    /// One more; its times count from `origin`.
    pub(crate) fn add(&mut self, fault: FaultSpec, origin: Micros) {
        self.faults.push((fault, origin));
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// What happens to the request that arrives now. The first fault of the list that strikes is it.
    pub(crate) fn draw(&self, now: Micros, request: RequestId) -> Fate {
        if self.faults.is_empty() {
            return Fate::Good;
        }
        let mut stream = self.seed.stream("fault", request.0);
        let mut fate = Fate::Good;
        for (fault, origin) in &self.faults {
            // Every fault takes its two numbers whether it strikes or not, so that each has its own.
            let (chance, which) = (stream.unit(), stream.bits());
            let (rate, from, to, what) = match *fault {
                FaultSpec::Reject { rate, status, from, to } => {
                    (rate.unwrap_or(1.0), from, to, Fate::Reject(status.unwrap_or(503)))
                }
                FaultSpec::Error { rate, ref types, from, to } => {
                    let types = if types.is_empty() { &ErrorType::ALL[..] } else { types };
                    let error = types[(which % types.len() as u64) as usize];
                    (rate, from, to, Fate::Error(error.status()))
                }
                FaultSpec::Cut { rate, after_tokens, from, to } => (rate, from, to, Fate::Cut(after_tokens)),
                _ => continue,
            };
            let on = now >= *origin + from.0 && to.is_none_or(|to| now < *origin + to.0);
            if fate == Fate::Good && on && chance < rate {
                fate = what;
            }
        }
        fate
    }
}

/// Makes the stream of `arrival` end behind `tokens`. The worker gets it as the length of the reply, so that it stops there by
/// itself; `false` if the reply is not longer anyway.
pub(crate) fn cut(arrival: &mut Arrival, tokens: u32) -> bool {
    if arrival.length.max.is_some_and(|max| max <= tokens) {
        return false;
    }
    arrival.length.max = Some(tokens);
    arrival.length.min = arrival.length.min.min(tokens);
    true
}
