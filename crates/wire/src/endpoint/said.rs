//! What servers say of their own work beside the reply: each tool's object, read leniently. A figure is kept only where the server
//! gave it as a number.

use serde_json::{Value, json};
use tokmark_base::Micros;
use tokmark_record::ServerSaid;

/// vLLM's `metrics` (0.32, with `--enable-per-request-metrics`), on the last event: milliseconds. Its `time_to_first_token_ms` begins
/// when the request is scheduled, not when it arrives: that is prefill, and the first token is the queue later.
pub(super) fn vllm(metrics: &Value) -> Option<ServerSaid> {
    let drafts = &metrics["speculative_decoding"];
    let queue_us = milliseconds(&metrics["queue_time_ms"]);
    let prefill_us = milliseconds(&metrics["time_to_first_token_ms"]);
    let first_token_us = queue_us.zip(prefill_us).map(|(queue, prefill)| queue + prefill);
    let decode_us = milliseconds(&metrics["generation_time_ms"]);
    told(ServerSaid {
        queue_us,
        prefill_us,
        first_token_us,
        total_us: first_token_us.zip(decode_us).map(|(first, decode)| first + decode),
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

/// Dynamo's `nvext`, of which `timing` is asked for by `nvext.extra_fields`: milliseconds since the frontend got the request. It stands
/// in the event with the finish reason.
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

/// SGLang's `meta_info` (0.5.23): seconds, those of the server's own clock as times of day. All but the latency of the whole request
/// are known with `--enable-metrics` alone.
pub(super) fn sglang(meta: &Value) -> Option<ServerSaid> {
    let prefill = |end: f64| Some(end - meta["forward_entry_time"].as_f64()?);
    told(ServerSaid {
        queue_us: seconds(&meta["queue_time"]),
        prefill_us: meta["prefill_finished_time"].as_f64().and_then(prefill).and_then(seconds_of),
        first_token_us: seconds(&meta["first_token_latency"]),
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

/// What stands in Dynamo's `nvext`, as far as it is known.
pub(super) fn dynamo_value(said: &ServerSaid) -> Value {
    let fields = [
        ("prefill_wait_time_ms", said.queue_us),
        ("prefill_time_ms", said.prefill_us),
        ("ttft_ms", said.first_token_us),
        ("total_time_ms", said.total_us),
    ];
    let known = fields.into_iter().filter_map(|(key, time)| Some((key.to_owned(), time?.0 as f64 / 1e3)));
    let timing: serde_json::Map<String, Value> = known.map(|(key, ms)| (key, ms.into())).collect();
    json!({"timing": timing})
}

/// Adds what is known to SGLang's `meta_info`.
pub(super) fn add_to_sglang(said: &ServerSaid, meta: &mut Value) {
    let fields = [
        ("queue_time", said.queue_us),
        ("first_token_latency", said.first_token_us),
        ("e2e_latency", said.total_us),
    ];
    for (key, time) in fields {
        if let Some(time) = time {
            meta[key] = time.as_secs_f64().into();
        }
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
