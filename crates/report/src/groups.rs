//! Classes and turns, a line each: the few numbers by which one compares them. `summary.json` has the rest.

use tokmark_base::units::significant;
use tokmark_measure::Summary;
use tokmark_measure::summary::GroupSummary;

use crate::layout;

/// A table of groups: its head, and a line of cells for each.
pub(crate) struct Lines {
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// What heads a column, and what stands in it.
type Column = (&'static str, fn(&GroupSummary) -> String);

const TTFT_TAG: &str = "time_to_first_token";

const TTFT: [Column; 3] = [
    ("TTFT p50 ms", |g| percentile(g, TTFT_TAG, 50.0)),
    ("p90", |g| percentile(g, TTFT_TAG, 90.0)),
    ("p99", |g| percentile(g, TTFT_TAG, 99.0)),
];

const OF_CLASSES: [Column; 3] = [
    ("ITL p50 ms", |g| percentile(g, "inter_token_latency", 50.0)),
    ("latency p50 ms", |g| percentile(g, "request_latency", 50.0)),
    ("tokens/s", |g| {
        let value = g.metric("output_token_throughput").and_then(|m| m.value);
        value.map_or_else(|| layout::NONE.to_owned(), significant)
    }),
];

const OF_TURNS: [Column; 2] = [
    ("input tokens", |g| {
        let input = g.metric("input_sequence_length").and_then(|m| m.values.as_ref());
        layout::amount(input.and_then(|values| values.mean))
    }),
    ("cached %", |g| {
        g.cached_input_ratio.map_or_else(|| layout::NONE.to_owned(), |ratio| layout::number(100.0 * ratio))
    }),
];

/// The tables that this run has: of its classes, of its turns.
pub(crate) fn tables(summary: &Summary) -> impl Iterator<Item = Lines> {
    let classes = lines("class", &summary.classes, &OF_CLASSES);
    let turns = lines("turn", &summary.turns, &OF_TURNS);
    [classes, turns].into_iter().filter(|lines| !lines.rows.is_empty())
}

/// The line that explains `~`, if any of the tables has it.
pub(crate) fn note(summary: &Summary) -> Option<String> {
    let groups = summary.classes.iter().chain(&summary.turns);
    let shown = groups.filter_map(|group| group.metric(TTFT_TAG)?.headline());
    layout::missing_note(shown, &[50.0, 90.0, 99.0])
}

fn lines(kind: &'static str, groups: &[GroupSummary], more: &[Column]) -> Lines {
    let columns: Vec<&Column> = TTFT.iter().chain(more).collect();
    let mut head = vec![kind, "succeeded", "failed"];
    head.extend(columns.iter().map(|column| column.0));
    let row = |group: &GroupSummary| {
        let counts = [group.name.clone(), group.succeeded.to_string(), group.failed.to_string()];
        counts.into_iter().chain(columns.iter().map(|column| column.1(group))).collect()
    };
    Lines { head, rows: groups.iter().map(row).collect() }
}

fn percentile(group: &GroupSummary, tag: &str, p: f64) -> String {
    let headline = group.metric(tag).and_then(|metric| metric.headline());
    headline.map_or_else(|| layout::NONE.to_owned(), |values| layout::percentile(values, p))
}
