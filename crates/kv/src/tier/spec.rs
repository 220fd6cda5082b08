//! The tiers as a spec writes them (`engine.tiers`), and what they resolve to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::{Duration, Micros};

use crate::Tier;

/// Whom a tier serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierScope {
    /// Every worker (every rank, with data parallelism) has its own.
    #[default]
    Worker,
    /// All workers share one. Not yet.
    Cluster,
}

/// One tier below the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TierSpec {
    /// Capacity, KV blocks. Either this or `gb`.
    #[schemars(range(min = 1))]
    pub blocks: Option<u64>,
    /// Capacity, 10⁹ bytes, of which whole blocks are used. Needs the size of a token's KV cache.
    #[schemars(range(min = 0))]
    pub gb: Option<f64>,
    /// Bandwidth towards the device, 10⁹ bytes a second; 0: no limit. Unset: 32 for the host, 10 for a disk (Dynamo's replay).
    #[schemars(range(min = 0))]
    pub read_gb_s: Option<f64>,
    /// Bandwidth into the tier, 10⁹ bytes a second; 0: no limit. Unset: as for reading.
    #[schemars(range(min = 0))]
    pub write_gb_s: Option<f64>,
    /// Time to the first byte of a transfer. Unset: none for the host, 0.1 ms for a disk (Dynamo's replay).
    pub latency: Option<Duration>,
    /// Transfers at a time in each direction; unset: 4 (KVBM).
    #[schemars(range(min = 1))]
    pub transfers: Option<u32>,
    /// Blocks a transfer moves at most; unset: 16 (KVBM).
    #[schemars(range(min = 1))]
    pub batch: Option<u32>,
    /// Whom it serves.
    pub scope: TierScope,
}

/// What keeps blocks that nobody uses again from wearing out a disk (KVBM's frequency filter).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterSpec {
    /// Whether it is there; unset: yes.
    pub enabled: Option<bool>,
    /// The count from which on a block passes. It is 1 at the first sighting and doubles with each; unset: 2.
    #[schemars(range(min = 1))]
    pub min: Option<u32>,
    /// Every count goes down by 1 once in so long; unset: 600 s.
    pub window: Option<Duration>,
    /// Blocks counted at most; unset: 1,000,000.
    #[schemars(range(min = 1))]
    pub entries: Option<u64>,
}

/// `engine.tiers` of a spec. Empty: there is nothing below the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TiersSpec {
    /// Pinned memory of the host (G2). Unset, with a disk: blocks go to the disk straight from the device.
    pub host: Option<TierSpec>,
    /// Local disk (G3).
    pub disk: Option<TierSpec>,
    /// What stands between host and disk.
    pub disk_filter: Option<FilterSpec>,
    /// Object store (G4). It has no default bandwidth or latency.
    pub object: Option<TierSpec>,
    /// Size of a token's KV cache in a worker, bytes.
    #[schemars(range(min = 1))]
    pub bytes_per_token: Option<u64>,
}

/// One tier, complete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierParams {
    /// Blocks it holds.
    pub blocks: u32,
    /// Towards the device, 10⁹ bytes a second; `None`: no limit.
    pub read_gb_s: Option<f64>,
    /// Into the tier, 10⁹ bytes a second; `None`: no limit.
    pub write_gb_s: Option<f64>,
    /// To the first byte of a transfer.
    pub latency: Micros,
    /// Transfers at a time, each way.
    pub transfers: u32,
    /// Blocks of a transfer at most.
    pub batch: u32,
}

/// The frequency filter, complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterParams {
    /// The count from which on a block passes.
    pub min: u32,
    /// Counts go down by 1 once in so long.
    pub window: Micros,
    /// Blocks counted at most.
    pub entries: usize,
}

impl Default for FilterParams {
    /// KVBM's own.
    fn default() -> Self {
        Self { min: 2, window: Micros(600_000_000), entries: 1_000_000 }
    }
}

/// All tiers of a worker, complete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TiersParams {
    /// Pinned memory of the host.
    pub host: Option<TierParams>,
    /// Local disk.
    pub disk: Option<TierParams>,
    /// Between host and disk.
    pub disk_filter: Option<FilterParams>,
    /// Object store.
    pub object: Option<TierParams>,
    /// Size of a block.
    pub block_bytes: u64,
}

/// Why a `tiers:` cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TierSpecError {
    /// Neither of the two capacities.
    #[error(
        "engine.tiers.{tier} has no capacity\nhint: set engine.tiers.{tier}.blocks, or engine.tiers.{tier}.gb"
    )]
    NoCapacity {
        /// Its key.
        tier: &'static str,
    },
    /// Both of them.
    #[error("engine.tiers.{tier} has both blocks and gb\nhint: leave one of them out")]
    TwoCapacities {
        /// Its key.
        tier: &'static str,
    },
    /// A value out of its range.
    #[error("engine.tiers.{key} is {value}\nhint: it must be {must}")]
    Value {
        /// Its key.
        key: String,
        /// What was given.
        value: String,
        /// What may be given.
        must: &'static str,
    },
    /// Sizes are needed, and nobody said how large a token is.
    #[error(
        "the size of a KV block is not known, and tiers have bandwidths\nhint: set engine.tiers.bytes_per_token: layers × 2 × KV heads × head size × bytes of an element"
    )]
    NoBytes,
    /// A quantity for which there is no honest default.
    #[error(
        "engine.tiers.object.{key} is not given\nhint: measure it, there is no usual value; 0 means no limit or no time"
    )]
    NoDefault {
        /// Its key.
        key: &'static str,
    },
    /// A filter without the two tiers it stands between.
    #[error(
        "engine.tiers.disk_filter stands between host and disk, and there are not both\nhint: set engine.tiers.host and engine.tiers.disk; from the device straight to a disk nothing is filtered"
    )]
    NothingToFilter,
    /// One tier for several workers.
    #[error(
        "engine.tiers.{tier}.scope is cluster, which is not simulated yet\nhint: leave it out: every worker has its own"
    )]
    Shared {
        /// Its key.
        tier: &'static str,
    },
}

impl TiersSpec {
    /// Whether there is no tier.
    pub fn is_empty(&self) -> bool {
        self.host.is_none() && self.disk.is_none() && self.object.is_none()
    }

    /// Whether blocks go from the device straight to the disk: there is a disk and no host ([`kvbm_bypasses_host`]).
    pub fn bypasses_host(&self) -> bool {
        self.disk.is_some() && self.host.is_none()
    }

    /// The tiers of a worker with blocks of `block` tokens; `None` if there are none. `bytes_per_token` counts if the spec does
    /// not say.
    pub fn resolve(
        &self,
        block: u32,
        bytes_per_token: Option<u64>,
    ) -> Result<Option<TiersParams>, TierSpecError> {
        let filters = self.disk_filter.as_ref().is_some_and(|filter| filter.enabled != Some(false));
        if filters && (self.host.is_none() || self.disk.is_none()) {
            return Err(TierSpecError::NothingToFilter);
        }
        if self.is_empty() {
            return Ok(None);
        }
        let bytes = self.bytes_per_token.or(bytes_per_token).filter(|bytes| *bytes > 0);
        let block_bytes =
            bytes.and_then(|b| b.checked_mul(u64::from(block))).ok_or(TierSpecError::NoBytes)?;
        let resolve = |tier: &Option<TierSpec>, which| {
            tier.as_ref().map(|tier| tier.resolve(which, block_bytes)).transpose()
        };
        let (host, disk) = (resolve(&self.host, Tier::Host)?, resolve(&self.disk, Tier::Disk)?);
        let disk_filter = match &self.disk_filter {
            Some(filter) => filter.resolve()?,
            None => Some(FilterParams::default()),
        };
        let object = resolve(&self.object, Tier::Object)?;
        let disk_filter = disk_filter.filter(|_| host.is_some() && disk.is_some());
        Ok(Some(TiersParams { host, disk, disk_filter, object, block_bytes }))
    }
}

/// The key of a tier.
fn key_of(tier: Tier) -> &'static str {
    match tier {
        Tier::Device => "device",
        Tier::Host => "host",
        Tier::Disk => "disk",
        Tier::Object => "object",
    }
}

impl TierSpec {
    fn resolve(&self, which: Tier, block_bytes: u64) -> Result<TierParams, TierSpecError> {
        let tier = key_of(which);
        let wrong = |name: &str, value: String, must| TierSpecError::Value {
            key: format!("{tier}.{name}"),
            value,
            must,
        };
        if self.scope == TierScope::Cluster {
            return Err(TierSpecError::Shared { tier });
        }
        let rate = |name, given: Option<f64>| match given {
            Some(rate) if !rate.is_finite() || rate < 0.0 => {
                Err(wrong(name, rate.to_string(), "0 (no limit) or more, and finite"))
            }
            _ => Ok(given),
        };
        let (read, write) = (rate("read_gb_s", self.read_gb_s)?, rate("write_gb_s", self.write_gb_s)?);
        let usual = match which {
            Tier::Object => None,
            Tier::Device | Tier::Host => Some((32.0, Micros::ZERO)),
            Tier::Disk => Some((10.0, Micros(100))),
        };
        let missing = |key| TierSpecError::NoDefault { key };
        let usual_rate = usual.map(|(rate, _)| rate);
        let read = read.or(usual_rate).ok_or_else(|| missing("read_gb_s"))?;
        let write = write.unwrap_or(read);
        let usual_latency = usual.map(|(_, latency)| latency);
        let latency = self.latency.map(|latency| latency.0).or(usual_latency);
        let count = |name, given: Option<u32>, usual| match given {
            Some(0) => Err(wrong(name, "0".to_owned(), "at least 1")),
            given => Ok(given.unwrap_or(usual)),
        };
        let limited = |rate: f64| (rate > 0.0).then_some(rate);
        Ok(TierParams {
            blocks: self.capacity(tier, block_bytes)?,
            read_gb_s: limited(read),
            write_gb_s: limited(write),
            latency: latency.ok_or_else(|| missing("latency"))?,
            transfers: count("transfers", self.transfers, 4)?,
            batch: count("batch", self.batch, 16)?,
        })
    }

    fn capacity(&self, tier: &'static str, block_bytes: u64) -> Result<u32, TierSpecError> {
        let (name, value, blocks) = match (self.blocks, self.gb) {
            (None, None) => return Err(TierSpecError::NoCapacity { tier }),
            (Some(_), Some(_)) => return Err(TierSpecError::TwoCapacities { tier }),
            (Some(blocks), None) => ("blocks", blocks.to_string(), blocks),
            // As KVBM counts: 10⁹ bytes, whole blocks. A number that is none gives no block.
            (None, Some(gb)) => ("gb", gb.to_string(), (gb * 1e9 / block_bytes as f64) as u64),
        };
        // The largest numbers are kept for "no block".
        u32::try_from(blocks).ok().filter(|blocks| (1..u32::MAX).contains(blocks)).ok_or_else(|| {
            TierSpecError::Value {
                key: format!("{tier}.{name}"),
                value,
                must: "enough for one block, and for less than 2³² of them",
            }
        })
    }
}

impl FilterSpec {
    fn resolve(&self) -> Result<Option<FilterParams>, TierSpecError> {
        let wrong = |name: &str, value: String, must| TierSpecError::Value {
            key: format!("disk_filter.{name}"),
            value,
            must,
        };
        let usual = FilterParams::default();
        let params = FilterParams {
            min: self.min.unwrap_or(usual.min),
            window: self.window.map_or(usual.window, |window| window.0),
            entries: self.entries.map_or(usual.entries, |entries| entries as usize),
        };
        if params.min == 0 {
            return Err(wrong("min", "0".to_owned(), "at least 1"));
        }
        if params.window <= Micros::ZERO {
            return Err(wrong("window", Duration(params.window).to_string(), "more than 0"));
        }
        if params.entries == 0 {
            return Err(wrong("entries", "0".to_owned(), "at least 1"));
        }
        Ok((self.enabled != Some(false)).then_some(params))
    }
}

/// Whether KVBM goes from the device straight to the disk, by the text of its variables as the environment gives them:
/// `DYN_KVBM_CPU_CACHE_GB` and `DYN_KVBM_CPU_CACHE_OVERRIDE_NUM_BLOCKS` in `host`, `DYN_KVBM_DISK_CACHE_GB` and
/// `DYN_KVBM_DISK_CACHE_OVERRIDE_NUM_BLOCKS` in `disk`.
///
/// A variable counts if it is a whole number above 0: `0.5` counts as absent, though the cache that is made of it may not be
/// empty (KVBM 1.6.1).
pub fn kvbm_bypasses_host(host: [Option<&str>; 2], disk: [Option<&str>; 2]) -> bool {
    let set = |variables: [Option<&str>; 2]| {
        variables.into_iter().flatten().any(|text| text.parse::<u64>().is_ok_and(|n| n > 0))
    };
    set(disk) && !set(host)
}

#[cfg(test)]
mod tests;
