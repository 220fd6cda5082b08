//! What a workload refuses, and what it takes.

use super::*;

#[test]
fn an_empty_spec_is_the_default_and_unknown_keys_are_refused() {
    let spec: WorkloadSpec = serde_json::from_str("{}").unwrap();
    assert_eq!(spec, WorkloadSpec::default());
    assert_eq!((spec.isl, spec.osl, spec.seed), (512, Some(128), 42));
    let none: WorkloadSpec = serde_json::from_str(r#"{"osl": null}"#).unwrap();
    assert_eq!(none.osl, None);
    assert!(serde_json::from_str::<WorkloadSpec>(r#"{"isl_mean": 3}"#).is_err());
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<WorkloadSpec>(&text).unwrap(), spec);
}

#[test]
fn contradictions_name_both_keys() {
    let base = WorkloadSpec::default();
    let cases = [
        WorkloadSpec { isl: 0, ..base.clone() },
        WorkloadSpec { osl: Some(u32::MAX), ..base.clone() },
        WorkloadSpec { isl_stddev: f64::NAN, ..base.clone() },
        WorkloadSpec { osl: None, osl_stddev: 3.0, ..base.clone() },
        WorkloadSpec { prefix: PrefixSpec { pool: 3, ..PrefixSpec::default() }, ..base.clone() },
        WorkloadSpec {
            file: Some("a.jsonl".to_owned()),
            prefix: PrefixSpec { length: 9, ..PrefixSpec::default() },
            ..base.clone()
        },
    ];
    for spec in cases {
        let message = spec.check().unwrap_err().to_string();
        assert!(message.contains("workload.") && message.contains("hint:"), "{message}");
    }
    assert_eq!(base.check(), Ok(()));
}

/// A default workload with `json` in it.
fn spec(json: &str) -> WorkloadSpec {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// Each spec is refused, in words that have both of these in them.
fn refused(cases: &[(&str, &str, &str)]) {
    for (json, one, other) in cases {
        let message = spec(json).check().expect_err(json).to_string();
        assert!(message.contains(one) && message.contains(other), "{json}: {message}");
        assert!(message.contains("\nhint: "), "{json}: {message}");
    }
}

#[test]
fn lengths_and_prefixes_that_contradict_are_refused_with_both_names() {
    refused(&[
        (r#"{"lengths": "D(1,1)", "lengths_file": "l.csv"}"#, "workload.lengths ", "workload.lengths_file"),
        (r#"{"lengths": "D(1,1)", "isl_stddev": 3}"#, "workload.isl_stddev", "workload.lengths"),
        (r#"{"lengths_file": "l.csv", "osl": null}"#, "workload.osl: null", "workload.lengths_file"),
        (r#"{"lengths": "D(1,1)", "file": "f"}"#, "workload.lengths", "workload.file"),
        (r#"{"lengths_file": "l.csv", "dataset": "sharegpt"}"#, "workload.lengths_file", "workload.dataset"),
        (r#"{"file": "f", "dataset": "sharegpt"}"#, "workload.dataset", "workload.file"),
        (r#"{"file": "f", "prefix": {"system": 3}}"#, "workload.prefix.system", "workload.file"),
        (r#"{"file": "f", "prefix": {"ratio": 0.5}}"#, "workload.prefix.ratio", "workload.file"),
        (r#"{"file": "f", "cache_bust": "prefix"}"#, "workload.cache_bust", "workload.file"),
        (r#"{"file": "f", "sessions": {"turns": 3}}"#, "workload.sessions.turns", "workload.file"),
        (r#"{"format": "azure"}"#, "workload.format needs", "workload.file"),
        (r#"{"order": "shuffle"}"#, "workload.order needs", "workload.file"),
        (r#"{"skip_bad_rows": true}"#, "workload.skip_bad_rows needs", "workload.file"),
        (r#"{"file": "f", "from": "3s", "to": "2s"}"#, "workload.from", "workload.to"),
        (r#"{"prefix": {"pool": 2}}"#, "workload.prefix.pool", "workload.prefix.length"),
        (r#"{"prefix": {"choice": "zipf"}}"#, "workload.prefix.choice", "workload.prefix.length"),
        (r#"{"prefix": {"prompts": 2}}"#, "workload.prefix.prompts", "workload.prefix.length"),
        (r#"{"prefix": {"length": 3, "system": 2}}"#, "workload.prefix.system", "pool"),
        (r#"{"prefix": {"ratio": 0.5, "user_context": 2}}"#, "workload.prefix.user_context", "pool"),
        (
            r#"{"prefix": {"ratio": 0.5, "hit_rate": 0.5}}"#,
            "workload.prefix.ratio",
            "workload.prefix.hit_rate",
        ),
        (r#"{"prefix": {"ratio": 0.5, "length": 2}}"#, "workload.prefix.length", "workload.prefix.ratio"),
        (r#"{"prefix": {"ratio": 0.5}, "lengths": "D(9,9)"}"#, "workload.prefix.ratio", "workload.lengths"),
        (
            r#"{"prefix": {"ratio": 0.5}, "sessions": {"turns": 2}}"#,
            "workload.prefix.ratio",
            "workload.sessions.turns",
        ),
        (r#"{"prefix": {"hit_rate": 0.5}, "entries": 9}"#, "workload.prefix.hit_rate", "workload.entries"),
        (
            r#"{"prefix": {"hit_rate": 0.5, "prompts": 9}}"#,
            "workload.prefix.hit_rate",
            "workload.prefix.prompts",
        ),
        (
            r#"{"prefix": {"hit_rate": 0.5}, "cache_bust": "prefix"}"#,
            "workload.prefix.hit_rate",
            "workload.cache_bust",
        ),
        (
            r#"{"prefix": {"hit_rate": 0.5}, "classes": [{"model": "a"}, {"model": "b"}]}"#,
            "workload.prefix.hit_rate",
            "workload.classes",
        ),
        (r#"{"prefix": {"ratio": 1}}"#, "workload.prefix.ratio", "workload.isl"),
        (r#"{"cache_bust": "suffix"}"#, "workload.cache_bust", "workload.prefix.length"),
        (r#"{"cache_bust": "prefix", "isl": 7}"#, "workload.cache_bust", "workload.isl"),
    ]);
}

#[test]
fn sessions_and_classes_that_contradict_are_refused_with_both_names() {
    refused(&[
        (r#"{"sessions": {"delay": "1s"}}"#, "workload.sessions.delay", "workload.sessions.turns"),
        (
            r#"{"sessions": {"turns": 2, "delay_stddev": "1s"}}"#,
            "delay_stddev needs",
            "workload.sessions.delay\n",
        ),
        (
            r#"{"sessions": {"turns": 2, "delay": "1s", "delay_stddev": "1s", "delay_law": "exponential"}}"#,
            "delay_stddev",
            "delay_law",
        ),
        (r#"{"sessions": {"turns": 2, "delay_ratio": 2}}"#, "delay_ratio", "workload.file"),
        (r#"{"classes": [{"weight": 0.5}, {"weight": 0.4}]}"#, "workload.classes", "0.9"),
        (r#"{"prefix": {"length": 9, "zipf_alpha": 2}}"#, "zipf_alpha needs", "workload.prefix.choice: zipf"),
        (r#"{"sessions": {"history": "none"}}"#, "history: none needs", "workload.sessions.turns"),
        (r#"{"cancel": {"after": "1s"}}"#, "workload.cancel.after needs", "workload.cancel.share"),
        (r#"{"classes": [{"weight": 0}]}"#, "workload.classes sum to 0", "above 0"),
        (r#"{"classes": [{"weight": 0.5}, {}]}"#, "workload.classes[0]", "workload.classes[1]"),
        (r#"{"classes": [{"name": "a"}, {"name": "a"}]}"#, "workload.classes", "`a`"),
    ]);
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    for (json, key) in [
        (r#"{"prefix": {"ratio": 1.5}}"#, "workload.prefix.ratio is 1.5"),
        (r#"{"prefix": {"hit_rate": -0.1}}"#, "workload.prefix.hit_rate is -0.1"),
        (r#"{"prefix": {"length": 1, "zipf_alpha": -1}}"#, "workload.prefix.zipf_alpha"),
        (r#"{"prefix": {"length": 1, "choice": "zipf", "pool": 4294967295}}"#, "workload.prefix.pool"),
        (r#"{"prefix": {"length": 1, "prompts": 0}}"#, "workload.prefix.prompts is 0"),
        (r#"{"prefix": {"system": 10000001}}"#, "workload.prefix.system is 10000001"),
        (r#"{"sessions": {"turns": 0}}"#, "workload.sessions.turns is 0"),
        (r#"{"sessions": {"turns": 5000}}"#, "workload.sessions.turns is 5000"),
        (r#"{"sessions": {"turns_stddev": -1}}"#, "workload.sessions.turns_stddev"),
        (r#"{"cancel": {"share": 1.1}}"#, "workload.cancel.share"),
        (r#"{"lengths": "N(1,2)"}"#, "workload.lengths `N(1,2)`, character 7"),
        (r#"{"isl_stddev": 1e300}"#, "workload.isl_stddev is 1e300\n"),
        (r#"{"prefix": {"zipf_alpha": -1e300}}"#, "workload.prefix.zipf_alpha is -1e300\n"),
        (r#"{"classes": [{"weight": -1}]}"#, "workload.classes[0].weight"),
    ] {
        let message = spec(json).check().expect_err(json).to_string();
        assert!(message.contains(key) && message.contains("\nhint: "), "{json}: {message}");
    }
    let ahead = WorkloadSpec {
        cancel: CancelSpec { share: 0.5, after: Duration(tokmark_base::Micros(-1)) },
        ..WorkloadSpec::default()
    };
    assert!(ahead.check().unwrap_err().to_string().contains("workload.cancel.after is -1 µs"));
}

#[test]
fn what_goes_together_is_taken() {
    for json in [
        r#"{"prefix": {"length": 9, "pool": 3, "choice": "zipf", "prompts": 4}, "cache_bust": "suffix"}"#,
        r#"{"prefix": {"ratio": 0.5, "pool": 20}, "sessions": {"turns": 2, "history": "none"}}"#,
        r#"{"prefix": {"system": 9, "user_context": 4}, "sessions": {"turns": 2, "delay": "1s", "delay_stddev": "1s"}}"#,
        r#"{"prefix": {"hit_rate": 0.9, "pool": 20}, "cache_bust": "suffix", "classes": [{"priority": 1}, {}]}"#,
        r#"{"lengths": "256|10,128|5:40;512|20,256|10:60", "classes": [{"weight": 3}, {"weight": 1}]}"#,
        r#"{"lengths_file": "l.csv", "skip_bad_rows": true}"#,
        r#"{"file": "f", "sessions": {"delay": "1s", "delay_ratio": 0.5, "history": "none"}, "order": "shuffle"}"#,
        r#"{"cache_bust": "prefix"}"#,
        r#"{"cache_bust": "run", "isl": 1}"#,
        r#"{"cache_bust": "run", "file": "f"}"#,
    ] {
        assert_eq!(spec(json).check(), Ok(()), "{json}");
    }
}
