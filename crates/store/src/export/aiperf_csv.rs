//! `profile_export_aiperf.csv`: two sections, rows sorted by tag, two decimals, CRLF, as Python's `csv` writes it.
//!
//! Source: aiperf 0.13.0, `exporters/metrics_csv_exporter.py`.

use std::fmt::Write as _;

use tokmark_measure::aiperf::{AiperfMetric, AiperfPopulation, AiperfStats};

/// The columns after `Metric`.
const COLUMNS: [&str; 14] =
    ["avg", "min", "max", "sum", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "std"];

/// The whole file.
pub fn document(population: &AiperfPopulation) -> String {
    let mut metrics: Vec<&AiperfMetric> = population.metrics.iter().collect();
    metrics.sort_by(|a, b| a.tag.cmp(&b.tag));
    let (tables, scalars): (Vec<_>, Vec<_>) = metrics.into_iter().partition(|m| has_percentiles(&m.stats));
    let mut out = String::new();
    if !tables.is_empty() {
        row(&mut out, std::iter::once("Metric").chain(COLUMNS).map(str::to_owned));
        for metric in &tables {
            let cells = COLUMNS.iter().map(|column| number(statistic(&metric.stats, column)));
            row(&mut out, std::iter::once(name(metric)).chain(cells));
        }
    }
    if !tables.is_empty() && !scalars.is_empty() {
        out.push_str("\r\n");
    }
    if !scalars.is_empty() {
        row(&mut out, ["Metric".to_owned(), "Value".to_owned()].into_iter());
        for metric in &scalars {
            row(&mut out, [name(metric), number(metric.stats.avg)].into_iter());
        }
    }
    out
}

fn has_percentiles(stats: &AiperfStats) -> bool {
    stats.named().iter().any(|(key, value)| key.starts_with('p') && value.is_some())
}

fn statistic(stats: &AiperfStats, column: &str) -> Option<f64> {
    stats.named().into_iter().find(|(key, _)| *key == column).and_then(|(_, value)| value)
}

/// `Request Latency (ms)`; counts of requests carry no unit.
fn name(metric: &AiperfMetric) -> String {
    match metric.unit.to_ascii_lowercase().as_str() {
        "" | "count" | "requests" => metric.header.clone(),
        _ => format!("{} ({})", metric.header, metric.unit),
    }
}

/// Two decimals; what is not known or not finite is an empty cell.
fn number(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map(|v| format!("{v:.2}")).unwrap_or_default()
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}
