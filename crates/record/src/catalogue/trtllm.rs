//! TensorRT-LLM behind `trtllm-serve`, as of the main branch of 2026.
//!
//! TensorRT-LLM needs a GPU: nothing here was run. Names, types, labels and buckets are
//! read in `tensorrt_llm/metrics/collector.py` and `batch_metrics.py` of NVIDIA/TensorRT-LLM at commit 050f80de. They are there
//! with `return_perf_metrics: true` only, at [`super::Server::path`]; the client runs in its several-processes mode, so a gauge
//! carries the `pid` and there are no `_created` gauges. Older releases have fewer of them, and write "undefined" into both labels.
//!
//! Not yet: the labels the four info gauges take from the configuration, beyond those every metric has.

use super::Unit::{Blocks, Bytes, Factor, Ratio, Requests, Seconds, Tokens};
use super::vllm::{BETWEEN_TOKENS, FIRST_TOKEN, REQUEST};
use super::{Metric, Part, Quantity as Q, counter, gauge, histogram, info, stated};

const SOURCE: &str = "read in the source of TensorRT-LLM (main, 050f80de), not seen in a run";
const ITERATION: &str = "enable_iter_perf_stats: true";
const SPECULATION: &str = "speculative decoding";
const SERVER: &[&str] = &["engine_type", "model_name"];
const PROCESS: &[&str] = &["engine_type", "model_name", "pid"];
// The request times and the two token latencies have vLLM's bounds, as the collector says of itself.
const PREFILL: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0,
    2560.0,
];
const CACHED: &[f64] = &[0.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];
const PERPLEXITY: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 500.0, 1000.0];
const BATCH_TOKENS: &[f64] = &[64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0];

#[rustfmt::skip] // A table.
pub(super) static METRICS: &[Metric] = &stated(SOURCE, Part::Engine, [
    // Requests.
    counter("trtllm_request_success_total", Requests, &["engine_type", "finished_reason", "model_name"], "Finished requests by the reason.").of(Q::RequestSuccess),
    counter("trtllm_request_error_total", Requests, &["engine_type", "http_code", "model_name"], "Failed requests by the status they were answered with.").of(Q::RequestErrors),
    histogram("trtllm_e2e_request_latency_seconds", Seconds, SERVER, REQUEST, "From arrival to the last token.").of(Q::EndToEndLatency),
    histogram("trtllm_time_to_first_token_seconds", Seconds, SERVER, FIRST_TOKEN, "From arrival to the first token.").of(Q::TimeToFirstToken),
    histogram("trtllm_time_per_output_token_seconds", Seconds, SERVER, BETWEEN_TOKENS, "Mean time a token of a request after its first.").of(Q::TimePerOutputToken),
    histogram("trtllm_request_queue_time_seconds", Seconds, SERVER, REQUEST, "From arrival to the first time scheduled.").of(Q::QueueTime),
    histogram("trtllm_request_prefill_time_seconds", Seconds, SERVER, PREFILL, "From the first time scheduled to the first token.").of(Q::PrefillTime),
    histogram("trtllm_request_decode_time_seconds", Seconds, SERVER, REQUEST, "From the first token to the last.").of(Q::DecodeTime),
    histogram("trtllm_request_inference_time_seconds", Seconds, SERVER, REQUEST, "From the first time scheduled to the last token.").of(Q::InferenceTime),
    counter("trtllm_prompt_tokens_total", Tokens, SERVER, "Prompt tokens of finished requests.").of(Q::PromptTokens),
    counter("trtllm_generation_tokens_total", Tokens, SERVER, "Generated tokens of finished requests.").of(Q::GenerationTokens),
    counter("trtllm_prompt_cached_tokens_total", Tokens, SERVER, "Prompt tokens found in the KV cache."),
    counter("trtllm_prompt_cache_hit_tokens_total", Tokens, &["cache_level", "cache_tier", "engine_type", "model_name"], "Prompt tokens found in each level of the KV cache.").needs(ITERATION),
    histogram("trtllm_prompt_cached_tokens_per_request", Tokens, SERVER, CACHED, "Prompt tokens of a request found in the KV cache."),
    histogram("trtllm_prefill_perplexity", Factor, SERVER, PERPLEXITY, "Perplexity of a request's prompt."),
    histogram("trtllm_generation_perplexity", Factor, SERVER, PERPLEXITY, "Perplexity of a request's output."),
    // Load.
    gauge("trtllm_num_requests_running", Requests, PROCESS, "Active requests.").of(Q::RequestsRunning).needs(ITERATION),
    gauge("trtllm_num_requests_waiting", Requests, PROCESS, "Queued requests.").of(Q::RequestsWaiting).needs(ITERATION),
    counter("trtllm_num_requests_completed_total", Requests, SERVER, "Requests completed, counted by iterations.").needs(ITERATION),
    gauge("trtllm_max_num_active_requests", Requests, PROCESS, "Most requests that may be active.").needs(ITERATION),
    gauge("trtllm_iteration_latency_seconds", Seconds, PROCESS, "Duration of the last iteration.").of(Q::StepTime).needs(ITERATION),
    gauge("trtllm_num_context_requests", Requests, PROCESS, "Requests in prefill in the last iteration.").needs(ITERATION),
    gauge("trtllm_num_generation_requests", Requests, PROCESS, "Requests in decode in the last iteration.").needs(ITERATION),
    gauge("trtllm_num_paused_requests", Requests, PROCESS, "Paused requests.").needs(ITERATION),
    gauge("trtllm_num_scheduled_requests", Requests, PROCESS, "Requests scheduled in the last iteration.").needs(ITERATION),
    gauge("trtllm_total_context_tokens", Tokens, PROCESS, "Prompt tokens of the last iteration.").needs(ITERATION),
    gauge("trtllm_avg_decoded_tokens_per_iter", Tokens, PROCESS, "Mean tokens decoded an iteration.").needs(ITERATION),
    gauge("trtllm_prefill_batch_occupancy", Ratio, PROCESS, "Requests in prefill over the most that may be active.").needs(ITERATION),
    histogram("trtllm_prefill_batch_tokens", Tokens, SERVER, BATCH_TOKENS, "Prompt tokens of an iteration that has any.").needs(ITERATION),
    gauge("trtllm_scheduled_batch_size", Requests, &["engine_type", "model_name", "pid", "rank"], "Requests in the latest batch of a rank."),
    gauge("trtllm_max_batch_size_static", Requests, PROCESS, "Most requests in a batch, as built.").needs(ITERATION),
    gauge("trtllm_max_batch_size_runtime", Requests, PROCESS, "Most requests in a batch, as in force.").needs(ITERATION),
    gauge("trtllm_max_num_tokens_runtime", Tokens, PROCESS, "Most tokens in an iteration, as in force.").needs(ITERATION),
    // Memory and KV cache.
    gauge("trtllm_gpu_memory_usage_bytes", Bytes, PROCESS, "Device memory in use.").needs(ITERATION),
    gauge("trtllm_cpu_memory_usage_bytes", Bytes, PROCESS, "Host memory in use.").needs(ITERATION),
    gauge("trtllm_pinned_memory_usage_bytes", Bytes, PROCESS, "Pinned host memory in use.").needs(ITERATION),
    gauge("trtllm_kv_cache_utilization", Ratio, PROCESS, "Part of the KV blocks in use.").of(Q::KvCacheUsage).needs(ITERATION),
    gauge("trtllm_kv_cache_host_utilization", Ratio, PROCESS, "Part of the host's KV blocks in use.").of(Q::HostCacheUsage).needs(ITERATION),
    gauge("trtllm_kv_cache_hit_rate", Ratio, PROCESS, "Part of the KV blocks that were reused.").of(Q::CacheHitRate).needs(ITERATION),
    gauge("trtllm_kv_cache_max_blocks", Blocks, PROCESS, "KV blocks.").of(Q::KvBlocksTotal).needs(ITERATION),
    gauge("trtllm_kv_cache_free_blocks", Blocks, PROCESS, "Free KV blocks.").needs(ITERATION),
    gauge("trtllm_kv_cache_used_blocks", Blocks, PROCESS, "KV blocks in use.").of(Q::KvBlocksUsed).needs(ITERATION),
    gauge("trtllm_kv_cache_tokens_per_block", Tokens, PROCESS, "Tokens in a KV block.").of(Q::KvBlockSize).needs(ITERATION),
    counter("trtllm_kv_cache_reused_blocks_total", Blocks, SERVER, "KV blocks reused.").of(Q::PrefixCacheHits).needs(ITERATION),
    counter("trtllm_kv_cache_missed_blocks_total", Blocks, SERVER, "KV blocks that had to be computed.").of(Q::PrefixCacheMisses).needs(ITERATION),
    gauge("trtllm_kv_cache_iter_reuse_rate", Ratio, PROCESS, "Part of the last iteration's KV blocks that were reused.").needs(ITERATION),
    counter("trtllm_kv_cache_iter_reused_blocks_total", Blocks, SERVER, "KV blocks reused in whole or in part, counted by iterations.").needs(ITERATION),
    counter("trtllm_kv_cache_iter_full_reused_blocks_total", Blocks, SERVER, "KV blocks reused in whole.").needs(ITERATION),
    counter("trtllm_kv_cache_iter_partial_reused_blocks_total", Blocks, SERVER, "KV blocks reused in part.").needs(ITERATION),
    counter("trtllm_kv_cache_iter_missed_blocks_total", Blocks, SERVER, "KV blocks not found in prefill.").needs(ITERATION),
    counter("trtllm_kv_cache_gen_alloc_blocks_total", Blocks, SERVER, "KV blocks taken in decode.").needs(ITERATION),
    counter("trtllm_kv_cache_onboard_bytes_total", Bytes, SERVER, "Bytes moved from host to device.").of(Q::Onboarded).needs(ITERATION),
    counter("trtllm_kv_cache_offload_bytes_total", Bytes, SERVER, "Bytes moved from device to host.").of(Q::Offloaded).needs(ITERATION),
    counter("trtllm_kv_cache_disk_prefetch_blocks_total", Blocks, SERVER, "KV blocks fetched from disk to host ahead of use.").needs(ITERATION),
    counter("trtllm_kv_cache_intra_device_copy_bytes_total", Bytes, SERVER, "Bytes copied within the device.").needs(ITERATION),
    // Speculation.
    counter("trtllm_spec_decode_num_draft_tokens_total", Tokens, SERVER, "Tokens proposed.").of(Q::DraftTokens).needs(SPECULATION),
    counter("trtllm_spec_decode_num_accepted_tokens_total", Tokens, SERVER, "Proposed tokens that were accepted.").of(Q::AcceptedDraftTokens).needs(SPECULATION),
    gauge("trtllm_spec_decode_acceptance_length", Factor, PROCESS, "Mean tokens a verification step yields.").of(Q::AcceptanceLength).needs(SPECULATION),
    gauge("trtllm_spec_decode_draft_overhead", Factor, PROCESS, "Cost of drafting.").needs(SPECULATION),
    counter("trtllm_spec_decode_drafted_tokens_total", Tokens, &["engine_type", "model_name", "token_position"], "Tokens proposed, by position in the draft.").needs(SPECULATION),
    counter("trtllm_spec_decode_accepted_tokens_total", Tokens, &["engine_type", "model_name", "token_position"], "Proposed tokens that were accepted, by position in the draft.").needs(SPECULATION),
    // Configuration.
    info("trtllm_model_config_info", PROCESS, "The model: its name, data type, quantisation, GPU."),
    info("trtllm_parallel_config_info", PROCESS, "The parallelism."),
    info("trtllm_speculative_config_info", PROCESS, "The speculation.").needs(SPECULATION),
    info("trtllm_kv_cache_config_info", PROCESS, "The KV cache: block size, reuse."),
]);
