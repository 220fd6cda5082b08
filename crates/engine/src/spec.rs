//! The engine's part of a spec (`engine:`): which engine, its parameters under its own names, and what lies between workers.
//!
//! [`EngineSpec`] is what was asked, flat and mostly empty; [`EngineSpec::resolve`] gives one engine's parameters with that
//! engine's defaults, and refuses those of another by the name the right one has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_kv::tier::TiersSpec;
use tokmark_workload::Duration;

mod names;
mod resolve;

pub use names::SpecError;
pub use resolve::{EngineParams, SchedulerParams, SlotsParams};

/// Which engine a worker runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// Slots that do not slow each other down: a target whose truth is known.
    #[default]
    Slots,
    /// vLLM V1.
    Vllm,
    /// SGLang.
    Sglang,
    /// TensorRT-LLM.
    Trtllm,
}

/// vLLM's `--scheduling-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchedulingPolicy {
    /// First come, first served.
    #[default]
    Fcfs,
    /// Smaller priority first.
    Priority,
}

/// Whom vLLM's twin throws out when blocks run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PreemptionMode {
    /// The request admitted last.
    #[default]
    Lifo,
    /// The request admitted first.
    Fifo,
}

/// SGLang's `--schedule-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchedulePolicy {
    /// First come, first served.
    #[default]
    #[serde(alias = "fifo")]
    Fcfs,
    /// Longest prefix match first.
    Lpm,
}

/// TensorRT-LLM's `capacity_scheduler_policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityPolicy {
    /// Admits a request only if its whole reply has room: nobody is ever thrown out.
    #[default]
    #[serde(alias = "GUARANTEED_NO_EVICT")]
    GuaranteedNoEvict,
    /// Admits as many as fit now and pauses some when blocks run out.
    #[serde(alias = "MAX_UTILIZATION")]
    MaxUtilization,
}

/// What counts for the time of a KV transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferTiming {
    /// Every token of the prompt.
    #[default]
    FullPrompt,
    /// Tokens of the prompt that the decode worker does not have yet.
    DestinationMissing,
}

/// When a disaggregated deployment prefills a prompt in the decode worker (Dynamo's `--router-conditional-disagg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionalDisagg {
    /// If little of it is new there: below both the threshold and the ratio.
    IslBounding,
    /// If the prefill workers are busy.
    PrefillLoad,
    /// If one of the two holds.
    IslOrLoad,
}

/// What becomes of a request in flight when its worker crashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnCrash {
    /// It fails.
    #[default]
    Fail,
    /// It starts anew on another worker; it fails if tokens of it are out already, unless `retry_started` allows.
    Retry,
    /// It goes on on another worker, where its prompt and its tokens so far are computed again.
    Migrate,
}

/// `engine:` of a spec. Empty: one worker of the slot engine.
///
/// Every parameter carries its engine's own name. How many workers and ranks there are is said by `deployment`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// Which engine; unset: slots.
    pub kind: Option<EngineKind>,

    // Slots.
    /// slots: requests served at a time by a worker; unset: 256.
    #[schemars(range(min = 1))]
    pub slots: Option<u32>,
    /// slots: requests that may wait in a worker; unset: no limit.
    pub queue_limit: Option<u32>,

    // vLLM.
    /// vllm: sequences in a batch at most.
    #[schemars(range(min = 1))]
    pub max_num_seqs: Option<u32>,
    /// vllm: tokens computed in a pass at most.
    #[schemars(range(min = 1))]
    pub max_num_batched_tokens: Option<u32>,
    /// vllm: tokens of prompt and reply together at most.
    #[schemars(range(min = 1))]
    pub max_model_len: Option<u32>,
    /// vllm: tokens of a KV block.
    #[schemars(range(min = 1))]
    pub block_size: Option<u32>,
    /// vllm: KV blocks of a worker (of a rank, with data parallelism).
    #[schemars(range(min = 1))]
    pub num_gpu_blocks_override: Option<u32>,
    /// vllm: reuse blocks of equal prefixes.
    pub enable_prefix_caching: Option<bool>,
    /// vllm, trtllm: cut long prompts to what is left of a pass.
    pub enable_chunked_prefill: Option<bool>,
    /// vllm: whose turn it is.
    pub scheduling_policy: Option<SchedulingPolicy>,
    /// vllm: at most so many tokens of one prompt in a pass; 0: no limit.
    pub long_prefill_token_threshold: Option<u32>,
    /// vllm: whom to throw out when blocks run out (Dynamo's name; vLLM itself knows only lifo).
    pub preemption_mode: Option<PreemptionMode>,
    /// vllm: draft tokens of speculative decoding.
    pub num_speculative_tokens: Option<u32>,
    /// vllm: adapters (LoRA) in a batch at most.
    #[schemars(range(min = 1))]
    pub max_loras: Option<u32>,
    /// vllm: caches below the device.
    pub tiers: TiersSpec,

    // SGLang.
    /// sglang: requests in a batch at most.
    #[schemars(range(min = 1))]
    pub max_running_requests: Option<u32>,
    /// sglang: tokens the KV cache of a worker holds.
    #[schemars(range(min = 1))]
    pub max_total_tokens: Option<u32>,
    /// sglang, slots: tokens of prompt and reply together at most.
    #[schemars(range(min = 1))]
    pub context_length: Option<u32>,
    /// sglang: tokens of a page of the radix cache.
    #[schemars(range(min = 1))]
    pub page_size: Option<u32>,
    /// sglang: prompt tokens of a chunk; -1: prompts are not cut.
    pub chunked_prefill_size: Option<i64>,
    /// sglang: prompt tokens of a prefill batch at most.
    #[schemars(range(min = 1))]
    pub max_prefill_tokens: Option<u32>,
    /// sglang: whose turn it is.
    pub schedule_policy: Option<SchedulePolicy>,
    /// sglang: how much of the replies' length is set aside; more is more careful.
    #[schemars(range(min = 0))]
    pub schedule_conservativeness: Option<f64>,
    /// sglang: do not reuse equal prefixes.
    pub disable_radix_cache: Option<bool>,
    /// sglang: a reply counts as at most so long when room is set aside for it (`SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION`).
    #[schemars(range(min = 1))]
    pub clip_max_new_tokens: Option<u32>,
    /// sglang: requests that may wait in a worker; unset: no limit.
    #[schemars(range(min = 1))]
    pub max_queued_requests: Option<u32>,
    /// sglang: share of the replies for which room is set aside at first (`SGLANG_INIT_NEW_TOKEN_RATIO`).
    #[schemars(range(min = 0))]
    pub init_new_token_ratio: Option<f64>,
    /// sglang: that share never falls below this part of the first (`SGLANG_MIN_NEW_TOKEN_RATIO_FACTOR`).
    #[schemars(range(min = 0, max = 1))]
    pub min_new_token_ratio_factor: Option<f64>,
    /// sglang: decode passes until it is there (`SGLANG_NEW_TOKEN_RATIO_DECAY_STEPS`).
    #[schemars(range(min = 1))]
    pub new_token_ratio_decay_steps: Option<u32>,
    /// sglang: draft tokens of speculative decoding.
    pub speculative_num_draft_tokens: Option<u32>,
    /// sglang: adapters (LoRA) in a batch at most.
    #[schemars(range(min = 1))]
    pub max_loras_per_batch: Option<u32>,

    // TensorRT-LLM.
    /// trtllm: requests in a batch at most.
    #[schemars(range(min = 1))]
    pub max_batch_size: Option<u32>,
    /// trtllm: tokens computed in a pass at most.
    #[schemars(range(min = 1))]
    pub max_num_tokens: Option<u32>,
    /// trtllm: tokens of prompt and reply together at most.
    #[schemars(range(min = 1))]
    pub max_seq_len: Option<u32>,
    /// trtllm: tokens of a KV block.
    #[schemars(range(min = 1))]
    pub tokens_per_block: Option<u32>,
    /// trtllm: tokens the KV cache of a worker holds (`kv_cache_config.max_tokens`).
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// trtllm: whether a request is admitted that may have to be paused.
    pub capacity_scheduler_policy: Option<CapacityPolicy>,
    /// trtllm: reuse blocks of equal prefixes.
    pub enable_block_reuse: Option<bool>,
    /// trtllm: draft tokens of speculative decoding.
    pub max_draft_len: Option<u32>,

    // Every engine.
    /// Where the model ends a reply by itself unless told to go on, tokens; unset: 128.
    #[schemars(range(min = 1))]
    pub natural_output: Option<u32>,
    /// Speculative decoding: chance that a draft token is accepted, given that the ones before it were, one number for each
    /// position. Needs the engine's number of draft tokens.
    pub acceptance_rates: Option<Vec<f64>>,
    /// Speculative decoding: mean tokens a step brings, the model's own included; from 1 to one more than the draft tokens. In
    /// the place of `acceptance_rates`.
    #[schemars(range(min = 1))]
    pub acceptance_length: Option<f64>,
    /// How long a worker takes from its start until it serves; unset: no time.
    pub startup_delay: Option<Duration>,

    // Disaggregation: `deployment.mode: disagg`.
    /// disagg: bandwidth of a KV transfer, 10⁹ bytes a second; unset: the size of a prompt costs no time.
    #[schemars(range(min = 0))]
    pub kv_transfer_bandwidth_gb_s: Option<f64>,
    /// disagg: time of a KV transfer whatever its size; unset: none.
    pub kv_transfer_latency: Option<Duration>,
    /// disagg: size of a token's KV cache, bytes.
    #[schemars(range(min = 1))]
    pub kv_transfer_bytes_per_token: Option<u64>,
    /// disagg: which tokens are sent; unset: full_prompt.
    pub kv_transfer_timing_mode: Option<TransferTiming>,
    /// disagg: when to prefill in the decode worker; unset: never.
    pub conditional_disagg_policy: Option<ConditionalDisagg>,
    /// disagg: prompt tokens new to the decode worker below which it prefills itself; unset: 2,048.
    pub conditional_disagg_eff_isl_threshold: Option<u32>,
    /// disagg: share of new tokens in the prompt below which it does; above 1: whatever the share. Unset: 0.7.
    #[schemars(range(min = 0))]
    pub conditional_disagg_eff_isl_ratio_threshold: Option<f64>,
    /// disagg: prefill workers are busy when the tokens in prefill exceed this many full passes.
    #[schemars(range(min = 0))]
    pub conditional_disagg_prefill_busy_threshold: Option<f64>,
    /// disagg: a decode worker with more than this share of its blocks in use does not prefill, 0 to 1; unset: any does.
    #[schemars(range(min = 0, max = 1))]
    pub conditional_disagg_decode_busy_threshold: Option<f64>,

    // Faults.
    /// What becomes of a request in flight when its worker crashes; unset: fail.
    pub on_crash: Option<OnCrash>,
    /// retry, migrate: how often one request may be moved; unset: 3.
    pub migration_limit: Option<u32>,
    /// retry: start a request anew too if tokens of it are out; those are not sent twice. Unset: no.
    pub retry_started: Option<bool>,
}

#[cfg(test)]
mod tests;
