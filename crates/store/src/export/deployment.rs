//! `deployment_config.json`: what ran behind the endpoint, with the keys of the field's `perf.sh` first, then what it has
//! no key for.
//!
//! Its reader, `plot_pareto.py`, multiplies tensor by data parallelism to get the GPUs of a role, and takes any mode but
//! `aggregated` for disaggregated. So replicas are counted as data parallelism here, sizes that were not said are the
//! engines' own default of 1 once a role is known at all, and `mode` is said wherever it can be told. A role that does not
//! exist in the mode is 0, as in `perf.sh`; what is not known has no key.

use serde_json::{Map, Value, json};
use tokmark_perf::{Deployment, Mode, Role};

/// The document. `model`, `isl` and `osl` are the workload's.
pub fn document(deployment: &Deployment, model: Option<&str>, isl: Option<u32>, osl: Option<u32>) -> Value {
    let told = Role { tp: deployment.tp, pp: deployment.pp, dp: deployment.dp, workers: deployment.workers };
    let role_less = (told != Role::default()).then_some(told);
    let mode = deployment.mode.or_else(|| role_less.map(|_| Mode::Agg));
    let [both, prefill, decode] = match mode {
        Some(Mode::Agg) => [role_less.map(sizes), Some(NO_ROLE), Some(NO_ROLE)],
        Some(Mode::Disagg) => [Some(NO_ROLE), deployment.prefill.map(sizes), deployment.decode.map(sizes)],
        None => [None, None, None],
    };
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    put("kind", deployment.kind.clone().map(Value::from));
    put("model", model.map(Value::from));
    put("input_sequence_length", isl.map(Value::from));
    put("output_sequence_length", osl.map(Value::from));
    put("tensor_parallelism", both.map(|s| s.tp.into()));
    put("data_parallelism", both.map(|s| s.copies.into()));
    put("prefill_tensor_parallelism", prefill.map(|s| s.tp.into()));
    put("prefill_data_parallelism", prefill.map(|s| s.copies.into()));
    put("decode_tensor_parallelism", decode.map(|s| s.tp.into()));
    put("decode_data_parallelism", decode.map(|s| s.copies.into()));
    put("mode", mode.map(|m| if m == Mode::Agg { "aggregated" } else { "disaggregated" }.into()));
    put("gpus", deployment.gpus().map(Value::from));
    put("gpus_derived", deployment.gpus_derived().map(Value::from));
    put("gpu_model", deployment.gpu_model.clone().map(Value::from));
    put("pipeline_parallelism", deployment.pp.map(Value::from));
    put("workers", deployment.workers.map(Value::from));
    put("prefill", deployment.prefill.map(|role| json!(role)));
    put("decode", deployment.decode.map(|role| json!(role)));
    put("mtp", deployment.mtp.map(Value::from));
    put("batch", deployment.batch.map(Value::from));
    put("image", deployment.image.clone().map(Value::from));
    put("driver", deployment.driver.clone().map(Value::from));
    put("label", deployment.label.clone().map(Value::from));
    put("extra", (!deployment.extra.is_empty()).then(|| json!(deployment.extra)));
    Value::Object(out)
}

#[derive(Clone, Copy)]
struct Sizes {
    tp: u32,
    /// Data-parallel ranks of every replica.
    copies: u32,
}

const NO_ROLE: Sizes = Sizes { tp: 0, copies: 0 };

fn sizes(role: Role) -> Sizes {
    Sizes { tp: role.tp.unwrap_or(1), copies: role.dp.unwrap_or(1).saturating_mul(role.workers.unwrap_or(1)) }
}
