//! A BenchmarkConfig is read into our own spec, and nothing in it is dropped silently.

use tokmark::spec::Sources;
use tokmark::spec::resolve::Resolved;

const SAMPLE: &str = include_str!("../samples/benchmark-config.yaml");
const OLDER: &str = include_str!("../samples/benchmark-config-old.yaml");

fn read(text: &str) -> Result<Resolved, tokmark::spec::SpecError> {
    Sources { file: Some(("config.yaml".to_owned(), text.to_owned())), ..Sources::default() }.resolve()
}

#[test]
fn the_sample_becomes_our_spec() {
    let resolved = read(SAMPLE).unwrap();
    assert!(resolved.needs_target);
    let spec = &resolved.points[0].spec;
    assert_eq!(spec.output.name.as_deref(), Some("llm-d-benchmark"));
    assert_eq!(spec.target.model.as_deref(), Some("DeepSeek-V3.1"));
    assert_eq!(spec.deployment.gpus(), Some(16));
    assert_eq!(spec.deployment.workers, Some(2));
    assert_eq!((spec.load.rate, spec.load.max_concurrency), (Some(5.0), Some(10)));
    assert_eq!((spec.workload.isl, spec.workload.osl), (512, Some(256)));
    let load = spec.load.resolve().unwrap();
    assert_eq!(load.duration, Some(tokmark_base::Micros(1_800_000_000)));
    let notes = resolved.notes.join("\n");
    for word in ["spec.cluster", "inference-perf", "not yet", "resources", "config.yaml:"] {
        assert!(notes.contains(word), "`{word}` not in:\n{notes}");
    }
}

#[test]
fn the_older_form_is_migrated_with_a_note() {
    let resolved = read(OLDER).unwrap();
    let spec = &resolved.points[0].spec;
    assert_eq!((spec.load.concurrency, spec.workload.isl), (Some(10), 64));
    assert!(resolved.notes.iter().any(|note| note.contains("older form")), "{:?}", resolved.notes);
}

#[test]
fn what_cannot_be_read_says_where_and_why() {
    for (from, to, words) in [
        ("llm-d.io/v1alpha1", "llm-d.io/v2", "config.yaml:3:13|llm-d.io/v2|v1alpha1"),
        ("kind: BenchmarkConfig", "kind: Benchmark", "kind is `Benchmark`"),
        ("- type: fmperf", "- type: fmpref", "did you mean `fmperf`"),
        ("- type: fmperf", "- type: guidellm", "`guidellm`: not yet"),
        ("concurrent_requests: 10", "concurrent_requests: ten", "ten"),
    ] {
        let said = read(&SAMPLE.replace(from, to)).unwrap_err().to_string();
        for word in words.split('|') {
            assert!(said.contains(word), "`{word}` not in: {said}");
        }
    }
    let resolved = read(&SAMPLE.replace("request_rate: 5", "requestrate: 5")).unwrap();
    let notes = resolved.notes.join("\n");
    assert!(notes.contains("requestrate") && notes.contains("did you mean `request_rate`"), "{notes}");
    assert_eq!(resolved.points[0].spec.load.concurrency, Some(10));
}

#[test]
fn flags_win_over_it() {
    let sources = Sources {
        file: Some(("config.yaml".to_owned(), SAMPLE.to_owned())),
        sets: vec!["load.concurrency=3".to_owned(), "load.duration=1s".to_owned()],
        ..Sources::default()
    };
    let spec = sources.resolve().unwrap().points.remove(0).spec;
    assert_eq!((spec.load.concurrency, spec.load.rate, spec.load.max_concurrency), (Some(3), None, None));
}
