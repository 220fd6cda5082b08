//! What the router benchmarks of the field write over all their runs: one JSON file in their layout, and the picture that goes
//! with it.

use std::path::Path;

use serde_json::{Map, Value, json};
use tokmark_measure::aiperf::AiperfStats;
use tokmark_measure::summary::State;
use tokmark_store::{Publisher, StoreError};

use crate::session::outcome::Made;
use crate::spec::preset::Preset;

/// Numbers over all runs, beside the directories of the runs.
const RESULTS: &str = "results_summary.json";

/// Writes the files of `preset` for the runs `made` into `dir`. A preset without files of its own writes none.
pub fn publish(preset: Preset, dir: &Path, made: &[&Made]) -> Result<(), StoreError> {
    let results = match preset {
        Preset::PrefixRatio => prefix_ratio(made),
        Preset::RealTrace | Preset::MultiTurn | Preset::PriorityTiers => per_target(made),
        Preset::EndpointSweep | Preset::LlmPerf => return Ok(()),
    };
    Publisher::new(dir, &[]).json(RESULTS, &results).map(drop)
}

/// The targets in the order of their runs, with their runs; the only one has no name.
fn by_target<'a>(made: &[&'a Made]) -> Vec<(Option<&'a str>, Vec<&'a Made>)> {
    let mut targets: Vec<(Option<&str>, Vec<&Made>)> = Vec::new();
    for run in made {
        let name = run.target.as_deref();
        match targets.iter_mut().find(|(other, _)| *other == name) {
            Some((_, runs)) => runs.push(run),
            None => targets.push((name, vec![run])),
        }
    }
    targets
}

/// One target: its own object. Several: an object a target, by name.
fn object<'a>(made: &[&'a Made], of: impl Fn(&[&'a Made]) -> Value) -> Value {
    let targets = by_target(made);
    if let [(None, runs)] = &targets[..] {
        return of(runs);
    }
    let named = targets.iter().map(|(name, runs)| (name.unwrap_or_default().to_owned(), of(runs)));
    json!({ "targets": named.collect::<Map<_, _>>() })
}

/// AIPerf's statistics of a metric, as the scripts of the field read them; nothing of a run that may not be believed.
fn stats(run: &Made, tag: &str) -> AiperfStats {
    let analysis = &run.finished.analysis;
    if analysis.summary.verdict.state == State::Invalid {
        return AiperfStats::default();
    }
    analysis.aiperf.metric(tag).map(|metric| metric.stats).unwrap_or_default()
}

const TTFT: &str = "time_to_first_token";
const ITL: &str = "inter_token_latency";

/// `prefix_ratio_benchmark.py`'s lists, one value a ratio, milliseconds; `null` where a run has none.
fn prefix_ratio(made: &[&Made]) -> Value {
    object(made, |runs| {
        let list = |of: &dyn Fn(&Made) -> Option<f64>| runs.iter().map(|run| of(run)).collect::<Vec<_>>();
        let first = &runs[0].spec;
        json!({
            "prefix_ratios": list(&|run| run.level),
            "ttft_p25_values": list(&|run| stats(run, TTFT).p25),
            "ttft_p50_values": list(&|run| stats(run, TTFT).p50),
            "ttft_p75_values": list(&|run| stats(run, TTFT).p75),
            "itl_p25_values": list(&|run| stats(run, ITL).p25),
            "itl_p50_values": list(&|run| stats(run, ITL).p50),
            "itl_p75_values": list(&|run| stats(run, ITL).p75),
            "verdicts": runs.iter().map(|run| verdict(run)).collect::<Vec<_>>(),
            "config": {
                "num_prefix_prompts": first.workload.prefix.pool,
                "isl": first.workload.isl,
                "osl": first.workload.osl,
                "requests": first.load.requests.map(|n| n.to_string()),
                "concurrency": first.load.concurrency,
                "seed": first.workload.seed,
            },
        })
    })
}

/// The figures of each run of a target, milliseconds.
fn per_target(made: &[&Made]) -> Value {
    object(made, |runs| {
        let rows: Vec<Value> = runs
            .iter()
            .map(|run| {
                let of = |tag: &str| {
                    let s = stats(run, tag);
                    json!({"avg": s.avg, "p25": s.p25, "p50": s.p50, "p75": s.p75, "p90": s.p90, "p99": s.p99})
                };
                json!({"level": run.level, "verdict": verdict(run), "ttft_ms": of(TTFT), "itl_ms": of(ITL)})
            })
            .collect();
        json!({ "runs": rows })
    })
}

fn verdict(run: &Made) -> &'static str {
    match run.finished.analysis.summary.verdict.state {
        State::Valid => "VALID",
        State::Degraded => "DEGRADED",
        State::Invalid => "INVALID",
    }
}
