use tokmark_measure::Summary;
use tokmark_measure::summary::{Amount, MetricSummary};
use tokmark_report::{Style, markdown, terminal};

use crate::build;

fn plain(summary: &Summary) -> String {
    terminal::run(summary, Style::default())
}

#[test]
fn a_clean_run() {
    insta::assert_snapshot!(plain(&build::clean()));
}

#[test]
fn a_small_run_on_known_gpus() {
    insta::assert_snapshot!(plain(&build::small()));
}

#[test]
fn a_run_with_failures() {
    insta::assert_snapshot!(plain(&build::failing()));
}

#[test]
fn a_run_with_a_stall() {
    insta::assert_snapshot!(plain(&build::stalled()));
}

#[test]
fn an_open_loop() {
    insta::assert_snapshot!(plain(&build::open()));
}

#[test]
fn classes_and_turns() {
    insta::assert_snapshot!(plain(&build::grouped()));
}

#[test]
fn an_invalid_run_prints_no_headline() {
    insta::assert_snapshot!(plain(&build::lossy()));
    let shown = Style { show_invalid: true, ..Style::default() };
    assert!(terminal::run(&build::lossy(), shown).contains("TTFT"));
}

#[test]
fn every_line_fits_a_hundred_columns_and_the_verdict_is_last() {
    for summary in [
        build::clean(),
        build::small(),
        build::failing(),
        build::stalled(),
        build::lossy(),
        build::open(),
        build::wide(),
    ] {
        let text = plain(&summary);
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        }
        let last = text.lines().last().unwrap();
        assert!(["VALID", "DEGRADED", "INVALID"].iter().any(|w| last.starts_with(w)), "{last}");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let colour = Style { colour: true, ..Style::default() };
    let summary = build::stalled();
    let mut text = terminal::run(&summary, colour);
    assert!(text.contains('\u{1b}'));
    for code in ["31;1", "2", "32;1", "1", "33;1", "0"] {
        text = text.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(text, plain(&summary));
}

#[test]
fn numbers_too_large_for_their_column_still_fit() {
    let mut summary = build::failing();
    for metric in &mut summary.metrics {
        for d in [metric.values.as_mut(), metric.adjusted.as_mut()].into_iter().flatten() {
            for p in &mut d.percentiles {
                if p.value.is_finite() {
                    p.value.0 = 123_456.0;
                }
            }
        }
    }
    assert!(plain(&summary).lines().all(|l| l.chars().count() <= 100));
}

#[test]
fn a_run_of_wide_values() {
    let text = plain(&build::wide());
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_censored_maximum_shows_how_far_it_may_reach() {
    let mut summary = build::stalled();
    let speed = summary.metrics.iter_mut().find(|m| m.tag == "output_token_throughput_per_user").unwrap();
    let values = speed.values.as_mut().unwrap();
    (values.max, values.max_bound) = (Some(Amount(140.0)), Some(Amount(186.0)));
    let text = plain(&summary);
    let row = text.lines().find(|l| l.contains("Decode speed")).unwrap();
    assert!(row.ends_with("140–186"), "{row}");
    assert!(markdown::run(&summary, Style::default()).contains("| 140–186 |"));
}

#[test]
fn what_servers_say_stands_below_and_is_called_so() {
    let mut summary = build::clean();
    assert!(
        !plain(&summary).contains("Server")
            && !markdown::run(&summary, Style::default()).contains("the server says")
    );
    let ttft = summary.metric("time_to_first_token").unwrap().clone();
    let share = summary.metric("request_throughput").unwrap().clone();
    let renamed = |metric: &MetricSummary, tag: &str, label: &str| MetricSummary {
        tag: tag.to_owned(),
        label: label.to_owned(),
        ..metric.clone()
    };
    summary.metrics.push(renamed(&ttft, "server_time_to_first_token", "Server TTFT"));
    summary.metrics.push(renamed(&share, "cached_input_share", "Cached input"));
    let text = plain(&summary);
    assert!(
        text.contains("Server TTFT") && text.contains("by its own clock") && text.contains("Cached input"),
        "{text}"
    );
    let text = markdown::run(&summary, Style::default());
    assert!(
        text.contains("| Server TTFT | ms |") && text.contains("| the server says | value | unit |"),
        "{text}"
    );
}
