//! One direction of the way into or out of a tier: who is next, how many batches move at a time, and when each has arrived.

use std::collections::BTreeMap;

use tokmark_base::Micros;

use super::TierParams;

/// A moment in nanoseconds: batches of small models take fractions of a microsecond, which must not add up to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ns(pub(super) i64);

impl From<Micros> for Ns {
    fn from(at: Micros) -> Self {
        Self(at.0.saturating_mul(1_000))
    }
}

impl From<Ns> for Micros {
    /// The first whole microsecond at which it has happened.
    fn from(at: Ns) -> Self {
        Self(at.0.div_euclid(1_000) + i64::from(at.0.rem_euclid(1_000) > 0))
    }
}

/// A place in a queue: priority, then arrival.
pub(super) type Place = (u32, u64);

/// A queue of blocks and the batches on their way.
///
/// Blocks leave the queue in the order of (priority, arrival), as many as a batch takes, whenever fewer batches than allowed are on
/// their way. A batch moves no byte before the link's latency has passed; those that move share the bandwidth equally. Moments
/// depend on the commands only, never on how often somebody looks.
#[derive(Clone, Debug)]
pub(super) struct Link<J> {
    latency: i64,
    transfers: usize,
    batch: usize,
    block_bytes: f64,
    queue: BTreeMap<Place, J>,
    arrivals: u64,
    road: Road,
    /// What the batches on `road` carry.
    cargo: Vec<Vec<J>>,
}

/// The batches on their way, in the order in which they left.
#[derive(Clone, Debug)]
struct Road {
    /// Bytes a nanosecond (10⁹ bytes a second); `None`: no limit.
    rate: Option<f64>,
    /// Up to when `batches` are accounted for.
    at: Ns,
    batches: Vec<Batch>,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    /// When its first byte moves.
    moves: Ns,
    /// Bytes to go.
    left: f64,
}

/// What happens next on a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// A batch starts to move.
    Moves,
    /// The batch of this index arrives.
    Arrives(usize),
}

impl Road {
    /// What happens next. Of what happens at one moment, starting to move comes first, then the batch that left first.
    fn next(&self) -> Option<(Ns, Turn)> {
        let moving = self.moving();
        let turns = self.batches.iter().enumerate().map(|(nth, batch)| {
            if batch.moves > self.at {
                return (batch.moves, Turn::Moves);
            }
            let takes = self.rate.map_or(0.0, |rate| batch.left * moving / rate);
            (Ns(self.at.0.saturating_add(takes.round() as i64)), Turn::Arrives(nth))
        });
        turns.min()
    }

    fn moving(&self) -> f64 {
        self.batches.iter().filter(|batch| batch.moves <= self.at).count() as f64
    }

    /// Time goes on to `to`; nothing happens before.
    fn pass(&mut self, to: Ns) {
        let (since, moving) = (self.at, self.moving());
        if to <= since {
            return;
        }
        self.at = to;
        if let Some(rate) = self.rate.filter(|_| moving > 0.0) {
            let bytes = (to.0 - since.0) as f64 * rate / moving;
            let moving = self.batches.iter_mut().filter(|batch| batch.moves <= since);
            moving.for_each(|batch| batch.left = (batch.left - bytes).max(0.0));
        }
    }

    /// Time goes on to the next arrival, if that is at `to` or before.
    fn arrival(&mut self, to: Ns) -> Option<(Ns, usize)> {
        loop {
            let (at, turn) = self.next().filter(|(at, _)| *at <= to)?;
            self.pass(at);
            if let Turn::Arrives(nth) = turn {
                return Some((at, nth));
            }
        }
    }
}

impl<J> Link<J> {
    /// The way into a tier of these parameters, with blocks of `block_bytes` bytes.
    pub(super) fn writing(params: &TierParams, block_bytes: u64) -> Self {
        Self::new(params, params.write_gb_s, block_bytes)
    }

    /// The way out of it, to the device.
    pub(super) fn reading(params: &TierParams, block_bytes: u64) -> Self {
        Self::new(params, params.read_gb_s, block_bytes)
    }

    fn new(params: &TierParams, rate: Option<f64>, block_bytes: u64) -> Self {
        Self {
            latency: params.latency.0.saturating_mul(1_000),
            transfers: params.transfers as usize,
            batch: params.batch as usize,
            block_bytes: block_bytes as f64,
            queue: BTreeMap::new(),
            arrivals: 0,
            road: Road { rate, at: Ns(0), batches: Vec::new() },
            cargo: Vec::new(),
        }
    }

    /// Blocks that wait.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Blocks on their way.
    pub(super) fn moving(&self) -> usize {
        self.cargo.iter().map(Vec::len).sum()
    }

    /// A block wants to move; smaller priorities go first. It leaves with a [`Self::start`].
    pub(super) fn push(&mut self, priority: u32, job: J) -> Place {
        self.arrivals += 1;
        self.queue.insert((priority, self.arrivals), job);
        (priority, self.arrivals)
    }

    /// A block that waits is not to move. `None`: it does not wait any more.
    pub(super) fn withdraw(&mut self, place: Place) -> Option<J> {
        self.queue.remove(&place)
    }

    /// Whether a batch could leave.
    pub(super) fn may_start(&self) -> bool {
        self.cargo.len() < self.transfers && !self.queue.is_empty()
    }

    /// Lets a batch leave at `now`, of blocks that `accepts` says yes to; those it does not accept are out of the queue too.
    /// Everything that arrives at `now` or before has been taken.
    pub(super) fn start(&mut self, now: Ns, mut accepts: impl FnMut(&J) -> bool) {
        let mut jobs = Vec::new();
        while jobs.len() < self.batch
            && let Some((_, job)) = self.queue.pop_first()
        {
            if accepts(&job) {
                jobs.push(job);
            }
        }
        if jobs.is_empty() {
            return;
        }
        let road = &mut self.road;
        if road.batches.is_empty() {
            road.at = now;
        }
        while let Some((at, Turn::Moves)) = road.next()
            && at <= now
        {
            road.pass(at);
        }
        road.pass(now);
        let left = self.block_bytes * jobs.len() as f64;
        road.batches.push(Batch { moves: Ns(now.0.saturating_add(self.latency)), left });
        self.cargo.push(jobs);
    }

    /// When the next batch arrives if no other leaves before.
    pub(super) fn next_arrival(&self) -> Option<Ns> {
        if self.cargo.is_empty() {
            return None;
        }
        self.road.clone().arrival(Ns(i64::MAX)).map(|(at, _)| at)
    }

    /// The batch that arrives next, if that is at `to` or before.
    pub(super) fn arrive(&mut self, to: Ns) -> Option<Vec<J>> {
        let (_, nth) = self.road.arrival(to)?;
        self.road.batches.remove(nth);
        Some(self.cargo.remove(nth))
    }

    /// Every block that waits or is on its way is given up.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.road.batches.clear();
        self.cargo.clear();
    }
}

#[cfg(test)]
mod tests;
