//! What the tiers say of themselves.

use std::collections::VecDeque;

use tokmark_base::Micros;

/// How far the tiers go on with a sequence behind what the device has of it, blocks. As in KVBM the host goes on from the device,
/// the disk from the host, the object store from the disk, and nobody goes on again later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Blocks of the host.
    pub host: u32,
    /// Blocks of the disk behind those.
    pub disk: u32,
    /// Blocks of the object store behind those.
    pub object: u32,
    /// A block of these is on its way to the device for somebody else, or the block behind them is on its way into a tier: vLLM's
    /// connector asks again later instead of computing it.
    pub waits: bool,
}

impl Reach {
    /// Blocks of all tiers.
    pub fn blocks(self) -> u32 {
        self.host + self.disk + self.object
    }

    pub(super) fn by_tier(self) -> [u32; 3] {
        [self.host, self.disk, self.object]
    }
}

/// What a request asked for is on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Since when.
    pub at: Micros,
    /// Who asked.
    pub request: u64,
    /// How many blocks.
    pub blocks: u32,
}

/// Blocks copied since the start, under the names of KVBM's counters. The letters are those of tiers, not of CUDA: in `offload`,
/// d is the device, h the host and the second d the disk. A block counts when it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Device to host.
    pub offload_blocks_d2h: u64,
    /// Host to disk.
    pub offload_blocks_h2d: u64,
    /// Device to disk, past the host.
    pub offload_blocks_d2d: u64,
    /// Device to object store.
    pub offload_blocks_d2o: u64,
    /// Host to device.
    pub onboard_blocks_h2d: u64,
    /// Disk to device.
    pub onboard_blocks_d2d: u64,
    /// Object store to device.
    pub onboard_blocks_o2d: u64,
}

impl Moved {
    /// Blocks offloaded on any way.
    pub fn offloaded(&self) -> u64 {
        self.offload_blocks_d2h + self.offload_blocks_h2d + self.offload_blocks_d2d + self.offload_blocks_d2o
    }

    /// Blocks onboarded on any way.
    pub fn onboarded(&self) -> u64 {
        self.onboard_blocks_h2d + self.onboard_blocks_d2d + self.onboard_blocks_o2d
    }
}

/// Offers that came to nothing since the start, blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// The source had gone.
    pub gone: u64,
    /// The target had it already, or it was on its way.
    pub there: u64,
    /// The filter refused.
    pub filtered: u64,
    /// Everything in the target was in use.
    pub full: u64,
}

/// One tier at one moment, blocks. `used` + `free` = `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierCensus {
    /// Places.
    pub total: u32,
    /// Places taken, those of blocks on their way in included.
    pub used: u32,
    /// Places free.
    pub free: u32,
    /// Blocks on their way in.
    pub coming: u32,
    /// Blocks that wait for their way in.
    pub queued: u32,
    /// Blocks that wait for their way to the device.
    pub asked: u32,
    /// Blocks on their way to the device.
    pub leaving: u32,
    /// Blocks that went to make room, since the start.
    pub evicted: u64,
}

/// Shares of the blocks asked for that a tier had, over the last requests, 0 to 1; `None` before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HitRates {
    /// Host.
    pub host: Option<f64>,
    /// Disk.
    pub disk: Option<f64>,
    /// Object store (KVBM 1.6.1 computes it and publishes 0).
    pub object: Option<f64>,
}

/// What the tiers would say of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TierReport {
    /// The host, if there is one.
    pub host: Option<TierCensus>,
    /// The disk, if there is one.
    pub disk: Option<TierCensus>,
    /// The object store, if there is one.
    pub object: Option<TierCensus>,
    /// Blocks offered to a tier. Offered = moved + skipped + queued.
    pub offered: u64,
    /// Blocks copied.
    pub moved: Moved,
    /// Offers that came to nothing.
    pub skipped: Skipped,
    /// Over the last 1,000 requests.
    pub hit_rates: HitRates,
}

/// The last requests and what the tiers had for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    requests: VecDeque<(u64, [u32; 3])>,
    queried: u64,
    hits: [u64; 3],
}

/// Requests over which hit rates are taken (KVBM's `DYN_KVBM_CACHE_STATS_MAX_REQUESTS`).
const RECENT: usize = 1_000;

impl Recent {
    pub(super) fn note(&mut self, queried: u64, hits: [u32; 3]) {
        if queried == 0 {
            return;
        }
        self.requests.push_back((queried, hits));
        self.queried += queried;
        self.hits.iter_mut().zip(hits).for_each(|(sum, hits)| *sum += u64::from(hits));
        if self.requests.len() > RECENT
            && let Some((queried, hits)) = self.requests.pop_front()
        {
            self.queried -= queried;
            self.hits.iter_mut().zip(hits).for_each(|(sum, hits)| *sum -= u64::from(hits));
        }
    }

    pub(super) fn rates(&self) -> HitRates {
        let [host, disk, object] =
            self.hits.map(|hits| (self.queried > 0).then(|| hits as f64 / self.queried as f64));
        HitRates { host, disk, object }
    }
}
