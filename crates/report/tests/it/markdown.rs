use tokmark_report::{Style, markdown};

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
