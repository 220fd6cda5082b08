//! NVIDIA Dynamo, as of 1.6.1: the frontend with the router in it, the workers' system port, the block manager.
//!
//! Names, types, labels and buckets of [`Part::Frontend`] and [`Part::Worker`] are from scrapes of a real stack (frontend and
//! mocked workers, with the KV router and without, aggregated and disaggregated, as vLLM, SGLang and TensorRT-LLM:
//! `tests/fixtures/dynamo-1.6.1-*.txt`), unless their source says otherwise. The answer is the Rust client's: numbers without
//! a needless `.0`, `le` as the last label, no `_created`.
//!
//! The same worker is `worker_id` in hexadecimal under `dynamo_component_*` and in decimal under
//! `dynamo_frontend_worker_*` and in `router_worker_id`. The prefix `dynamo_frontend` is the default of `--metrics-prefix`.
//! A worker also shows its engine's own metrics: see [`super::vllm`], [`super::sglang`], [`super::trtllm`] (a mocker shows a
//! few of them, with fewer labels).
//!
//! Not yet: the stand-alone indexer (`dynamo_kvindexer_*`), the newer block manager's `pool` families, the embedding and
//! multi-modal caches of the workers.

use super::Unit::{
    Blocks, Bytes, Count, Flag, GigabytesPerSecond, Microseconds, Milliseconds, Nanoseconds, PerMille, Ratio,
    Requests, Seconds, Tokens,
};
use super::{Metric, Part, Quantity as Q, configured, counter, gauge, histogram, stated};

const RUN: &str = "scrape of Dynamo 1.6.1 (ai-dynamo, mocked workers)";
const PYTHON: &str = "read in the Python source of ai-dynamo 1.6.1, not seen in a run";
const NAMED: &str = "name read in dynamo/prometheus_names.py of ai-dynamo 1.6.1; type, labels and buckets as documented, not checked";
const KV_MODE: &str = "--router-mode kv";
const MOCKED_TRTLLM: &str = "a mocker with --engine-type trtllm";
const TRTLLM_WORKER: &str = "a TensorRT-LLM worker that publishes metrics";
const ENGINE_WORKER: &str = "a worker with a real engine";

const RANK: &[&str] = &["dp_rank", "dynamo_component", "model"];
const TRTLLM: &[&str] = &["disaggregation_mode", "engine_type", "model_name"];
const MODEL: &[&str] = &["model"];
const COMPONENT: &[&str] = &["dynamo_component", "dynamo_namespace", "worker_id"];
const ENDPOINT: &[&str] = &["dynamo_component", "dynamo_endpoint", "dynamo_namespace", "worker_id"];
const ROUTED: &[&str] = &["dynamo_component", "dynamo_namespace", "router_id", "worker_id"];
const ROUTED_BY_PHASE: &[&str] =
    &["dynamo_component", "dynamo_namespace", "model", "phase", "router_id", "worker_id"];
const ROUTED_BY_TYPE: &[&str] =
    &["dynamo_component", "dynamo_namespace", "router_id", "worker_id", "worker_type"];
const WORKER: &[&str] = &["dp_rank", "worker_id", "worker_type"];
const ROUTER: &[&str] = &["router_id"];
const THREAD: &[&str] = &["worker"];
const QUEUE: &[&str] = &["model", "policy_class", "worker_type"];
const QUEUE_BY_REASON: &[&str] = &["model", "policy_class", "reason", "worker_type"];
const ACTIVE: &[&str] =
    &["dynamo_component", "dynamo_namespace", "model", "routing_group", "worker_id", "worker_type"];
const MOCKED: &[&str] = &["engine", "model_name"];
const REQUEST: &[f64] = &[0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 130.0, 260.0, 510.0];
const FIRST_TOKEN: &[f64] = &[
    0.0, 0.0022, 0.0047, 0.01, 0.022, 0.047, 0.1, 0.22, 0.47, 1.0, 2.2, 4.7, 10.0, 22.0, 48.0, 100.0, 220.0,
    480.0,
];
const BETWEEN_TOKENS: &[f64] = &[
    0.0, 0.0018, 0.0033, 0.0059, 0.011, 0.02, 0.035, 0.064, 0.12, 0.21, 0.38, 0.69, 1.2, 2.3, 4.1, 7.4, 13.0,
    24.0, 44.0, 80.0,
];
const INPUT: &[f64] =
    &[0.0, 100.0, 210.0, 430.0, 870.0, 1800.0, 3600.0, 7400.0, 15000.0, 31000.0, 63000.0, 130_000.0];
const OUTPUT: &[f64] = &[0.0, 100.0, 210.0, 430.0, 880.0, 1800.0, 3700.0, 7600.0, 16000.0, 32000.0];
const MEDIA: &[f64] =
    &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 20.0, 30.0, 40.0, 50.0, 100.0];
const IMAGE_TOKENS: &[f64] = &[
    4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0,
    65536.0,
];
const STAGE: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0];
const QUICK: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];
const TEMPLATE: &[f64] = &[0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05];
const LOOP_DELAY: &[f64] = &[0.0, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
const TOKENIZER: &[f64] = &[0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
const ROUNDTRIP: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const HASHING: &[f64] = &[
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];
const OVERHEAD: &[f64] = &[
    0.01,
    0.03,
    0.09,
    0.27,
    0.81,
    2.43,
    7.290_000_000_000_001,
    21.870_000_000_000_005,
    65.610_000_000_000_01,
    196.830_000_000_000_04,
    590.490_000_000_000_1,
    1_771.470_000_000_000_3,
    5_314.410_000_000_001,
    15_943.230_000_000_003,
    47_829.690_000_000_01,
    143_489.070_000_000_04,
    430_467.210_000_000_1,
];
const ROUTER_BETWEEN_TOKENS: &[f64] =
    &[0.0, 0.0019, 0.0035, 0.0067, 0.013, 0.024, 0.045, 0.084, 0.16, 0.3, 0.56, 1.1, 2.0];
const RATE: &[f64] = &[
    0.0,
    0.05,
    0.1,
    0.150_000_000_000_000_02,
    0.2,
    0.25,
    0.300_000_000_000_000_04,
    0.350_000_000_000_000_03,
    0.4,
    0.45,
    0.5,
    0.55,
    0.600_000_000_000_000_1,
    0.65,
    0.700_000_000_000_000_1,
    0.75,
    0.8,
    0.850_000_000_000_000_1,
    0.9,
    0.950_000_000_000_000_1,
    1.0,
];
const TRANSFER: &[f64] =
    &[0.0, 0.0019, 0.0037, 0.0072, 0.014, 0.027, 0.052, 0.1, 0.19, 0.37, 0.72, 1.4, 2.7, 5.2, 10.0];
const LOST: &[f64] =
    &[0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];
const BEYOND: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];
const MESSAGES: &[f64] =
    &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0];
const MUTATION_WAIT: &[f64] = &[
    0.0,
    0.000_002_5,
    0.000_006_3,
    0.000_016,
    0.00004,
    0.0001,
    0.00025,
    0.00063,
    0.0016,
    0.004,
    0.01,
    0.025,
    0.063,
    0.16,
    0.4,
    1.0,
];
const HANDLING: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
const PERMIT: &[f64] = &[0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0];
const FIRST_RESPONSE: &[f64] =
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const EMBEDDING: &[f64] =
    &[0.0, 0.002, 0.0041, 0.0084, 0.017, 0.035, 0.07, 0.14, 0.29, 0.59, 1.2, 2.4, 4.9, 10.0];
const KV_TRANSFER_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const KV_TRANSFER_SPEED: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0];
const KV_TRANSFER_BYTES: &[f64] = &[
    100_000.0,
    500_000.0,
    1_000_000.0,
    5_000_000.0,
    10_000_000.0,
    50_000_000.0,
    100_000_000.0,
    500_000_000.0,
    1_000_000_000.0,
    5_000_000_000.0,
];
const DRAIN: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0,
    32768.0, 65536.0, 131_072.0,
];

#[rustfmt::skip] // A table.
pub(super) static METRICS: &[Metric] = &stated(RUN, Part::Frontend, [
    // Frontend: requests.
    counter("dynamo_frontend_requests_started_total", Requests, &["endpoint", "model", "request_type"], "Requests the frontend took."),
    counter("dynamo_frontend_requests_total", Requests, &["endpoint", "error_type", "model", "request_type", "status"], "Requests answered, by status and type of error.").of(Q::RequestSuccess),
    gauge("dynamo_frontend_active_requests", Requests, MODEL, "Requests in hand, from the handler's entry to the end of the answer.").of(Q::RequestsInFlight),
    gauge("dynamo_frontend_inflight_requests", Requests, MODEL, "The same under its older name."),
    gauge("dynamo_frontend_queued_requests", Requests, MODEL, "Requests that have not yet had the first response.").of(Q::RequestsWaiting),
    gauge("dynamo_frontend_disconnected_clients", Count, &[], "Clients that went away."),
    histogram("dynamo_frontend_request_duration_seconds", Seconds, MODEL, REQUEST, "From the handler's entry to the end of the answer.").of(Q::EndToEndLatency),
    histogram("dynamo_frontend_time_to_first_token_seconds", Seconds, MODEL, FIRST_TOKEN, "From arrival to the first token.").of(Q::TimeToFirstToken),
    histogram("dynamo_frontend_inter_token_latency_seconds", Seconds, MODEL, BETWEEN_TOKENS, "Between one token and the next.").of(Q::InterTokenLatency),
    histogram("dynamo_frontend_input_sequence_tokens", Tokens, MODEL, INPUT, "Prompt tokens of a request.").of(Q::PromptLength),
    histogram("dynamo_frontend_output_sequence_tokens", Tokens, MODEL, OUTPUT, "Generated tokens of a request.").of(Q::GenerationLength),
    counter("dynamo_frontend_output_tokens_total", Tokens, MODEL, "Generated tokens, counted as they come.").of(Q::GenerationTokens),
    histogram("dynamo_frontend_cached_tokens", Tokens, MODEL, INPUT, "Prompt tokens of a request found in a cache, as the worker said."),
    histogram("dynamo_frontend_images_per_request", Count, MODEL, MEDIA, "Images of a request."),
    histogram("dynamo_frontend_videos_per_request", Count, MODEL, MEDIA, "Videos of a request."),
    histogram("dynamo_frontend_audio_per_request", Count, MODEL, MEDIA, "Sounds of a request."),
    histogram("dynamo_frontend_image_tokens_per_request", Tokens, MODEL, IMAGE_TOKENS, "Tokens that stand for the images of a request."),
    // Frontend: the model, and its workers as the router sees them.
    gauge("dynamo_frontend_model_ready", Flag, MODEL, "Whether a request for the model could be routed now."),
    gauge("dynamo_frontend_model_context_length", Tokens, MODEL, "Longest sequence of the model."),
    gauge("dynamo_frontend_model_kv_cache_block_size", Tokens, MODEL, "Tokens in a KV block of a worker.").of(Q::KvBlockSize),
    gauge("dynamo_frontend_model_total_kv_blocks", Blocks, MODEL, "KV blocks of a worker.").of(Q::KvBlocksTotal),
    gauge("dynamo_frontend_model_max_num_seqs", Requests, MODEL, "Most sequences in a worker's batch."),
    gauge("dynamo_frontend_model_max_num_batched_tokens", Tokens, MODEL, "Most tokens in a worker's step."),
    gauge("dynamo_frontend_model_migration_limit", Count, MODEL, "How often a request may move to another worker."),
    gauge("dynamo_frontend_worker_active_decode_blocks", Blocks, WORKER, "KV blocks the router counts as in use on a worker (worker_id in decimal).").needs(KV_MODE),
    gauge("dynamo_frontend_worker_active_prefill_tokens", Tokens, WORKER, "Prompt tokens the router counts as waiting on a worker.").needs(KV_MODE),
    gauge("dynamo_frontend_worker_last_time_to_first_token_seconds", Seconds, WORKER, "Latest time to first token of a worker."),
    gauge("dynamo_frontend_worker_last_input_sequence_tokens", Tokens, WORKER, "Prompt tokens of the request that time was taken of."),
    gauge("dynamo_frontend_worker_last_inter_token_latency_seconds", Seconds, WORKER, "Latest inter-token latency of a worker."),
    // Frontend: its own stages.
    histogram("dynamo_frontend_stage_duration_seconds", Seconds, &["stage"], STAGE, "Time of a request in each stage of the pipeline."),
    gauge("dynamo_frontend_stage_requests", Requests, &["phase", "stage"], "Requests in each stage of the pipeline."),
    histogram("dynamo_frontend_template_seconds", Seconds, &[], TEMPLATE, "Time to apply the chat template."),
    histogram("dynamo_frontend_tokenize_seconds", Seconds, &[], QUICK, "Time to tokenise a prompt."),
    histogram("dynamo_frontend_tokenizer_latency_ms", Milliseconds, &["operation"], TOKENIZER, "Time of a call to the tokeniser, by direction."),
    counter("dynamo_frontend_tokenizer_cache_hits_total", Count, &[], "Look-ups the tokeniser's prefix cache answered."),
    counter("dynamo_frontend_tokenizer_cache_misses_total", Count, &[], "Look-ups it did not answer."),
    counter("dynamo_frontend_tokenizer_cache_cached_tokens_total", Tokens, MODEL, "Tokens it answered."),
    counter("dynamo_frontend_tokenizer_cache_uncached_tokens_total", Tokens, MODEL, "Tokens encoded after a look-up."),
    counter("dynamo_frontend_detokenize_total_us", Microseconds, &[], "Time spent turning tokens into text (a counter in spite of its name's end)."),
    counter("dynamo_frontend_detokenize_token_count", Tokens, &[], "Tokens turned into text (a counter)."),
    histogram("dynamo_frontend_event_loop_delay_seconds", Seconds, &[], LOOP_DELAY, "How late a sleep of 10 ms ended."),
    counter("dynamo_frontend_event_loop_stall_total", Count, &[], "Times it ended over 5 ms late."),
    gauge("dynamo_request_plane_inflight_requests", Requests, &[], "Requests sent to workers and not yet answered."),
    histogram("dynamo_request_plane_queue_seconds", Seconds, &[], QUICK, "From the request's entry to its sending."),
    histogram("dynamo_request_plane_send_seconds", Seconds, &[], QUICK, "Time of the sending."),
    histogram("dynamo_request_plane_roundtrip_ttft_seconds", Seconds, &[], ROUNDTRIP, "From the sending to the first item of the answer."),
    // Router: queue and overhead.
    gauge("dynamo_frontend_router_queue_pending_requests", Requests, QUEUE, "Requests waiting in the router's queue.").needs(KV_MODE),
    gauge("dynamo_frontend_router_queue_pending_isl_tokens", Tokens, QUEUE, "Their prompt tokens.").needs(KV_MODE),
    gauge("dynamo_frontend_router_queue_pending_cached_tokens", Tokens, QUEUE, "Those of them thought to be in a cache.").needs(KV_MODE),
    counter("dynamo_frontend_router_queue_backpressure_total", Requests, QUEUE_BY_REASON, "Requests refused because a limit of the queue was reached.").needs(KV_MODE),
    counter("dynamo_frontend_router_admission_received_total", Requests, QUEUE, "Attempts that reached the router's door.").needs(KV_MODE),
    counter("dynamo_frontend_router_admission_rejected_total", Requests, QUEUE_BY_REASON, "Attempts refused there because their deadline could not be met.").needs(KV_MODE),
    histogram("dynamo_router_overhead_block_hashing_ms", Milliseconds, ROUTER, HASHING, "Time to hash a prompt's blocks."),
    histogram("dynamo_router_overhead_indexer_find_matches_ms", Milliseconds, ROUTER, OVERHEAD, "Time of the look-up in the prefix index."),
    histogram("dynamo_router_overhead_scheduling_ms", Milliseconds, ROUTER, OVERHEAD, "Time to choose a worker."),
    histogram("dynamo_router_overhead_seq_hashing_ms", Milliseconds, ROUTER, HASHING, "Time to chain the hashes."),
    histogram("dynamo_router_overhead_shared_cache_query_ms", Milliseconds, ROUTER, OVERHEAD, "Time of the question to a shared cache."),
    histogram("dynamo_router_overhead_total_ms", Milliseconds, ROUTER, OVERHEAD, "Time of routing altogether; the stages need not add up to it."),
    counter("dynamo_router_shared_cache_errors_total", Count, ROUTER, "Failures of a shared cache."),
    // Router: requests (the frontend's, under the component's labels).
    counter("dynamo_component_router_requests_started_total", Requests, ROUTED, "Requests the router's scheduler admitted."),
    counter("dynamo_component_router_requests_total", Requests, ROUTED, "Requests the router saw through."),
    histogram("dynamo_component_router_time_to_first_token_seconds", Seconds, ROUTED, FIRST_TOKEN, "Time to first token at the router."),
    histogram("dynamo_component_router_inter_token_latency_seconds", Seconds, ROUTED, ROUTER_BETWEEN_TOKENS, "Mean inter-token latency of a request at the router."),
    histogram("dynamo_component_router_input_sequence_tokens", Tokens, ROUTED_BY_PHASE, INPUT, "Prompt tokens of a request at the router."),
    histogram("dynamo_component_router_output_sequence_tokens", Tokens, ROUTED, OUTPUT, "Generated tokens of a request at the router."),
    histogram("dynamo_component_router_kv_hit_rate", Ratio, ROUTED, RATE, "Part of a prompt the router expects in the chosen worker's cache (a histogram over requests)."),
    counter("dynamo_component_router_kv_best_eligible_cached_prefix_tokens_total", Tokens, ROUTED_BY_PHASE, "Prompt tokens in the cache of the worker that has most.").needs(KV_MODE),
    counter("dynamo_component_router_kv_selected_cached_prefix_tokens_total", Tokens, ROUTED_BY_PHASE, "Prompt tokens in the cache of the worker chosen.").needs(KV_MODE),
    counter("dynamo_component_router_kv_worker_reused_tokens_total", Tokens, ROUTED_BY_PHASE, "Prompt tokens the worker said it reused.").of(Q::PrefixCacheHits).needs(KV_MODE),
    histogram("dynamo_component_router_kv_transfer_estimated_latency_seconds", Seconds, ROUTED, TRANSFER, "Upper bound of the KV transfer from prefill to decode.").of(Q::KvTransferTime),
    histogram("dynamo_component_router_shared_cache_hit_rate", Ratio, ROUTED, RATE, "Part of a prompt's blocks in the shared cache."),
    histogram("dynamo_component_router_shared_cache_beyond_blocks", Blocks, ROUTED, BEYOND, "Blocks in the shared cache beyond those on the chosen worker."),
    counter("dynamo_component_router_non_max_overlap_selections_total", Count, ROUTED_BY_TYPE, "Choices of a worker that had less of the prompt than another."),
    histogram("dynamo_component_router_overlap_blocks_lost", Blocks, ROUTED_BY_TYPE, LOST, "How much less it had."),
    gauge("dynamo_component_router_worker_registered", Flag, &["dp_rank", "dynamo_component", "dynamo_namespace", "router_worker_id", "worker_id", "worker_type"], "Whether the router knows this worker and rank (router_worker_id in decimal).").needs(KV_MODE),
    gauge("dynamo_component_router_kv_event_source_mismatch_workers", Count, &["dynamo_component", "dynamo_namespace", "model", "target_component", "target_endpoint", "target_namespace", "worker_id", "worker_type"], "Workers without the KV events the router expects of them.").needs(KV_MODE),
    // Router: index and events.
    counter("dynamo_component_kv_cache_events_applied", Count, &["dynamo_component", "dynamo_namespace", "event_type", "status", "worker_id"], "KV events taken into the index, by kind and result (a counter without _total).").needs(KV_MODE),
    counter("dynamo_component_kv_cache_event_warnings", Count, &["dynamo_component", "dynamo_namespace", "warning_kind", "worker_id"], "KV events that looked wrong (a counter without _total).").needs(KV_MODE),
    counter("dynamo_component_ckf_mutation_total", Count, &["dynamo_component", "dynamo_namespace", "outcome", "worker_id"], "Changes to the index's filter that could not be made, by outcome.").needs(KV_MODE),
    counter("dynamo_component_router_kv_zmq_ingress_batches_total", Count, COMPONENT, "Batches of KV events taken in.").needs(KV_MODE),
    counter("dynamo_component_router_kv_zmq_ingress_lifecycle_total", Count, &["action", "dynamo_component", "dynamo_namespace", "worker_id"], "Steps in the life of an event source.").needs(KV_MODE),
    gauge("dynamo_component_router_kv_zmq_ingress_sources", Count, &["dynamo_component", "dynamo_namespace", "state", "worker_id"], "Event sources by state.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_ingress_drain_batches_total", Count, ACTIVE, "Batches of active-sequence events applied.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_ingress_events_applied_total", Count, ACTIVE, "Active-sequence events applied.").needs(KV_MODE),
    gauge("dynamo_component_router_active_sequence_ingress_queue_depth", Count, ACTIVE, "Active-sequence events waiting.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_dropped_events_total", Count, COMPONENT, "Active-sequence events dropped.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_envelope_decode_errors_total", Count, COMPONENT, "Active-sequence envelopes that could not be read.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_forced_aborts_total", Count, COMPONENT, "Active-sequence sources that had to be killed.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_identity_errors_total", Count, COMPONENT, "Active-sequence envelopes from someone else than they say.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_out_of_order_total", Count, COMPONENT, "Active-sequence envelopes out of order.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_payload_decode_errors_total", Count, COMPONENT, "Active-sequence payloads that could not be read.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_reconnects_total", Count, COMPONENT, "Attempts to connect again to an active-sequence source.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_replacements_total", Count, COMPONENT, "Active-sequence sources replaced.").needs(KV_MODE),
    counter("dynamo_component_router_active_sequence_zmq_ingress_sequence_gaps_total", Count, COMPONENT, "Active-sequence envelopes that must have been lost.").needs(KV_MODE),
    gauge("dynamo_component_router_active_sequence_zmq_ingress_sources", Count, COMPONENT, "Active-sequence sources.").needs(KV_MODE),
    gauge("dynamo_component_router_approximate_cache_configured_policy", Flag, &["dynamo_component", "dynamo_namespace", "policy", "worker_id"], "Policy of the approximate index as configured.").needs(KV_MODE),
    gauge("dynamo_component_router_approximate_cache_effective_policy", Flag, &["dynamo_component", "dynamo_namespace", "policy", "worker_id"], "Policy of the approximate index in force.").needs(KV_MODE),
    counter("dynamo_component_router_approximate_lru_evicted_blocks_total", Blocks, COMPONENT, "Blocks the approximate index gave up.").needs(KV_MODE),
    counter("dynamo_component_router_approximate_lru_eviction_batches_total", Count, COMPONENT, "Changes to it that gave up blocks.").needs(KV_MODE),
    counter("dynamo_component_router_approximate_lru_fallback_activations_total", Count, COMPONENT, "Ranks that fell back to expiry because their capacity was unknown.").needs(KV_MODE),
    gauge("dynamo_component_router_approximate_lru_leases", Requests, COMPONENT, "Requests that hold blocks in it.").needs(KV_MODE),
    histogram("dynamo_component_router_approximate_lru_messages_per_request", Count, COMPONENT, MESSAGES, "Messages to it a request.").needs(KV_MODE),
    gauge("dynamo_component_router_approximate_lru_mutation_queue_depth", Count, COMPONENT, "Messages waiting for it.").needs(KV_MODE),
    histogram("dynamo_component_router_approximate_lru_mutation_wait_seconds", Seconds, COMPONENT, MUTATION_WAIT, "Mean wait of a message for it.").needs(KV_MODE),
    counter("dynamo_component_router_approximate_lru_output_batches_total", Count, COMPONENT, "Batches of output blocks sent to it.").needs(KV_MODE),
    // Frontend: runtime and transport.
    gauge("dynamo_component_uptime_seconds", Seconds, &["worker_id"], "How long the process's runtime has been up."),
    gauge("dynamo_tokio_alive_tasks", Count, &[], "Tasks of the runtime."),
    gauge("dynamo_tokio_blocking_threads", Count, &[], "Blocking threads."),
    gauge("dynamo_tokio_blocking_idle_threads", Count, &[], "Idle blocking threads."),
    gauge("dynamo_tokio_blocking_queue_depth", Count, &[], "Tasks waiting for a blocking thread."),
    gauge("dynamo_tokio_global_queue_depth", Count, &[], "Tasks in the runtime's common queue."),
    counter("dynamo_tokio_budget_forced_yield_total", Count, &[], "Tasks made to yield after using up their budget."),
    counter("dynamo_tokio_queue_overload_warnings_total", Count, &[], "Warnings of a queue that stays long."),
    gauge("dynamo_tokio_worker_busy_ratio", PerMille, THREAD, "Part of its time a runtime thread is busy."),
    gauge("dynamo_tokio_worker_local_queue_depth", Count, THREAD, "Tasks in a thread's own queue."),
    gauge("dynamo_tokio_worker_mean_poll_time_ns", Nanoseconds, THREAD, "Mean time of a poll."),
    counter("dynamo_tokio_worker_overflow_count_total", Count, THREAD, "Overflows of a thread's own queue."),
    counter("dynamo_tokio_worker_park_count_total", Count, THREAD, "Times a thread went to sleep."),
    counter("dynamo_tokio_worker_steal_count_total", Count, THREAD, "Tasks a thread took from another."),
    counter("dynamo_transport_tcp_bytes_sent_total", Bytes, &[], "Bytes of requests sent."),
    counter("dynamo_transport_tcp_bytes_received_total", Bytes, &[], "Bytes received."),
    counter("dynamo_transport_tcp_errors_total", Count, &[], "Requests that failed on the wire."),
    counter("dynamo_transport_tcp_accept_backoff_total", Count, &[], "Connections not accepted for want of descriptors or memory."),
    // Worker: its handler.
    counter("dynamo_component_requests_total", Requests, ENDPOINT, "Requests an endpoint handled (worker_id in hexadecimal).").of(Q::RequestSuccess).at(Part::Worker),
    gauge("dynamo_component_inflight_requests", Requests, ENDPOINT, "Requests an endpoint has in hand.").of(Q::RequestsInFlight).at(Part::Worker),
    counter("dynamo_component_cancellation_total", Requests, ENDPOINT, "Requests cancelled.").of(Q::RequestAborts).at(Part::Worker),
    counter("dynamo_component_request_bytes_total", Bytes, ENDPOINT, "Bytes of requests.").at(Part::Worker),
    counter("dynamo_component_response_bytes_total", Bytes, ENDPOINT, "Bytes of answers.").at(Part::Worker),
    histogram("dynamo_component_request_duration_seconds", Seconds, ENDPOINT, HANDLING, "Time to handle a request.").of(Q::EndToEndLatency).at(Part::Worker),
    histogram("dynamo_work_handler_network_transit_seconds", Seconds, &[], QUICK, "From the frontend's sending to the arrival here, by two clocks.").at(Part::Worker),
    histogram("dynamo_work_handler_time_to_first_response_seconds", Seconds, &[], FIRST_RESPONSE, "From the arrival here to the answer's start.").at(Part::Worker),
    histogram("dynamo_work_handler_permit_wait_seconds", Seconds, &[], PERMIT, "Wait for a place in the pool.").at(Part::Worker),
    gauge("dynamo_work_handler_pool_active_tasks", Count, &[], "Places of the pool in use.").at(Part::Worker),
    gauge("dynamo_work_handler_pool_capacity", Count, &[], "Places of the pool.").at(Part::Worker),
    gauge("dynamo_work_handler_queue_depth", Count, &[], "Requests waiting to be picked up.").at(Part::Worker),
    gauge("dynamo_work_handler_queue_capacity", Count, &[], "Room for such requests.").at(Part::Worker),
    counter("dynamo_work_handler_enqueue_rejected_total", Requests, &[], "Requests that found the queue closed.").at(Part::Worker),
    gauge("dynamo_engine_request", Requests, &[], "Requests in the engine.").of(Q::RequestsRunning).at(Part::Worker),
    gauge("dynamo_request_queue", Requests, &[], "Requests waiting here for the engine.").of(Q::RequestsWaiting).at(Part::Worker),
    counter("dynamo_rejection_request_total", Requests, &[], "Requests refused because engine and queue were full.").at(Part::Worker),
    counter("dynamo_component_kv_publisher_engines_dropped_events_total", Count, COMPONENT, "KV events lost before they reached the publisher.").at(Part::Worker),
    // Worker, mocker only: names TensorRT-LLM has not (those it borrows from vLLM and SGLang are in their catalogues).
    gauge("trtllm:num_requests_running", Requests, MOCKED, "Requests in the batch.").needs(MOCKED_TRTLLM).at(Part::Worker),
    gauge("trtllm:num_requests_waiting", Requests, MOCKED, "Requests waiting.").needs(MOCKED_TRTLLM).at(Part::Worker),
    gauge("trtllm:kv_cache_usage_perc", Ratio, MOCKED, "Part of the KV cache blocks in use.").needs(MOCKED_TRTLLM).at(Part::Worker),
    gauge("trtllm:gpu_cache_usage_perc", Ratio, MOCKED, "The same under another name.").needs(MOCKED_TRTLLM).at(Part::Worker),
    counter("trtllm:num_preemptions_total", Requests, MOCKED, "Preemptions.").needs(MOCKED_TRTLLM).at(Part::Worker),
    histogram("trtllm:time_to_first_token_seconds", Seconds, MOCKED, super::vllm::FIRST_TOKEN, "From arrival to the first token.").needs(MOCKED_TRTLLM).at(Part::Worker),
    histogram("trtllm:inter_token_latency_seconds", Seconds, MOCKED, super::vllm::BETWEEN_TOKENS, "Between one token and the next.").needs(MOCKED_TRTLLM).at(Part::Worker),
    histogram("trtllm:e2e_request_latency_seconds", Seconds, MOCKED, super::vllm::REQUEST, "From arrival to the end.").needs(MOCKED_TRTLLM).at(Part::Worker),
    // Frontend: what appears when it first happens.
    counter("dynamo_frontend_failures_total", Requests, &[], "Requests that failed for good.").of(Q::RequestErrors).needs("a failure").from(NAMED),
    counter("dynamo_frontend_model_migration_total", Requests, &[], "Moves of a request to another worker, by kind and outcome.").needs("a migration").from(NAMED),
    configured("dynamo_frontend_model_migration_duration_seconds", Seconds, &[], "From the failure to the recovery or the end (bounds not known).").needs("a migration").from(NAMED),
    counter("dynamo_frontend_model_migration_max_seq_len_exceeded_total", Requests, &[], "Requests too long to move.").needs("a migration").from(NAMED),
    counter("dynamo_frontend_model_cancellation_total", Requests, &[], "Cancelled requests.").of(Q::RequestAborts).needs("a cancellation").from(NAMED),
    counter("dynamo_frontend_model_rejection_total", Requests, &[], "Requests refused for want of resources.").needs("a rejection").from(NAMED),
    histogram("dynamo_frontend_embedding_latency_seconds", Seconds, MODEL, EMBEDDING, "Time to answer a request for embeddings.").needs("an embedding model").from(NAMED),
    counter("dynamo_component_router_remote_indexer_query_failures_total", Count, &[], "Failed questions to a remote index.").needs("a remote indexer").from(NAMED),
    counter("dynamo_component_router_remote_indexer_write_failures_total", Count, &[], "Failed writes to a remote index.").needs("a remote indexer").from(NAMED),
    counter("dynamo_transport_nats_errors_total", Count, &[], "Errors of the NATS transport.").needs("--request-plane nats").from(NAMED),
    gauge("dynamo_transport_tcp_pool_active", Count, &[], "Connections in use.").needs("not shown by a plain stack").from(NAMED),
    gauge("dynamo_transport_tcp_pool_idle", Count, &[], "Idle connections.").needs("not shown by a plain stack").from(NAMED),
    gauge("dynamo_transport_tcp_server_queue_depth", Count, &[], "Requests waiting in the server.").needs("not shown by a plain stack").from(NAMED),
    gauge("dynamo_frontend_lora_replica_factor", Count, &[], "Workers an adapter is placed on.").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_is_active", Flag, &[], "Whether an adapter gets requests.").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_estimated_load", Requests, &[], "Expected requests of an adapter.").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_raw_arrival_count", Requests, &[], "Requests of an adapter in the window.").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_active_requests", Requests, &[], "Requests of an adapter in hand.").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_churn_loads_total", Count, &[], "Adapters placed in this round (a gauge).").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_churn_unloads_total", Count, &[], "Adapters taken away in this round (a gauge).").needs("LoRA routing").from(NAMED),
    gauge("dynamo_frontend_lora_overflow_count", Count, &[], "Placements that found no room.").needs("LoRA routing").from(NAMED),
    // Worker: errors, events, life cycle, kvstats.
    counter("dynamo_component_errors_total", Count, &[], "Errors of an endpoint, by kind.").at(Part::Worker).needs("an error").from(NAMED),
    counter("dynamo_component_kv_publisher_zmq_events_total", Count, &[], "KV events seen, by stage and kind.").at(Part::Worker).needs("KV events over ZMQ").from(NAMED),
    counter("dynamo_component_kv_publisher_zmq_filtered_events_total", Count, &[], "KV events left out, by kind and reason.").at(Part::Worker).needs("KV events over ZMQ").from(NAMED),
    counter("dynamo_component_kv_publisher_zmq_conversion_issues_total", Count, &[], "KV events that could not be converted.").at(Part::Worker).needs("KV events over ZMQ").from(NAMED),
    counter("dynamo_component_kv_publisher_zmq_suspicious_events_total", Count, &[], "KV events that looked wrong and were passed on.").at(Part::Worker).needs("KV events over ZMQ").from(NAMED),
    gauge("dynamo_component_cleanup_time_seconds", Seconds, &[], "Duration of the last clean-up.").at(Part::Worker).needs(ENGINE_WORKER).from(NAMED),
    gauge("dynamo_component_drain_time_seconds", Seconds, &[], "Duration of the last draining.").at(Part::Worker).needs(ENGINE_WORKER).from(NAMED),
    gauge("dynamo_component_model_load_time_seconds", Seconds, &["dynamo_component", "model"], "Duration of loading the model.").at(Part::Worker).needs(ENGINE_WORKER).from(PYTHON),
    gauge("dynamo_component_total_blocks", Blocks, RANK, "KV blocks of the worker.").of(Q::KvBlocksTotal).at(Part::Worker).needs(ENGINE_WORKER).from(PYTHON),
    gauge("dynamo_component_gpu_cache_usage_percent", Ratio, RANK, "Part of the KV blocks in use, 0 to 1 in spite of its name.").of(Q::KvCacheUsage).at(Part::Worker).needs(ENGINE_WORKER).from(PYTHON),
    gauge("dynamo_component_kv_cache_hit_rate", Ratio, RANK, "Part of the prompt tokens found in the prefix cache.").of(Q::CacheHitRate).at(Part::Worker).needs(ENGINE_WORKER).from(PYTHON),
    // Worker, TensorRT-LLM: what Dynamo adds to the engine's own.
    counter("trtllm_num_aborted_requests_total", Requests, TRTLLM, "Aborted requests.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    counter("trtllm_request_type_image_total", Requests, TRTLLM, "Requests with an image.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    counter("trtllm_request_type_structured_output_total", Requests, TRTLLM, "Requests with structured output.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    counter("trtllm_kv_transfer_success_total", Count, TRTLLM, "KV transfers done.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    histogram("trtllm_kv_transfer_latency_seconds", Seconds, TRTLLM, KV_TRANSFER_SECONDS, "Duration of a request's KV transfer.").of(Q::KvTransferTime).at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    histogram("trtllm_kv_transfer_bytes", Bytes, TRTLLM, KV_TRANSFER_BYTES, "Bytes of a request's KV transfer.").of(Q::KvTransferBytes).at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    histogram("trtllm_kv_transfer_speed_gb_s", GigabytesPerSecond, TRTLLM, KV_TRANSFER_SPEED, "Speed of a request's KV transfer.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    gauge("trtllm_kv_event_buffer_capacity", Count, TRTLLM, "KV events the engine keeps before it drops the oldest.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    histogram("trtllm_kv_event_drain_batch_size", Count, TRTLLM, DRAIN, "KV events fetched at once.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    counter("trtllm_kv_event_id_gap_events_total", Count, TRTLLM, "KV events that must have been dropped.").at(Part::Worker).needs(TRTLLM_WORKER).from(PYTHON),
    // Block manager. The letters name the tiers of a hop, not CUDA directions: h2d of an offload goes from host to disk.
    counter("kvbm_offload_blocks_d2h", Blocks, &[], "Blocks moved from device to host (a counter without _total, as all of these).").of(Q::Offloaded).at(Part::BlockManager).from(NAMED),
    counter("kvbm_offload_blocks_h2d", Blocks, &[], "Blocks moved from host to disk.").at(Part::BlockManager).from(NAMED),
    counter("kvbm_offload_blocks_d2d", Blocks, &[], "Blocks moved from device to disk past the host.").at(Part::BlockManager).from(NAMED),
    counter("kvbm_offload_blocks_d2o", Blocks, &[], "Blocks moved from device to object storage.").at(Part::BlockManager).from(NAMED),
    counter("kvbm_onboard_blocks_h2d", Blocks, &[], "Blocks brought from host to device.").of(Q::Onboarded).at(Part::BlockManager).from(NAMED),
    counter("kvbm_onboard_blocks_d2d", Blocks, &[], "Blocks brought from disk to device.").at(Part::BlockManager).from(NAMED),
    counter("kvbm_onboard_blocks_o2d", Blocks, &[], "Blocks brought from object storage to device.").at(Part::BlockManager).from(NAMED),
    counter("kvbm_matched_tokens", Tokens, &[], "Prompt tokens found in any tier.").of(Q::PrefixCacheHits).at(Part::BlockManager).from(NAMED),
    counter("kvbm_object_read_failures", Blocks, &[], "Blocks that could not be read from object storage.").at(Part::BlockManager).from(NAMED),
    counter("kvbm_object_write_failures", Blocks, &[], "Blocks that could not be written to object storage.").at(Part::BlockManager).from(NAMED),
    gauge("kvbm_host_cache_hit_rate", Ratio, &[], "Part of the look-ups the host's tier answered, over a sliding window.").at(Part::BlockManager).from(NAMED),
    gauge("kvbm_disk_cache_hit_rate", Ratio, &[], "Part of the look-ups the disk's tier answered, over a sliding window.").at(Part::BlockManager).from(NAMED),
    gauge("kvbm_object_cache_hit_rate", Ratio, &[], "Part of the look-ups object storage answered, over a sliding window.").at(Part::BlockManager).from(NAMED),
]);
