//! vLLM's parameters under their own names, with their own defaults.

use tokmark_kv::tier::TiersParams;

use super::speculation::Speculative;
use crate::EngineError;
use crate::spec::{PreemptionMode, SchedulingPolicy};

/// What a vLLM worker is started with. Names and defaults are those of vLLM 0.32 where it has them.
#[derive(Clone, Debug)]
pub struct VllmParams {
    /// Sequences that run at once. 256: `vllm serve` on GPUs below 70 GB and on the A100; from 70 GB on it takes 1,024, and
    /// `SchedulerConfig` by itself 128 (`engine/arg_utils.py`, `config/scheduler.py`).
    pub max_num_seqs: u32,
    /// Tokens a pass computes at most. 8,192: `vllm serve` on 70 to 160 GB but the A100; smaller GPUs take 2,048, larger ones
    /// 16,384 (`engine/arg_utils.py`).
    pub max_num_batched_tokens: u32,
    /// Tokens of a block: 16 (`CacheConfig.DEFAULT_BLOCK_SIZE`).
    pub block_size: u32,
    /// Blocks of the KV cache. 16,384 is ours, and Dynamo's mocker's; vLLM measures what fits (`num_gpu_blocks_override`).
    pub num_gpu_blocks: u32,
    /// Whether blocks are found again by their content: true (`CacheConfig`).
    pub enable_prefix_caching: bool,
    /// Whether a prompt may be computed in several passes: true (`SchedulerConfig`).
    pub enable_chunked_prefill: bool,
    /// Who goes first (vLLM: `policy`): fcfs (`SchedulerConfig`).
    pub scheduling_policy: SchedulingPolicy,
    /// Tokens of prompt and reply together; `None`: 131,072 (vLLM takes it from the model).
    pub max_model_len: Option<u32>,
    /// Tokens of one prompt a pass computes at most while others wait or run; 0, the default: no limit (`SchedulerConfig`).
    pub long_prefill_token_threshold: u32,
    /// Adapters in one pass: 1 (`LoRAConfig`).
    pub max_loras: u32,
    /// Speculative decoding; none by default.
    pub speculative: Option<Speculative>,
    /// Who is thrown out under fcfs when blocks run out. vLLM knows only `Lifo`; Dynamo's mocker both.
    pub preemption_mode: PreemptionMode,
    /// Where a reply ends by itself if the request does not say: 128 tokens. Ours; a real model decides for itself.
    pub natural_output: u32,
    /// Caches below the device; `None`: there are none.
    pub tiers: Option<TiersParams>,
}

impl Default for VllmParams {
    fn default() -> Self {
        Self {
            max_num_seqs: 256,
            max_num_batched_tokens: 8_192,
            block_size: 16,
            num_gpu_blocks: 16_384,
            enable_prefix_caching: true,
            enable_chunked_prefill: true,
            scheduling_policy: SchedulingPolicy::Fcfs,
            max_model_len: None,
            long_prefill_token_threshold: 0,
            max_loras: 1,
            speculative: None,
            preemption_mode: PreemptionMode::Lifo,
            natural_output: 128,
            tiers: None,
        }
    }
}

impl VllmParams {
    /// The context of a model whose length is not given, tokens.
    pub const MODEL_LEN: u32 = 131_072;

    /// Whether an engine of these parameters can serve at all.
    pub fn check(&self) -> Result<(), EngineError> {
        let capacities = [
            ("max_num_seqs", self.max_num_seqs),
            ("max_num_batched_tokens", self.max_num_batched_tokens),
            ("block_size", self.block_size),
            ("num_gpu_blocks_override", self.num_gpu_blocks),
            ("max_model_len", self.max_model_len.unwrap_or(Self::MODEL_LEN)),
            ("max_loras", self.max_loras),
            ("natural_output", self.natural_output),
        ];
        if let Some((name, _)) = capacities.into_iter().find(|(_, value)| *value == 0) {
            return Err(EngineError::ZeroCapacity { name });
        }
        if self.max_num_batched_tokens < self.max_num_seqs {
            return Err(EngineError::Parameter {
                name: "max_num_batched_tokens",
                value: self.max_num_batched_tokens.to_string(),
                must: "at least max_num_seqs, or not every sequence gets a token a pass",
            });
        }
        if let Some(length) = self.max_model_len
            && !self.enable_chunked_prefill
            && self.max_num_batched_tokens < length
        {
            return Err(EngineError::Parameter {
                name: "max_num_batched_tokens",
                value: self.max_num_batched_tokens.to_string(),
                must: "at least max_model_len without enable_chunked_prefill",
            });
        }
        match self.speculative.as_ref().and_then(Speculative::fault) {
            Some((name, value, must)) => Err(EngineError::Parameter { name, value, must }),
            None => Ok(()),
        }
    }
}
