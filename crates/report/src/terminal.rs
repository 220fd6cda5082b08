//! The result of one run on a terminal of at least 100 columns, the verdict last.

use tokmark_base::units::significant;
use tokmark_measure::Summary;
use tokmark_measure::summary::{Distribution, LoadKind, MetricSummary, WindowRule};
use tokmark_measure::verdict::{Severity, ThresholdSource};

use crate::Style;
use crate::errors;
use crate::groups::{self, Lines};
use crate::layout::{self, Colour, paint, shows_numbers, wrap, wrap_parts};

/// Distributions shown, in this order.
pub(crate) const ROWS: [&str; 12] = [
    "response_time_to_first_token",
    "response_latency",
    "time_to_first_token",
    "time_to_first_output_token",
    "request_latency",
    "inter_token_latency",
    "inter_chunk_latency",
    "normalized_time_per_output_token",
    "output_token_throughput_per_user",
    "input_sequence_length",
    "output_sequence_length",
    "dispatch_delay",
];

/// What servers say of their own work: distributions shown below the others, where there are any.
pub(crate) const SERVER_ROWS: [&str; 3] =
    ["server_queue_time", "server_prefill_time", "server_time_to_first_token"];

/// What servers say of all their replies together.
pub(crate) const SERVER_TOTALS: [&str; 2] = ["cached_input_share", "draft_acceptance_rate"];

/// Single numbers shown, in this order.
pub(crate) const TOTALS: [&str; 7] = [
    "request_throughput",
    "output_token_throughput",
    "input_token_throughput",
    "total_token_throughput",
    "request_throughput_per_gpu",
    "output_token_throughput_per_gpu",
    "total_token_throughput_per_gpu",
];

const SHOWN: [f64; 4] = [50.0, 90.0, 95.0, 99.0];

/// The whole result: heading, table, errors, verdict.
pub fn run(summary: &Summary, style: Style) -> String {
    let mut out = heading(summary, style);
    if shows_numbers(summary, style) {
        out.push('\n');
        out.push_str(&distributions(summary, style));
        out.push('\n');
        out.push_str(&totals(summary, style));
        for Lines { head, rows } in groups::tables(summary) {
            out.push('\n');
            out.push_str(&layout::table(&head, &rows, 1));
        }
        if let Some(note) = groups::note(summary) {
            out.push_str(&paint(style, Colour::Faint, wrap("  ", &note).trim_end_matches('\n')));
            out.push('\n');
        }
    }
    let errors = errors::table(&summary.failures);
    if !errors.is_empty() {
        out.push('\n');
        out.push_str(&errors);
    }
    out.push('\n');
    out.push_str(&verdict(summary, style));
    out
}

fn heading(summary: &Summary, style: Style) -> String {
    let mut out = String::new();
    let target = summary.targets.join(", ");
    let model = summary.model.as_deref().map_or_else(String::new, |m| format!(" · model {m}"));
    out.push_str(&paint(style, Colour::Strong, wrap_parts(&format!("{target}{model}")).trim_end()));
    out.push('\n');
    if summary.simulated {
        let loud = "SIMULATED TARGET: tokmark's own engine answered. No number here is about real hardware.";
        out.push_str(&paint(style, Colour::Warn, loud));
        out.push('\n');
    }
    out.push_str(&wrap_parts(&load(summary)));
    out.push_str(&wrap_parts(&requests(summary)));
    out.push_str(&wrap_parts(&sources(summary)));
    out
}

/// Who counted tokens, why replies ended, and the censored share: always said.
pub(crate) fn sources(summary: &Summary) -> String {
    let t = &summary.tokens;
    let counted: Vec<&str> = [
        (t.output_server, "the server's usage"),
        (t.output_tokenizer, "our tokenizer"),
        (t.output_events, "content events (an undercount)"),
        (t.output_missing, "nobody (some attempts)"),
    ]
    .into_iter()
    .filter_map(|(n, who)| (n > 0).then_some(who))
    .collect();
    let mut parts = Vec::new();
    if !counted.is_empty() {
        parts.push(format!("output tokens counted by {}", counted.join(" and ")));
    }
    if !summary.finish_reasons.is_empty() {
        let reasons: Vec<String> = summary
            .finish_reasons
            .iter()
            .map(|(reason, n)| format!("{} {n}", layout::one_line(reason, 20)))
            .collect();
        parts.push(format!("finish reasons: {}", reasons.join(", ")));
    }
    if let Some(share) = summary.censoring.share_ratio {
        parts.push(format!("{} % of events censored", layout::number(100.0 * share)));
    }
    parts.join(" · ")
}

/// What was asked and what was achieved.
pub(crate) fn load(summary: &Summary) -> String {
    let load = &summary.load;
    let number = |x: Option<f64>| x.map_or_else(|| layout::NONE.to_owned(), significant);
    let achieved = number(load.achieved_concurrency);
    match load.kind {
        LoadKind::Burst => {
            format!("everything at once · {} in flight at most", load.max_concurrency.unwrap_or(0))
        }
        LoadKind::Closed => {
            let asked = load.asked_concurrency.map_or_else(String::new, |n| format!(" at {n} streams"));
            format!("closed loop{asked} · {achieved} in flight on average")
        }
        LoadKind::Open => format!(
            "open loop{} · plan {}, achieved {} requests/s · {achieved} in flight on average, {} at most",
            load.asked_rate_per_s
                .map_or_else(String::new, |rate| format!(" at {} requests/s", significant(rate))),
            number(load.realised_rate_per_s),
            number(load.achieved_rate_per_s),
            load.max_concurrency.unwrap_or(0)
        ),
    }
}

/// How many of what, over how long.
pub(crate) fn requests(summary: &Summary) -> String {
    let c = &summary.counts;
    let mut parts = vec![format!("{} succeeded", c.succeeded)];
    for (n, what) in [
        (c.failed, "failed"),
        (c.cut, "cut"),
        (c.not_sent, "never sent"),
        (c.cancelled, "cancelled as planned"),
        (c.missed_starts, "started late"),
        (c.lost, "LOST"),
        (c.warmup, "warm-up"),
        (c.cooldown, "cool-down"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    let w = &summary.window;
    let rule = match w.rule {
        WindowRule::Phases => "first to last start",
        WindowRule::Auto => "after automatic warm-up",
        WindowRule::Whole => "the whole run",
    };
    let drain = if w.drain_s > 0.0 {
        format!(", drain of {} s left out", significant(w.drain_s))
    } else {
        String::new()
    };
    format!("{} · window {} s ({rule}{drain})", parts.join(", "), significant(w.duration_s))
}

fn distributions(summary: &Summary, style: Style) -> String {
    let mut rows = Vec::new();
    let mut shown = Vec::new();
    for metric in ROWS.iter().chain(&SERVER_ROWS).filter_map(|tag| summary.metric(tag)) {
        let (Some(headline), Some(plain)) = (metric.headline(), metric.values.as_ref()) else {
            continue;
        };
        if repeats_ttft(summary, metric) {
            continue;
        }
        rows.push(row(&metric.label, &metric.unit, headline));
        shown.push(headline);
        if metric.adjusted.is_some() {
            rows.push(row("  of successes", &metric.unit, plain));
        }
    }
    let header = ["", "unit", "mean", "p50", "p90", "p95", "p99", "max"];
    let mut out = layout::table(&header, &rows, 2);
    let mut note = |text: &str| {
        out.push_str(&paint(style, Colour::Faint, wrap("  ", text).trim_end_matches('\n')));
        out.push('\n');
    };
    if let Some(missing) = layout::missing_note(shown.iter().copied(), &SHOWN) {
        note(&missing);
    }
    if SERVER_ROWS.iter().any(|tag| summary.metric(tag).is_some()) {
        note("Server …: what the server says in its replies, by its own clock and from its own beginning");
    }
    if shown.iter().any(|d| d.infinite > 0) {
        note("∞ failed, cut and unsent attempts count as infinitely slow");
    }
    if shown.iter().any(|d| d.censored > 0) {
        let share = summary.censoring.share_ratio.unwrap_or(0.0);
        note(&format!(
            "a–b bounds, the worse one counts: {} % of content events are known only as wide intervals",
            significant(100.0 * share)
        ));
    }
    out
}

/// Without reasoning the first output token is the first token: one row is enough.
pub(crate) fn repeats_ttft(summary: &Summary, metric: &MetricSummary) -> bool {
    metric.tag == "time_to_first_output_token"
        && summary.metric("time_to_first_token").is_some_and(|ttft| ttft.values == metric.values)
}

fn row(label: &str, unit: &str, d: &Distribution) -> Vec<String> {
    let mut cells = vec![label.to_owned(), unit.to_owned(), layout::amount(d.mean)];
    cells.extend(SHOWN.iter().map(|p| layout::percentile(d, *p)));
    cells.push(layout::most(d));
    cells
}

fn totals(summary: &Summary, style: Style) -> String {
    let rows: Vec<Vec<String>> = TOTALS
        .iter()
        .chain(&SERVER_TOTALS)
        .filter_map(|tag| summary.metric(tag))
        .filter_map(|m| Some(vec![m.label.clone(), significant(m.value?), m.unit.clone()]))
        .collect();
    let mut out = String::new();
    let widest = rows.iter().map(|r| r[1].chars().count()).max().unwrap_or(0);
    let label = rows.iter().map(|r| r[0].chars().count()).max().unwrap_or(0);
    for row in &rows {
        let gap = " ".repeat(label - row[0].chars().count());
        layout::put(
            &mut out,
            format_args!(
                "  {}{gap} {} {}\n",
                row[0],
                paint(style, Colour::Strong, &format!("{:>widest$}", row[1])),
                row[2]
            ),
        );
    }
    out
}

fn verdict(summary: &Summary, style: Style) -> String {
    let mut out = String::new();
    let (word, colour) = layout::state(summary.verdict.state);
    for warning in &summary.verdict.warnings {
        let (mark, colour) = match warning.severity {
            Severity::Invalid => ("✗", Colour::Bad),
            Severity::Degraded => ("!", Colour::Warn),
        };
        let code = warning.code.name();
        let text = wrap("  ", &format!("{mark} {code}: {}", warning.message));
        out.push_str(&paint(style, colour, text.trim_end_matches('\n')));
        out.push('\n');
        out.push_str(&wrap("      ", &format!("effect: {}", warning.effect)));
        out.push_str(&wrap("      ", &format!("fix: {}", warning.fix)));
    }
    // Wrapped first and painted after: colour codes take no columns.
    let line = wrap("", &format!("{word} {}", explain(summary, style)));
    out.push_str(&line.replacen(word, &paint(style, colour, word), 1));
    out
}

/// What stands beside the verdict.
fn explain(summary: &Summary, style: Style) -> String {
    let thresholds = match summary.verdict.thresholds {
        ThresholdSource::Builtin => "built-in thresholds",
        ThresholdSource::Calibrated => "thresholds calibrated on this machine",
    };
    let simulated = if summary.simulated { ", simulated target" } else { "" };
    let numbers =
        if shows_numbers(summary, style) { "" } else { " · no headline; --validity report prints it" };
    format!("({thresholds}{simulated}){numbers}")
}
