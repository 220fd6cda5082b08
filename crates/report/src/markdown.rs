//! The short Markdown summary of one run.

use tokmark_base::units::significant;
use tokmark_measure::Summary;
use tokmark_measure::summary::Distribution;

use crate::Style;
use crate::groups::{self, Lines};
use crate::layout::{self, shows_numbers};
use crate::terminal::{ROWS, SERVER_ROWS, SERVER_TOTALS, TOTALS, load, repeats_ttft, requests, sources};

const SHOWN: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];

/// The text of `summary.md`.
pub fn run(summary: &Summary, style: Style) -> String {
    let mut out = format!("# {}\n\n", escape(&summary.run_id));
    if summary.simulated {
        out.push_str(
            "**Simulated target**: tokmark's own engine answered. No number here is about real hardware.\n\n",
        );
    }
    let (word, _) = layout::state(summary.verdict.state);
    layout::put(&mut out, format_args!("**{word}**\n\n"));
    for line in [
        format!("target: {}", escape(&summary.targets.join(", "))),
        format!("model: {}", summary.model.as_deref().map_or_else(|| layout::NONE.to_owned(), escape)),
        format!("load: {}", load(summary)),
        format!("requests: {}", requests(summary)),
        format!("sources: {}", escape(&sources(summary))),
        format!("plan: `{}`, seed {}", summary.plan_digest, summary.seed),
        format!("tokmark {}, {}", summary.tool_version, summary.started_at),
    ] {
        layout::put(&mut out, format_args!("- {line}\n"));
    }
    if shows_numbers(summary, style) {
        out.push_str(&numbers(summary));
    }
    out.push_str(&failures(summary));
    out.push_str(&warnings(summary));
    out
}

fn numbers(summary: &Summary) -> String {
    let mut out = "\n| metric | unit | n | mean | p50 | p90 | p95 | p99 | p99.9 | max |\n".to_owned();
    out.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    let mut shown: Vec<&Distribution> = Vec::new();
    let mut line = |label: &str, unit: &str, d: &Distribution| {
        let cells: Vec<String> = SHOWN.iter().map(|p| layout::percentile(d, *p)).collect();
        layout::put(
            &mut out,
            format_args!(
                "| {label} | {unit} | {} | {} | {} | {} |\n",
                d.n,
                layout::amount(d.mean),
                cells.join(" | "),
                layout::most(d)
            ),
        );
    };
    let metrics = ROWS.iter().chain(&SERVER_ROWS).filter_map(|tag| summary.metric(tag));
    for metric in metrics.filter(|m| !repeats_ttft(summary, m)) {
        if let (Some(headline), Some(plain)) = (metric.headline(), metric.values.as_ref()) {
            line(&metric.label, &metric.unit, headline);
            shown.push(headline);
            if metric.adjusted.is_some() {
                line(&format!("{} of successes", metric.label), &metric.unit, plain);
            }
        }
    }
    if let Some(note) = layout::missing_note(shown, &SHOWN) {
        layout::put(&mut out, format_args!("\n{note}\n"));
    }
    out.push_str(&totals(summary, "throughput", &TOTALS));
    out.push_str(&totals(summary, "the server says", &SERVER_TOTALS));
    for Lines { head, rows } in groups::tables(summary) {
        let rule = vec!["--:"; head.len() - 1].join("|");
        layout::put(&mut out, format_args!("\n| {} |\n|---|{rule}|\n", head.join(" | ")));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
            layout::put(&mut out, format_args!("| {} |\n", cells.join(" | ")));
        }
    }
    if let Some(note) = groups::note(summary) {
        layout::put(&mut out, format_args!("\n{note}\n"));
    }
    out
}

/// A table of single numbers, if there are any.
fn totals(summary: &Summary, head: &str, tags: &[&str]) -> String {
    let mut rows = String::new();
    for metric in tags.iter().filter_map(|tag| summary.metric(tag)) {
        if let Some(value) = metric.value {
            layout::put(
                &mut rows,
                format_args!("| {} | {} | {} |\n", metric.label, significant(value), metric.unit),
            );
        }
    }
    if rows.is_empty() { rows } else { format!("\n| {head} | value | unit |\n|---|--:|---|\n{rows}") }
}

fn failures(summary: &Summary) -> String {
    if summary.failures.is_empty() {
        return String::new();
    }
    let mut out = "\n| count | failure | status | message |\n|--:|---|--:|---|\n".to_owned();
    for row in &summary.failures {
        layout::put(
            &mut out,
            format_args!(
                "| {} | {} | {} | {} |\n",
                row.count,
                row.kind,
                row.status.map_or_else(|| layout::NONE.to_owned(), |s| s.to_string()),
                escape(&layout::one_line(&row.message, 300))
            ),
        );
    }
    out
}

fn warnings(summary: &Summary) -> String {
    let mut out = String::new();
    for warning in &summary.verdict.warnings {
        layout::put(
            &mut out,
            format_args!(
                "\n- **{}** {}. Effect: {}. Fix: {}.",
                warning.code.name(),
                warning.message,
                warning.effect,
                warning.fix
            ),
        );
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Foreign text must not become markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '<' | '>' | '`' | '*' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
