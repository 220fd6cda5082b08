//! `input_config` of AIPerf's summary: what was asked, in AIPerf's words, as far as they exist.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokmark_base::Micros;
use tokmark_record::RunHeader;
use tokmark_workload::{ArrivalKind, LoadSpec, Phased, WorkloadSpec};

/// The object. A part of the spec that is not there (a run of another verb) leaves its part out.
pub(super) fn document(header: &RunHeader) -> Value {
    let workload: Option<WorkloadSpec> = part(header, "workload");
    let load: Option<LoadSpec> = part(header, "load");
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    if let Some(model) = &header.model {
        put("models", json!({ "items": [{ "name": model }] }));
    }
    put("endpoint", endpoint(header));
    if let Some(workload) = &workload {
        put("datasets", json!([dataset(workload)]));
    }
    if let Some(load) = &load {
        put("phases", phases(load));
    }
    if let Some(path) = workload.as_ref().and_then(|w| w.tokenizer.as_ref()) {
        put("tokenizer", json!({ "name": path }));
    }
    for absent in ["gpu_telemetry", "server_metrics", "network_latency"] {
        put(absent, json!({ "enabled": false }));
    }
    Value::Object(out)
}

/// A part of the spec, if it is there and reads.
fn part<T: DeserializeOwned>(header: &RunHeader, key: &str) -> Option<T> {
    serde_json::from_value(header.spec.get(key)?.clone()).ok()
}

/// The target is `drive`'s part of the spec, which this room does not know by type: its facts are looked up by name.
fn endpoint(header: &RunHeader) -> Value {
    let target = |key: &str| header.spec.pointer(&format!("/target/{key}")).filter(|v| !v.is_null()).cloned();
    let mut out = Map::new();
    out.insert("urls".to_owned(), header.targets.iter().map(|t| base_url(&t.url)).collect());
    if let Some(kind) = target("endpoint") {
        out.insert("type".to_owned(), kind);
    }
    if let Some(path) = header.targets.first().and_then(|t| path(&t.url)) {
        out.insert("path".to_owned(), path.into());
    }
    for key in ["streaming", "extra"] {
        if let Some(value) = target(key) {
            out.insert(key.to_owned(), value);
        }
    }
    Value::Object(out)
}

/// Scheme and authority, as AIPerf's `--url` has them.
fn base_url(url: &str) -> &str {
    path(url).map_or(url, |path| &url[..url.len() - path.len()])
}

fn path(url: &str) -> Option<&str> {
    let authority = url.find("://").map_or(0, |at| at + 3);
    url[authority..].find('/').map(|at| &url[authority + at..]).filter(|path| path.len() > 1)
}

#[derive(Serialize)]
struct Dataset<'a> {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
    random_seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompts: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_prompts: Option<Value>,
}

fn dataset(workload: &WorkloadSpec) -> Value {
    let normal = |mean: u32, stddev: f64| json!({ "mean": f64::from(mean), "stddev": stddev });
    let synthetic = workload.file.is_none();
    let prompts = synthetic.then(|| {
        let mut prompts = Map::new();
        prompts.insert("isl".to_owned(), normal(workload.isl, workload.isl_stddev));
        if let Some(osl) = workload.osl {
            prompts.insert("osl".to_owned(), normal(osl, workload.osl_stddev));
        }
        Value::Object(prompts)
    });
    let prefix = (workload.prefix.length > 0)
        .then(|| json!({ "pool_size": workload.prefix.pool, "length": workload.prefix.length }));
    json!(Dataset {
        name: "main",
        kind: if synthetic { "synthetic" } else { "file" },
        path: workload.file.as_deref(),
        entries: workload.entries,
        random_seed: workload.seed,
        prompts,
        prefix_prompts: prefix,
    })
}

fn phases(spec: &LoadSpec) -> Value {
    let Ok(load) = spec.resolve() else { return json!([]) };
    let mut shape = Map::new();
    let kind = match (spec.rate, spec.arrival.unwrap_or_default()) {
        (_, ArrivalKind::Trace) => "fixed_schedule",
        (None, _) => "concurrency",
        (Some(_), ArrivalKind::Poisson) => "poisson",
        (Some(_), ArrivalKind::Constant) => "constant",
        (Some(_), ArrivalKind::Gamma) => "gamma",
    };
    // A burst is as many at once as there are requests.
    let all_at_once = spec.burst.then_some(load.requests).flatten();
    let concurrency = load.arrival.concurrency().or(load.cap).map(u64::from).or(all_at_once);
    for (key, value) in [
        ("concurrency", concurrency.map(Value::from)),
        ("rate", spec.rate.map(Value::from)),
        ("smoothness", spec.burstiness.map(Value::from)),
    ] {
        if let Some(value) = value {
            shape.insert(key.to_owned(), value);
        }
    }
    let phase = |name: &'static str, requests: Option<u64>, seconds: Option<f64>| {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        put("name", name.into());
        put("kind", name.into());
        put("type", kind.into());
        if name == "warmup" {
            put("exclude_from_results", true.into());
        }
        if let Some(requests) = requests {
            put("requests", requests.into());
        }
        if let Some(seconds) = seconds {
            put("duration", seconds.into());
        }
        out.extend(shape.clone());
        Value::Object(out)
    };
    let warmup = load.warmup.map(|extent| match extent {
        Phased::Requests(n) => phase("warmup", Some(n), None),
        Phased::For(time) => phase("warmup", None, Some(time.as_secs_f64())),
    });
    let measured = phase("profiling", load.requests, load.duration.map(Micros::as_secs_f64));
    warmup.into_iter().chain([measured]).collect()
}
