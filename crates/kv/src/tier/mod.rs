//! What lies below the accelerator's memory: host, disk and object store, what moves between them and when it arrives.
//!
//! The rules are those of Dynamo's KVBM 1.6.1 (`dynamo-llm`, `block_manager/offload.rs` and its connector for vLLM): what becomes
//! complete on the device is copied to the host, and from there, if it is seen often enough, to the disk; without a host tier
//! straight to the disk; to an object store straight from the device. A copy is skipped if its source has gone by the time its
//! turn comes, if the target has the block already, if the filter refuses it, or if everything in the target is in use. Nothing
//! comes back by itself: a request asks for it ([`Tiers::onboard`]). Bandwidths, latencies and scopes are those of Dynamo's offline
//! replay (`aisimulate-core` 0.13.0, `native_host_offload` and `g3_offload`).
//!
//! Where this differs:
//!
//! - A block on its way into a tier counts as there when another copy of it is due; KVBM copies it twice and drops one.
//! - Up to so many batches share a link equally, each waiting for its first byte by itself. Dynamo's replay serves a private host
//!   link one job after the other, whole jobs at a time: the last byte of a backlog arrives at the same moment, those before
//!   may not.
//! - A block of the device that is overwritten while it is being copied does not hold anything up, as if the copy read it all at
//!   its start. Dynamo's replay lets the pass that overwrites it wait.
//! - Blocks on disk come back straight to the device, as in KVBM; Dynamo's replay brings them to the host first.
//!
//! Not yet: tiers shared by several workers, files of a disk that outlive their worker, locks and failures of an object store, the
//! `kvbm-engine` pipeline of Dynamo's next generation (flush timers, a policy's time limit).

mod filter;
mod pool;
mod report;
mod spec;
mod tiers;
mod transfer;

pub use filter::FrequencyFilter;
pub use pool::Block;
pub use report::{HitRates, Loaded, Moved, Reach, Skipped, TierCensus, TierReport};
pub use spec::{
    FilterParams, FilterSpec, TierParams, TierScope, TierSpec, TierSpecError, TiersParams, TiersSpec,
    kvbm_bypasses_host,
};
pub use tiers::Tiers;
