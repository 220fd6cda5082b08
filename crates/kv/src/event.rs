//! What changed in a worker's cache, as engines tell routers.

use crate::hash::{LocalHash, SequenceHash};

/// Where a block lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Memory of the accelerator (G1).
    #[default]
    Device,
    /// Pinned memory of the host (G2).
    Host,
    /// Local disk (G3).
    Disk,
    /// Object store or another remote (G4).
    Object,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvEvent {
    /// Blocks can be reused from now on.
    Stored {
        /// Where.
        tier: Tier,
        /// The block in front of the first one.
        parent: Option<SequenceHash>,
        /// In order of the sequence.
        blocks: Vec<(SequenceHash, LocalHash)>,
    },
    /// Blocks are gone.
    Removed {
        /// From where.
        tier: Tier,
        /// In the order in which they went.
        blocks: Vec<SequenceHash>,
    },
    /// Everything is gone.
    Cleared,
}
