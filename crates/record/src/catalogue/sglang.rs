//! SGLang, as of 0.5.23, with `--enable-metrics`.
//!
//! SGLang runs on no machine of ours. Names, types, labels and buckets were taken by making every collector class of the
//! package itself (all features on) register with the Python client and scraping that (`tests/fixtures/sglang-0.5.23-*.txt`);
//! when a family appears is read in the source. The collectors live in several processes and the client merges them: there are
//! no `_created` gauges, a gauge without a merging rule carries the `pid`, and `_sum` stands before the buckets.
//!
//! `engine_type` is `unified`, `prefill` or `decode`. With data-parallel ranks a `dp_rank` is added, with priority scheduling a
//! `priority` (the total under the empty one).
//!
//! Not yet: `sglang:eplb_balancedness` (a summary), `sglang:eplb_gpu_physical_count`, the encoder's and the Mooncake
//! session's families.

use super::Unit::{
    Blocks, Bytes, Count, Factor, Flag, Flops, Gigabytes, GigabytesPerSecond, Megabytes, Milliseconds,
    Percent, Ratio, Requests, Seconds, Tokens, TokensPerSecond,
};
use super::{Metric, Part, Quantity as Q, configured, counter, gauge, histogram, stated};

const COLLECTOR: &str = "scrape of the collectors of SGLang 0.5.23, made outside a server";
const SOURCE: &str = "read in the source of SGLang 0.5.23, not seen in a run";

const SCHEDULER: &[&str] = &["engine_type", "model_name", "moe_ep_rank", "pp_rank", "tp_rank"];
const TOKENIZER: &[&str] = &["engine_type", "model_name"];
const STREAMING: &[&str] = &["engine_type", "is_streaming", "model_name"];
const STORAGE: &[&str] =
    &["attn_cp_rank", "attn_cp_size", "dp_rank", "pp_rank", "pp_size", "storage_backend", "tp_rank"];
const RADIX: &[&str] = &["cache_type", "dp_rank", "pp_rank", "tp_rank"];
const RADIX_POOL: &[&str] = &["cache_type", "dp_rank", "pool", "pp_rank", "tp_rank"];
const BY_KIND: &[&str] = &["engine_type", "kind", "model_name", "moe_ep_rank", "pp_rank", "tp_rank"];
const BY_MODE: &[&str] = &["engine_type", "mode", "model_name", "moe_ep_rank", "pp_rank", "tp_rank"];
const BY_PROCESS: &[&str] = &["engine_type", "model_name", "moe_ep_rank", "pid", "pp_rank", "tp_rank"];
const BY_RANGE: &[&str] = &["engine_type", "gt", "le", "model_name", "moe_ep_rank", "pp_rank", "tp_rank"];
const FIRST_TOKEN: &[f64] =
    &[0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 200.0, 400.0];
const BETWEEN_TOKENS: &[f64] = &[
    0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6,
    0.8, 1.0, 2.0, 4.0, 6.0, 8.0,
];
const REQUEST: &[f64] = &[
    0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 200.0, 400.0,
    600.0, 1200.0, 1800.0, 2400.0,
];
const QUEUE: &[f64] = &[
    0.0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0,
    50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0,
    1200.0, 1400.0, 1600.0, 1800.0, 2000.0, 2500.0, 3000.0,
];
const STAGE: &[f64] = &[
    0.001,
    0.001_620_000_000_000_000_1,
    0.002_624_400_000_000_000_7,
    0.004_251_528,
    0.006_887_475_360_000_002,
    0.011_157_710_083_200_004,
    0.018_075_490_334_784_006,
    0.029_282_294_342_350_097,
    0.047_437_316_834_607_154,
    0.076_848_453_272_063_59,
    0.124_494_494_300_743_02,
    0.201_681_080_767_203_73,
    0.326_723_350_842_870_1,
    0.529_291_828_365_449_5,
    0.857_452_761_952_028_2,
    1.389_073_474_362_286,
    2.250_299_028_466_903_6,
    3.645_484_426_116_383_7,
    5.905_684_770_308_542,
    9.567_209_327_899_839,
    15.498_879_111_197_74,
    25.108_184_160_140_34,
    40.675_258_339_427_35,
    65.893_918_509_872_31,
    106.748_147_985_993_16,
    172.931_999_737_308_96,
    280.149_839_574_440_5,
    453.842_740_110_593_64,
    735.225_238_979_161_8,
    1_191.064_887_146_242,
];
const LENGTH: &[f64] = &[
    100.0,
    300.0,
    500.0,
    700.0,
    1000.0,
    1500.0,
    2000.0,
    3000.0,
    4000.0,
    5000.0,
    6000.0,
    7000.0,
    8000.0,
    9000.0,
    10000.0,
    12500.0,
    15000.0,
    17500.0,
    20000.0,
    22500.0,
    25000.0,
    27500.0,
    30000.0,
    35000.0,
    40000.0,
    60000.0,
    80000.0,
    100_000.0,
    200_000.0,
    300_000.0,
    400_000.0,
    600_000.0,
    800_000.0,
    1_000_000.0,
    1_100_000.0,
];
const TRANSFER_SETUP: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0];
const TRANSFER: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0];
const COMPILATION: &[f64] =
    &[0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 240.0];
const TRAVERSAL: &[f64] =
    &[0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 90.0, 120.0, 240.0];
const SCHEMAS: &[f64] = &[
    0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0, 200.0, 300.0,
    400.0, 500.0, 700.0, 1000.0,
];
const EBNF: &[f64] = &[
    0.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 2000.0, 3000.0, 5000.0, 10000.0, 20000.0, 30000.0,
    50000.0, 100_000.0,
];
const LOAD_BACK: &[f64] = &[
    0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2,
    0.5, 1.0,
];
const BACKUP: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
const IMBALANCE: &[f64] = &[1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0];
const SYNC_WAIT: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
const DEFERRED_RELEASE: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0];
const BANDWIDTH: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 50.0, 100.0];
const PAGES: &[f64] = &[1.0, 5.0, 10.0, 50.0, 100.0];
const FUNCTION: &[f64] = &[
    0.05,
    0.075_000_000_000_000_01,
    0.1125,
    0.16875,
    0.253_125,
    0.379_687_5,
    0.569_531_25,
    0.854_296_875_000_000_1,
    1.281_445_312_5,
    1.922_167_968_750_000_2,
    2.883_251_953_125_000_3,
    4.324_877_929_687_5,
    6.487_316_894_531_251,
    9.730_975_341_796_876,
    14.596_463_012_695_313,
    21.894_694_519_042_97,
    32.842_041_778_564_46,
    49.263_062_667_846_68,
];

#[rustfmt::skip] // A table.
pub(super) static METRICS: &[Metric] = &stated(COLLECTOR, Part::Engine, [
    // Scheduler: load.
    gauge("sglang:num_running_reqs", Requests, SCHEDULER, "Requests in the running batch.").of(Q::RequestsRunning),
    gauge("sglang:num_queue_reqs", Requests, SCHEDULER, "Requests in the waiting queue.").of(Q::RequestsWaiting),
    gauge("sglang:num_grammar_queue_reqs", Requests, SCHEDULER, "Requests waiting for their grammar to be compiled."),
    gauge("sglang:gen_throughput", TokensPerSecond, SCHEDULER, "Tokens generated a second since the report before.").of(Q::GenerationThroughput),
    gauge("sglang:cache_hit_rate", Ratio, SCHEDULER, "Part of the prompt tokens found in the radix cache, over the last report of prefills.").of(Q::CacheHitRate),
    gauge("sglang:decode_sum_seq_lens", Tokens, SCHEDULER, "Sum of the lengths of the sequences in decode."),
    gauge("sglang:new_token_ratio", Ratio, SCHEDULER, "Part of max_new_tokens the scheduler reserves for a running request."),
    gauge("sglang:utilization", Ratio, SCHEDULER, "Running requests over the most the SLO allows."),
    gauge("sglang:fwd_occupancy", Percent, SCHEDULER, "Part of the time the device runs a forward pass."),
    gauge("sglang:is_cuda_graph", Flag, SCHEDULER, "Whether the last batch ran as a CUDA graph."),
    // Scheduler: memory.
    gauge("sglang:token_usage", Ratio, SCHEDULER, "Use of the fullest KV pool: full attention, sliding window or state.").of(Q::KvCacheUsage),
    gauge("sglang:full_token_usage", Ratio, SCHEDULER, "Use of the full-attention KV pool."),
    gauge("sglang:swa_token_usage", Ratio, SCHEDULER, "Use of the sliding-window KV pool."),
    gauge("sglang:mamba_usage", Ratio, SCHEDULER, "Use of the state pool."),
    gauge("sglang:num_used_tokens", Tokens, SCHEDULER, "Tokens held in the fuller of the full and the sliding-window pool."),
    gauge("sglang:kv_available_tokens", Tokens, SCHEDULER, "Free slots of the KV pool."),
    gauge("sglang:kv_evictable_tokens", Tokens, SCHEDULER, "Slots of the KV pool that only hold reusable prefixes."),
    gauge("sglang:kv_used_tokens", Tokens, SCHEDULER, "Slots of the KV pool held by running requests.").of(Q::KvTokensUsed),
    gauge("sglang:swa_available_tokens", Tokens, SCHEDULER, "Free slots of the sliding-window pool."),
    gauge("sglang:swa_evictable_tokens", Tokens, SCHEDULER, "Slots of the sliding-window pool that only hold reusable prefixes."),
    gauge("sglang:swa_used_tokens", Tokens, SCHEDULER, "Slots of the sliding-window pool held by running requests."),
    gauge("sglang:mamba_available_tokens", Count, SCHEDULER, "Free states of the state pool."),
    gauge("sglang:mamba_evictable_tokens", Count, SCHEDULER, "States that only hold reusable prefixes."),
    gauge("sglang:mamba_used_tokens", Count, SCHEDULER, "States held by running requests."),
    gauge("sglang:max_total_num_tokens", Tokens, SCHEDULER, "Slots of the KV pool.").of(Q::KvTokensTotal),
    gauge("sglang:max_total_num_tokens_swa", Tokens, SCHEDULER, "Slots of the sliding-window pool.").needs("a sliding-window model"),
    gauge("sglang:page_size", Tokens, SCHEDULER, "Tokens in a page of the KV pool.").of(Q::KvBlockSize),
    gauge("sglang:num_pages", Blocks, SCHEDULER, "Pages of the KV pool.").of(Q::KvBlocksTotal),
    gauge("sglang:context_len", Tokens, SCHEDULER, "Longest sequence the model takes."),
    gauge("sglang:max_running_requests_under_SLO", Requests, SCHEDULER, "Most running requests the SLO allows.").needs("an SLO limit"),
    gauge("sglang:weight_memory_usage_gb", Gigabytes, SCHEDULER, "Memory of the weights."),
    gauge("sglang:kv_cache_memory_usage_gb", Gigabytes, SCHEDULER, "Memory of the KV pools."),
    gauge("sglang:graph_memory_usage_gb", Gigabytes, &["engine_type", "model_name", "moe_ep_rank", "phase", "pp_rank", "tp_rank"], "Memory of the captured graphs, by phase."),
    gauge("sglang:startup_available_gpu_memory_gb", Gigabytes, SCHEDULER, "Device memory left after the start."),
    // Speculation.
    gauge("sglang:spec_accept_length", Factor, SCHEDULER, "Mean tokens a verification step yields, the one of its own included.").of(Q::AcceptanceLength).needs("--speculative-algorithm"),
    gauge("sglang:spec_accept_rate", Ratio, SCHEDULER, "Accepted over proposed tokens.").needs("--speculative-algorithm"),
    gauge("sglang:spec_cap_length", Factor, SCHEDULER, "Mean width of the verification window where it is capped by confidence; 0 if not.").needs("--speculative-algorithm"),
    gauge("sglang:spec_block_accept_length", Factor, SCHEDULER, "Mean tokens a step would yield without that cap.").needs("--speculative-algorithm"),
    gauge("sglang:spec_num_steps", Count, SCHEDULER, "Draft steps in force.").needs("--speculative-algorithm"),
    gauge("sglang:spec_num_draft_tokens", Tokens, SCHEDULER, "Draft tokens in force.").needs("--speculative-algorithm"),
    counter("sglang:spec_verify_calls_total", Count, TOKENIZER, "Verification steps.").needs("--speculative-algorithm"),
    // Retraction, pausing, weights.
    gauge("sglang:num_retracted_reqs", Requests, BY_PROCESS, "Requests retracted since the last report (one series a process)."),
    counter("sglang:num_retracted_requests_total", Requests, SCHEDULER, "Requests retracted from the batch for want of KV slots.").of(Q::Preemptions),
    counter("sglang:num_retracted_input_tokens_total", Tokens, SCHEDULER, "Prompt tokens of retracted requests."),
    counter("sglang:num_retracted_output_tokens_total", Tokens, SCHEDULER, "Generated tokens of retracted requests."),
    gauge("sglang:num_paused_reqs", Requests, BY_PROCESS, "Requests paused for a weight update since the last report (one series a process)."),
    gauge("sglang:weight_load_duration_seconds", Seconds, &["engine_type", "model_name", "moe_ep_rank", "pp_rank", "source", "tp_rank"], "Duration of the last weight update, by where it came from.").needs("a weight update"),
    // Disaggregation.
    gauge("sglang:num_prefill_bootstrap_queue_reqs", Requests, SCHEDULER, "Requests waiting for the handshake with their decode worker.").needs("--disaggregation-mode prefill"),
    gauge("sglang:num_prefill_inflight_queue_reqs", Requests, SCHEDULER, "Prefilled requests whose KV is still being sent.").needs("--disaggregation-mode prefill"),
    gauge("sglang:num_decode_prealloc_queue_reqs", Requests, SCHEDULER, "Requests waiting for room for their KV.").needs("--disaggregation-mode decode"),
    gauge("sglang:num_decode_transfer_queue_reqs", Requests, SCHEDULER, "Requests whose KV is on its way.").needs("--disaggregation-mode decode"),
    gauge("sglang:num_decode_host_receive_queue_reqs", Requests, SCHEDULER, "Requests in transfer that receive into host memory or wait there.").needs("--disaggregation-mode decode"),
    counter("sglang:num_decode_host_receive_reqs_total", Requests, SCHEDULER, "Requests admitted to receive into host memory.").needs("--disaggregation-mode decode"),
    gauge("sglang:num_decode_deferred_kv_release_reqs", Requests, SCHEDULER, "Failed requests whose KV is held until their transfer is known to have ended.").needs("--disaggregation-mode decode"),
    histogram("sglang:decode_deferred_kv_release_seconds", Seconds, SCHEDULER, DEFERRED_RELEASE, "How long such KV was held.").needs("--disaggregation-mode decode"),
    counter("sglang:decode_deferred_kv_release_total", Count, &["engine_type", "model_name", "moe_ep_rank", "outcome", "pp_rank", "tp_rank"], "Ends of such holds, by outcome.").needs("--disaggregation-mode decode"),
    histogram("sglang:kv_transfer_speed_gb_s", GigabytesPerSecond, SCHEDULER, &[0.1, 0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0], "Speed of a KV transfer.").needs("--disaggregation-mode"),
    histogram("sglang:kv_transfer_latency_ms", Milliseconds, SCHEDULER, TRANSFER, "Duration of a KV transfer.").of(Q::KvTransferTime).needs("--disaggregation-mode"),
    histogram("sglang:kv_transfer_bootstrap_ms", Milliseconds, SCHEDULER, TRANSFER_SETUP, "Duration of the handshake before a KV transfer.").needs("--disaggregation-mode"),
    histogram("sglang:kv_transfer_alloc_ms", Milliseconds, SCHEDULER, TRANSFER_SETUP, "Wait for room before a KV transfer.").needs("--disaggregation-mode"),
    histogram("sglang:kv_transfer_total_mb", Megabytes, SCHEDULER, &[1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 10000.0], "Size of a KV transfer.").of(Q::KvTransferBytes).needs("--disaggregation-mode"),
    gauge("sglang:pending_prealloc_token_usage", Ratio, SCHEDULER, "Part of the KV pool asked for and not yet given.").needs("--disaggregation-mode decode"),
    gauge("sglang:prealloc_full_token_usage", Ratio, SCHEDULER, "Part of the full-attention pool given to requests still in transfer.").needs("--disaggregation-mode decode"),
    gauge("sglang:prealloc_swa_token_usage", Ratio, SCHEDULER, "Part of the sliding-window pool given to requests still in transfer.").needs("--disaggregation-mode decode"),
    counter("sglang:num_bootstrap_failed_reqs_total", Requests, SCHEDULER, "Requests whose handshake failed.").needs("--disaggregation-mode"),
    counter("sglang:num_transfer_failed_reqs_total", Requests, SCHEDULER, "Requests whose KV transfer failed.").needs("--disaggregation-mode"),
    counter("sglang:num_prefill_retries_total", Count, SCHEDULER, "Prefills tried again.").needs("--disaggregation-mode"),
    // LoRA, streaming sessions, routing keys.
    gauge("sglang:lora_pool_slots_used", Count, SCHEDULER, "Adapter slots in use.").needs("--enable-lora"),
    gauge("sglang:lora_pool_slots_total", Count, SCHEDULER, "Adapter slots.").needs("--enable-lora"),
    gauge("sglang:lora_pool_utilization", Ratio, SCHEDULER, "Adapter slots in use over all.").needs("--enable-lora"),
    gauge("sglang:num_streaming_sessions", Count, SCHEDULER, "Streaming sessions.").needs("--enable-streaming-session"),
    gauge("sglang:streaming_session_held_tokens", Tokens, SCHEDULER, "KV slots held by streaming sessions.").needs("--enable-streaming-session"),
    gauge("sglang:num_unique_running_routing_keys", Count, SCHEDULER, "Different routing keys in the running batch."),
    gauge("sglang:routing_key_running_req_count", Count, BY_RANGE, "Routing keys by how many of their requests run: more than gt, at most le (a gauge)."),
    gauge("sglang:routing_key_all_req_count", Count, BY_RANGE, "Routing keys by how many of their requests run or wait: more than gt, at most le (a gauge)."),
    // Requests.
    counter("sglang:prompt_tokens_total", Tokens, STREAMING, "Prompt tokens of finished requests.").of(Q::PromptTokens),
    counter("sglang:generation_tokens_total", Tokens, STREAMING, "Generated tokens of finished requests.").of(Q::GenerationTokens),
    counter("sglang:cached_tokens_total", Tokens, &["cache_source", "engine_type", "model_name"], "Prompt tokens found in a cache, by the tier that had them.").of(Q::PrefixCacheHits),
    counter("sglang:num_requests_total", Requests, STREAMING, "Finished requests.").of(Q::RequestSuccess),
    counter("sglang:num_so_requests_total", Requests, TOKENIZER, "Finished requests with structured output."),
    counter("sglang:num_aborted_requests_total", Requests, TOKENIZER, "Aborted requests.").of(Q::RequestAborts),
    histogram("sglang:time_to_first_token_seconds", Seconds, STREAMING, FIRST_TOKEN, "From arrival to the first token.").of(Q::TimeToFirstToken),
    histogram("sglang:inter_token_latency_seconds", Seconds, TOKENIZER, BETWEEN_TOKENS, "Time between outputs, shared out over the tokens of an output.").of(Q::InterTokenLatency),
    histogram("sglang:request_time_per_output_token_seconds", Seconds, STREAMING, BETWEEN_TOKENS, "Mean time a token of a request after its first.").of(Q::TimePerOutputToken),
    histogram("sglang:e2e_request_latency_seconds", Seconds, STREAMING, REQUEST, "From arrival to the end.").of(Q::EndToEndLatency),
    histogram("sglang:queue_time_seconds", Seconds, SCHEDULER, QUEUE, "Time in the waiting queue.").of(Q::QueueTime),
    histogram("sglang:per_stage_req_latency_seconds", Seconds, &["engine_type", "model_name", "moe_ep_rank", "pp_rank", "stage", "tp_rank"], STAGE, "Time of a request in each stage."),
    histogram("sglang:prompt_tokens_histogram", Tokens, TOKENIZER, LENGTH, "Prompt tokens of a request.").of(Q::PromptLength),
    histogram("sglang:uncached_prompt_tokens_histogram", Tokens, TOKENIZER, LENGTH, "Prompt tokens of a request that were computed."),
    histogram("sglang:generation_tokens_histogram", Tokens, TOKENIZER, LENGTH, "Generated tokens of a request.").of(Q::GenerationLength),
    histogram("sglang:get_loads_duration_seconds", Seconds, TOKENIZER, &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0], "Time to answer /v1/loads."),
    gauge("sglang:startup_time_seconds", Seconds, &["engine_type", "model_name", "phase"], "Duration of the start, by phase."),
    gauge("sglang:startup_cuda_graph_time_seconds", Seconds, &["engine_type", "model_name", "phase"], "Duration of graph capture, by phase."),
    // Execution.
    counter("sglang:realtime_tokens_total", Tokens, BY_MODE, "Tokens processed, by mode: prompt computed, prompt cached, decoded."),
    counter("sglang:prefill_effective_tokens_total", Tokens, BY_MODE, "Prompt tokens without repeats after retraction, by mode: computed, or the tier that had them."),
    counter("sglang:forward_execution_seconds_total", Seconds, &["category", "engine_type", "model_name", "moe_ep_rank", "pp_rank", "tp_rank"], "Time the device ran forward passes, by kind of pass."),
    counter("sglang:cuda_graph_passes_total", Count, BY_MODE, "Forward passes, by whether they ran as a CUDA graph."),
    counter("sglang:scheduler_idle_seconds_total", Seconds, SCHEDULER, "Time the scheduler had nothing to do."),
    counter("sglang:scheduler_process_cpu_seconds_total", Seconds, SCHEDULER, "CPU time of the scheduler's process."),
    counter("sglang:scheduler_stage_seconds_total", Seconds, &["category", "engine_type", "forward_overlap", "model_name", "moe_ep_rank", "pp_rank", "tp_rank"], "Time of the scheduler's loop by stage, and by whether the device was busy meanwhile."),
    counter("sglang:estimated_flops_per_gpu_total", Flops, SCHEDULER, "Floating-point operations a GPU should have done.").needs("--enable-mfu-metrics"),
    counter("sglang:estimated_read_bytes_per_gpu_total", Bytes, SCHEDULER, "Bytes a GPU should have read.").needs("--enable-mfu-metrics"),
    counter("sglang:estimated_write_bytes_per_gpu_total", Bytes, SCHEDULER, "Bytes a GPU should have written.").needs("--enable-mfu-metrics"),
    // Data-parallel attention and the prefill delayer.
    counter("sglang:dp_cooperation_realtime_tokens_total", Tokens, &["engine_type", "mode", "model_name", "moe_ep_rank", "num_prefill_ranks", "pp_rank", "tp_rank"], "Tokens processed, by how many ranks were in prefill.").needs("--enable-dp-attention"),
    counter("sglang:dp_cooperation_forward_execution_seconds_total", Seconds, &["category", "engine_type", "model_name", "moe_ep_rank", "num_prefill_ranks", "pp_rank", "tp_rank"], "Time of forward passes, by how many ranks were in prefill.").needs("--enable-dp-attention"),
    counter("sglang:dp_attention_tokens_total", Tokens, BY_KIND, "Tokens of lockstep steps on this rank, and those by which the busiest rank exceeded it.").needs("--enable-dp-attention"),
    counter("sglang:dp_attention_steps_total", Count, &["engine_type", "model_name", "moe_ep_rank", "pp_rank", "rank_state", "tp_rank"], "Lockstep steps, by whether this rank had tokens.").needs("--enable-dp-attention"),
    counter("sglang:dp_attention_pairs_total", Count, BY_KIND, "Query-key pairs of lockstep steps on this rank, and those by which the busiest rank exceeded it.").needs("--enable-dp-attention"),
    histogram("sglang:dp_attention_token_imbalance_ratio", Factor, SCHEDULER, IMBALANCE, "Most over mean tokens of the ranks in a step.").needs("--enable-dp-attention"),
    histogram("sglang:dp_attention_sync_wait_seconds", Seconds, SCHEDULER, SYNC_WAIT, "Wait for the slowest rank in a step.").needs("--enable-dp-attention"),
    configured("sglang:prefill_delayer_wait_forward_passes", Count, SCHEDULER, "Passes a prefill was held back; bounds from the delayer's settings.").needs("--enable-prefill-delayer"),
    histogram("sglang:prefill_delayer_wait_seconds", Seconds, SCHEDULER, &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0], "Time a prefill was held back.").needs("--enable-prefill-delayer"),
    counter("sglang:prefill_delayer_outcomes_total", Count, &["actual_execution", "engine_type", "input_estimation", "model_name", "moe_ep_rank", "output_allow", "output_reason", "pp_rank", "tp_rank"], "Decisions to hold back, by what was estimated, allowed and done.").needs("--enable-prefill-delayer"),
    // Grammar.
    histogram("sglang:grammar_compilation_time_seconds", Seconds, SCHEDULER, COMPILATION, "Time to compile a grammar."),
    counter("sglang:num_grammar_cache_hit_total", Count, SCHEDULER, "Grammars found compiled."),
    counter("sglang:num_grammar_aborted_total", Requests, SCHEDULER, "Requests aborted while waiting for their grammar."),
    counter("sglang:num_grammar_timeout_total", Requests, SCHEDULER, "Grammars that took too long."),
    counter("sglang:num_grammar_total", Requests, SCHEDULER, "Requests with a grammar."),
    histogram("sglang:grammar_schema_count", Count, SCHEDULER, SCHEMAS, "Schemas of a grammar."),
    histogram("sglang:grammar_ebnf_size", Count, SCHEDULER, EBNF, "Size of a grammar in EBNF."),
    histogram("sglang:grammar_tree_traversal_time_avg", Seconds, SCHEDULER, TRAVERSAL, "Mean time of a walk through a grammar."),
    histogram("sglang:grammar_tree_traversal_time_max", Seconds, SCHEDULER, TRAVERSAL, "Longest walk through a grammar."),
    // Radix cache.
    counter("sglang:evicted_tokens_total", Tokens, RADIX, "Device slots freed by eviction."),
    histogram("sglang:eviction_duration_seconds", Seconds, RADIX, LOAD_BACK, "Time of an eviction, a blocking copy to the host included."),
    // Host and storage tiers.
    gauge("sglang:hicache_host_used_tokens", Tokens, SCHEDULER, "Tokens in the host's KV cache.").needs("--enable-hierarchical-cache"),
    gauge("sglang:hicache_host_total_tokens", Tokens, SCHEDULER, "Capacity of the host's KV cache.").needs("--enable-hierarchical-cache"),
    gauge("sglang:hicache_host_mamba_used_states", Count, SCHEDULER, "States in the host's cache.").needs("--enable-hierarchical-cache"),
    gauge("sglang:hicache_host_mamba_total_states", Count, SCHEDULER, "Capacity of the host's cache for states.").needs("--enable-hierarchical-cache"),
    counter("sglang:load_back_tokens_total", Tokens, RADIX_POOL, "Tokens copied from host to device, by pool; every rank counts the same.").of(Q::Onboarded).needs("--enable-hierarchical-cache"),
    histogram("sglang:load_back_duration_seconds", Seconds, RADIX, LOAD_BACK, "Time of a copy from host to device.").needs("--enable-hierarchical-cache"),
    counter("sglang:load_back_bytes_total", Bytes, RADIX, "Bytes copied from host to device, each rank its own share.").needs("--enable-hierarchical-cache"),
    counter("sglang:hicache_backup_tokens_total", Tokens, RADIX_POOL, "Tokens copied from device to host, by pool; every rank counts the same.").of(Q::Offloaded).needs("--enable-hierarchical-cache"),
    histogram("sglang:hicache_backup_duration_seconds", Seconds, RADIX, BACKUP, "Time of a copy from device to host.").needs("--enable-hierarchical-cache"),
    counter("sglang:hicache_backup_bytes_total", Bytes, RADIX, "Bytes copied from device to host, each rank its own share.").needs("--enable-hierarchical-cache"),
    counter("sglang:hicache_dropped_tokens_total", Tokens, &["cache_type", "dp_rank", "pool", "pp_rank", "reason", "tp_rank"], "Tokens destroyed on the device without a copy on the host.").needs("--enable-hierarchical-cache"),
    counter("sglang:hicache_backup_dropped_tokens_total", Tokens, STORAGE, "Tokens on their way to storage that never reached it.").needs("--hicache-storage-backend"),
    counter("sglang:hicache_prefetch_aux_alloc_failed_tokens_total", Tokens, STORAGE, "Tokens whose fetch was given up for want of room in a side pool.").needs("--hicache-storage-backend"),
    counter("sglang:prefetched_tokens_total", Tokens, STORAGE, "Tokens read from storage into host memory.").needs("--hicache-storage-backend"),
    counter("sglang:backuped_tokens_total", Tokens, STORAGE, "Tokens written from host memory to storage.").needs("--hicache-storage-backend"),
    counter("sglang:storage_prefetch_hit_tokens_total", Tokens, STORAGE, "Tokens a look-up found in storage.").needs("--hicache-storage-backend"),
    counter("sglang:storage_prefetch_unfulfilled_tokens_total", Tokens, &["attn_cp_rank", "attn_cp_size", "dp_rank", "pp_rank", "pp_size", "reason", "storage_backend", "tp_rank"], "Tokens found in storage that were not usable in the end, by reason.").needs("--hicache-storage-backend"),
    counter("sglang:storage_prefetch_deferred_tokens_total", Tokens, &["attn_cp_rank", "attn_cp_size", "dp_rank", "pp_rank", "pp_size", "reason", "storage_backend", "tp_rank"], "Tokens whose fetch was put off for want of room, by reason.").needs("--hicache-storage-backend"),
    histogram("sglang:prefetch_pgs", Blocks, STORAGE, PAGES, "Pages of a fetch from storage.").needs("--hicache-storage-backend"),
    histogram("sglang:backup_pgs", Blocks, STORAGE, PAGES, "Pages of a write to storage.").needs("--hicache-storage-backend"),
    histogram("sglang:prefetch_bandwidth", GigabytesPerSecond, STORAGE, BANDWIDTH, "Speed of a fetch from storage.").needs("--hicache-storage-backend"),
    histogram("sglang:backup_bandwidth", GigabytesPerSecond, STORAGE, BANDWIDTH, "Speed of a write to storage.").needs("--hicache-storage-backend"),
    // The HTTP server and its processes.
    counter("sglang:http_requests_total", Requests, &["endpoint", "method"], "Requests by path.").from(SOURCE),
    counter("sglang:http_responses_total", Requests, &["endpoint", "method", "status_code"], "Responses by path and status.").from(SOURCE),
    gauge("sglang:http_requests_active", Requests, &["endpoint", "method"], "Requests in hand by path.").from(SOURCE),
    gauge("sglang:routing_keys_active", Count, &[], "Different routing keys among the requests in hand.").from(SOURCE),
    counter("sglang:process_cpu_seconds_total", Seconds, &["component"], "CPU time of each process beside the scheduler.").from(SOURCE),
    gauge("sglang:startup_latency_breakdown_seconds_max", Seconds, &["context"], "Longest duration of each piece of the start.").from(SOURCE),
    histogram("sglang:func_latency_seconds", Seconds, &["name"], FUNCTION, "Duration of the calls of some functions.").from(SOURCE),
]);
