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
        (
            "workload:\n  isl: 99999999999\n",
            "workload.isl|spec.yaml:2:8|99999999999 is too large|the most is 10000000",
        ),
        ("workload:\n  isl_stddev: 1e300\n", "isl_stddev is 1e300\n|from 0 to 10000000"),
        ("workload:\n  classes: [{wieght: 1}]\n", "spec.yaml:2:|unknown key `wieght`|did you mean `weight`"),
        ("load:\n  stages: [{rats: 1}]\n", "spec.yaml:2:|unknown key `rats`|did you mean `rate`"),
        ("workload:\n  classes: [{weight: 0}]\n", "workload.classes sum to 0\n|above 0"),
        ("gate:\n  enabled: perhaps\n", "gate.enabled|spec.yaml:2:12|perhaps"),
    ] {
        let said = message(Sources { file: Some(file(text)), ..Sources::default() }.resolve());
        for word in words.split('|') {
            assert!(said.contains(word), "`{word}` not in: {said}");
        }
    }
}

#[test]
fn what_does_not_go_together_is_told_with_who_gave_it() {
    let said = |text: &str, flags: Vec<tokmark::spec::layers::Setting>, pairs: &[(&str, &str)]| {
        message(Sources { file: Some(file(text)), flags, env: env(pairs), ..Sources::default() }.resolve())
    };
    for (said, words) in [
        (
            said("load:\n  rate: 4\n  ramp: 5s\n", flag("on", "1s"), &[("TOKMARK_OFF", "1s")]),
            "--on|load.ramp (file spec.yaml:3:9)|hint:",
        ),
        (
            said("workload:\n  prefix: {length: 9}\n", flag("prefix-ratio", "0.5"), &[]),
            "workload.prefix.length (file spec.yaml:2:20)|--prefix-ratio|contradict",
        ),
        (
            said("", flag("order", "shuffle"), &[("TOKMARK_ISL", "9")]),
            "--order needs workload.file (--input)\nhint:",
        ),
        (
            said("", Vec::new(), &[("TOKMARK_ARRIVAL", "gamma")]),
            "load.arrival (env TOKMARK_ARRIVAL) needs load.rate (--rate)",
        ),
        (said("", flag("burstiness", "2"), &[]), "--burstiness needs load.arrival: gamma (--arrival gamma)"),
        (
            said("workload:\n  cache_bust: suffix\n", Vec::new(), &[]),
            "workload.cache_bust: suffix (file spec.yaml:2:15) needs workload.prefix.length (--prefix-length)",
        ),
        (
            said("workload:\n  osl: null\n", flag("osl-stddev", "2"), &[]),
            "--osl-stddev|workload.osl: null (file spec.yaml:2:8)",
        ),
        (
            said("", flag("zipf-alpha", "2"), &[]),
            "--zipf-alpha needs workload.prefix.choice: zipf (--prefix-choice zipf)",
        ),
        (said("", flag("history", "none"), &[]), "--history none needs workload.sessions.turns (--turns)"),
        (
            said("", flag("cancel-after", "1s"), &[]),
            "--cancel-after needs workload.cancel.share (--cancel-share)",
        ),
    ] {
        for word in words.split('|') {
            assert!(said.contains(word), "`{word}` not in: {said}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_named_target_shows_how_one_is_written() {
    let said = |text: &str| {
        let key = KEYS.iter().find(|key| key.flag == "target").unwrap();
        match of_words(key, text, &Origin::Flag("--target".to_owned())) {
            Ok(flags) => message(Sources { flags, ..Sources::default() }.resolve()),
            Err(error) => error.to_string(),
        }
    };
    for (text, words) in [
        ("bad", "`bad`|NAME:URL|NAME:KEY=VALUE"),
        ("a:foo.bar=1", "unknown key `foo.bar`|known here: |workload|router"),
        ("a:router.polcy=kv", "did you mean `policy`"),
        ("a:worklod.isl=kv", "did you mean `workload`"),
        ("a:workload.isl.more=1", "unknown key `workload.isl.more`"),
    ] {
        let said = said(text);
        assert!(!said.contains("temperature"), "{said}");
        for word in words.split('|') {
            assert!(said.contains(word), "`{word}` not in: {said}");
        }
    }
}

#[test]
fn never_repeat_without_a_sweep_is_noted() {
    let notes = |flags| Sources { flags, ..Sources::default() }.resolve().unwrap().notes;
    let never = || flag("never-repeat", "true");
    assert!(notes(never())[0].contains("workload.never_repeat has no effect"));
    assert_eq!(notes([never(), flag("concurrency", "1,2")].concat()), Vec::<String>::new());
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
fn presets_work_out_their_deviations_from_what_holds() {
    let specs = |preset, flags: Vec<_>| {
        let points = Sources { preset: Some(preset), flags, ..Sources::default() }.resolve().unwrap().points;
        points.into_iter().map(|point| point.spec.workload).collect::<Vec<_>>()
    };
    let deviations =
        |preset, flags| specs(preset, flags).iter().map(|w| (w.isl_stddev, w.osl_stddev)).collect::<Vec<_>>();
    // prefix_ratio_benchmark.py: a quarter of what is the prompt's own, and of the output, each rounded.
    let ratio = Preset::PrefixRatio;
    assert_eq!(deviations(ratio, Vec::new())[..2], [(3_150.0, 50.0), (2_450.0, 50.0)]);
    let one = || [flag("prefix-ratio", "0.5"), flag("isl", "600"), flag("osl", "4")].concat();
    assert_eq!(deviations(ratio, one()), [(75.0, 1.0)]);
    assert_eq!(specs(ratio, one())[0].seed, 0);
    assert_eq!(deviations(ratio, [one(), flag("osl-stddev", "0")].concat()), [(75.0, 0.0)]);
    assert_eq!(
        deviations(ratio, [flag("prefix-ratio", "0.5"), flag("osl", "none")].concat()),
        [(1_750.0, 0.0)]
    );
    let tiers = Preset::PriorityTiers;
    assert_eq!(deviations(tiers, Vec::new()), [(1_000.0, 50.0); 2]);
    let short = [flag("isl", "10"), flag("osl", "6")].concat();
    // As Python rounds: 2.5 to 2, 1.5 to 2.
    assert_eq!(deviations(tiers, short), [(2.0, 2.0); 2]);
    assert_eq!(deviations(tiers, flag("isl-stddev", "7")), [(7.0, 50.0); 2]);
}

#[test]
fn the_two_targets_of_priority_tiers_differ_in_priorities_alone() {
    let points =
        Sources { preset: Some(Preset::PriorityTiers), ..Sources::default() }.resolve().unwrap().points;
    let [baseline, tagged] = &points[..] else { panic!("{points:?}") };
    assert_eq!([&baseline.target, &tagged.target].map(|t| t.as_deref()), [Some("baseline"), Some("tagged")]);
    let mut same = tagged.spec.clone();
    same.workload.classes.iter_mut().for_each(|class| class.priority = None);
    assert_eq!(same, baseline.spec);
    assert_ne!(tagged.spec, baseline.spec);
    assert_eq!(baseline.spec.workload.cache_bust, tokmark_workload::spec::CacheBust::Run);
}

#[test]
fn presets_give_way_to_a_file() {
    let spec = |preset, flags: Vec<_>| {
        let flags = [flag("input", "t.jsonl"), flags].concat();
        let resolved = Sources { preset: Some(preset), flags, ..Sources::default() }.resolve();
        resolved.unwrap_or_else(|e| panic!("{e}")).points.remove(0).spec
    };
    let turns = spec(Preset::MultiTurn, Vec::new());
    assert_eq!((turns.workload.sessions.turns, turns.workload.sessions.delay.0.0), (1, 0));
    assert_eq!((turns.load.concurrency, turns.load.sessions), (Some(10), Some(50)));
    let given = flag("turn-delay", "3s");
    assert_eq!(spec(Preset::MultiTurn, given).workload.sessions.delay.0.0, 3_000_000);
    let tiers = spec(Preset::PriorityTiers, Vec::new());
    assert_eq!((tiers.load.arrival, tiers.load.rate), (Some(tokmark_workload::ArrivalKind::Trace), None));
    assert_eq!((tiers.load.requests, tiers.load.concurrency), (None, None));
    assert_eq!((tiers.workload.isl_stddev, tiers.workload.osl_stddev), (0.0, 0.0));
    // A pace that was asked for holds.
    let paced = spec(Preset::PriorityTiers, flag("rate", "8"));
    assert_eq!(
        (paced.load.arrival, paced.load.rate),
        (Some(tokmark_workload::ArrivalKind::Poisson), Some(8.0))
    );
    assert_eq!(paced.load.requests.unwrap().to_string(), "400");
}

#[test]
fn how_a_trace_is_replayed_says_that_it_is() {
    let resolve = |flags: &[(&str, &str)]| {
        let flags = flags.iter().flat_map(|(name, value)| flag(name, value)).collect();
        Sources { flags, ..Sources::default() }.resolve()
    };
    for how in [("replay-speed", "2"), ("idle-cap", "1s")] {
        let point = resolve(&[("input", "t.jsonl"), how]).unwrap().points.remove(0);
        assert_eq!(point.spec.load.arrival, Some(tokmark_workload::ArrivalKind::Trace));
        assert_eq!(point.origin_words()["load.arrival"], "derived");
        assert_eq!((point.spec.load.concurrency, point.spec.load.requests), (None, None));
        let said = message(resolve(&[("input", "t.jsonl"), how, ("concurrency", "4")]));
        assert!(said.contains(how.0) && said.contains("(--arrival trace)"), "{said}");
        assert!(message(resolve(&[how])).contains("needs load.arrival: trace"));
    }
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
