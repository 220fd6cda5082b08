//! `deployment_config.json`: what ran behind the endpoint, with the keys of the field's `perf.sh` first, then what it has
//! no key for.
//!
//! Its reader, `plot_pareto.py`, multiplies tensor by data parallelism to get the GPUs of a role, and takes any mode but
//! `aggregated` for disaggregated. So where a role's GPUs are known, its data parallelism is what that product needs: replicas
//! and pipeline stages are folded into it. Where they are not, only what was said has a key. A role that does not exist in the
//! mode is 0, as in `perf.sh`. `derived` names the keys whose values nobody gave.

use serde_json::{Map, Value, json};
use tokmark_perf::{Deployment, Mode, Role};

/// The document. `model`, `isl` and `osl` are the workload's.
pub fn document(deployment: &Deployment, model: Option<&str>, isl: Option<u32>, osl: Option<u32>) -> Value {
    let role_less = deployment.role_less();
    let mode = deployment.mode.or_else(|| role_less.map(|_| Mode::Agg));
    let of = |role: Option<Role>, gpus: Option<u32>| role.map(|role| Sizes::of(role, gpus));
    let [both, prefill, decode] = match mode {
        Some(Mode::Agg) => [of(role_less, deployment.gpus()), Some(NO_ROLE), Some(NO_ROLE)],
        Some(Mode::Disagg) => {
            let own = |role: Option<Role>| of(role, role.and_then(Role::gpus));
            [Some(NO_ROLE), own(deployment.prefill), own(deployment.decode)]
        }
        None => [None, None, None],
    };
    let mut derived = Vec::new();
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
    for (prefix, sizes) in [("", both), ("prefill_", prefill), ("decode_", decode)] {
        let Some(sizes) = sizes else { continue };
        for (key, size) in [("tensor_parallelism", sizes.tp), ("data_parallelism", sizes.dp)] {
            let key = format!("{prefix}{key}");
            put(&key, size.value.map(Value::from));
            if size.derived {
                derived.push(key);
            }
        }
    }
    if mode != deployment.mode {
        derived.push("mode".to_owned());
    }
    if deployment.gpus_derived() == Some(true) {
        derived.push("gpus".to_owned());
    }
    put("mode", mode.map(|m| if m == Mode::Agg { "aggregated" } else { "disaggregated" }.into()));
    put("gpus", deployment.gpus().map(Value::from));
    put("gpus_derived", deployment.gpus_derived().map(Value::from));
    put("gpu_model", deployment.gpu_model.clone().map(Value::from));
    put("pipeline_parallelism", deployment.pp.map(Value::from));
    // What the folded value above hides; a role's own lies in `prefill` and `decode`.
    let hidden = deployment.dp.filter(|dp| both.is_some_and(|s| s.dp.value != Some(*dp)));
    put("data_parallelism_per_worker", hidden.map(Value::from));
    put("workers", deployment.workers.map(Value::from));
    put("prefill", deployment.prefill.map(|role| json!(role)));
    put("decode", deployment.decode.map(|role| json!(role)));
    put("mtp", deployment.mtp.map(Value::from));
    put("batch", deployment.batch.map(Value::from));
    put("image", deployment.image.clone().map(Value::from));
    put("driver", deployment.driver.clone().map(Value::from));
    put("label", deployment.label.clone().map(Value::from));
    put("extra", (!deployment.extra.is_empty()).then(|| json!(deployment.extra)));
    put("derived", (!derived.is_empty()).then(|| json!(derived)));
    Value::Object(out)
}

/// A number of the reader's product.
#[derive(Clone, Copy)]
struct Size {
    value: Option<u32>,
    /// Nobody gave it.
    derived: bool,
}

#[derive(Clone, Copy)]
struct Sizes {
    tp: Size,
    dp: Size,
}

const ZERO: Size = Size { value: Some(0), derived: false };
const NO_ROLE: Sizes = Sizes { tp: ZERO, dp: ZERO };

impl Sizes {
    /// The sizes of a role that has `gpus`, if that is known: then their product.
    fn of(role: Role, gpus: Option<u32>) -> Self {
        // Not said, and the count known: the engines' own default, which the count rests on.
        let tp = role.tp.or_else(|| gpus.map(|_| 1));
        let folded =
            gpus.zip(tp).and_then(|(gpus, tp)| gpus.is_multiple_of(tp).then(|| gpus.checked_div(tp))?);
        let dp = folded.or(role.dp);
        Self {
            tp: Size { value: tp, derived: tp != role.tp },
            dp: Size { value: dp, derived: dp != role.dp },
        }
    }
}
