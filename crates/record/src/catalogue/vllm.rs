//! vLLM, V1 engine, as of 0.32.
//!
//! Names, types, labels and buckets of the default set and of `--kv-cache-metrics`, `--enable-lora` and
//! `--speculative-config` are from two scrapes of vLLM 0.32.0 on a CPU (`tests/fixtures/vllm-0.32-*.txt`); the connectors' are
//! read in the same release's source. The answer is the Python client's in one process (several API servers merge theirs and lose the `_created`): each counter and histogram has a
//! `_created` gauge beside it.
//!
//! Not yet: the tiered and the simple offload, the Mooncake, HF3FS and HiSparse connectors, diffusion models, the tool
//! parser's, web sockets', sleep mode's and weight transfer's families.

use super::Unit::{Bytes, Count, Flag, Flops, Ratio, Requests, Seconds, Tokens, UnixSeconds};
use super::{Metric, Part, Quantity as Q, configured, counter, gauge, histogram, info, stated};

const RUN: &str = "scrape of vLLM 0.32.0";
const SOURCE: &str = "read in the source of vLLM 0.32.0, not seen in a run";
const NIXL_CONNECTOR: &str = "--kv-transfer-config with the NIXL connector";
const OFFLOADING: &str = "--kv-transfer-config with the offloading connector";

/// Names of older releases whose meaning is that of today's, with today's. vLLM renamed the usage when the cache ceased to be
/// the GPU's alone, and the time between outputs when "per output token" came to mean the mean of a request.
pub const RENAMED: &[(&str, &str)] = &[
    ("vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"),
    ("vllm:time_per_output_token_seconds", "vllm:inter_token_latency_seconds"),
];

const ENGINE: &[&str] = &["engine", "model_name"];
const STEP_TOKENS: &[f64] =
    &[1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0];
pub(super) const FIRST_TOKEN: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
];
pub(super) const BETWEEN_TOKENS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
];
pub(super) const REQUEST: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0,
    960.0, 1920.0, 7680.0,
];
const RESIDENCY: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0,
    300.0, 600.0, 1200.0, 1800.0,
];
const NIXL: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 5.0];
const NIXL_POST: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 5.0];
const NIXL_BYTES: &[f64] = &[
    2048.0,
    8192.0,
    32768.0,
    131_072.0,
    524_288.0,
    2_097_152.0,
    8_388_608.0,
    33_554_432.0,
    134_217_728.0,
    536_870_912.0,
    2_147_483_648.0,
    8_589_934_592.0,
];
const NIXL_DESCRIPTORS: &[f64] =
    &[10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 200.0, 400.0, 1000.0, 2000.0, 4000.0, 10000.0, 20000.0, 50000.0];
const OFFLOAD_BYTES: &[f64] = &[
    1_000_000.0,
    5_000_000.0,
    10_000_000.0,
    20_000_000.0,
    40_000_000.0,
    60_000_000.0,
    80_000_000.0,
    100_000_000.0,
    150_000_000.0,
    200_000_000.0,
];
const LOOKUP: &[f64] = &[0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];
const LOOKUP_DEFERRED: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

#[rustfmt::skip] // A table.
pub(super) static METRICS: &[Metric] = &stated(RUN, Part::Engine, [
    // Scheduler.
    gauge("vllm:num_requests_running", Requests, ENGINE, "Requests in the batch the model runs.").of(Q::RequestsRunning),
    gauge("vllm:num_requests_waiting", Requests, ENGINE, "Requests waiting for a place in the batch, deferred ones included.").of(Q::RequestsWaiting),
    gauge("vllm:num_requests_waiting_by_reason", Requests, &["engine", "model_name", "reason"], "Waiting requests: for capacity, or deferred for something that passes (LoRA slot, KV transfer)."),
    gauge("vllm:engine_sleep_state", Flag, &["engine", "model_name", "sleep_state"], "Whether the engine is awake, has moved its weights away, or has dropped everything."),
    gauge("vllm:kv_cache_usage_perc", Ratio, ENGINE, "Part of the KV cache blocks in use, 0 to 1 in spite of its name.").of(Q::KvCacheUsage),
    // Caches.
    counter("vllm:prefix_cache_queries_total", Tokens, ENGINE, "Tokens looked up in the prefix cache.").of(Q::PrefixCacheQueries),
    counter("vllm:prefix_cache_hits_total", Tokens, ENGINE, "Tokens found in the prefix cache.").of(Q::PrefixCacheHits),
    counter("vllm:external_prefix_cache_queries_total", Tokens, ENGINE, "Tokens looked up in other instances' caches through the KV connector."),
    counter("vllm:external_prefix_cache_hits_total", Tokens, ENGINE, "Tokens found in other instances' caches through the KV connector."),
    counter("vllm:mm_cache_queries_total", Count, ENGINE, "Multi-modal items looked up in their cache."),
    counter("vllm:mm_cache_hits_total", Count, ENGINE, "Multi-modal items found in their cache."),
    // Totals.
    counter("vllm:num_preemptions_total", Requests, ENGINE, "Times a request was thrown out of the batch for want of KV blocks.").of(Q::Preemptions),
    counter("vllm:prompt_tokens_total", Tokens, ENGINE, "Prompt tokens taken in, cached ones included.").of(Q::PromptTokens),
    counter("vllm:prompt_tokens_by_source_total", Tokens, &["engine", "model_name", "source"], "Prompt tokens by where their KV came from: computed, local cache, another instance."),
    counter("vllm:prompt_tokens_cached_total", Tokens, ENGINE, "Prompt tokens not computed, from the local cache or another instance."),
    counter("vllm:prompt_tokens_cached_by_source_total", Tokens, &["engine", "model_name", "source"], "Prefix cache hits by the tier that had them, counted at admission."),
    counter("vllm:generation_tokens_total", Tokens, ENGINE, "Tokens generated.").of(Q::GenerationTokens),
    counter("vllm:request_success_total", Requests, &["engine", "finished_reason", "model_name"], "Requests ended, by the reason.").of(Q::RequestSuccess),
    counter("vllm:admission_rejections_total", Requests, &["model_name", "reason"], "Requests refused at the door because a queue limit was reached."),
    // Sizes.
    configured("vllm:request_prompt_tokens", Tokens, ENGINE, "Prompt tokens of a request; bounds 1-2-5 up to the model's length.").of(Q::PromptLength),
    configured("vllm:request_generation_tokens", Tokens, ENGINE, "Generated tokens of a request; bounds 1-2-5 up to the model's length.").of(Q::GenerationLength),
    histogram("vllm:iteration_tokens_total", Tokens, ENGINE, STEP_TOKENS, "Tokens of one engine step, computed prompt tokens and generated ones (a histogram in spite of its name).").of(Q::StepTokens),
    configured("vllm:request_max_num_generation_tokens", Tokens, ENGINE, "Longest of the outputs of a request; bounds 1-2-5 up to the model's length."),
    histogram("vllm:request_params_n", Count, ENGINE, &[1.0, 2.0, 5.0, 10.0, 20.0], "Parameter n of a request."),
    configured("vllm:request_params_max_tokens", Tokens, ENGINE, "Parameter max_tokens of a request; bounds 1-2-5 up to the model's length."),
    // Times.
    histogram("vllm:time_to_first_token_seconds", Seconds, ENGINE, FIRST_TOKEN, "From arrival at the API server to the first token.").of(Q::TimeToFirstToken),
    histogram("vllm:inter_token_latency_seconds", Seconds, ENGINE, BETWEEN_TOKENS, "Between one output of a request and the next.").of(Q::InterTokenLatency),
    histogram("vllm:request_time_per_output_token_seconds", Seconds, ENGINE, BETWEEN_TOKENS, "Mean time a token of a request after its first.").of(Q::TimePerOutputToken),
    histogram("vllm:e2e_request_latency_seconds", Seconds, ENGINE, REQUEST, "From arrival at the API server to the end.").of(Q::EndToEndLatency),
    histogram("vllm:request_queue_time_seconds", Seconds, ENGINE, REQUEST, "From arrival in the engine to the first time in the batch.").of(Q::QueueTime),
    histogram("vllm:request_inference_time_seconds", Seconds, ENGINE, REQUEST, "From the first time in the batch to the last token.").of(Q::InferenceTime),
    histogram("vllm:request_prefill_time_seconds", Seconds, ENGINE, REQUEST, "From the first time in the batch to the first token.").of(Q::PrefillTime),
    histogram("vllm:request_decode_time_seconds", Seconds, ENGINE, REQUEST, "From the first token to the last.").of(Q::DecodeTime),
    histogram("vllm:request_num_preemptions", Count, ENGINE, &[1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0], "Times a request was preempted."),
    configured("vllm:request_prefill_kv_computed_tokens", Tokens, ENGINE, "Prompt tokens of a request whose KV was computed; bounds 1-2-5 up to the model's length."),
    // Configuration, and what moves only with a flag.
    info("vllm:cache_config_info", &["block_size", "cache_dtype", "enable_prefix_caching", "engine", "gpu_memory_utilization", "kv_cache_size_tokens", "num_gpu_blocks"], "The cache as configured: block size, blocks, data type, prefix caching."),
    counter("vllm:estimated_flops_per_gpu_total", Flops, ENGINE, "Floating-point operations a GPU should have done; stays 0 without the flag.").needs("--enable-mfu-metrics"),
    counter("vllm:estimated_read_bytes_per_gpu_total", Bytes, ENGINE, "Bytes a GPU should have read; stays 0 without the flag.").needs("--enable-mfu-metrics"),
    counter("vllm:estimated_write_bytes_per_gpu_total", Bytes, ENGINE, "Bytes a GPU should have written; stays 0 without the flag.").needs("--enable-mfu-metrics"),
    histogram("vllm:kv_block_lifetime_seconds", Seconds, ENGINE, RESIDENCY, "From a block's allocation to its eviction, sampled.").needs("--kv-cache-metrics"),
    histogram("vllm:kv_block_idle_before_evict_seconds", Seconds, ENGINE, RESIDENCY, "How long a block lay unused before its eviction, sampled.").needs("--kv-cache-metrics"),
    histogram("vllm:kv_block_reuse_gap_seconds", Seconds, ENGINE, RESIDENCY, "Between two uses of a block, the latest ones, sampled.").needs("--kv-cache-metrics"),
    gauge("vllm:lora_requests_info", UnixSeconds, &["max_lora", "running_lora_adapters", "waiting_lora_adapters"], "Adapters running and waiting, as labels; the value is the time of the last step.").needs("--enable-lora"),
    counter("vllm:spec_decode_num_drafts_total", Count, ENGINE, "Drafts proposed.").needs("--speculative-config"),
    counter("vllm:spec_decode_num_draft_tokens_total", Tokens, ENGINE, "Tokens proposed by speculation.").of(Q::DraftTokens).needs("--speculative-config"),
    counter("vllm:spec_decode_num_accepted_tokens_total", Tokens, ENGINE, "Proposed tokens that were accepted.").of(Q::AcceptedDraftTokens).needs("--speculative-config"),
    counter("vllm:spec_decode_num_accepted_tokens_per_pos_total", Tokens, &["engine", "model_name", "position"], "Accepted tokens by their position in the draft.").needs("--speculative-config"),
    // By what is configured; read in the source.
    counter("vllm:corrupted_requests_total", Requests, ENGINE, "Requests whose logits held a NaN.").needs("VLLM_COMPUTE_NANS_IN_LOGITS=1").from(SOURCE),
    counter("vllm:watermark_requests_total", Requests, &["engine", "model_name", "status"], "Finished requests by whether their output was watermarked.").needs("a watermark configuration").from(SOURCE),
    gauge("vllm:num_requests_kv_fetch_by_stage", Requests, &["engine", "model_name", "stage"], "Waiting requests by the stage their KV is fetched in.").needs("--kv-transfer-config of a consumer").from(SOURCE),
    histogram("vllm:nixl_xfer_time_seconds", Seconds, ENGINE, NIXL, "Duration of a transfer.").of(Q::KvTransferTime).needs(NIXL_CONNECTOR).from(SOURCE),
    histogram("vllm:nixl_post_time_seconds", Seconds, ENGINE, NIXL_POST, "Time to hand a transfer over.").needs(NIXL_CONNECTOR).from(SOURCE),
    histogram("vllm:nixl_bytes_transferred", Bytes, ENGINE, NIXL_BYTES, "Bytes of a transfer.").of(Q::KvTransferBytes).needs(NIXL_CONNECTOR).from(SOURCE),
    histogram("vllm:nixl_num_descriptors", Count, ENGINE, NIXL_DESCRIPTORS, "Pieces of a transfer.").needs(NIXL_CONNECTOR).from(SOURCE),
    counter("vllm:nixl_num_failed_transfers_total", Count, ENGINE, "Failed transfers, handshakes and notices among them.").needs(NIXL_CONNECTOR).from(SOURCE),
    counter("vllm:nixl_num_failed_notifications_total", Count, ENGINE, "Failed notices.").needs(NIXL_CONNECTOR).from(SOURCE),
    counter("vllm:nixl_num_kv_expired_reqs_total", Requests, ENGINE, "Requests whose KV was given up before it was fetched, on the prefill side.").needs(NIXL_CONNECTOR).from(SOURCE),
    counter("vllm:nixl_num_notifications_after_expiry_total", Count, ENGINE, "Notices of requests no longer known.").needs(NIXL_CONNECTOR).from(SOURCE),
    counter("vllm:kv_offload_load_bytes_total", Bytes, ENGINE, "Bytes brought back to the device.").of(Q::Onboarded).needs(OFFLOADING).from(SOURCE),
    counter("vllm:kv_offload_load_time_total", Seconds, ENGINE, "Time spent bringing them back.").needs(OFFLOADING).from(SOURCE),
    histogram("vllm:kv_offload_load_size", Bytes, ENGINE, OFFLOAD_BYTES, "Bytes brought back at once.").needs(OFFLOADING).from(SOURCE),
    counter("vllm:kv_offload_store_bytes_total", Bytes, ENGINE, "Bytes moved off the device.").of(Q::Offloaded).needs(OFFLOADING).from(SOURCE),
    counter("vllm:kv_offload_store_time_total", Seconds, ENGINE, "Time spent moving them off.").needs(OFFLOADING).from(SOURCE),
    histogram("vllm:kv_offload_store_size", Bytes, ENGINE, OFFLOAD_BYTES, "Bytes moved off at once.").needs(OFFLOADING).from(SOURCE),
    histogram("vllm:kv_offload_lookup_sync_delay_seconds", Seconds, ENGINE, LOOKUP, "Time of one look-up.").needs(OFFLOADING).from(SOURCE),
    histogram("vllm:kv_offload_lookup_async_delay_seconds", Seconds, ENGINE, LOOKUP_DEFERRED, "From a look-up's being put off to its answer.").needs(OFFLOADING).from(SOURCE),
    counter("vllm:kv_offload_allocation_failure_total", Count, ENGINE, "Moves that found no room.").needs(OFFLOADING).from(SOURCE),
    gauge("vllm:kv_offload_cpu_cache_usage_perc", Ratio, ENGINE, "Part of the host's cache held by transfers under way.").needs(OFFLOADING).from(SOURCE),
]);

/// Bounds of the histograms of a request's tokens: 1, 2, 5, 10, … up to `max_model_len` (vLLM's `--max-model-len`).
pub fn token_buckets(max_model_len: u64) -> Vec<f64> {
    let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10));
    decades
        .flat_map(|decade| [1, 2, 5].map(|mantissa| decade.checked_mul(mantissa)))
        .map_while(|bound| bound.filter(|bound| *bound <= max_model_len))
        .map(|bound| bound as f64)
        .collect()
}
