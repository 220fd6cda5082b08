use tokmark_report::{Style, markdown, terminal};

use crate::build;

#[test]
fn a_run_with_failures() {
    insta::assert_snapshot!(markdown::run(&build::failing(), Style::default()));
}

#[test]
fn an_invalid_run_has_no_numbers() {
    let text = markdown::run(&build::lossy(), Style::default());
    assert!(text.contains("**INVALID**") && !text.contains("TTFT"), "{text}");
}

#[test]
fn what_the_plan_cancels_is_counted_and_no_failure() {
    let summary = build::cancelled();
    let terminal = terminal::run(&summary, Style::default());
    let markdown = markdown::run(&summary, Style::default());
    for text in [terminal, markdown] {
        assert!(text.contains("20 succeeded, 3 cancelled as planned ·"), "{text}");
        assert!(!text.contains('∞') && !text.contains("failed"), "{text}");
    }
}

#[test]
fn classes_and_turns() {
    insta::assert_snapshot!(markdown::run(&build::grouped(), Style::default()));
}
