//! What `engine:` refuses, by what name, and what it makes of what it accepts.

use serde_json::json;
use tokmark_base::Micros;

use super::*;

fn spec(value: serde_json::Value) -> EngineSpec {
    serde_json::from_value(value).unwrap()
}

fn refusal(value: serde_json::Value, disagg: bool) -> String {
    spec(value).resolve(disagg).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_parameter_of_another_engine_is_refused_by_the_right_name() {
    for (value, words) in [
        (
            json!({"kind": "sglang", "max_num_seqs": 8}),
            "engine.max_num_seqs is vllm's, and engine.kind is sglang\nhint: sglang calls it max_running_requests",
        ),
        (
            json!({"kind": "trtllm", "chunked_prefill_size": 512}),
            "engine.chunked_prefill_size is sglang's, and engine.kind is trtllm\nhint: trtllm calls it enable_chunked_prefill",
        ),
        (json!({"kind": "vllm", "kv_cache_max": null, "max_tokens": 512}), ""),
        (
            json!({"kind": "vllm", "max_tokens": 512}),
            "engine.max_tokens is trtllm's, and engine.kind is vllm\nhint: vllm calls it num_gpu_blocks_override",
        ),
        (
            json!({"block_size": 16}),
            "engine.block_size is vllm's, and engine.kind is slots\nhint: slots has nothing like it: leave it out, or set engine.kind to vllm",
        ),
        (
            json!({"kind": "vllm", "context_length": 4096}),
            "engine.context_length is sglang's, and engine.kind is vllm\nhint: vllm calls it max_model_len",
        ),
    ] {
        if words.is_empty() {
            let unknown = serde_json::from_value::<EngineSpec>(value).unwrap_err().to_string();
            assert!(unknown.contains("unknown field `kv_cache_max`"), "{unknown}");
        } else {
            assert_eq!(refusal(value, false), words);
        }
    }
}

#[test]
fn every_parameter_of_one_engine_is_in_the_list() {
    let schema = serde_json::to_value(schemars::schema_for!(EngineSpec)).unwrap();
    // A section of its own, refused by an error of its own.
    for (key, property) in schema["properties"].as_object().unwrap().iter().filter(|(key, _)| *key != "tiers")
    {
        let text = property["description"].as_str().unwrap_or("");
        let owner = text.split(':').next().unwrap_or("");
        let owners: Vec<&str> = owner.split(", ").filter(|word| names::is_engine(word)).collect();
        assert_eq!(names::owners(key).is_some(), !owners.is_empty(), "{key}: {text}");
        if let Some(listed) = names::owners(key) {
            assert_eq!(listed.len(), owners.len(), "{key}: {text}");
            assert!(listed.iter().all(|kind| owners.contains(&kind.as_str())), "{key}: {text}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    for (value, disagg, words) in [
        (
            json!({"kv_transfer_latency": "1ms"}),
            false,
            "kv_transfer_latency needs two pools|deployment.mode to disagg",
        ),
        (
            json!({"kv_transfer_bandwidth_gb_s": 10}),
            true,
            "needs engine.kv_transfer_bytes_per_token|both or neither",
        ),
        (
            json!({"kv_transfer_bytes_per_token": 10}),
            true,
            "needs engine.kv_transfer_bandwidth_gb_s|both or neither",
        ),
        (
            json!({"kv_transfer_bandwidth_gb_s": -1.0, "kv_transfer_bytes_per_token": 1}),
            true,
            "kv_transfer_bandwidth_gb_s is -1|above 0",
        ),
        (
            json!({"conditional_disagg_policy": "prefill_load"}),
            true,
            "needs engine.conditional_disagg_prefill_busy",
        ),
        (
            json!({"conditional_disagg_eff_isl_threshold": 1}),
            true,
            "needs engine.conditional_disagg_policy|isl_bounding",
        ),
        (json!({"migration_limit": 1}), false, "migration_limit needs engine.on_crash|retry or migrate"),
        (
            json!({"on_crash": "migrate", "retry_started": true}),
            false,
            "retry_started needs engine.on_crash: retry",
        ),
        (
            json!({"kind": "vllm", "num_speculative_tokens": 3}),
            false,
            "num_speculative_tokens needs engine.acceptance_length or engine.acceptance_rates",
        ),
        (json!({"acceptance_length": 2.0}), false, "acceptance_length needs draft tokens"),
        (
            json!({"kind": "vllm", "num_speculative_tokens": 3, "acceptance_length": 2, "acceptance_rates": [0.5]}),
            false,
            "acceptance_length contradicts engine.acceptance_rates",
        ),
        (
            json!({"kind": "sglang", "speculative_num_draft_tokens": 3}),
            false,
            "speculative_num_draft_tokens is not simulated yet",
        ),
        (
            json!({"kind": "sglang", "chunked_prefill_size": -2}),
            false,
            "chunked_prefill_size is -2|-1 for prompts",
        ),
        (json!({"kind": "trtllm", "max_tokens": 31}), false, "max_tokens is 31|one block"),
        (json!({"kind": "trtllm", "max_draft_len": 3}), false, "max_draft_len is not simulated yet"),
    ] {
        let text = refusal(value, disagg);
        for word in words.split('|').chain(["engine.", "\nhint: "]) {
            assert!(text.contains(word), "`{word}` not in: {text}");
        }
    }
}

#[test]
fn what_would_do_nothing_is_refused() {
    for (value, disagg, words) in [
        (
            json!({"kind": "vllm", "tiers": {"bytes_per_token": 1024}}),
            false,
            "tiers.bytes_per_token needs a tier",
        ),
        (
            json!({"kind": "vllm", "tiers": {"host": {"blocks": 8}, "bytes_per_token": 0}}),
            false,
            "tiers.bytes_per_token is 0|at least 1",
        ),
        (
            json!({"kv_transfer_bandwidth_gb_s": 1, "kv_transfer_bytes_per_token": 0}),
            true,
            "kv_transfer_bytes_per_token is 0|at least 1",
        ),
        (
            json!({"kind": "vllm", "tiers": {"disk_filter": {"enabled": false}}}),
            false,
            "tiers.disk_filter stands between host and disk",
        ),
        (
            json!({"kv_transfer_timing_mode": "full_prompt", "kv_transfer_latency": "1ms"}),
            true,
            "kv_transfer_timing_mode needs engine.kv_transfer_bandwidth_gb_s",
        ),
    ] {
        let text = refusal(value, disagg);
        for word in words.split('|').chain(["engine.", "\nhint: "]) {
            assert!(text.contains(word), "`{word}` not in: {text}");
        }
    }
}

#[test]
fn what_is_given_is_taken_and_the_rest_is_the_engines_own() {
    let given = spec(json!({
        "kind": "vllm", "max_num_seqs": 4, "block_size": 32, "num_speculative_tokens": 2, "acceptance_length": 1.5,
        "startup_delay": "30s", "on_crash": "retry", "migration_limit": 7,
    }));
    let params = given.resolve(false).unwrap();
    let SchedulerParams::Vllm(vllm) = &params.scheduler else { panic!("{params:?}") };
    assert_eq!((vllm.max_num_seqs, vllm.block_size, vllm.max_num_batched_tokens), (4, 32, 8_192));
    assert_eq!(vllm.speculative.as_ref().unwrap().num_speculative_tokens, 2);
    assert_eq!((params.startup_delay, params.crash.limit), (Micros(30_000_000), 7));

    let trtllm =
        spec(json!({"kind": "trtllm", "max_tokens": 1000, "capacity_scheduler_policy": "MAX_UTILIZATION"}));
    let SchedulerParams::TrtLlm(trtllm) = trtllm.resolve(false).unwrap().scheduler else { panic!("trtllm") };
    assert_eq!(
        (trtllm.num_gpu_blocks, trtllm.capacity_scheduler_policy),
        (31, CapacityPolicy::MaxUtilization)
    );

    let sglang = spec(json!({"kind": "sglang", "chunked_prefill_size": -1, "schedule_policy": "lpm"}));
    let SchedulerParams::Sglang(sglang) = sglang.resolve(false).unwrap().scheduler else { panic!("sglang") };
    assert_eq!((sglang.chunked_prefill_size, sglang.schedule_policy), (None, SchedulePolicy::Lpm));

    let disagg = spec(json!({
        "kind": "vllm", "kv_transfer_bandwidth_gb_s": 10, "kv_transfer_bytes_per_token": 131_072,
        "kv_transfer_latency": "2ms", "conditional_disagg_policy": "isl_bounding",
    }));
    let handover = disagg.resolve(true).unwrap().handover;
    assert_eq!(handover.transfer.duration(1_000), Micros(2_000 + 13_107));
    assert_eq!(handover.conditional.unwrap().eff_isl_threshold, 2_048);
}

#[test]
fn a_spec_survives_being_written() {
    let given =
        spec(json!({"kind": "sglang", "page_size": 64, "acceptance_rates": [0.5], "startup_delay": "30s"}));
    let written = serde_json::to_value(&given).unwrap();
    assert_eq!(spec(written), given);
}
