//! Every family of a real scrape stands in the catalogue as it is, and what we write reads as what was scraped.

use std::collections::{BTreeMap, BTreeSet};

use tokmark_record::catalogue::{
    Catalogue, Dialect, Exposition, Histogram, Kind, Metric, Part, Server, find, vllm,
};

use crate::scrape::{Family, families};

const VLLM: &str = include_str!("../fixtures/vllm-0.32-metrics.txt");
const VLLM_FEATURES: &str = include_str!("../fixtures/vllm-0.32-features-metrics.txt");
const SGLANG: &str = include_str!("../fixtures/sglang-0.5.23-collector-metrics.txt");
const FRONTEND: &str = include_str!("../fixtures/dynamo-1.6.1-frontend-metrics.txt");
const WORKER_VLLM: &str = include_str!("../fixtures/dynamo-1.6.1-worker-vllm-metrics.txt");
const WORKER_SGLANG: &str = include_str!("../fixtures/dynamo-1.6.1-worker-sglang-metrics.txt");
const WORKER_TRTLLM: &str = include_str!("../fixtures/dynamo-1.6.1-worker-trtllm-metrics.txt");

/// Bounds of vLLM's histograms of a request's tokens at the `--max-model-len` of the scrape, and of SGLang's delayer at the
/// maximum the fixture names.
fn configured_bounds(name: &str) -> Vec<f64> {
    match name {
        "sglang:prefill_delayer_wait_forward_passes" => vec![0.0, 5.0, 20.0, 29.0],
        _ => vllm::token_buckets(4096),
    }
}

fn assert_same(metric: &Metric, family: &Family) {
    let name = metric.name;
    assert_eq!(metric.kind.exposed(), family.kind, "type of {name}");
    let ours: BTreeSet<String> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
    if metric.kind == Kind::Info {
        assert!(ours.is_subset(&family.labels), "labels of {name}: {:?}", family.labels);
    } else {
        assert_eq!(ours, family.labels, "labels of {name}");
    }
    if metric.kind == Kind::Histogram {
        let bounds = metric.buckets.map_or_else(|| configured_bounds(name), <[f64]>::to_vec);
        assert_eq!(bounds, family.bounds, "bounds of {name}");
    }
}

/// Families but for the `_created` gauges of the Python client.
fn real(text: &str) -> BTreeMap<String, Family> {
    families(text).into_iter().filter(|(name, _)| !name.ends_with("_created")).collect()
}

/// Checks a whole scrape of `server` and says which of our names it lacks.
fn lacking(server: Server, scrapes: &[&str]) -> BTreeSet<&'static str> {
    let seen: BTreeMap<String, Family> = scrapes.iter().flat_map(|text| real(text)).collect();
    for (name, family) in &seen {
        let metric = Catalogue::of(server).iter().find(|metric| metric.name == name);
        assert_same(
            metric.unwrap_or_else(|| panic!("{server} exposes {name}, which we do not know")),
            family,
        );
    }
    Catalogue::of(server).iter().map(|metric| metric.name).filter(|name| !seen.contains_key(*name)).collect()
}

#[test]
fn vllm_is_as_scraped() {
    let lacking_by_default = lacking(Server::Vllm, &[VLLM]);
    for name in &lacking_by_default {
        let (_, metric) = find(name).unwrap();
        assert!(metric.needs.is_some(), "{name} is not in the default scrape and does not say what it needs");
    }
    let lacking = lacking(Server::Vllm, &[VLLM, VLLM_FEATURES]);
    for metric in Catalogue::of(Server::Vllm) {
        let seen = !lacking.contains(metric.name);
        assert_eq!(seen, metric.source == "scrape of vLLM 0.32.0", "source of {}", metric.name);
    }
    // Counters that need an environment variable or a connector no CPU here has.
    let connectors = lacking.iter().filter(|name| name.contains("nixl_") || name.contains("kv_offload_"));
    assert_eq!((lacking.len(), connectors.count()), (21, 18));
}

#[test]
fn sglang_is_as_its_own_collectors_say() {
    let lacking: Vec<_> = lacking(Server::Sglang, &[SGLANG]).into_iter().collect();
    assert_eq!(
        lacking,
        [
            "sglang:func_latency_seconds",
            "sglang:http_requests_active",
            "sglang:http_requests_total",
            "sglang:http_responses_total",
            "sglang:process_cpu_seconds_total",
            "sglang:routing_keys_active",
            "sglang:startup_latency_breakdown_seconds_max",
        ]
    );
}

/// A worker's scrape without the metrics its mocked engine borrows from the real ones.
fn of_dynamo_alone(text: &str) -> String {
    let mut borrowed = false;
    let lines = text.lines().filter(|line| {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            borrowed = find(name).is_some_and(|(server, _)| server != Server::Dynamo);
        }
        !borrowed
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn dynamo_is_as_scraped() {
    let workers = [WORKER_VLLM, WORKER_SGLANG, WORKER_TRTLLM].map(of_dynamo_alone);
    let lacking = lacking(Server::Dynamo, &[FRONTEND, &workers[0], &workers[1], &workers[2]]);
    for metric in Catalogue::of(Server::Dynamo) {
        let seen = !lacking.contains(metric.name);
        let from_a_run = metric.source.starts_with("scrape of Dynamo 1.6.1");
        assert_eq!(seen, from_a_run, "source of {}", metric.name);
    }
    let frontend = real(FRONTEND);
    for metric in Catalogue::of(Server::Dynamo).iter().filter(|metric| !lacking.contains(metric.name)) {
        let part = if frontend.contains_key(metric.name) { Part::Frontend } else { Part::Worker };
        assert_eq!(metric.part, part, "part of {}", metric.name);
    }
}

#[test]
fn what_a_mocker_borrows_has_the_types_and_bounds_of_the_engine_and_some_of_its_labels() {
    let mut borrowed = 0;
    for (server, text) in [(Server::Vllm, WORKER_VLLM), (Server::Sglang, WORKER_SGLANG)] {
        for (name, family) in real(text) {
            let Some(metric) = Catalogue::of(server).iter().find(|metric| metric.name == name) else {
                continue;
            };
            borrowed += 1;
            assert_eq!(metric.kind.exposed(), family.kind, "type of {name}");
            assert_eq!(metric.buckets.unwrap_or_default(), family.bounds, "bounds of {name}");
            assert!(
                family.labels.iter().all(|label| metric.labels.contains(&label.as_str())),
                "labels of {name}"
            );
        }
    }
    assert_eq!(borrowed, 14);
}

/// Puts a real scrape through our writer. Sums cannot be put into a histogram from outside and beginnings differ by microseconds,
/// so those values are left out of the comparison, on both sides.
fn rewritten(server: Server, dialect: Dialect, text: &str) -> String {
    let mut exposition = Exposition::of(server, 0.0).in_dialect(dialect);
    for (name, family) in real(text) {
        let metric = Catalogue::of(server).iter().find(|metric| metric.name == name).unwrap();
        match metric.kind {
            Kind::Counter | Kind::Gauge => {
                for sample in &family.samples {
                    let labels: Vec<_> =
                        sample.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                    exposition.set(&name, &labels, sample.value).unwrap();
                }
            }
            Kind::Info => exposition.info(&name, &family.samples[0].without_le()).unwrap(),
            Kind::Histogram => {
                let mut series: BTreeMap<Vec<(&str, &str)>, Vec<f64>> = BTreeMap::new();
                for sample in family.samples.iter().filter(|sample| sample.le().is_some()) {
                    series.entry(sample.without_le()).or_default().push(sample.value);
                }
                for (labels, totals) in series {
                    exposition.histogram(&name, &labels, &observed(&family.bounds, &totals)).unwrap();
                }
            }
        }
    }
    exposition.text()
}

/// A histogram with these cumulated counts.
fn observed(bounds: &[f64], totals: &[f64]) -> Histogram {
    let mut histogram = Histogram::new(bounds).unwrap();
    let mut before = 0.0;
    for (at, total) in totals.iter().enumerate() {
        let value = bounds.get(at).copied().unwrap_or(f64::MAX / 1e9);
        histogram.observe_many(value, (total - before) as u64);
        before = *total;
    }
    histogram
}

/// The lines of a scrape that can be compared: by family, its series in order of their labels.
fn comparable(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && (!line.starts_with('#') || line.starts_with("# TYPE")));
    lines
        .map(|line| {
            let series = line.rsplit_once(' ').unwrap().0;
            let name = series.split('{').next().unwrap();
            let is_sample = !line.starts_with('#');
            let open = is_sample && (name.ends_with("_sum") || name.ends_with("_created"));
            if open { series.to_owned() } else { line.to_owned() }
        })
        .collect()
}

#[test]
fn a_real_scrape_comes_out_of_our_writer_as_it_went_in() {
    for text in [VLLM, VLLM_FEATURES] {
        assert_eq!(comparable(&rewritten(Server::Vllm, Dialect::Python, text)), comparable(text));
    }
    assert_eq!(comparable(&rewritten(Server::Sglang, Dialect::PythonProcesses, SGLANG)), comparable(SGLANG));
    assert_eq!(comparable(&rewritten(Server::Dynamo, Dialect::Rust, FRONTEND)), comparable(FRONTEND));
}

/// The order of the lines of one series, which the sets above do not see.
#[test]
fn a_histogram_has_its_lines_in_the_order_of_the_real_one() {
    let cases = [
        (Server::Vllm, VLLM, "vllm:time_to_first_token_seconds"),
        (Server::Sglang, SGLANG, "sglang:time_to_first_token_seconds"),
        (Server::Dynamo, FRONTEND, "dynamo_frontend_time_to_first_token_seconds"),
    ];
    for (server, text, name) in cases {
        let series_of = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with(name) && !line.contains("_created"));
            lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
        };
        assert_eq!(series_of(&rewritten(server, Dialect::of(server), text)), series_of(text));
    }
}
