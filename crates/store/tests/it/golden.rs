//! Our files against files that AIPerf 0.13.0 wrote (`tests/golden/aiperf/README.md`): the population is read from AIPerf's
//! JSON, so what we write of it must be AIPerf's own bytes and keys.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tokmark_base::{Micros, Phase};
use tokmark_measure::aiperf::{
    AiperfError, AiperfMetric, AiperfPopulation, AiperfStats, RecordMetric, RecordValue,
};
use tokmark_measure::{Analysis, MeasureSpec, Summary, Validity, analyse};
use tokmark_record::header::Target;
use tokmark_record::{
    Asked, Count, CountSource, Failure, FailureKind, Outcome, Read, Reads, Record, RunHeader, Usage,
};
use tokmark_store::Publisher;
use tokmark_store::export::aiperf_jsonl::line;
use tokmark_workload::{LoadSpec, WorkloadSpec};

const JSON: &str = include_str!("../golden/aiperf/profile_export_aiperf.json");
const CSV: &str = include_str!("../golden/aiperf/profile_export_aiperf.csv");
const NAMES: &str = include_str!("../golden/aiperf/names.tsv");
const JSONL: &str = include_str!("../golden/aiperf/profile_export.jsonl");

fn golden() -> Map<String, Value> {
    serde_json::from_str(JSON).unwrap()
}

fn metrics(document: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    document.iter().filter(|(_, value)| value.get("unit").is_some())
}

fn stats(value: &Value) -> AiperfStats {
    let of = |key: &str| value.get(key).and_then(Value::as_f64);
    AiperfStats {
        avg: of("avg"),
        p1: of("p1"),
        p5: of("p5"),
        p10: of("p10"),
        p25: of("p25"),
        p50: of("p50"),
        p75: of("p75"),
        p90: of("p90"),
        p95: of("p95"),
        p99: of("p99"),
        min: of("min"),
        max: of("max"),
        std: of("std"),
        count: value.get("count").and_then(Value::as_u64),
        // AIPerf leaves an infinite sum out; so must we, who know it.
        sum: of("sum").or_else(|| value.get("count").map(|_| f64::INFINITY)),
    }
}

/// First columns of the CSV by tag: its rows are sorted by tag within each section.
fn csv_names() -> Vec<(String, String)> {
    let document = golden();
    let tabular = |value: &Value| value.get("p50").is_some();
    let mut tags: Vec<_> = metrics(&document).map(|(tag, v)| (!tabular(v), tag.clone())).collect();
    tags.sort();
    let rows = CSV.lines().filter(|row| !row.is_empty() && !row.starts_with("Metric,"));
    let names: Vec<_> = rows.map(|row| row.split(',').next().unwrap().to_owned()).collect();
    assert_eq!(tags.len(), names.len());
    tags.into_iter().map(|(_, tag)| tag).zip(names).collect()
}

fn population() -> AiperfPopulation {
    let document = golden();
    let names = csv_names();
    let metrics = metrics(&document).map(|(tag, value)| {
        let unit = value["unit"].as_str().unwrap().to_owned();
        let name = &names.iter().find(|(t, _)| t == tag).unwrap().1;
        let header = name.strip_suffix(&format!(" ({unit})")).unwrap_or(name).to_owned();
        AiperfMetric { tag: tag.clone(), header, unit, stats: stats(value) }
    });
    AiperfPopulation {
        metrics: metrics.collect(),
        error_summary: vec![AiperfError {
            code: Some(503),
            kind: "Service Unavailable".to_owned(),
            message: document["error_summary"][0]["error_details"]["message"].as_str().unwrap().to_owned(),
            count: 4,
        }],
        start_us: Some(Micros(123_456)),
        end_us: Some(Micros(2_000_000)),
        was_cancelled: false,
    }
}

/// The header of the same experiment.
fn header() -> RunHeader {
    let workload =
        json!({ "isl": 64, "osl": 16, "entries": 20, "seed": 100, "tokenizer": "/data/tiny-qwen3" });
    let load = json!({ "concurrency": 4, "requests": 20, "warmup": 2 });
    // The spec on disk is the resolved one: every key is there.
    let workload: WorkloadSpec = serde_json::from_value(workload).unwrap();
    let load: LoadSpec = serde_json::from_value(load).unwrap();
    let extra = json!({ "ignore_eos": true, "max_tokens": 16, "min_tokens": 16 });
    RunHeader {
        schema_version: 1,
        tool_version: "0.1.0".to_owned(),
        run_id: "20261122T102252Z-x-1a2b3c4d".to_owned(),
        anchor_unix_ns: 1_795_343_572_000_000_000,
        command: vec!["tokmark".to_owned(), "bench".to_owned()],
        spec: json!({
            "target": { "endpoint": "chat", "streaming": true, "extra": extra },
            "workload": workload,
            "load": load,
        }),
        targets: vec![Target { url: "http://127.0.0.1:28192/v1/chat/completions".to_owned(), address: None }],
        model: Some("tiny".to_owned()),
        seed: 100,
        ..RunHeader::default()
    }
}

fn published() -> (Map<String, Value>, String) {
    let dir = tempfile::tempdir().unwrap();
    let summary = Summary { complete: true, ..Summary::default() };
    let analysis = Analysis { summary, aiperf: population() };
    Publisher::new(dir.path(), &[]).aiperf(&analysis, &header(), Validity::Enforce).unwrap();
    let text = fs::read_to_string(find(dir.path())).unwrap();
    let csv = fs::read_to_string(dir.path().join("profile_export_aiperf.csv")).unwrap();
    (serde_json::from_str(&text).unwrap(), csv)
}

/// What a script made for AIPerf does: walk until the file is there.
fn find(dir: &Path) -> std::path::PathBuf {
    let found = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    found.into_iter().find(|p| p.ends_with("profile_export_aiperf.json")).unwrap()
}

#[test]
fn the_summary_has_aiperfs_keys_in_aiperfs_order() {
    let (ours, _) = published();
    let keys: Vec<_> = ours.keys().filter(|k| *k != "metadata").collect();
    let golden = golden();
    assert_eq!(keys, golden.keys().collect::<Vec<_>>());
    assert_eq!(ours.keys().next_back().unwrap(), "metadata");
    for (tag, value) in metrics(&golden) {
        let (a, b) = (ours[tag].as_object().unwrap(), value.as_object().unwrap());
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{tag}");
        for (key, value) in b {
            assert_eq!(&a[key], value, "{tag}.{key}");
            // 20.0 and 20 are different text and different types to a strict reader.
            assert_eq!(a[key].is_f64(), value.is_f64(), "{tag}.{key}");
        }
    }
    assert_eq!(ours["time_to_first_token"]["avg"], golden["time_to_first_token"]["avg"]);
}

#[test]
fn what_stands_around_the_metrics_has_aiperfs_shape() {
    let (ours, _) = published();
    let golden = golden();
    for key in ["schema_version", "aiperf_version", "was_cancelled", "is_complete", "error_summary"] {
        assert_eq!(ours[key], golden[key], "{key}");
    }
    for part in ["models", "endpoint", "datasets", "phases", "tokenizer", "gpu_telemetry", "server_metrics"] {
        assert_eq!(ours["input_config"][part], golden["input_config"][part], "{part}");
    }
    let run_info =
        |d: &Map<String, Value>| d["run_info"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(run_info(&ours), run_info(&golden));
    assert_eq!(ours["benchmark_id"].as_str().unwrap().len(), golden["benchmark_id"].as_str().unwrap().len());
    assert_eq!(ours["run_info"]["benchmark_id"], ours["benchmark_id"]);
    // Python's isoformat: six digits, or none on the second.
    assert_eq!(ours["start_time"], "2026-11-22T10:32:52.123456");
    assert_eq!(ours["end_time"], "2026-11-22T10:32:54");
    assert_eq!(ours["start_time"].as_str().unwrap().len(), golden["start_time"].as_str().unwrap().len());
    assert_eq!(ours["metadata"]["tool"], "tokmark");
    assert_eq!(ours["metadata"]["verdict"], "valid");
}

#[test]
fn the_csv_is_aiperfs_byte_for_byte() {
    let (_, csv) = published();
    assert_eq!(csv, CSV);
}

#[test]
fn an_open_loop_is_told_in_aiperfs_words() {
    let mut header = header();
    let load: LoadSpec = serde_json::from_value(json!({
        "rate": 2.5, "arrival": "gamma", "burstiness": 0.5, "duration": "30s", "max_concurrency": 64,
    }))
    .unwrap();
    header.spec["load"] = serde_json::to_value(load).unwrap();
    let summary = Analysis::default();
    let document = tokmark_store::export::aiperf_json::document(&summary, &header);
    assert_eq!(
        document["input_config"]["phases"],
        json!([{
            "name": "profiling", "kind": "profiling", "type": "gamma", "duration": 30.0,
            "concurrency": 64, "rate": 2.5, "smoothness": 0.5,
        }])
    );
    // A killed run says so, and a header without a spec (another verb) still has its document.
    assert_eq!(document["is_complete"], false);
    assert!(document["incomplete_reason"].is_string());
    let bare = tokmark_store::export::aiperf_json::document(&summary, &RunHeader::default());
    assert!(bare["input_config"].get("phases").is_none());
}

#[test]
fn a_line_per_request_has_aiperfs_keys() {
    let golden: Vec<Value> = JSONL.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let failure = Failure { kind: FailureKind::HttpServerError, message: "overloaded".to_owned() };
    let at = |phase, outcome| Record {
        phase,
        outcome,
        status: Some(503),
        released_us: Some(Micros(1)),
        sent_us: Some(Micros(2)),
        headers_us: Some(Micros(3)),
        ended_us: Some(Micros(4)),
        ..Record::default()
    };
    let records = [
        at(Phase::Warmup, Outcome::Success),
        at(Phase::Profiling, Outcome::Success),
        at(Phase::Profiling, Outcome::Failed(failure)),
    ];
    let measured = [
        RecordMetric { tag: "request_latency", unit: "ms", value: RecordValue::One(1.5) },
        RecordMetric { tag: "input_sequence_length", unit: "tokens", value: RecordValue::One(64.0) },
        RecordMetric { tag: "inter_chunk_latency", unit: "ms", value: RecordValue::Many(vec![1.0, 2.0]) },
    ];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (record, theirs) in records.iter().zip(&golden) {
        let ours = line(record, &header(), &measured);
        assert_eq!(keys(&ours), keys(theirs));
        assert_eq!(keys(&ours["metadata"]), keys(&theirs["metadata"]));
        for key in ["benchmark_phase", "phase_index", "phase_kind", "was_cancelled", "turn_index"] {
            assert_eq!(ours["metadata"][key], theirs["metadata"][key], "{key}");
        }
        assert_eq!(ours["metadata"]["request_start_ns"], 1_795_343_572_000_002_000_i64);
        assert_eq!(ours["metrics"]["request_latency"], json!({ "value": 1.5, "unit": "ms" }));
        // Not 64.0.
        assert_eq!(ours["metrics"]["input_sequence_length"], json!({ "value": 64, "unit": "tokens" }));
        assert_eq!(ours["metrics"]["inter_chunk_latency"], json!({ "value": [1.0, 2.0], "unit": "ms" }));
        assert_eq!(
            keys(&theirs["metrics"].as_object().unwrap().values().next().unwrap().clone()),
            ["value", "unit"]
        );
        if let Some(error) = theirs.get("error") {
            assert_eq!(keys(&ours["error"]), keys(error));
            assert_eq!(ours["error"]["code"], 503);
        }
    }
}

/// A run of four attempts, one of them failed, as measure sees it.
fn measured() -> AiperfPopulation {
    let read = |user: i64| Read {
        user: Micros(user),
        kernel: None,
        open: Micros(user - 10),
        bytes: 200,
        events: 1,
        content: 1,
        tail: true,
    };
    let count = |tokens| Some(Count { tokens, source: CountSource::Server });
    let records = (0..4).map(|i: u32| {
        let start = i64::from(i) * 100_000;
        let failure = Failure { kind: FailureKind::HttpServerError, message: "overloaded".to_owned() };
        Record {
            attempt: u64::from(i),
            request: u64::from(i),
            asked: Asked { isl: Some(64), osl: Some(3) },
            released_us: Some(Micros(start)),
            acted_us: Some(Micros(start)),
            sent_us: Some(Micros(start + 10)),
            sent_end_us: Some(Micros(start + 20)),
            headers_us: Some(Micros(start + 5_000)),
            ended_us: Some(Micros(start + 30_000)),
            status: Some(if i == 3 { 503 } else { 200 }),
            streamed: i != 3,
            reads: Reads(if i == 3 {
                Vec::new()
            } else {
                (1..=3).map(|k| read(start + 10_000 * k)).collect()
            }),
            first_output: (i != 3).then_some(0),
            usage: Some(Usage { prompt: Some(64), completion: Some(3), ..Usage::default() }),
            input: count(64),
            output: count(3),
            outcome: if i == 3 { Outcome::Failed(failure) } else { Outcome::Success },
            ..Record::default()
        }
    });
    let records: Vec<Record> = records.collect();
    let facts = tokmark_store::rebuild::facts(&header());
    let options = MeasureSpec::default();
    let samples = std::iter::empty();
    analyse(&header(), || records.iter().cloned(), samples, &options, &facts).aiperf
}

#[test]
fn every_metric_measured_has_aiperfs_tag_unit_name_and_shape() {
    let names: Vec<Vec<&str>> = NAMES.lines().skip(1).map(|row| row.split('\t').collect()).collect();
    let population = measured();
    let csv = tokmark_store::export::aiperf_csv::document(&population);
    let mut wrong = Vec::new();
    for metric in &population.metrics {
        let Some(row) = names.iter().find(|row| row[0] == metric.tag) else {
            wrong.push(format!("AIPerf has no {}", metric.tag));
            continue;
        };
        let shape = if metric.stats.count.is_none() { "scalar" } else { "table" };
        if [row[1], row[3]] != [metric.unit.as_str(), shape] {
            wrong.push(format!("{}: {} {shape}, AIPerf's is {} {}", metric.tag, metric.unit, row[1], row[3]));
        }
        if !csv.lines().any(|line| line.split(',').next() == Some(row[2])) {
            wrong.push(format!("{}: `{}`, AIPerf writes `{}`", metric.tag, metric.header, row[2]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for tag in ["time_to_first_token", "inter_token_latency", "output_token_throughput", "request_throughput"]
    {
        assert!(population.metric(tag).is_some_and(|m| m.stats.avg.is_some()), "{tag}");
    }
}
