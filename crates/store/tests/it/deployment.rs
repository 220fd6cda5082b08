//! `deployment_config.json` under the field's own reader: GPUs = tp × dp, or ptp × pdp + dtp × ddp.

use serde_json::{Value, json};
use tokmark_perf::{Deployment, Mode, Role};
use tokmark_store::export::deployment::document;

/// What `plot_pareto.py` makes of it.
fn gpus(config: &Value) -> Option<u64> {
    let product = |a: &str, b: &str| Some(config.get(a)?.as_u64()? * config.get(b)?.as_u64()?);
    if config.get("mode")?.as_str()? == "aggregated" {
        product("tensor_parallelism", "data_parallelism")
    } else {
        let prefill = product("prefill_tensor_parallelism", "prefill_data_parallelism")?;
        Some(prefill + product("decode_tensor_parallelism", "decode_data_parallelism")?)
    }
}

fn role(tp: u32, workers: Option<u32>) -> Role {
    Role { tp: Some(tp), workers, ..Role::default() }
}

#[test]
fn the_fields_reader_counts_the_same_gpus() {
    let cases = [
        Deployment { tp: Some(4), workers: Some(1), ..Deployment::default() },
        Deployment { tp: Some(2), gpus: Some(4), ..Deployment::default() },
        Deployment { dp: Some(4), workers: Some(2), ..Deployment::default() },
        Deployment { tp: Some(2), pp: Some(2), workers: Some(2), ..Deployment::default() },
        Deployment {
            tp: Some(4),
            dp: Some(2),
            workers: Some(3),
            mode: Some(Mode::Agg),
            ..Deployment::default()
        },
        Deployment {
            mode: Some(Mode::Disagg),
            prefill: Some(role(1, Some(2))),
            decode: Some(role(4, Some(1))),
            ..Deployment::default()
        },
    ];
    for deployment in cases {
        let config = document(&deployment, None, None, None);
        assert_eq!(gpus(&config), deployment.gpus().map(u64::from), "{config}");
    }
    assert_eq!(gpus(&document(&Deployment::default(), None, None, None)), None);
}

#[test]
fn the_keys_are_perf_shs_and_what_is_not_known_has_none() {
    let deployment = Deployment {
        kind: Some("vllm".to_owned()),
        tp: Some(8),
        dp: Some(1),
        workers: Some(1),
        mode: Some(Mode::Agg),
        gpus: Some(8),
        gpu_model: Some("H200".to_owned()),
        ..Deployment::default()
    };
    let config = document(&deployment, Some("tiny"), Some(3_000), Some(150));
    assert_eq!(
        config,
        json!({
            "kind": "vllm", "model": "tiny", "input_sequence_length": 3000, "output_sequence_length": 150,
            "tensor_parallelism": 8, "data_parallelism": 1,
            "prefill_tensor_parallelism": 0, "prefill_data_parallelism": 0,
            "decode_tensor_parallelism": 0, "decode_data_parallelism": 0, "mode": "aggregated",
            "gpus": 8, "gpus_derived": false, "gpu_model": "H200", "workers": 1,
        })
    );
    let keys: Vec<_> = config.as_object().unwrap().keys().take(11).cloned().collect();
    assert_eq!(
        keys,
        [
            "kind",
            "model",
            "input_sequence_length",
            "output_sequence_length",
            "tensor_parallelism",
            "data_parallelism",
            "prefill_tensor_parallelism",
            "prefill_data_parallelism",
            "decode_tensor_parallelism",
            "decode_data_parallelism",
            "mode",
        ]
    );
    assert_eq!(document(&Deployment::default(), None, None, None), json!({}));
}

#[test]
fn what_nobody_gave_is_named_or_left_out() {
    let made = |deployment: Deployment| {
        let config = document(&deployment, None, None, None);
        let key = |key: &str| config.get(key).cloned().unwrap_or_default();
        (key("tensor_parallelism"), key("data_parallelism"), key("gpus_derived"), key("derived"))
    };
    let two = Deployment { tp: Some(2), ..Deployment::default() };
    // Four workers of two: eight GPUs, and both that and the product's other factor are worked out.
    assert_eq!(
        made(Deployment { workers: Some(4), ..two.clone() }),
        (json!(2), json!(4), json!(true), json!(["data_parallelism", "mode", "gpus"]))
    );
    assert_eq!(
        made(Deployment { gpus: Some(4), ..two.clone() }),
        (json!(2), json!(2), json!(false), json!(["data_parallelism", "mode"]))
    );
    // The GPUs are not known, so nothing needs a factor nobody gave.
    assert_eq!(made(two.clone()), (json!(2), json!(null), json!(null), json!(["mode"])));
    let three = Deployment { dp: Some(3), workers: Some(2), mode: Some(Mode::Agg), ..two };
    assert_eq!(document(&three, None, None, None)["data_parallelism_per_worker"], 3);
    assert_eq!(made(three), (json!(2), json!(6), json!(true), json!(["data_parallelism", "gpus"])));
}
