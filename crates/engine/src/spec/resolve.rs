//! From what was asked to what an engine is built from.

use tokmark_base::{Micros, Seed};
use tokmark_kv::tier::TierSpecError;
use tokmark_workload::Duration;

use super::names::refuse_foreign;
use super::{EngineKind, EngineSpec, OnCrash, SpecError};
use crate::cluster::CrashPolicy;
use crate::disagg::{Conditional, Handover, Transfer};
use crate::scheduler::vllm::{Acceptance, Speculative};
use crate::{SglangParams, TrtLlmParams, VllmParams};

/// `engine:` of a spec without anything left open.
#[derive(Clone, Debug)]
pub struct EngineParams {
    /// The engine's own.
    pub scheduler: SchedulerParams,
    /// From a worker's start until it serves.
    pub startup_delay: Micros,
    /// From prefill to decode.
    pub handover: Handover,
    /// What becomes of a request whose worker crashes.
    pub crash: CrashPolicy,
}

/// One engine's parameters.
#[derive(Clone, Debug)]
pub enum SchedulerParams {
    /// The slot engine's.
    Slots(SlotsParams),
    /// vLLM's.
    Vllm(Box<VllmParams>),
    /// SGLang's.
    Sglang(SglangParams),
    /// TensorRT-LLM's.
    TrtLlm(TrtLlmParams),
}

/// The slot engine's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotsParams {
    /// Requests served at a time: 256.
    pub slots: u32,
    /// Requests that may wait; `None`: no limit.
    pub queue_limit: Option<u32>,
    /// Tokens of prompt and reply together: 131,072.
    pub context_length: u32,
    /// Where a reply ends by itself if the request does not say: 128 tokens.
    pub natural_output: u32,
}

impl Default for SlotsParams {
    fn default() -> Self {
        Self { slots: 256, queue_limit: None, context_length: 131_072, natural_output: 128 }
    }
}

impl EngineSpec {
    /// The parameters, or the first that cannot be. `disagg`: whether there are two pools.
    pub fn resolve(&self, disagg: bool) -> Result<EngineParams, SpecError> {
        let kind = self.kind.unwrap_or_default();
        refuse_foreign(self, kind)?;
        self.refuse_no_bytes()?;
        let scheduler = match kind {
            EngineKind::Slots => {
                self.refuse_drafts()?;
                SchedulerParams::Slots(self.slots())
            }
            EngineKind::Vllm => SchedulerParams::Vllm(Box::new(self.vllm()?)),
            EngineKind::Sglang => SchedulerParams::Sglang(self.sglang()?),
            EngineKind::Trtllm => SchedulerParams::TrtLlm(self.trtllm()?),
        };
        if !disagg {
            self.refuse_disagg()?;
        }
        Ok(EngineParams {
            scheduler,
            startup_delay: self.startup_delay.map_or(Micros::ZERO, |delay| delay.0),
            handover: Handover { transfer: self.transfer()?, conditional: self.conditional()? },
            crash: self.crash()?,
        })
    }

    fn slots(&self) -> SlotsParams {
        let plain = SlotsParams::default();
        SlotsParams {
            slots: self.slots.unwrap_or(plain.slots),
            queue_limit: self.queue_limit,
            context_length: self.context_length.unwrap_or(plain.context_length),
            natural_output: self.natural_output.unwrap_or(plain.natural_output),
        }
    }

    fn vllm(&self) -> Result<VllmParams, SpecError> {
        let plain = VllmParams::default();
        let block_size = self.block_size.unwrap_or(plain.block_size);
        self.refuse_idle_tiers()?;
        Ok(VllmParams {
            max_num_seqs: self.max_num_seqs.unwrap_or(plain.max_num_seqs),
            max_num_batched_tokens: self.max_num_batched_tokens.unwrap_or(plain.max_num_batched_tokens),
            block_size,
            num_gpu_blocks: self.num_gpu_blocks_override.unwrap_or(plain.num_gpu_blocks),
            enable_prefix_caching: self.enable_prefix_caching.unwrap_or(plain.enable_prefix_caching),
            enable_chunked_prefill: self.enable_chunked_prefill.unwrap_or(plain.enable_chunked_prefill),
            scheduling_policy: self.scheduling_policy.unwrap_or(plain.scheduling_policy),
            max_model_len: self.max_model_len,
            long_prefill_token_threshold: self
                .long_prefill_token_threshold
                .unwrap_or(plain.long_prefill_token_threshold),
            max_loras: self.max_loras.unwrap_or(plain.max_loras),
            speculative: self.speculative()?,
            preemption_mode: self.preemption_mode.unwrap_or(plain.preemption_mode),
            natural_output: self.natural_output.unwrap_or(plain.natural_output),
            tiers: self.tiers.resolve(block_size, self.kv_transfer_bytes_per_token)?,
        })
    }

    fn sglang(&self) -> Result<SglangParams, SpecError> {
        let hint = "leave it out: the twin of sglang computes one token a step, and any number of adapters runs together";
        for (key, given) in [
            ("speculative_num_draft_tokens", self.speculative_num_draft_tokens),
            ("max_loras_per_batch", self.max_loras_per_batch),
        ] {
            if given.is_some() {
                return Err(SpecError::NotYet { key, hint });
            }
        }
        self.refuse_drafts()?;
        let plain = SglangParams::default();
        Ok(SglangParams {
            max_total_tokens: self.max_total_tokens.map_or(plain.max_total_tokens, u64::from),
            page_size: self.page_size.unwrap_or(plain.page_size),
            context_length: self.context_length.unwrap_or(plain.context_length),
            max_running_requests: self.max_running_requests,
            max_queued_requests: self.max_queued_requests,
            chunked_prefill_size: match self.chunked_prefill_size {
                None => plain.chunked_prefill_size,
                Some(-1) => None,
                Some(size) => Some(u32::try_from(size).map_err(|_| SpecError::Range {
                    key: "chunked_prefill_size",
                    value: size.to_string(),
                    must: "tokens of a chunk, or -1 for prompts that are not cut",
                })?),
            },
            max_prefill_tokens: self.max_prefill_tokens.unwrap_or(plain.max_prefill_tokens),
            schedule_policy: self.schedule_policy.unwrap_or(plain.schedule_policy),
            schedule_conservativeness: self
                .schedule_conservativeness
                .unwrap_or(plain.schedule_conservativeness),
            disable_radix_cache: self.disable_radix_cache.unwrap_or(plain.disable_radix_cache),
            clip_max_new_tokens: self.clip_max_new_tokens.unwrap_or(plain.clip_max_new_tokens),
            init_new_token_ratio: self.init_new_token_ratio.unwrap_or(plain.init_new_token_ratio),
            min_new_token_ratio_factor: self
                .min_new_token_ratio_factor
                .unwrap_or(plain.min_new_token_ratio_factor),
            new_token_ratio_decay_steps: self
                .new_token_ratio_decay_steps
                .unwrap_or(plain.new_token_ratio_decay_steps),
            natural_output: self.natural_output.unwrap_or(plain.natural_output),
        })
    }

    fn trtllm(&self) -> Result<TrtLlmParams, SpecError> {
        if self.max_draft_len.is_some() {
            let hint = "leave it out: the twin of trtllm computes one token a step";
            return Err(SpecError::NotYet { key: "max_draft_len", hint });
        }
        self.refuse_drafts()?;
        let plain = TrtLlmParams::default();
        let block = self.tokens_per_block.unwrap_or(plain.tokens_per_block);
        if let Some(tokens) = self.max_tokens
            && tokens < block
        {
            return Err(SpecError::Range {
                key: "max_tokens",
                value: tokens.to_string(),
                must: "one block (tokens_per_block) or more",
            });
        }
        Ok(TrtLlmParams {
            max_batch_size: self.max_batch_size.unwrap_or(plain.max_batch_size),
            max_num_tokens: self.max_num_tokens.unwrap_or(plain.max_num_tokens),
            tokens_per_block: block,
            num_gpu_blocks: self.max_tokens.map_or(plain.num_gpu_blocks, |tokens| tokens / block.max(1)),
            capacity_scheduler_policy: self
                .capacity_scheduler_policy
                .unwrap_or(plain.capacity_scheduler_policy),
            enable_block_reuse: self.enable_block_reuse.unwrap_or(plain.enable_block_reuse),
            enable_chunked_prefill: self.enable_chunked_prefill.unwrap_or(plain.enable_chunked_prefill),
            max_seq_len: self.max_seq_len,
            natural_output: self.natural_output.unwrap_or(plain.natural_output),
        })
    }

    /// vLLM's speculative decoding. Its dice are given out with the workers.
    fn speculative(&self) -> Result<Option<Speculative>, SpecError> {
        let Some(drafts) = self.num_speculative_tokens.filter(|drafts| *drafts > 0) else {
            self.refuse_drafts()?;
            return Ok(None);
        };
        let acceptance = match (&self.acceptance_length, &self.acceptance_rates) {
            (Some(_), Some(_)) => {
                return Err(SpecError::Contradiction {
                    key: "acceptance_length",
                    other: "acceptance_rates",
                    hint: "a mean length says nothing of the positions: give one of the two",
                });
            }
            (Some(length), None) => Acceptance::Length(*length),
            (None, Some(rates)) => Acceptance::Rates(rates.clone()),
            (None, None) => {
                return Err(SpecError::Needs {
                    key: "num_speculative_tokens",
                    other: "engine.acceptance_length or engine.acceptance_rates",
                    hint: "how many drafts hold depends on the model and the text: give what was measured",
                });
            }
        };
        let stream = Seed(0).stream("speculation", 0);
        Ok(Some(Speculative { num_speculative_tokens: drafts, acceptance, stream }))
    }

    /// A token whose KV cache has no size.
    fn refuse_no_bytes(&self) -> Result<(), SpecError> {
        let sizes = [
            ("tiers.bytes_per_token", self.tiers.bytes_per_token),
            ("kv_transfer_bytes_per_token", self.kv_transfer_bytes_per_token),
        ];
        match sizes.into_iter().find(|(_, bytes)| *bytes == Some(0)) {
            Some((key, _)) => Err(SpecError::Range { key, value: "0".to_owned(), must: "at least 1" }),
            None => Ok(()),
        }
    }

    /// What is said about tiers that are not there.
    fn refuse_idle_tiers(&self) -> Result<(), SpecError> {
        let tiers = &self.tiers;
        if tiers.disk_filter.is_some() && (tiers.host.is_none() || tiers.disk.is_none()) {
            return Err(TierSpecError::NothingToFilter.into());
        }
        if tiers.is_empty() && tiers.bytes_per_token.is_some() {
            return Err(SpecError::Needs {
                key: "tiers.bytes_per_token",
                other: "a tier",
                hint: "set engine.tiers.host, disk or object; the size of a KV transfer is engine.kv_transfer_bytes_per_token",
            });
        }
        Ok(())
    }

    /// Without drafts nothing is accepted.
    fn refuse_drafts(&self) -> Result<(), SpecError> {
        let given = [
            ("acceptance_length", self.acceptance_length.is_some()),
            ("acceptance_rates", self.acceptance_rates.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(SpecError::Needs {
                key,
                other: "draft tokens",
                hint: "speculative decoding is simulated for vllm: give num_speculative_tokens, or leave this out",
            }),
            None => Ok(()),
        }
    }

    /// Without two pools nothing is transferred.
    fn refuse_disagg(&self) -> Result<(), SpecError> {
        let given = [
            ("kv_transfer_bandwidth_gb_s", self.kv_transfer_bandwidth_gb_s.is_some()),
            ("kv_transfer_latency", self.kv_transfer_latency.is_some()),
            ("kv_transfer_bytes_per_token", self.kv_transfer_bytes_per_token.is_some()),
            ("kv_transfer_timing_mode", self.kv_transfer_timing_mode.is_some()),
            ("conditional_disagg_policy", self.conditional_disagg_policy.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(SpecError::Needs {
                key,
                other: "two pools",
                hint: "set deployment.mode to disagg, with deployment.prefill.workers and deployment.decode.workers",
            }),
            None => Ok(()),
        }
    }

    fn transfer(&self) -> Result<Transfer, SpecError> {
        let per_token_us = match (self.kv_transfer_bandwidth_gb_s, self.kv_transfer_bytes_per_token) {
            (None, None) => {
                if self.kv_transfer_timing_mode.is_some() {
                    return Err(SpecError::Needs {
                        key: "kv_transfer_timing_mode",
                        other: "engine.kv_transfer_bandwidth_gb_s and engine.kv_transfer_bytes_per_token",
                        hint: "it says which tokens are sent, and without these two tokens cost no time: give them, or leave it out",
                    });
                }
                0.0
            }
            (Some(bandwidth), Some(bytes)) if bandwidth.is_finite() && bandwidth > 0.0 => {
                // bytes / (GB/s · 10⁹ B/GB) · 10⁶ µs/s
                bytes as f64 / bandwidth / 1e3
            }
            (Some(bandwidth), Some(_)) => {
                return Err(SpecError::Range {
                    key: "kv_transfer_bandwidth_gb_s",
                    value: bandwidth.to_string(),
                    must: "above 0; leave it out for a transfer whose size costs no time",
                });
            }
            (given, _) => {
                let (key, other) = match given {
                    Some(_) => ("kv_transfer_bandwidth_gb_s", "engine.kv_transfer_bytes_per_token"),
                    None => ("kv_transfer_bytes_per_token", "engine.kv_transfer_bandwidth_gb_s"),
                };
                let hint =
                    "the time of a transfer is tokens × bytes per token / bandwidth: give both or neither";
                return Err(SpecError::Needs { key, other, hint });
            }
        };
        Ok(Transfer {
            latency: self.kv_transfer_latency.map_or(Micros::ZERO, |Duration(latency)| latency),
            per_token_us,
            timing: self.kv_transfer_timing_mode.unwrap_or_default(),
        })
    }

    fn conditional(&self) -> Result<Option<Conditional>, SpecError> {
        let shares = [
            ("conditional_disagg_eff_isl_ratio_threshold", self.conditional_disagg_eff_isl_ratio_threshold),
            ("conditional_disagg_prefill_busy_threshold", self.conditional_disagg_prefill_busy_threshold),
            ("conditional_disagg_decode_busy_threshold", self.conditional_disagg_decode_busy_threshold),
        ];
        for (key, value) in shares {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value >= 0.0)) {
                return Err(SpecError::Range {
                    key,
                    value: value.to_string(),
                    must: "a number of 0 or more",
                });
            }
        }
        let Some(policy) = self.conditional_disagg_policy else {
            let isl =
                ("conditional_disagg_eff_isl_threshold", self.conditional_disagg_eff_isl_threshold.is_some());
            let given = shares.map(|(key, value)| (key, value.is_some()));
            return match given.into_iter().chain([isl]).find(|(_, given)| *given) {
                Some((key, _)) => Err(SpecError::Needs {
                    key,
                    other: "engine.conditional_disagg_policy",
                    hint: "give isl_bounding, prefill_load or isl_or_load",
                }),
                None => Ok(None),
            };
        };
        let by_load = policy != super::ConditionalDisagg::IslBounding;
        if by_load && self.conditional_disagg_prefill_busy_threshold.is_none() {
            return Err(SpecError::Needs {
                key: "conditional_disagg_policy",
                other: "engine.conditional_disagg_prefill_busy_threshold",
                hint: "a policy by load needs to know from how many full passes on a prefill worker is busy",
            });
        }
        Ok(Some(Conditional {
            policy,
            eff_isl_threshold: self.conditional_disagg_eff_isl_threshold.unwrap_or(2_048),
            eff_isl_ratio_threshold: self.conditional_disagg_eff_isl_ratio_threshold.unwrap_or(0.7),
            prefill_busy_threshold: self.conditional_disagg_prefill_busy_threshold,
            decode_busy_threshold: self.conditional_disagg_decode_busy_threshold,
        }))
    }

    fn crash(&self) -> Result<CrashPolicy, SpecError> {
        let on_crash = self.on_crash.unwrap_or_default();
        let hint = "set on_crash to retry or migrate, or leave it out";
        if on_crash == OnCrash::Fail && self.migration_limit.is_some() {
            let key = "migration_limit";
            return Err(SpecError::Needs { key, other: "engine.on_crash: retry or migrate", hint });
        }
        if on_crash != OnCrash::Retry && self.retry_started.is_some() {
            let hint = "set on_crash to retry, or leave it out";
            return Err(SpecError::Needs { key: "retry_started", other: "engine.on_crash: retry", hint });
        }
        let plain = CrashPolicy::default();
        Ok(CrashPolicy {
            on_crash,
            limit: self.migration_limit.unwrap_or(plain.limit),
            retry_started: self.retry_started.unwrap_or(plain.retry_started),
        })
    }
}
