//! What servers say of their own work beside the reply: each tool's object, read leniently. A figure is kept only where the server
//! gave it as a number.

use serde_json::Value;
use tokmark_base::Micros;
use tokmark_record::ServerSaid;

/// vLLM's `metrics` (with `--enable-per-request-metrics`), on the last event: milliseconds.
pub(super) fn vllm(metrics: &Value) -> Option<ServerSaid> {
    let drafts = &metrics["speculative_decoding"];
    told(ServerSaid {
        queue_us: milliseconds(&metrics["queue_time_ms"]),
        first_token_us: milliseconds(&metrics["time_to_first_token_ms"]),
        drafted: count(&drafts["num_draft_tokens"]),
        accepted: count(&drafts["num_accepted_draft_tokens"]),
        ..ServerSaid::default()
    })
}

/// llama.cpp's `timings`: milliseconds, and tokens of draft models.
pub(super) fn llama(timings: &Value) -> Option<ServerSaid> {
    told(ServerSaid {
        prefill_us: milliseconds(&timings["prompt_ms"]),
        drafted: count(&timings["draft_n"]),
        accepted: count(&timings["draft_n_accepted"]),
        cached: count(&timings["cache_n"]),
        ..ServerSaid::default()
    })
}

/// Dynamo's `nvext`, of which `timing` is asked for by `nvext.extra_fields`: milliseconds.
pub(super) fn dynamo(nvext: &Value) -> Option<ServerSaid> {
    let timing = &nvext["timing"];
    told(ServerSaid {
        queue_us: milliseconds(&timing["prefill_wait_time_ms"]),
        prefill_us: milliseconds(&timing["prefill_time_ms"]),
        first_token_us: milliseconds(&timing["ttft_ms"]),
        total_us: milliseconds(&timing["total_time_ms"]),
        ..ServerSaid::default()
    })
}

/// SGLang's `meta_info`: seconds. The queue is known with `--enable-metrics`.
pub(super) fn sglang(meta: &Value) -> Option<ServerSaid> {
    told(ServerSaid {
        queue_us: seconds(&meta["queue_time"]),
        total_us: seconds(&meta["e2e_latency"]),
        drafted: count(&meta["spec_num_proposed_drafts"]),
        accepted: count(&meta["spec_num_correct_drafts"]),
        ..ServerSaid::default()
    })
}

/// Later figures replace earlier ones, each by itself.
pub(crate) fn merged(old: Option<ServerSaid>, new: ServerSaid) -> ServerSaid {
    let old = old.unwrap_or_default();
    ServerSaid {
        queue_us: new.queue_us.or(old.queue_us),
        prefill_us: new.prefill_us.or(old.prefill_us),
        first_token_us: new.first_token_us.or(old.first_token_us),
        total_us: new.total_us.or(old.total_us),
        drafted: new.drafted.or(old.drafted),
        accepted: new.accepted.or(old.accepted),
        cached: new.cached.or(old.cached),
    }
}

fn told(said: ServerSaid) -> Option<ServerSaid> {
    (said != ServerSaid::default()).then_some(said)
}

fn milliseconds(value: &Value) -> Option<Micros> {
    seconds_of(value.as_f64()? / 1e3)
}

fn seconds(value: &Value) -> Option<Micros> {
    seconds_of(value.as_f64()?)
}

/// A time below zero or longer than a month is no time.
fn seconds_of(seconds: f64) -> Option<Micros> {
    (0.0..=31.0 * 86_400.0).contains(&seconds).then(|| Micros::from_secs_f64(seconds))
}

pub(super) fn count(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok())
}
