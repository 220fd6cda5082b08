//! Keys that were given and change nothing, each told by its name: what is silently ignored is taken for measured.

use tokmark_drive::target::TargetSpec;
use tokmark_engine::router::{Affinity, PolicyKind, RouterSpec};
use tokmark_engine::spec::SchedulingPolicy;
use tokmark_perf::{TimingModel, TimingSpec};
use tokmark_wire::EndpointKind;

use crate::spec::Spec;
use crate::spec::resolve::Point;

/// A key, whether it was given and changes nothing, and why.
type Idle = (&'static str, bool, &'static str);

/// What in the spec does nothing in a simulation, and what in its files was not used.
pub fn notes(spec: &Spec) -> Vec<String> {
    told(of_the_plan(spec)).chain(of_the_cluster(spec)).collect()
}

/// What in the spec the API spoken has no place for, and what of a run it cannot promise.
pub fn over_the_wire(spec: &Spec) -> Vec<String> {
    let (target, classes) = (&spec.target, &spec.workload.classes);
    let kind = EndpointKind::from(target.endpoint);
    let native = matches!(kind, EndpointKind::Sglang | EndpointKind::Tgi);
    let plain = TargetSpec::default();
    let idle = [
        (
            "target.nvext",
            native && target.nvext != plain.nvext,
            "nvext is Dynamo's extension of chat and completions",
        ),
        (
            "target.max_tokens_field",
            native && target.max_tokens_field != plain.max_tokens_field,
            "this endpoint's own field is max_new_tokens",
        ),
        (
            "workload.classes[].model",
            native && classes.iter().any(|class| class.model.is_some()),
            "this endpoint serves one model and is not told its name",
        ),
        (
            "workload.classes[].priority",
            kind == EndpointKind::Tgi && classes.iter().any(|class| class.priority.is_some()),
            "Text Generation Inference knows no priority",
        ),
    ];
    let short = (target.ignore_eos && !kind.takes_a_length_exactly()).then(|| {
        "target.endpoint tgi has no ignore_eos: an output length is an upper bound there, and replies may be shorter than asked".to_owned()
    });
    told(idle).chain(short).collect()
}

/// What acts on requests that the plan does not have, and what requests have that nothing acts on. What a file's rows have, only
/// the run can tell.
fn of_the_plan(spec: &Spec) -> [Idle; 4] {
    let (engine, workload, router) = (&spec.engine, &spec.workload, &spec.router);
    let file = workload.wants_file();
    let by_priority = engine.scheduling_policy == Some(SchedulingPolicy::Priority);
    let prioritised = workload.classes.iter().any(|class| class.priority.is_some());
    [
        (
            "router.affinity",
            router.affinity != Affinity::None && workload.sessions.turns == 1 && !file,
            "no request belongs to a conversation: see workload.sessions",
        ),
        (
            "engine.scheduling_policy",
            by_priority && !prioritised && !file,
            "all requests have one priority: see workload.classes",
        ),
        (
            "engine.max_loras",
            engine.max_loras.is_some() && !workload.classes.iter().any(|class| class.adapter),
            "no request asks for an adapter: see workload.classes",
        ),
        (
            "workload.classes[].priority",
            prioritised && !by_priority && router.queue_threshold.is_none(),
            "engine.scheduling_policy is not priority, and the router keeps no queue",
        ),
    ]
}

/// The part of it that holds whatever the requests are.
pub fn of_the_cluster(spec: &Spec) -> Vec<String> {
    let mut notes: Vec<String> = told(of_the_timing(&spec.timing)).chain(told(of_the_router(spec))).collect();
    let read = spec.timing.table.as_deref().map(tokmark_store::import::timing::read_timing);
    if let Some(Ok(table)) = read
        && !table.ignored.is_empty()
    {
        notes.push(format!("timing.table: not used: {}", table.ignored.join(", ")));
    }
    notes
}

/// What was given that only a client has, of which a server makes no use.
pub fn of_a_client(point: &Point) -> Option<String> {
    let keys: Vec<&str> =
        point.layers.origins.keys().map(String::as_str).filter(|key| is_a_clients(key)).collect();
    (!keys.is_empty()).then(|| {
        format!(
            "{} changes nothing here: load and workload belong to a client, as do gate, measure, output and how requests are sent",
            keys.join(", ")
        )
    })
}

/// Sections of a spec that only a client has.
const CLIENT: [&str; 6] = ["load", "workload", "gate", "measure", "output", "target"];
/// But a server has these: its seed, the name of its model, and the key it asks for.
const SERVER: [&str; 5] =
    ["workload.seed", "target.url", "target.model", "target.api_key_env", "target.api_key_file"];

fn is_a_clients(key: &str) -> bool {
    let section = key.split('.').next().unwrap_or_default();
    CLIENT.contains(&section) && !SERVER.contains(&key)
}

fn told(idle: impl IntoIterator<Item = Idle>) -> impl Iterator<Item = String> {
    let idle = idle.into_iter().filter(|(_, given, _)| *given);
    idle.map(|(key, _, why)| format!("{key} changes nothing here: {why}"))
}

/// A batch padded to the size of a graph has more sequences, and the same context.
fn of_the_timing(timing: &TimingSpec) -> [Idle; 1] {
    let padded = timing.cuda_graph_sizes.is_some()
        && timing.model != TimingModel::Table
        && timing.eager_factor.total_cmp(&1.0).is_eq();
    [(
        "timing.cuda_graph_sizes",
        padded,
        "the times of this timing.model do not depend on the number of sequences, and timing.eager_factor is 1",
    )]
}

fn of_the_router(spec: &Spec) -> [Idle; 4] {
    let (router, tiers) = (&spec.router, &spec.engine.tiers);
    let plain = RouterSpec::default();
    let differs = |given: f64, plain: f64| given.total_cmp(&plain).is_ne();
    let thresholds = router.busy_decode_blocks.is_some()
        || router.busy_prefill_tokens.is_some()
        || router.busy_prefill_tokens_frac.is_some();
    [
        (
            "router.seed",
            router.seed.is_some() && router.policy == PolicyKind::RoundRobin,
            "router.policy round_robin draws nothing",
        ),
        (
            "router.host_weight",
            differs(router.host_weight, plain.host_weight) && tiers.host.is_none(),
            "there is no engine.tiers.host",
        ),
        (
            "router.disk_weight",
            differs(router.disk_weight, plain.disk_weight) && tiers.disk.is_none() && tiers.object.is_none(),
            "there is neither engine.tiers.disk nor engine.tiers.object",
        ),
        (
            "router.busy_status",
            router.busy_status != plain.busy_status && !thresholds,
            "without a router.busy_* threshold no worker is ever too busy",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn noted(spec: &serde_json::Value) -> Vec<String> {
        let notes = notes(&serde_json::from_value(spec.clone()).unwrap());
        notes.iter().map(|note| note.split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn what_does_nothing_is_named_and_what_does_something_is_not() {
        let host = json!({"host": {"blocks": 8}});
        let disk = json!({"disk": {"blocks": 8}});
        let tiers = json!([{"name": "paid", "priority": 0}, {"name": "free", "priority": 5}]);
        let tuned = json!([{"name": "tuned", "model": "tuned", "adapter": true}]);
        let cases = [
            (json!({}), None),
            (json!({"router": {"affinity": "soft"}}), Some("router.affinity")),
            (json!({"router": {"affinity": "soft"}, "workload": {"sessions": {"turns": 3}}}), None),
            (json!({"router": {"affinity": "soft"}, "workload": {"file": "trace.jsonl"}}), None),
            (json!({"engine": {"scheduling_policy": "priority"}}), Some("engine.scheduling_policy")),
            (json!({"engine": {"scheduling_policy": "priority"}, "workload": {"classes": tiers}}), None),
            (json!({"router": {"queue_threshold": 2.0}, "workload": {"classes": tiers}}), None),
            (json!({"workload": {"classes": tiers}}), Some("workload.classes[].priority")),
            (json!({"engine": {"max_loras": 2}}), Some("engine.max_loras")),
            (json!({"engine": {"max_loras": 2}, "workload": {"classes": tuned}}), None),
            (json!({"timing": {"cuda_graph_sizes": "1,8"}}), Some("timing.cuda_graph_sizes")),
            (
                json!({"timing": {"model": "constant", "load_factor": 2, "cuda_graph_sizes": "auto"}}),
                Some("timing.cuda_graph_sizes"),
            ),
            (json!({"timing": {"cuda_graph_sizes": "1,8", "eager_factor": 1.5}}), None),
            (json!({"timing": {"model": "table", "cuda_graph_sizes": "1,8"}}), None),
            (json!({"router": {"seed": 4}}), Some("router.seed")),
            (json!({"router": {"seed": 4, "policy": "random"}}), None),
            (json!({"router": {"policy": "kv", "host_weight": 0.5}}), Some("router.host_weight")),
            (json!({"router": {"policy": "kv", "host_weight": 0.5}, "engine": {"tiers": host}}), None),
            (
                json!({"router": {"policy": "kv", "disk_weight": 0.5}, "engine": {"tiers": host}}),
                Some("router.disk_weight"),
            ),
            (json!({"router": {"policy": "kv", "disk_weight": 0.5}, "engine": {"tiers": disk}}), None),
            (json!({"router": {"busy_status": 503}}), Some("router.busy_status")),
            (json!({"router": {"busy_status": 503, "busy_prefill_tokens": 9}}), None),
        ];
        for (spec, expected) in cases {
            assert_eq!(noted(&spec), Vec::from_iter(expected.map(str::to_owned)), "{spec}");
        }
    }

    #[test]
    fn what_an_endpoint_has_no_place_for_is_named() {
        let noted = |spec: serde_json::Value| {
            let notes = over_the_wire(&serde_json::from_value(spec).unwrap());
            notes.iter().map(|note| note.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let classes = json!([{"name": "paid", "priority": 0, "model": "m"}]);
        assert!(
            noted(json!({"target": {"nvext": {"hints": true}}, "workload": {"classes": classes}})).is_empty()
        );
        assert!(noted(json!({"target": {"endpoint": "sglang"}})).is_empty());
        assert_eq!(
            noted(
                json!({"target": {"endpoint": "sglang", "nvext": {"timing": true}}, "workload": {"classes": classes}})
            ),
            ["target.nvext", "workload.classes[].model"]
        );
        assert_eq!(
            noted(
                json!({"target": {"endpoint": "tgi", "max_tokens_field": "max_completion_tokens"}, "workload": {"classes": classes}})
            ),
            [
                "target.max_tokens_field",
                "workload.classes[].model",
                "workload.classes[].priority",
                "target.endpoint"
            ]
        );
        assert!(noted(json!({"target": {"endpoint": "tgi", "ignore_eos": false}})).is_empty());
    }

    #[test]
    fn a_server_has_a_seed_a_model_and_a_key() {
        let clients =
            ["load.rate", "workload.isl", "gate.wait", "target.headers.x", "measure.slo", "output.dir"];
        assert!(clients.into_iter().all(is_a_clients));
        let servers = ["engine.kind", "deployment.workers", "router.policy", "loading"];
        assert!(!SERVER.into_iter().chain(servers).any(is_a_clients));
    }
}
