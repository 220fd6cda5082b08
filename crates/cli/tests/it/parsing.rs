//! The command line as clap reads it.

use clap::Parser;
use tokmark::args::{Cli, Verb};
use tokmark::environment::Environment;
use tokmark::source::sources;
use tokmark::spec::Spec;

fn spec(args: &str) -> Spec {
    let words = ["tokmark", "bench"].into_iter().chain(args.split_whitespace());
    let Verb::Bench(args) = Cli::try_parse_from(words).unwrap().verb else { panic!("not bench") };
    sources(&args.source, &Environment::default()).unwrap().resolve().unwrap().points.remove(0).spec
}

#[test]
fn flags_land_where_the_table_says() {
    let spec = spec(
        "http://a:1 http://b:2 -m llama --endpoint completions --no-stream -H X-A:1 -H X-B:2 --extra top_p:0.9 \
         --extra {\"stop\":[\"x\"]} --no-ignore-eos --rate 2.5 --arrival gamma --burstiness 0.5 --requests 10k \
         --max-concurrency 64 --isl 100 --osl none --gpus 8 --tp 4 --workers 2 --no-gate --wait 300s --count-tokens tokenizer",
    );
    assert_eq!(spec.target.url, ["http://a:1", "http://b:2"]);
    assert_eq!(spec.target.model.as_deref(), Some("llama"));
    assert!(!spec.target.streaming && !spec.target.ignore_eos && !spec.gate.enabled);
    assert_eq!(spec.target.headers.len(), 2);
    assert_eq!(spec.target.extra["top_p"], 0.9);
    assert_eq!(spec.target.extra["stop"][0], "x");
    assert_eq!((spec.load.rate, spec.load.max_concurrency), (Some(2.5), Some(64)));
    assert_eq!(spec.load.requests.unwrap().to_string(), "10000");
    assert_eq!((spec.workload.isl, spec.workload.osl), (100, None));
    assert_eq!(spec.deployment.gpus(), Some(8));
    assert_eq!(spec.gate.wait.to_string(), "5m");
}

#[test]
fn nothing_typed_is_the_documented_default() {
    let spec = spec("");
    assert_eq!((spec.load.concurrency, spec.load.requests.unwrap().to_string()), (Some(8), "200".to_owned()));
    assert_eq!((spec.workload.isl, spec.workload.osl), (512, Some(128)));
    assert!(spec.target.url.is_empty() && spec.target.streaming);
}
