//! What an engine's own metrics would show at one moment.

use std::ops::AddAssign;

use std::collections::BTreeMap;

use tokmark_base::Micros;
use tokmark_kv::tier::TierReport;
use tokmark_record::Sample;

use crate::Census;

/// The numbers that an engine's `/metrics` is made of. Counters are totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Requests that hold a slot.
    pub running: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// KV blocks there are.
    pub blocks_total: u64,
    /// KV blocks that running requests hold.
    pub blocks_used: u64,
    /// Tokens of a block.
    pub block_tokens: u32,
    /// Prompt tokens looked up in the prefix cache.
    pub prefix_queries: u64,
    /// Of those, tokens found.
    pub prefix_hits: u64,
    /// Requests thrown out of the batch.
    pub preemptions: u64,
    /// Passes computed.
    pub passes: u64,
    /// Prompt tokens of the requests admitted.
    pub prompt_tokens: u64,
    /// Tokens that came out.
    pub generation_tokens: u64,
}

impl Gauges {
    /// What a census alone can say.
    pub fn of(census: &Census) -> Self {
        Self {
            running: census.running,
            waiting: census.waiting,
            blocks_total: census.blocks_total,
            blocks_used: census.blocks_used,
            generation_tokens: census.tokens_emitted,
            ..Self::default()
        }
    }

    /// The same as a sample of the series, with what `tiers` below the device say.
    pub fn sample(&self, source: &str, at: Micros, tiers: Option<TierReport>) -> Sample {
        let counts = [
            ("requests_running", self.running),
            ("requests_waiting", self.waiting),
            ("kv_blocks_total", self.blocks_total),
            ("kv_blocks_used", self.blocks_used),
            ("prefix_queries_tokens", self.prefix_queries),
            ("prefix_hits_tokens", self.prefix_hits),
            ("preemptions", self.preemptions),
            ("passes", self.passes),
            ("prompt_tokens", self.prompt_tokens),
            ("generation_tokens", self.generation_tokens),
        ];
        let mut values: BTreeMap<String, f64> =
            counts.into_iter().map(|(name, value)| (name.to_owned(), value as f64)).collect();
        if let Some(TierReport { moved, hit_rates, .. }) = tiers {
            let moved = [
                ("offload_blocks_d2h", moved.offload_blocks_d2h),
                ("offload_blocks_h2d", moved.offload_blocks_h2d),
                ("offload_blocks_d2d", moved.offload_blocks_d2d),
                ("offload_blocks_d2o", moved.offload_blocks_d2o),
                ("onboard_blocks_h2d", moved.onboard_blocks_h2d),
                ("onboard_blocks_d2d", moved.onboard_blocks_d2d),
                ("onboard_blocks_o2d", moved.onboard_blocks_o2d),
            ];
            values.extend(moved.into_iter().map(|(name, value)| (name.to_owned(), value as f64)));
            let rates = [
                ("host_cache_hit_rate", hit_rates.host),
                ("disk_cache_hit_rate", hit_rates.disk),
                ("object_cache_hit_rate", hit_rates.object),
            ];
            values.extend(rates.into_iter().filter_map(|(name, rate)| Some((name.to_owned(), rate?))));
        }
        Sample { at_us: at, source: source.to_owned(), values }
    }

    /// Share of the blocks that are used, 0 to 1; `None` if there are none.
    pub fn cache_usage(&self) -> Option<f64> {
        (self.blocks_total > 0).then(|| self.blocks_used as f64 / self.blocks_total as f64)
    }
}

impl AddAssign for Gauges {
    /// Of several workers: sums; blocks of the same size.
    fn add_assign(&mut self, other: Self) {
        let Self {
            running,
            waiting,
            blocks_total,
            blocks_used,
            block_tokens,
            prefix_queries,
            prefix_hits,
            preemptions,
            passes,
            prompt_tokens,
            generation_tokens,
        } = other;
        self.running += running;
        self.waiting += waiting;
        self.blocks_total += blocks_total;
        self.blocks_used += blocks_used;
        self.block_tokens = self.block_tokens.max(block_tokens);
        self.prefix_queries += prefix_queries;
        self.prefix_hits += prefix_hits;
        self.preemptions += preemptions;
        self.passes += passes;
        self.prompt_tokens += prompt_tokens;
        self.generation_tokens += generation_tokens;
    }
}
