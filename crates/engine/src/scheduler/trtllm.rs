//! TensorRT-LLM's in-flight batching with its two capacity schedulers, as Dynamo 1.6.1 simulates the first of them.
//!
//! It is the batch of [`crate::scheduler::vllm`] under other rules: `GUARANTEED_NO_EVICT` starts a request only when the blocks of
//! its whole life are free, those promised to running ones kept; `MAX_UTILIZATION` starts it when its context fits, and pauses the
//! request started last when blocks run out. A context found whole in the cache is not computed again: its first token is
//! one decode step (Dynamo's rule). A reply never outgrows the cache: it is cut where its context fills it.
//!
//! Golden files of Dynamo's replay are in `tests/golden/dynamo-1.6.1` for `GUARANTEED_NO_EVICT`. Dynamo does not simulate
//! `MAX_UTILIZATION`; that one follows TensorRT-LLM's `capacityScheduler` without its two-step look-ahead, and is held to a
//! timeline worked out by hand.
//!
//! Not yet: `STATIC_BATCH`, attention windows, reuse of partial blocks, host offloading, speculative decoding, and LoRA's page
//! cache (any number of adapters runs together).

use tokmark_base::Micros;
use tokmark_kv::{BlockPool, KvEvent};
use tokmark_perf::Step;

use super::vllm::batch::{Admission, Batch, Rules, Victim};
use super::vllm::scheduler_of_batch;
use crate::spec::CapacityPolicy;
use crate::{Arrival, Census, EngineError, Gauges, Out, RequestId, Scheduler};

/// What a TensorRT-LLM worker is started with. Names and defaults are those of its LLM API (`TorchLlmArgs`, `KvCacheConfig`,
/// `SchedulerConfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrtLlmParams {
    /// Sequences that run at once: 2,048 (`BuildConfig`).
    pub max_batch_size: u32,
    /// Tokens a pass computes at most: 8,192 (`BuildConfig`).
    pub max_num_tokens: u32,
    /// Tokens of a block: 32 (`KvCacheConfig`).
    pub tokens_per_block: u32,
    /// Blocks of the KV cache. 16,384 is ours, and Dynamo's mocker's; TensorRT-LLM measures what fits, or is given `max_tokens`.
    pub num_gpu_blocks: u32,
    /// Who may start: guaranteed_no_evict.
    pub capacity_scheduler_policy: CapacityPolicy,
    /// Whether blocks are found again by their content: true.
    pub enable_block_reuse: bool,
    /// Whether a context may be computed in several passes: false.
    pub enable_chunked_prefill: bool,
    /// Tokens of prompt and reply together; `None`: 131,072 (TensorRT-LLM takes it from the model).
    pub max_seq_len: Option<u32>,
    /// Where a reply ends by itself if the request does not say: 128 tokens. Ours; a real model decides for itself.
    pub natural_output: u32,
}

impl Default for TrtLlmParams {
    fn default() -> Self {
        Self {
            max_batch_size: 2_048,
            max_num_tokens: 8_192,
            tokens_per_block: 32,
            num_gpu_blocks: 16_384,
            capacity_scheduler_policy: CapacityPolicy::GuaranteedNoEvict,
            enable_block_reuse: true,
            enable_chunked_prefill: false,
            max_seq_len: None,
            natural_output: 128,
        }
    }
}

impl TrtLlmParams {
    /// The context of a model whose length is not given, tokens.
    pub const SEQ_LEN: u32 = 131_072;

    /// Whether an engine of these parameters can serve at all.
    pub fn check(&self) -> Result<(), EngineError> {
        let capacities = [
            ("max_batch_size", self.max_batch_size),
            ("max_num_tokens", self.max_num_tokens),
            ("tokens_per_block", self.tokens_per_block),
            ("num_gpu_blocks", self.num_gpu_blocks),
            ("max_seq_len", self.max_seq_len.unwrap_or(Self::SEQ_LEN)),
            ("natural_output", self.natural_output),
        ];
        match capacities.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(EngineError::ZeroCapacity { name }),
            None => Ok(()),
        }
    }
}

/// TensorRT-LLM's scheduler; see the module.
pub struct TrtLlm(Batch);

impl TrtLlm {
    /// An engine with an empty cache.
    pub fn new(params: &TrtLlmParams) -> Result<Self, EngineError> {
        params.check()?;
        let rules = Rules {
            tokens: params.max_num_tokens,
            limit: "max_num_tokens",
            sequences: params.max_batch_size,
            block: params.tokens_per_block,
            context: params.max_seq_len.unwrap_or(TrtLlmParams::SEQ_LEN),
            natural: params.natural_output,
            chunked: params.enable_chunked_prefill,
            long: 0,
            adapters: usize::MAX,
            victim: Victim::Newest,
            admission: match params.capacity_scheduler_policy {
                CapacityPolicy::GuaranteedNoEvict => Admission::Completion,
                CapacityPolicy::MaxUtilization => Admission::Known,
            },
            room_for_reply: true,
            recompute_last: false,
        };
        let pool = BlockPool::new(params.num_gpu_blocks, params.enable_block_reuse);
        Ok(Self(Batch::new(rules, pool, None)))
    }
}

scheduler_of_batch!(TrtLlm);

#[cfg(test)]
mod tests;
