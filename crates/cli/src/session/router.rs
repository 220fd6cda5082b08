//! What the router benchmarks of the field write over all their runs: one JSON file in their layout, and the picture that goes
//! with it. Their numbers are AIPerf's, by AIPerf's definitions: that is what the field's scripts plot.

use std::path::Path;

use serde_json::{Map, Value, json};
use tokmark_base::{Phase, quantile};
use tokmark_figure::Figure;
use tokmark_figure::router::{Quartiles, RatioSweep, TierRun, prefix_ratio as ratio_picture, priority_tiers};
use tokmark_measure::aiperf::{AiperfStats, RecordValue, record_metrics};
use tokmark_measure::summary::State;
use tokmark_store::{Publisher, Run};

use crate::failure::Failure;
use crate::session::outcome::Made;
use crate::spec::preset::Preset;

/// Numbers over all runs, beside the directories of the runs.
const RESULTS: &str = "results_summary.json";

/// Writes the files of `preset` for the runs `made` into `dir`. A preset without files of its own writes none.
pub fn publish(preset: Preset, dir: &Path, made: &[&Made]) -> Result<(), Failure> {
    let publisher = Publisher::new(dir, &[]);
    match preset {
        Preset::PrefixRatio => {
            publisher.json(RESULTS, &prefix_ratio(made))?;
            draw(
                &publisher,
                &ratio_figure(made),
                "prefix_ratio_performance.svg",
                "prefix_ratio_performance.png",
            )
        }
        Preset::PriorityTiers => {
            let tiers = made.iter().map(|run| tiers(run)).collect::<Result<Vec<_>, _>>()?;
            publisher.json(RESULTS, &per_target(made, &tiers))?;
            draw(&publisher, &tier_figure(made, &tiers), "priority_tiers.svg", "priority_tiers.png")
        }
        Preset::RealTrace | Preset::MultiTurn => {
            publisher.json(RESULTS, &per_target(made, &[]))?;
            Ok(())
        }
        Preset::EndpointSweep | Preset::LlmPerf => Ok(()),
    }
}

fn draw(
    publisher: &Publisher<'_>,
    figure: &Figure,
    svg: &'static str,
    png: &'static str,
) -> Result<(), Failure> {
    let refused = |e: tokmark_figure::FigureError| Failure::internal(e.to_string());
    publisher.file(svg, figure.svg().map_err(refused)?.as_bytes())?;
    publisher.file(png, &figure.png(DOTS_A_PIXEL).map_err(refused)?)?;
    Ok(())
}

/// Sharp on most screens and in print.
const DOTS_A_PIXEL: f32 = 2.0;

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
            "prefix_ratios": list(&|run| run.spec.workload.prefix.ratio),
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
                "requests": first.load.resolve().ok().and_then(|load| load.requests),
                "concurrency": first.load.concurrency,
                "seed": first.workload.seed,
            },
        })
    })
}

/// The figures of each run of a target, milliseconds. `tiers` has those of each run by class, where there are classes.
fn per_target(made: &[&Made], tiers: &[Vec<Tier>]) -> Value {
    object(made, |runs| {
        let rows: Vec<Value> = runs
            .iter()
            .map(|run| {
                let of = |tag: &str| {
                    let s = stats(run, tag);
                    json!({"avg": s.avg, "p25": s.p25, "p50": s.p50, "p75": s.p75, "p90": s.p90, "p99": s.p99})
                };
                let mut row =
                    json!({"level": run.level, "verdict": verdict(run), "ttft_ms": of(TTFT), "itl_ms": of(ITL)});
                let place = made.iter().position(|other| std::ptr::eq(*other, *run));
                if let Some(tiers) = place.and_then(|place| tiers.get(place)) {
                    row["tiers"] = tiers.iter().map(Tier::told).collect();
                }
                row
            })
            .collect();
        json!({ "runs": rows })
    })
}

/// One class of one run.
struct Tier {
    name: String,
    ttft: Option<Quartiles>,
}

impl Tier {
    fn told(&self) -> Value {
        let Some(q) = self.ttft else { return json!({"name": self.name, "n": 0, "ttft_ms": null}) };
        json!({"name": self.name, "n": q.n, "ttft_ms": {"p25": q.p25, "p50": q.p50, "p75": q.p75}})
    }
}

/// TTFT by class, from the run's records; nothing of a run that may not be believed.
fn tiers(run: &Made) -> Result<Vec<Tier>, Failure> {
    let names: Vec<String> = run.spec.workload.classes.iter().map(|class| class.name.clone()).collect();
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    let believed = run.finished.analysis.summary.verdict.state != State::Invalid;
    for record in Run::open(&run.finished.dir)?.records()?.filter(|_| believed) {
        let record = record?;
        let class = record.class.map(usize::from).and_then(|class| values.get_mut(class));
        let Some(class) = class.filter(|_| record.phase == Phase::Profiling) else { continue };
        class.extend(record_metrics(&record).into_iter().filter(|m| m.tag == TTFT).filter_map(|m| {
            match m.value {
                RecordValue::One(value) => Some(value),
                RecordValue::Many(_) => None,
            }
        }));
    }
    let tier = |(name, mut values): (String, Vec<f64>)| {
        values.sort_by(f64::total_cmp);
        let at = |q| quantile::linear(&values, q);
        let ttft = at(0.25).zip(at(0.5)).zip(at(0.75));
        let n = values.len() as u64;
        Tier { name, ttft: ttft.map(|((p25, p50), p75)| Quartiles { p25, p50, p75, n }) }
    };
    Ok(names.into_iter().zip(values).map(tier).collect())
}

fn quartiles(s: AiperfStats) -> Option<Quartiles> {
    Some(Quartiles { p25: s.p25?, p50: s.p50?, p75: s.p75?, n: s.count.unwrap_or(0) })
}

/// What stands below the title: the numbers that all runs have in common.
fn subtitle(made: &[&Made]) -> String {
    let Some(first) = made.first() else { return String::new() };
    let simulated = if first.finished.analysis.summary.simulated { "SIMULATED TARGET · " } else { "" };
    let isl = first.spec.workload.isl;
    let osl = first.spec.workload.osl.map_or_else(String::new, |osl| format!(" · OSL {osl}"));
    format!("{simulated}ISL {isl}{osl} · AIPerf's definitions")
}

fn ratio_figure(made: &[&Made]) -> Figure {
    let sweeps: Vec<RatioSweep> = by_target(made)
        .into_iter()
        .map(|(name, runs)| RatioSweep {
            target: name.unwrap_or("target").to_owned(),
            points: runs
                .iter()
                .filter_map(|run| {
                    Some((
                        run.spec.workload.prefix.ratio?,
                        quartiles(stats(run, TTFT)),
                        quartiles(stats(run, ITL)),
                    ))
                })
                .collect(),
        })
        .collect();
    ratio_picture(&subtitle(made), &sweeps)
}

fn tier_figure(made: &[&Made], tiers: &[Vec<Tier>]) -> Figure {
    let names: Vec<String> =
        tiers.first().map(|tiers| tiers.iter().map(|tier| tier.name.clone()).collect()).unwrap_or_default();
    let runs: Vec<TierRun> = made
        .iter()
        .zip(tiers)
        .map(|(run, tiers)| TierRun {
            name: run.target.clone().unwrap_or_else(|| "run".to_owned()),
            tiers: tiers.iter().map(|tier| tier.ttft).collect(),
        })
        .collect();
    priority_tiers(&subtitle(made), &names, &runs)
}

fn verdict(run: &Made) -> &'static str {
    match run.finished.analysis.summary.verdict.state {
        State::Valid => "VALID",
        State::Degraded => "DEGRADED",
        State::Invalid => "INVALID",
    }
}
