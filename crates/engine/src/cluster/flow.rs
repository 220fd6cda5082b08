//! Where a request is, and what is to be done about it.

use tokmark_base::Micros;

use crate::{Arrival, Carried, Rejection, RequestId};

/// A request inside a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    /// As it came, but for a stream that is to be cut.
    pub(crate) arrival: Arrival,
    pub(crate) stage: Stage,
    /// Its client was told that it is queued.
    pub(crate) told: bool,
    /// Tokens that are out.
    pub(crate) emitted: u32,
    /// Started anew: so many of the tokens to come are out already.
    pub(crate) again: u32,
    /// It ends by a cut if it ends at its length.
    pub(crate) cut: bool,
    /// How often its worker crashed.
    pub(crate) moves: u32,
    /// The router that placed it last knows that its prompt is through.
    pub(crate) prefilled: bool,
    /// Whose router counts it.
    pub(crate) counted: [bool; 2],
    /// The decode worker chosen for it when it arrived.
    pub(crate) chosen: Option<usize>,
    /// The prefill worker that keeps its blocks.
    pub(crate) source: Option<usize>,
    /// Under which of the cluster's own counts it stands.
    pub(crate) where_counted: Counted,
}

/// Which of the cluster's own counts a request stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Routing,
    Transferring,
    /// A worker counts it.
    Elsewhere,
}

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No worker of this pool is up.
    Lobby(usize),
    /// In this pool's router.
    Routed(usize),
    /// With a prefill worker.
    Prefill(usize),
    /// With a decode worker that has to find room for it.
    Reserving(usize),
    /// On its way to a decode worker.
    Transfer { to: usize, ticket: u64 },
    /// With a decode worker that has its KV cache, and has not admitted it yet: clients are not told of that admission.
    Delivered(usize),
    /// With the worker that answers it.
    Serve(usize),
}

impl Stage {
    /// The worker that counts it.
    pub(crate) fn lane(self) -> Option<usize> {
        match self {
            Self::Prefill(lane) | Self::Delivered(lane) | Self::Serve(lane) => Some(lane),
            _ => None,
        }
    }

    /// The worker that sets memory aside for it.
    pub(crate) fn target(self) -> Option<usize> {
        match self {
            Self::Reserving(lane) | Self::Transfer { to: lane, .. } => Some(lane),
            _ => None,
        }
    }
}

impl Flow {
    pub(crate) fn new(arrival: Arrival, cut: bool) -> Self {
        let emitted = arrival.carried.emitted;
        Self {
            arrival,
            stage: Stage::Lobby(0),
            told: false,
            emitted: 0,
            again: 0,
            cut,
            moves: 0,
            prefilled: false,
            counted: [false; 2],
            chosen: None,
            source: None,
            where_counted: Counted::Elsewhere,
        }
        .having(emitted)
    }

    /// What came with it counts as out, but not as emitted here.
    fn having(mut self, emitted: u32) -> Self {
        self.arrival.carried = Carried { emitted, cached: false };
        self
    }

    /// Which count its stage belongs to.
    pub(crate) fn counts(&self) -> Counted {
        match self.stage {
            Stage::Prefill(_) | Stage::Delivered(_) | Stage::Serve(_) => Counted::Elsewhere,
            Stage::Lobby(_) | Stage::Routed(_) if self.source.is_none() => Counted::Routing,
            _ => Counted::Transferring,
        }
    }

    /// Tokens of its reply that belong to its context where it starts now.
    pub(crate) fn context(&self) -> u32 {
        self.arrival.carried.emitted + self.emitted - self.again
    }

    /// As it would have to arrive elsewhere.
    pub(crate) fn resumed(&self) -> Arrival {
        let emitted = self.arrival.carried.emitted + self.emitted;
        Arrival { carried: Carried { emitted, cached: false }, ..self.arrival.clone() }
    }
}

/// What an event sets off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Todo {
    /// Tell the pool's router that the prompt is through.
    Prefilled { pool: usize, id: RequestId, at: Micros },
    /// Tell the pool's router that a request has left.
    Gone { pool: usize, id: RequestId, at: Micros },
    /// The router has placed a request.
    Send { pool: usize, unit: u32, id: RequestId, at: Micros },
    /// Ask the router where a request goes.
    Place { pool: usize, id: RequestId, at: Micros },
    /// Start from the beginning.
    Enter { id: RequestId, at: Micros },
    /// The prompt is through: on to a decode worker.
    HandOver { id: RequestId, at: Micros },
    /// The decode worker has room.
    Reserved { id: RequestId, at: Micros },
    /// A worker need not keep blocks any more.
    Release { lane: usize, id: RequestId, at: Micros },
    /// The router has changed its mind about a request that waited.
    Refused { pool: usize, id: RequestId, why: Rejection, at: Micros },
}
