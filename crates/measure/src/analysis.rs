//! Two passes over the records: find the window, then measure it.

use tokmark_record::{Record, RunHeader, Sample};

use crate::aiperf::{self, AiperfPopulation};
use crate::attempt::Scratch;
use crate::budget::{self, Evidence};
use crate::catalogue::METRICS;
use crate::facts::RunFacts;
use crate::groups::Groups;
use crate::health::Health;
use crate::metric::{Kind, Metric, Totals};
use crate::pool::Side;
use crate::population::{Populations, Which};
use crate::spec::MeasureSpec;
use crate::statistics::{self, Faces};
use crate::summary::{Counts, MetricSummary, SCHEMA_VERSION, Summary};
use crate::tally::Ranked;
use crate::window::Survey;

/// What a run means: one value per file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// `summary.json`.
    pub summary: Summary,
    /// `profile_export_aiperf.*`.
    pub aiperf: AiperfPopulation,
}

/// Analyses a run. `records` is called twice and must give the same records each time: the first pass finds the window,
/// the second measures it, so that memory stays small however many attempts there are.
pub fn analyse<I: Iterator<Item = Record>>(
    header: &RunHeader,
    mut records: impl FnMut() -> I,
    samples: impl Iterator<Item = Sample>,
    options: &MeasureSpec,
    facts: &RunFacts,
) -> Analysis {
    let mut scratch = Scratch::default();
    let mut survey = Survey::default();
    for record in records() {
        survey.add(&record, &mut scratch);
    }
    let (frame, window) = survey.window(facts);
    let started = survey.started();
    let load = survey.load(frame, facts);

    let mut health = Health::new(frame.start);
    for sample in samples {
        health.add(sample);
    }
    let due_from = (window.truncated_attempts > 0).then_some(frame.start);
    let mut populations = Populations::new(frame, due_from);
    let mut groups = Groups::new(&header.classes, frame, due_from);
    for record in records() {
        populations.add(&record, &mut scratch);
        groups.add(&record, &mut scratch);
    }
    populations.finish();

    let mut summary = Summary {
        window,
        load,
        client: health.finish(header.machine.cores),
        counts: counts(&populations, &health, facts, started),
        complete: facts.complete,
        interrupted: facts.interrupted,
        ..heading(header)
    };
    let totals = populations.window_totals(header.gpus);
    summary.metrics = METRICS
        .iter()
        .enumerate()
        .filter_map(|(index, metric)| one(metric, index, &mut populations, &totals))
        .collect();
    [summary.classes, summary.turns] = groups.finish(header.gpus);
    summary.failures = populations.failure_rows();
    summary.censoring = populations.censoring;
    summary.tokens = populations.tokens;
    summary.finish_reasons = std::mem::take(&mut populations.finish_reasons);
    let percentile =
        |s: &Summary, tag: &str, p: f64| s.metric(tag)?.values.as_ref()?.percentile(p)?.value.finite();
    summary.client.read_lag_ms_p99 = percentile(&summary, "read_lag", 99.0);
    let ttft_ms_p50 = percentile(&summary, "time_to_first_token", 50.0);
    summary.counts.missed_starts = missed(&mut populations, ttft_ms_p50);
    let release =
        Ranked::new(populations.release_delay.counts().map(|(us, n)| (us as f64 / 1e3, n)).collect());
    summary.verdict = budget::judge(&Evidence {
        summary: &summary,
        facts,
        ends: populations.ends,
        release_delay_ms_p99: release.nearest(0.99, 0),
        events_per_s: populations.events_per_s(),
        max_error_rate: options.max_error_rate,
        ttft_ms_p50,
        latency_ms_p50: percentile(&summary, "request_latency", 50.0),
    });
    let aiperf = aiperf::population(&mut populations, header, facts.interrupted);
    Analysis { summary, aiperf }
}

fn heading(header: &RunHeader) -> Summary {
    Summary {
        schema_version: SCHEMA_VERSION,
        tool_version: header.tool_version.clone(),
        run_id: header.run_id.clone(),
        started_at: header.started_at.clone(),
        simulated: header.simulated,
        model: header.model.clone(),
        targets: header.targets.iter().map(|t| t.url.clone()).collect(),
        gpus: header.gpus,
        plan_digest: header.plan_digest.clone(),
        seed: header.seed,
        ..Summary::default()
    }
}

fn counts(populations: &Populations, health: &Health, facts: &RunFacts, started: u64) -> Counts {
    let ends = populations.ends;
    let issued = facts.issued.or_else(|| health.total("issued")).unwrap_or(started).max(ends.recorded);
    let dropped = facts.lost.or_else(|| health.total("lost")).unwrap_or(0);
    // A killed run's missing records were mostly in flight; only a run that came to its end must have them all.
    let missing = if facts.complete && facts.issued.is_some() { issued - ends.recorded } else { 0 };
    Counts {
        planned: facts.planned,
        issued,
        recorded: ends.recorded,
        lost: dropped.max(missing),
        succeeded: ends.succeeded,
        failed: ends.failed,
        cut: ends.cut,
        not_sent: ends.not_sent,
        cancelled: ends.cancelled,
        missed_starts: 0,
        warmup: ends.warmup,
        cooldown: ends.cooldown,
    }
}

/// One metric over the window; `None` without a value.
fn one(
    metric: &Metric,
    index: usize,
    populations: &mut Populations,
    totals: &Totals,
) -> Option<MetricSummary> {
    if let Kind::Total(total) = metric.kind {
        let value = Some(total(totals)?);
        return Some(MetricSummary { value, ..statistics::heading(metric) });
    }
    let bounded = populations.bounded(index);
    let mut ranked = |side| populations.ranked(index, Which::Window, side);
    let faces = Faces {
        at: ranked(Side::At),
        bounds: (bounded > 0).then(|| (ranked(Side::Worst), ranked(Side::Best))),
        bounded,
    };
    statistics::of_attempts(metric, &faces, totals.failures)
}

/// Starts later than the threshold.
fn missed(populations: &mut Populations, ttft_ms_p50: Option<f64>) -> u64 {
    let Some(index) = METRICS.iter().position(|m| m.tag == "dispatch_delay") else {
        return 0;
    };
    let limit_us = budget::missed_after_ms(ttft_ms_p50) * 1e3;
    populations.ranked(index, Which::Window, Side::At).above(limit_us)
}
