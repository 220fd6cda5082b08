//! vLLM's V1 scheduler, version 0.32, as Dynamo 1.6.1 simulates it (`aisimulate-core` 0.13.0).
//!
//! Read from both: vLLM's `v1/core/sched/scheduler.py`, `v1/core/block_pool.py` and `v1/core/kv_cache_manager.py`, and the
//! scheduler core of Dynamo's replay, which agree but for what follows. Golden files of Dynamo's own replay are in
//! `tests/golden/dynamo-1.6.1`.
//!
//! Where they differ:
//!
//! - All of `num_gpu_blocks` can be used, as in Dynamo; vLLM keeps one block for itself.
//! - Reply tokens that are computed again after a preemption use the token budget but no time, as in Dynamo. So does the whole
//!   recomputation of a context that had been delivered from a prefill worker.
//! - Under speculative decoding the last block of every prefix hit is computed again, as in Dynamo; vLLM does so only for drafters
//!   that need it (EAGLE, MTP). The first token comes alone, as in vLLM; Dynamo lets drafts be accepted with it.
//! - Prompts that can never be served are refused on arrival, as by vLLM's front end; Dynamo refuses them when their turn comes.
//! - A context that outgrows the whole cache ends as `Failed`; vLLM would wait for ever, Dynamo's replay stops with an error.
//!
//! Tiers below the device ([`Vllm::with_tiers`]) are in `vllm/tiers.rs`, with what differs there.
//!
//! Not yet: sliding-window, Mamba and encoder caches, pipeline parallelism, asynchronous scheduling (its tokens are a step behind),
//! structured output, the `watermark`, `max_num_active_seqs`, `max_num_queued_reqs` and `prefill_schedule_interval` parameters.

use tokmark_base::Micros;
use tokmark_kv::tier::TiersParams;
use tokmark_kv::{BlockPool, KvEvent};
use tokmark_perf::Step;

use crate::spec::{PreemptionMode, SchedulingPolicy};
use crate::{Arrival, Census, EngineError, Gauges, Out, RequestId, Scheduler};
use batch::{Admission, Batch, Rules, Victim};
use speculation::Sampler;

pub(crate) mod batch;
mod compose;
mod handoff;
mod params;
pub(crate) mod request;
mod speculation;
mod stretch;
mod tiers;

pub use params::VllmParams;
pub use speculation::{Acceptance, Speculative};

/// vLLM's scheduler; see the module.
pub struct Vllm(Batch);

impl Vllm {
    /// An engine with an empty cache.
    pub fn new(params: &VllmParams) -> Result<Self, EngineError> {
        params.check()?;
        let rules = Rules {
            tokens: params.max_num_batched_tokens,
            limit: "max_num_batched_tokens",
            sequences: params.max_num_seqs,
            block: params.block_size,
            context: params.max_model_len.unwrap_or(VllmParams::MODEL_LEN),
            natural: params.natural_output,
            chunked: params.enable_chunked_prefill,
            long: params.long_prefill_token_threshold,
            adapters: params.max_loras as usize,
            victim: match (params.scheduling_policy, params.preemption_mode) {
                (SchedulingPolicy::Priority, _) => Victim::Worst,
                (SchedulingPolicy::Fcfs, PreemptionMode::Lifo) => Victim::Newest,
                (SchedulingPolicy::Fcfs, PreemptionMode::Fifo) => Victim::Oldest,
            },
            admission: Admission::Known,
            room_for_reply: false,
            recompute_last: true,
        };
        let pool = BlockPool::new(params.num_gpu_blocks, params.enable_prefix_caching);
        Ok(Self(Batch::new(rules, pool, params.speculative.as_ref().map(Sampler::new))))
    }

    /// Puts tiers below the device, for an engine that has served nothing yet. They need prefix caching: without names there is
    /// nothing to find.
    pub fn with_tiers(self, params: &TiersParams) -> Result<Self, EngineError> {
        if !self.0.pool.reuses() {
            return Err(EngineError::Parameter {
                name: "enable_prefix_caching",
                value: "false".to_owned(),
                must: "true with tiers below the device",
            });
        }
        Ok(Self(self.0.with_tiers(params)))
    }
}

/// A scheduler that is a [`Batch`] under its own rules.
macro_rules! scheduler_of_batch {
    ($name:ty) => {
        impl Scheduler for $name {
            fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
                self.0.arrive(now, arrival, out);
            }

            fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out) {
                self.0.cancel(now, request, out);
            }

            fn begin(&mut self, now: Micros, out: &mut Out) -> Option<Step> {
                self.0.begin(now, out)
            }

            fn end(&mut self, now: Micros, out: &mut Out) {
                self.0.end(now, out);
            }

            fn steady(&self) -> u32 {
                self.0.steady()
            }

            fn next_due(&self) -> Option<Micros> {
                self.0.next_due()
            }

            fn tier_report(&self) -> Option<tokmark_kv::tier::TierReport> {
                self.0.tier_report()
            }

            fn repeat(&mut self, stamps: &[Micros], out: &mut Out) {
                self.0.repeat(stamps, out);
            }

            fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
                self.0.reserve(now, arrival, out);
            }

            fn release(&mut self, now: Micros, request: RequestId, out: &mut Out) {
                self.0.release(now, request, out);
            }

            fn cached(&self, arrival: &Arrival) -> u32 {
                self.0.cached(arrival)
            }

            fn census(&self) -> Census {
                self.0.census()
            }

            fn gauges(&self) -> Gauges {
                self.0.gauges()
            }

            fn kv_events(&mut self, into: &mut Vec<(Micros, KvEvent)>) {
                self.0.kv_events(into);
            }

            fn tell_kv(&mut self, wanted: bool) {
                self.0.tell_kv(wanted);
            }

            fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, _out: &mut Out) {
                self.0.crash(now, lost);
            }
        }
    };
}
pub(super) use scheduler_of_batch;

scheduler_of_batch!(Vllm);

#[cfg(test)]
pub(crate) mod tests;
