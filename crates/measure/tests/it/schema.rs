//! The checked-in JSON Schema is the one of today's types.

use std::path::PathBuf;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/summary.schema.json")
}

#[test]
fn the_checked_in_schema_is_current() {
    let checked_in = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        checked_in == tokmark_measure::summary::schema(),
        "docs/schema/summary.schema.json is not current\n\
         hint: cargo test -p tokmark-measure --test it -- --ignored write_the_schema"
    );
}

/// Writes the schema; run by hand after a change of the types.
#[test]
#[ignore = "writes a file of the repository"]
fn write_the_schema() {
    std::fs::create_dir_all(path().parent().unwrap()).unwrap();
    std::fs::write(path(), tokmark_measure::summary::schema()).unwrap();
}

#[test]
fn a_summary_reads_back() {
    let records = crate::build::two_streams();
    let summary = crate::build::run(&records, &crate::build::facts()).summary;
    let text = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<tokmark_measure::Summary>(&text).unwrap(), summary);
}
