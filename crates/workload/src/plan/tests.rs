//! What a plan says for a spec, and what its digest is of.

use super::*;
use crate::course::index_of;
use crate::load::LoadSpec;
use crate::source::synthetic::tests::Letters;
use crate::spec::CacheBust;

fn plan(spec: &WorkloadSpec) -> Plan {
    Plan::new(spec, Seed(spec.seed), Inputs::synthetic(Arc::new(Letters))).unwrap()
}

fn load(json: &str) -> Load {
    serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap()
}

#[test]
fn entries_wrap_and_a_warm_up_starts_at_the_far_end() {
    let spec = WorkloadSpec { isl: 20, entries: Some(10), ..WorkloadSpec::default() };
    let plan = plan(&spec);
    let prompt = |i| plan.request(i).prompt;
    assert_eq!(prompt(3), prompt(13));
    assert_ne!(prompt(3), prompt(4));
    assert_eq!(prompt(index_of(Phase::Warmup, 0)), prompt(9));
    assert_eq!(plan.request(13).index, 13);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    // Pinned: one seed gives these bytes on every machine. A change here is a new GENERATOR_VERSION.
    let spec = WorkloadSpec { isl: 12, isl_stddev: 3.0, osl_stddev: 20.0, ..WorkloadSpec::default() };
    let requests: Vec<_> = (0..3).map(|i| plan(&spec).request(i)).collect();
    let seen: Vec<_> = requests.iter().map(|r| (r.isl, r.osl, &r.prompt)).collect();
    let text = |t: &str| Prompt::Text(t.to_owned());
    assert_eq!(
        seen,
        [
            (Some(1), Some(162), &text("i")),
            (Some(13), Some(100), &text("xsymtchrnfvqv")),
            (Some(12), Some(78), &text("arwxwrmfkomi"))
        ]
    );
}

#[test]
fn the_digest_is_of_what_is_said_and_when_and_of_nothing_else() {
    let spec = WorkloadSpec::default();
    let base = plan(&spec).digest(&load("{}"));
    assert_eq!(base.len(), 64);
    for same in [r#"{"requests": 5000, "warmup": 20}"#, r#"{"duration": "1m", "grace": "1s"}"#] {
        assert_eq!(plan(&spec).digest(&load(same)), base, "{same}");
    }
    let mut seen = std::collections::BTreeSet::from([base]);
    for other in [
        r#"{"concurrency": 9}"#,
        r#"{"rate": 9}"#,
        r#"{"rate": 9, "arrival": "constant"}"#,
        r#"{"ramp": "9s"}"#,
    ] {
        assert!(seen.insert(plan(&spec).digest(&load(other))), "{other}");
    }
    for other in [
        WorkloadSpec { isl: 513, ..spec.clone() },
        WorkloadSpec { isl_stddev: 1.0, ..spec.clone() },
        WorkloadSpec { osl: None, ..spec.clone() },
        WorkloadSpec { osl: Some(1), ..spec.clone() },
        WorkloadSpec { entries: Some(512), ..spec.clone() },
        WorkloadSpec { seed: 43, ..spec.clone() },
        WorkloadSpec { prefix: crate::spec::PrefixSpec { length: 1, ..Default::default() }, ..spec },
    ] {
        assert!(seen.insert(plan(&other).digest(&load("{}"))), "{other:?}");
    }
}

#[test]
fn every_key_that_decides_words_is_in_the_digest_and_no_other() {
    let read =
        |json: &str| serde_json::from_str::<WorkloadSpec>(json).unwrap_or_else(|e| panic!("{json}: {e}"));
    let digest = |json: &str| plan(&read(json)).digest(&load("{}"));
    let sets = [
        r#"{"lengths": "D(512,128)"}"#,
        r#"{"lengths": "N(512,9)/(128,9)"}"#,
        r#"{"lengths": "512,128:50;256,128:50"}"#,
        r#"{"lengths": "512,128:40;256,128:60"}"#,
        r#"{"prefix": {"length": 9}}"#,
        r#"{"prefix": {"length": 9, "pool": 2}}"#,
        r#"{"prefix": {"length": 9, "pool": 2, "choice": "zipf"}}"#,
        r#"{"prefix": {"length": 9, "pool": 2, "choice": "zipf", "zipf_alpha": 2}}"#,
        r#"{"prefix": {"length": 9, "pool": 2, "prompts": 3}}"#,
        r#"{"prefix": {"system": 9}}"#,
        r#"{"prefix": {"user_context": 9}}"#,
        r#"{"prefix": {"ratio": 0.5}}"#,
        r#"{"prefix": {"hit_rate": 0.5}}"#,
        r#"{"prefix": {"length": 9}, "cache_bust": "prefix"}"#,
        r#"{"prefix": {"length": 9}, "cache_bust": "suffix"}"#,
        r#"{"prefix": {"length": 9}, "cache_bust": "run"}"#,
        r#"{"sessions": {"turns": 2}}"#,
        r#"{"sessions": {"turns_stddev": 2}}"#,
        r#"{"sessions": {"turns": 2, "delay": "1s"}}"#,
        r#"{"sessions": {"turns": 2, "delay": "1s", "delay_stddev": "1s"}}"#,
        r#"{"sessions": {"turns": 2, "delay": "1s", "delay_law": "exponential"}}"#,
        r#"{"sessions": {"turns": 2, "history": "none"}}"#,
        r#"{"classes": [{}]}"#,
        r#"{"classes": [{"name": "a", "model": "m", "adapter": true}]}"#,
        r#"{"classes": [{"name": "a", "priority": 1}]}"#,
        r#"{"classes": [{"name": "a"}, {"name": "b"}]}"#,
        r#"{"classes": [{"name": "a", "weight": 2}, {"name": "b", "weight": 1}]}"#,
        r#"{"cancel": {"share": 0.5, "after": "1s"}}"#,
        r#"{"cancel": {"share": 0.5, "after": "2s"}}"#,
        r#"{"offset": 3}"#,
    ];
    let seen: std::collections::BTreeSet<_> = sets.iter().map(|json| digest(json)).collect();
    assert_eq!(seen.len(), sets.len());
    assert!(!seen.contains(&digest("{}")));
    for (one, other) in [
        ("{}", r#"{"sessions": {"header": null}}"#),
        (r#"{"classes": [{}]}"#, r#"{"classes": [{"name": "a", "model": "m"}]}"#),
        (
            r#"{"classes": [{"name": "a"}]}"#,
            r#"{"classes": [{"name": "a", "headers": {"x": "y"}, "extra": {"k": 1}}]}"#,
        ),
        (
            r#"{"classes": [{"name": "a", "weight": 2}, {"name": "b", "weight": 1}]}"#,
            r#"{"classes": [{"name": "a", "weight": 4}, {"name": "b", "weight": 2}]}"#,
        ),
        (r#"{"lengths": "D(100,100)"}"#, r#"{"lengths": " D( 100,100 ) "}"#),
        (r#"{"lengths": "1,2:40;3,4:60"}"#, r#"{"lengths": "[(1,2):40,(3,4):60]"}"#),
    ] {
        assert_eq!(digest(one), digest(other), "{one} {other}");
    }
    let busted = read(r#"{"cache_bust": "prefix"}"#);
    let salted = |salt| {
        let inputs = Inputs { salt, ..Inputs::synthetic(Arc::new(Letters)) };
        let plan = Plan::new(&busted, Seed(1), inputs).unwrap();
        (plan.digest(&load("{}")), plan.request(0).prompt)
    };
    assert_eq!(salted(Some(1)), salted(Some(1)));
    assert_eq!(salted(Some(1)).0, salted(Some(2)).0);
    assert_ne!(salted(Some(1)).1, salted(Some(2)).1);
    assert_ne!(salted(Some(1)).1, salted(None).1);
}

#[test]
fn each_run_can_have_words_of_its_own_and_nothing_else() {
    let spec: WorkloadSpec = serde_json::from_str(
        r#"{"isl": 20, "isl_stddev": 5, "osl_stddev": 9, "cache_bust": "run", "prefix": {"length": 30, "pool": 2, "prompts": 2},
            "sessions": {"turns": 2, "turns_stddev": 1}, "classes": [{}, {}], "cancel": {"share": 0.3}}"#,
    )
    .unwrap();
    let of = |spec: &WorkloadSpec, salt| {
        Plan::new(spec, Seed(1), Inputs { salt, ..Inputs::synthetic(Arc::new(Letters)) }).unwrap()
    };
    let runs = [of(&spec, Some(1)), of(&spec, Some(2))];
    assert_eq!(runs[0].digest(&load("{}")), runs[1].digest(&load("{}")));
    let seeds = of(&WorkloadSpec { cache_bust: CacheBust::None, ..spec.clone() }, None);
    assert_eq!(of(&spec, None).request(0), seeds.request(0));
    let indices = || (0..60).map(|item| Numbering::Turns.index(Phase::Profiling, item, 0));
    for index in indices() {
        let [one, other] = [&runs[0], &runs[1]].map(|run| run.request(index));
        assert_ne!(one.prompt, other.prompt);
        let plain = seeds.request(index);
        for request in [one, other] {
            assert_ne!(request.prompt, plain.prompt);
            assert_eq!(PlannedRequest { prompt: plain.prompt.clone(), ..request }, plain);
        }
        assert_eq!(runs[0].shape(index), seeds.shape(index));
        assert_eq!((runs[0].turns(index), runs[0].delay(index)), (seeds.turns(index), seeds.delay(index)));
    }
    // What is shared within a run stays shared: two prefixes, each with two own parts, and no more.
    let begins = |plan: &Plan| {
        let text = |index| match plan.request(index).prompt {
            Prompt::Text(text) => text.chars().take(30).collect::<String>(),
            other => panic!("{other:?}"),
        };
        indices().map(text).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((begins(&runs[0]).len(), begins(&runs[1]).len()), (2, 2));
    assert!(begins(&runs[0]).is_disjoint(&begins(&runs[1])));
}

#[test]
fn a_file_without_its_lines_is_an_error() {
    let spec = WorkloadSpec { file: Some("p.jsonl".to_owned()), ..WorkloadSpec::default() };
    let error = Plan::new(&spec, Seed(1), Inputs::synthetic(Arc::new(Letters))).err();
    assert_eq!(error, Some(WorkloadError::Source));
}
