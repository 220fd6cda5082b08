//! Flags that AIPerf 0.13.0 has and tokmark does not do. Each is known by name, so that the answer is "not supported" and not
//! "unknown", and so that no script believes it was obeyed.

/// Their long names, in order.
#[rustfmt::skip] // A table.
pub const FLAGS: &[&str] = &[
    "accuracy-benchmark", "accuracy-enable-cot", "accuracy-grader", "accuracy-n-shots",
    "accuracy-system-prompt", "accuracy-tasks", "accuracy-verbose", "agentic-cache-warmup-duration",
    "agentic-warmup-grace-period", "allow-dataset-wrap", "api-host", "api-port", "audio-batch-size",
    "audio-depths", "audio-format", "audio-length-mean", "audio-length-stddev", "audio-num-channels",
    "audio-sample-rates", "auto-plot", "batch-size-text", "burst-phase-starts", "cache-bust",
    "concurrency-max", "concurrency-min", "concurrency-steps", "confidence-level", "config",
    "connection-reuse-strategy", "convergence-metric", "convergence-mode", "convergence-stat",
    "convergence-threshold", "dataset-filter", "degradation-metric-tag", "degradation-stat",
    "degradation-threshold", "download-video-content", "e2e-sla-ms", "error-rate-sla", "export-http-trace",
    "export-outputs-json", "failed-request-threshold", "force-min-tokens", "gen-ai-provider", "goodput",
    "gpu-telemetry", "hf-subset", "hf-weka-dataset", "image-batch-size", "image-format",
    "image-height-mean", "image-height-stddev", "image-source", "image-source-sampling", "image-width-mean",
    "image-width-stddev", "inter-turn-delay-cap-seconds", "isl-max", "isl-min", "isl-osl-pairs",
    "isl-steps", "itl-sla-ms", "max-context-length", "max-idle-gap-cap-seconds", "mlflow-artifact-glob",
    "mlflow-experiment", "mlflow-parent-run-id", "mlflow-run-name", "mlflow-tag", "mlflow-tracking-uri",
    "model-selection-strategy", "network-latency-automatic", "network-latency-mean",
    "network-latency-ping-interval", "no-sweep-table", "num-profile-runs",
    "num-warmup-sessions", "omit-kv-hints", "open-loop-replay", "open-loop-strict", "optuna-acquisition",
    "optuna-sampler", "optuna-terminator", "osl-max", "osl-min", "osl-steps", "otel-resource-attributes",
    "otel-url", "parameter-sweep-cooldown-seconds", "parameter-sweep-mode", "parameter-sweep-same-seed",
    "per-chunk-usage", "plot-required", "prefill-concurrency", "prefill-concurrency-ramp-duration",
    "profile-export-file", "profile-export-prefix", "profile-run-cooldown-seconds",
    "profile-run-disable-warmup-after-first", "prompt-corpus", "random-corpus-style", "random-range-ratio",
    "rankings-passages-mean", "rankings-passages-prompt-token-mean",
    "rankings-passages-prompt-token-stddev", "rankings-passages-stddev", "rankings-query-prompt-token-mean",
    "rankings-query-prompt-token-stddev", "record-processors", "replay-speedup", "request-content-type",
    "request-rate-series", "reset-kv-cache", "reset-kv-cache-path", "reset-kv-cache-timeout-seconds",
    "scenario", "search-direction", "search-initial-points", "search-max-iterations", "search-metric",
    "search-percentile-pooling", "search-planner", "search-random-seed", "search-recipe", "search-sla",
    "search-sla-tier", "search-space", "search-stat", "search-style", "server-metrics",
    "server-metrics-formats", "server-profiler", "server-profiler-start-path", "server-profiler-stop-path",
    "server-profiler-timeout-seconds", "set-consistent-seed", "show-trace-timing", "slice-duration",
    "slo-attainment-fraction", "stream", "sweep-type", "synthesis-max-isl", "synthesis-max-osl",
    "synthesis-output-len-multiplier", "synthesis-prefix-len-multiplier",
    "synthesis-prefix-root-multiplier", "synthesis-prompt-len-multiplier", "synthesis-speedup-ratio",
    "system-idle-gap-cap-seconds", "system-prompt", "system-prompt-file", "tokenizer-revision",
    "tokenizer-trust-remote-code", "tpot-sla-ms", "trace-idle-gap-cap-seconds",
    "trace-session-sample-ratio", "trajectory-start-max-ratio", "trajectory-start-min-ratio", "transport",
    "ttft-sla-ms", "unsafe-override", "use-think-time-only", "uuid-and-strip", "variant",
    "vary-seed-per-trial", "video-audio-codec", "video-audio-depth", "video-audio-num-channels",
    "video-audio-sample-rate", "video-batch-size", "video-codec", "video-duration", "video-format",
    "video-fps", "video-height", "video-synth-type", "video-width", "wandb-entity", "wandb-project",
    "wandb-run-name", "wandb-tag", "warmup-arrival-pattern", "warmup-concurrency",
    "warmup-concurrency-ramp-duration", "warmup-grace-period", "warmup-prefill-concurrency",
    "warmup-prefill-concurrency-ramp-duration", "warmup-request-rate", "warmup-request-rate-ramp-duration",
    "workers-max", "zmq-dual-bind", "zmq-host", "zmq-ipc-path",
];

/// Flags of earlier AIPerf versions and of GenAI-Perf, which scripts still pass; not in 0.13.0, and not done either.
#[rustfmt::skip] // A table.
pub const OLD: &[&str] = &[
    "backend", "batch-size-audio", "batch-size-image", "client-backend", "disable-ui",
    "generate-plots", "grpc-method",
    "max-workers", "measurement-interval", "min-workers", "output-format",
    "output-tokens-mean-deterministic", "prompt-batch-size", "record-processor-service-count",
    "server-metrics-url", "server-metrics-urls", "service-kind", "service-run-type", "session-concurrency",
    "session-delay-ratio", "session-turn-delay-mean", "session-turn-delay-stddev", "session-turns-mean",
    "session-turns-stddev", "stability-percentage", "synthetic-input-files",     "text-batch-size", "tokenizer-mode", "workers-min",
];

/// Flags in [`FLAGS`] whose function `tokmark bench` has in a way of its own, and what to write there.
pub const OURS: &[(&str, &str)] = &[
    ("cache-bust", "--cache-bust prefix, suffix or run"),
    ("concurrency-max", "--concurrency with a list of levels"),
    ("concurrency-min", "--concurrency with a list of levels"),
    ("model-selection-strategy", "--class with a model and a weight (drawn at random, or alike)"),
    ("replay-speedup", "--replay-speed (AIPerf has it for formats that are not done here)"),
    ("request-rate-series", "--rate-series with [[seconds, rate], …]"),
    ("synthesis-speedup-ratio", "--replay-speed"),
    ("trace-idle-gap-cap-seconds", "--idle-cap, over all requests of the trace"),
];

/// Short names of flags in [`FLAGS`].
pub const SHORT: &[(&str, char)] = &[("batch-size-text", 'b'), ("config", 'f')];
