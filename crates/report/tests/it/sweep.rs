use tokmark_report::Style;
use tokmark_report::sweep::{self, Point};

use crate::build;

#[test]
fn one_line_a_point() {
    let (clean, failing, lossy) = (build::clean(), build::failing(), build::lossy());
    let points = [("concurrency 8", &clean), ("concurrency 64", &failing), ("concurrency 250", &lossy)]
        .map(|(level, summary)| Point { level, summary });
    let text = sweep::table(&points, Style::default());
    assert!(text.lines().all(|l| l.chars().count() <= 100));
    insta::assert_snapshot!(text);
}

#[test]
fn an_open_loop_is_measured_from_the_intended_start() {
    let open = build::open();
    let points = [Point { level: "rate 100", summary: &open }];
    insta::assert_snapshot!(sweep::table(&points, Style::default()));
}

#[test]
fn wide_values_and_long_levels_fit() {
    let (wide, stalled) = (build::wide(), build::stalled());
    let long = format!("concurrency 1024, isl 131072, {}", "x".repeat(90));
    for level in ["concurrency 1024", &long] {
        let points = [Point { level, summary: &wide }, Point { level: "concurrency 8", summary: &stalled }];
        let text = sweep::table(&points, Style::default());
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        }
        insta::assert_snapshot!(text);
    }
}
