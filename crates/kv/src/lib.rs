//! **What is in which cache, and what does it cost to move?**
//!
//! In: the [`Content`](tokmark_base::Content) of sequences, cut into blocks ([`Chain`]). Out: which blocks are where, which must go,
//! what changed ([`KvEvent`]).
//! Invariant: blocks used + free = total, always; the same commands give the same state on every machine.
//! Start reading at [`hash`], then [`chain`](chain::Chain); what lies below the device is in [`tier`]. One more cache is one file here.
//!
//! Not yet: tiers shared by several workers, files of a disk that outlive their worker, failures of an object store.

pub mod chain;
pub mod event;
pub mod hash;
pub mod index;
pub mod pool;
pub mod radix;
pub mod tier;

pub use chain::Chain;
pub use event::{KvEvent, Tier};
pub use hash::{LocalHash, SequenceHash};
pub use pool::{BlockId, BlockPool};
pub use radix::{Lease, RadixCache, Sequence};
