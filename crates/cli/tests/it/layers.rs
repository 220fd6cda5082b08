//! flag > set > env > file > preset > default, leaf by leaf.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokmark::spec::keys::KEYS;
use tokmark::spec::layers::of_words;
use tokmark::spec::preset::Preset;
use tokmark::spec::resolve::Resolved;
use tokmark::spec::{Origin, Sources, SpecError};

fn file(text: &str) -> (String, String) {
    ("spec.yaml".to_owned(), text.to_owned())
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn flag(name: &str, value: &str) -> Vec<tokmark::spec::layers::Setting> {
    let key = KEYS.iter().find(|key| key.flag == name).unwrap();
    of_words(key, value, &Origin::Flag(format!("--{name}"))).unwrap()
}

fn message(result: Result<Resolved, SpecError>) -> String {
    result.unwrap_err().to_string()
}

proptest! {
    #[test]
    fn the_strongest_layer_wins_whatever_else_is_given(
        default_seed in Just(42_u64),
        preset: bool,
        in_file in proptest::option::of(1..1_000_u64),
        in_env in proptest::option::of(1_000..2_000_u64),
        in_set in proptest::option::of(2_000..3_000_u64),
        in_flag in proptest::option::of(3_000..4_000_u64),
    ) {
        let sources = Sources {
            preset: preset.then_some(Preset::LlmPerf),
            file: in_file.map(|v| file(&format!("workload:\n  seed: {v}\n"))),
            env: in_env.map(|v| env(&[("TOKMARK_SEED", &v.to_string())])).unwrap_or_default(),
            sets: in_set.map(|v| format!("workload.seed={v}")).into_iter().collect(),
            flags: in_flag.map(|v| flag("seed", &v.to_string())).unwrap_or_default(),
            ..Sources::default()
        };
        let point = sources.resolve().unwrap().points.remove(0);
        let (want, word) = [(in_flag, "flag"), (in_set, "flag"), (in_env, "env"), (in_file, "file")]
            .into_iter()
            .find_map(|(value, word)| Some((value?, word)))
            .unwrap_or(if preset { (100, "preset") } else { (default_seed, "default") });
        prop_assert_eq!(point.spec.workload.seed, want);
        let origins = point.origin_words();
        prop_assert_eq!(origins["workload.seed"].as_str(), Some(word));
        prop_assert_eq!(origins["workload.osl_stddev"].as_str(), Some("default"));
    }

    #[test]
    fn any_text_as_a_spec_is_an_answer_and_never_a_panic(text in "\\PC{0,200}") {
        let _ = Sources { file: Some(file(&text)), ..Sources::default() }.resolve();
    }
}

#[test]
fn a_stronger_choice_of_load_takes_the_weaker_away() {
    let sources = Sources {
        file: Some(file("load:\n  rate: 4\n  arrival: gamma\n  burstiness: 0.5\n")),
        flags: flag("concurrency", "16"),
        ..Sources::default()
    };
    let spec = sources.resolve().unwrap().points.remove(0).spec;
    assert_eq!((spec.load.concurrency, spec.load.rate, spec.load.arrival), (Some(16), None, None));
}

#[test]
fn contradictions_in_one_layer_name_both() {
    let flags = [flag("concurrency", "16"), flag("rate", "4")].concat();
    let said = message(Sources { flags, ..Sources::default() }.resolve());
    assert!(
        said.contains("--concurrency") && said.contains("--rate") && said.contains("--max-concurrency"),
        "{said}"
    );
    let flags = [flag("concurrency", "1,2"), flag("rate", "1,2")].concat();
    let said = message(Sources { flags, ..Sources::default() }.resolve());
    assert!(said.contains("--concurrency") && said.contains("--rate"), "{said}");
}

#[test]
fn errors_point_into_the_file() {
    for (text, words) in [
        ("load:\n  rat: 4\n", "spec.yaml:2:3|unknown key `load.rat`|did you mean `rate`"),
        ("concurrency: 4\n", "spec.yaml:1:1|unknown key `concurrency`|load.concurrency"),
        ("load:\n  requests: many\n", "load.requests|spec.yaml:2:13|many|hint:"),
        ("load:\n  arrival: poison\n", "spec.yaml:2:12|did you mean `poisson`"),
        ("workload:\n  isl: -4\n", "workload.isl|spec.yaml:2:8|-4"),
        ("load: 4\n", "spec.yaml:1:7|load must be a section"),
        ("load: [1\n", "spec.yaml:|hint:"),
        ("load:\n  rate: 4\n  rate: 5\n", "spec.yaml:3|rate"),
        ("gate:\n  enabled: perhaps\n", "gate.enabled|spec.yaml:2:12|perhaps"),
    ] {
        let said = message(Sources { file: Some(file(text)), ..Sources::default() }.resolve());
        for word in words.split('|') {
            assert!(said.contains(word), "`{word}` not in: {said}");
        }
    }
}

#[test]
fn other_layers_are_named_too() {
    let said = message(Sources { env: env(&[("TOKMARK_CONCURENCY", "4")]), ..Sources::default() }.resolve());
    assert!(said.contains("TOKMARK_CONCURENCY") && said.contains("TOKMARK_CONCURRENCY"), "{said}");
    let said = message(Sources { env: env(&[("TOKMARK_ISL", "long")]), ..Sources::default() }.resolve());
    assert!(said.contains("env TOKMARK_ISL") && said.contains("long"), "{said}");
    let said = message(Sources { sets: vec!["load.rate".to_owned()], ..Sources::default() }.resolve());
    assert!(said.contains("no `=`"), "{said}");
    let said = message(Sources { sets: vec!["load=4".to_owned()], ..Sources::default() }.resolve());
    assert!(said.contains("a section"), "{said}");
    let said = message(Sources { sets: vec!["load.rte=4".to_owned()], ..Sources::default() }.resolve());
    assert!(said.contains("did you mean `rate`"), "{said}");
    let said = message(Sources { sets: vec!["output.name=a/b".to_owned()], ..Sources::default() }.resolve());
    assert!(said.contains("a/b"), "{said}");
    let said =
        message(Sources { sets: vec!["target.url=host:8000".to_owned()], ..Sources::default() }.resolve());
    assert!(said.contains("host:8000") && said.contains("http://"), "{said}");
}

#[test]
fn inside_a_cluster_a_name_is_a_url() {
    let sources = Sources {
        sets: vec!["target.url=svc.ns.svc.cluster.local:8000".to_owned()],
        in_cluster: true,
        ..Sources::default()
    };
    assert!(sources.resolve().is_ok());
}

#[test]
fn a_list_is_a_sweep_and_each_point_asks_ten_times_its_level_at_least_a_hundred() {
    let resolved = Sources { flags: flag("concurrency", "1,2,50"), ..Sources::default() }.resolve().unwrap();
    let asked: Vec<String> =
        resolved.points.iter().map(|p| p.spec.load.requests.unwrap().to_string()).collect();
    assert_eq!(asked, ["100", "100", "500"]);
    assert_eq!(resolved.points[2].origin_words()["load.requests"], "derived");
    let flags = [flag("concurrency", "1,50"), flag("requests", "7")].concat();
    let resolved = Sources { flags, ..Sources::default() }.resolve().unwrap();
    assert!(resolved.points.iter().all(|p| p.spec.load.requests.unwrap().to_string() == "7"));
    let resolved =
        Sources { file: Some(file("load:\n  rate: [1, 2.5]\n")), ..Sources::default() }.resolve().unwrap();
    assert_eq!(resolved.points.len(), 2);
    assert_eq!(resolved.points[1].spec.load.rate, Some(2.5));
    let said = message(Sources { flags: flag("concurrency", "4,4"), ..Sources::default() }.resolve());
    assert!(said.contains("twice"), "{said}");
}

#[test]
fn presets_are_the_fields_sweeps() {
    let preset = |preset, env| Sources { preset: Some(preset), env, ..Sources::default() }.resolve();
    let resolved = preset(Preset::EndpointSweep, BTreeMap::new()).unwrap();
    assert_eq!(resolved.sweep.unwrap().levels, [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 250.0]);
    let workload = &resolved.points[0].spec.workload;
    assert_eq!((workload.isl, workload.osl), (2000, Some(256)));
    assert!((workload.isl_stddev - 10.0).abs() < 1e-9);
    let resolved = preset(Preset::EndpointSweep, env(&[("CONCURRENCIES", "20, 3")])).unwrap();
    assert_eq!(resolved.sweep.unwrap().levels, [3.0, 20.0]);
    let said = message(preset(Preset::EndpointSweep, env(&[("CONCURRENCIES", "3,x")])));
    assert!(said.contains("CONCURRENCIES") && said.contains('x'), "{said}");
    let resolved = preset(Preset::LlmPerf, BTreeMap::new()).unwrap();
    assert_eq!(resolved.points.len(), 9);
    let spec = &resolved.points[8].spec;
    let load = spec.load.resolve().unwrap();
    assert_eq!((load.requests, spec.workload.seed, spec.workload.osl), (Some(2560), 100, Some(150)));
}

#[test]
fn secrets_in_headers_are_masked_wherever_the_spec_is_shown() {
    let sources = Sources {
        sets: vec!["target.headers.Authorization=Bearer hunter22".to_owned()],
        ..Sources::default()
    };
    let point = sources.resolve().unwrap().points.remove(0);
    assert!(!point.values().to_string().contains("hunter22"));
    assert!(point.spec.target.headers["Authorization"].contains("hunter22"));
}

#[test]
fn one_url_may_be_plain_text_in_a_file() {
    for text in ["target:\n  url: http://a:1\n", "target:\n  url: [http://a:1]\n"] {
        let point =
            Sources { file: Some(file(text)), ..Sources::default() }.resolve().unwrap().points.remove(0);
        assert_eq!(point.spec.target.url, ["http://a:1"]);
    }
    let schema = jsonschema::validator_for(&tokmark::spec::schema()).unwrap();
    for (url, fits) in
        [(serde_json::json!("http://a"), true), (serde_json::json!(["http://a"]), true), (4.into(), false)]
    {
        assert_eq!(schema.is_valid(&serde_json::json!({"target": {"url": url}})), fits);
    }
}

#[test]
fn a_length_beside_a_file_of_prompts_contradicts_unless_a_weaker_layer_gave_it() {
    let both = "workload:\n  file: x.jsonl\n  isl: 50\n";
    let said = message(Sources { file: Some(file(both)), ..Sources::default() }.resolve());
    assert!(
        said.contains("workload.file") && said.contains("workload.isl") && said.contains("spec.yaml:3"),
        "{said}"
    );
    let sources =
        Sources { preset: Some(Preset::LlmPerf), flags: flag("input", "x.jsonl"), ..Sources::default() };
    let point = sources.resolve().unwrap().points.remove(0);
    assert_eq!((point.spec.workload.isl, point.spec.workload.file.as_deref()), (512, Some("x.jsonl")));
}

#[test]
fn secret_body_fields_are_masked_wherever_the_spec_is_shown() {
    let sources = Sources { flags: flag("extra", "api_key:hunter22"), ..Sources::default() };
    let point = sources.resolve().unwrap().points.remove(0);
    assert!(!point.values().to_string().contains("hunter22"));
    assert_eq!(point.spec.target.extra["api_key"], "hunter22");
}
