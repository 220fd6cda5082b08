//! SGLang's parameters under SGLang's names.

use crate::EngineError;
pub use crate::spec::SchedulePolicy;

/// What an SGLang worker was started with. Defaults are those of SGLang 0.5.x (`srt/server_args.py`, `srt/environ.py`) where the
/// real engine has one, and of Dynamo 1.6.1's model of it where the real one reads the GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct SglangParams {
    /// `--max-total-tokens`: tokens the KV cache holds; rounded down to whole pages. SGLang: what fits the GPU. Default 16,384, as
    /// Dynamo's offline replay has it (`num_gpu_blocks` 16,384 pages of one token).
    pub max_total_tokens: u64,
    /// `--page-size`: tokens of a page. Default 1 (`ServerArgs.page_size`).
    pub page_size: u32,
    /// `--context-length`: tokens of prompt and reply together. SGLang: the model's; default 131,072.
    pub context_length: u32,
    /// `--max-running-requests`: requests in a batch. Default unset: `max_total_tokens / context_length × 512`, at least 2,048 and at
    /// most 4,096 (`ModelRunner`). Dynamo's replay has 256.
    pub max_running_requests: Option<u32>,
    /// `--max-queued-requests`: requests that may wait; one more is refused. Default unset: no limit.
    pub max_queued_requests: Option<u32>,
    /// `--chunked-prefill-size`: prompt tokens computed in a pass; what is longer is cut. `None` is SGLang's −1: not cut.
    /// Default 8,192 (SGLang on GPUs of 60 GB and more; Dynamo's replay).
    pub chunked_prefill_size: Option<u32>,
    /// `--max-prefill-tokens`: prompt tokens of a prefill batch; a prompt longer than that runs alone. Default 16,384.
    pub max_prefill_tokens: u32,
    /// `--schedule-policy`. Default `fcfs`.
    pub schedule_policy: SchedulePolicy,
    /// `--schedule-conservativeness`: factor on the share of the replies for which room is set aside. Default 1.
    pub schedule_conservativeness: f64,
    /// `--disable-radix-cache`: keep nothing for others. Default false.
    pub disable_radix_cache: bool,
    /// `SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION`: tokens of a reply for which room is set aside at most. Default 4,096.
    pub clip_max_new_tokens: u32,
    /// `SGLANG_INIT_NEW_TOKEN_RATIO`: share of the replies for which room is set aside at first. Default 0.7.
    pub init_new_token_ratio: f64,
    /// `SGLANG_MIN_NEW_TOKEN_RATIO_FACTOR`: the share never falls below this part of the first one. Default 0.14.
    pub min_new_token_ratio_factor: f64,
    /// `SGLANG_NEW_TOKEN_RATIO_DECAY_STEPS`: decode passes until it is there. Default 600.
    pub new_token_ratio_decay_steps: u32,
    /// Where the model ends by itself unless told to go on, tokens; not a parameter of SGLang. Default 128.
    pub natural_output: u32,
}

impl Default for SglangParams {
    fn default() -> Self {
        Self {
            max_total_tokens: 16_384,
            page_size: 1,
            context_length: 131_072,
            max_running_requests: None,
            max_queued_requests: None,
            chunked_prefill_size: Some(8_192),
            max_prefill_tokens: 16_384,
            schedule_policy: SchedulePolicy::Fcfs,
            schedule_conservativeness: 1.0,
            disable_radix_cache: false,
            clip_max_new_tokens: 4_096,
            init_new_token_ratio: 0.7,
            min_new_token_ratio_factor: 0.14,
            new_token_ratio_decay_steps: 600,
            natural_output: 128,
        }
    }
}

impl SglangParams {
    /// Whether an engine can be made of them.
    pub fn check(&self) -> Result<(), EngineError> {
        let counts = [
            ("max_total_tokens", self.max_total_tokens),
            ("page_size", u64::from(self.page_size)),
            ("context_length", u64::from(self.context_length)),
            ("max_running_requests", self.max_running_requests.map_or(1, u64::from)),
            ("chunked_prefill_size", self.chunked_prefill_size.map_or(1, u64::from)),
            ("max_prefill_tokens", u64::from(self.max_prefill_tokens)),
            ("clip_max_new_tokens", u64::from(self.clip_max_new_tokens)),
            ("new_token_ratio_decay_steps", u64::from(self.new_token_ratio_decay_steps)),
            ("natural_output", u64::from(self.natural_output)),
        ];
        if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(EngineError::ZeroCapacity { name });
        }
        let wrong = |name, value: &dyn ToString, must| {
            Err(EngineError::Parameter { name, value: value.to_string(), must })
        };
        let page = u64::from(self.page_size);
        if self.max_total_tokens / page < 3 {
            let must = "three pages or more: one for a prompt, one for its reply, one to spare";
            return wrong("max_total_tokens", &self.max_total_tokens, must);
        }
        if let Some(size) = self.chunked_prefill_size.filter(|size| size % self.page_size != 0) {
            return wrong("chunked_prefill_size", &size, "whole pages of page_size tokens");
        }
        let shares = [
            ("schedule_conservativeness", self.schedule_conservativeness, f64::MAX),
            ("init_new_token_ratio", self.init_new_token_ratio, f64::MAX),
            ("min_new_token_ratio_factor", self.min_new_token_ratio_factor, 1.0),
        ];
        match shares.into_iter().find(|(_, share, most)| !(0.0..=*most).contains(share)) {
            Some((name, share, _)) => wrong(name, &share, "a number from 0 up, and a factor at most 1"),
            None => Ok(()),
        }
    }

    /// Pages the cache holds.
    pub(super) fn pages(&self) -> u64 {
        self.max_total_tokens / u64::from(self.page_size)
    }

    /// Tokens the cache holds.
    pub(super) fn capacity(&self) -> u64 {
        self.pages() * u64::from(self.page_size)
    }

    /// Requests in a batch.
    pub(super) fn slots(&self) -> usize {
        match self.max_running_requests {
            Some(most) => most as usize,
            None => {
                (self.max_total_tokens * 512 / u64::from(self.context_length)).clamp(2_048, 4_096) as usize
            }
        }
    }
}

/// The share of the running requests' remaining replies for which room is kept when a prompt is admitted (`new_token_ratio`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) now: f64,
    first: f64,
    least: f64,
    step: f64,
}

/// Decode passes for which the share is meant to suffice after a retraction (`SGLANG_RETRACT_DECODE_STEPS`).
const RETRACT_DECODE_STEPS: f64 = 20.0;

impl Ratio {
    pub(super) fn new(params: &SglangParams) -> Self {
        let first = params.init_new_token_ratio * params.schedule_conservativeness;
        let least = first * params.min_new_token_ratio_factor;
        let step = (first - least) / f64::from(params.new_token_ratio_decay_steps);
        Self { now: first, first, least, step }
    }

    /// A decode pass without retraction.
    pub(super) fn decay(&mut self) {
        self.now = (self.now - self.step).max(self.least);
    }

    /// As at the start.
    pub(super) fn reset(&mut self) {
        self.now = self.first;
    }

    /// After a retraction: those who stay have `decoded` tokens of `asked` together.
    pub(super) fn estimate(&mut self, decoded: u64, asked: u64, requests: usize) {
        let estimate = (decoded as f64 + RETRACT_DECODE_STEPS * requests as f64) / (asked as f64 + 1.0);
        self.now = estimate.min(1.0);
    }
}
