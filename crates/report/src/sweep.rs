//! One table over the points of a sweep.

use tokmark_base::units::significant;
use tokmark_measure::Summary;

use crate::Style;
use crate::layout::{self, Colour, paint, shows_numbers, wrap};

/// One point of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// What was varied, as in `concurrency 8` or `rate 2.5`.
    pub level: &'a str,
    /// Its result.
    pub summary: &'a Summary,
}

const HEADER: [&str; 10] = [
    "",
    "req/s",
    "output tok/s",
    "tok/s/user",
    "TTFT p50",
    "TTFT p99",
    "ITL p50",
    "ITL p99",
    "failed",
    "verdict",
];

/// The table, one line a point, in the order given.
pub fn table(points: &[Point<'_>], style: Style) -> String {
    let mut out = String::new();
    if points.iter().any(|p| p.summary.simulated) {
        let loud = "SIMULATED TARGET: tokmark's own engine answered. No number here is about real hardware.";
        out.push_str(&paint(style, Colour::Warn, loud));
        out.push('\n');
    }
    let rows: Vec<_> = points.iter().map(|p| row(p, style)).collect();
    out.push_str(&layout::table(&HEADER, &rows, 1));
    let shown = points.iter().filter(|p| shows_numbers(p.summary, style));
    let distributions: Vec<_> = shown
        .filter_map(|p| Some([p.summary.metric(ttft_tag(p.summary))?.headline()?, itl(p.summary)?]))
        .flatten()
        .collect();
    let mut note = |text: &str| out.push_str(&wrap("  ", text));
    note("TTFT and ITL in ms.");
    if points.iter().any(|p| ttft_tag(p.summary) == OPEN) {
        note("TTFT is measured from the intended start (open loop).");
    }
    if distributions.iter().any(|d| d.infinite > 0) {
        note("∞ failed, cut and unsent attempts count as infinitely slow");
    }
    if let Some(missing) = layout::missing_note(distributions, &[50.0, 99.0]) {
        note(&missing);
    }
    out
}

const OPEN: &str = "response_time_to_first_token";

/// The TTFT that is the headline of this kind of load.
pub(crate) fn ttft_tag(summary: &Summary) -> &'static str {
    if summary.metric(OPEN).is_some() { OPEN } else { "time_to_first_token" }
}

fn itl(summary: &Summary) -> Option<&tokmark_measure::summary::Distribution> {
    summary.metric("inter_token_latency")?.headline()
}

fn row(point: &Point<'_>, style: Style) -> Vec<String> {
    let s = point.summary;
    let shows = shows_numbers(s, style);
    let none = || layout::NONE.to_owned();
    let total = |tag: &str| s.metric(tag).and_then(|m| m.value).map_or_else(none, significant);
    let rank = |tag: &str, p: f64| {
        s.metric(tag).and_then(|m| m.headline()).map_or_else(none, |d| layout::percentile(d, p))
    };
    let ttft = ttft_tag(s);
    let mut cells = vec![point.level.to_owned()];
    if shows {
        cells.extend([
            total("request_throughput"),
            total("output_token_throughput"),
            rank("output_token_throughput_per_user", 50.0),
            rank(ttft, 50.0),
            rank(ttft, 99.0),
            rank("inter_token_latency", 50.0),
            rank("inter_token_latency", 99.0),
        ]);
    } else {
        cells.extend((0..7).map(|_| none()));
    }
    let c = s.counts;
    cells.push((c.failed + c.cut + c.not_sent).to_string());
    cells.push(layout::state(s.verdict.state).0.to_owned());
    cells
}
