use serde_json::json;
use tokmark_measure::summary::Verdict;

use super::*;
use crate::Run;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn analysis(state: State) -> Analysis {
    let verdict = Verdict { state, ..Verdict::default() };
    Analysis { summary: Summary { verdict, ..Summary::default() }, ..Analysis::default() }
}

#[test]
fn an_invalid_run_has_its_foreign_summary_under_a_name_no_script_picks_up() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = Publisher::new(dir.path(), &[]);
    let header = RunHeader::default();
    let valid = ["profile_export_aiperf.csv", "profile_export_aiperf.json", "summary.json", "summary.md"];
    let invalid = [
        "profile_export_aiperf.invalid.csv",
        "profile_export_aiperf.invalid.json",
        "summary.json",
        "summary.md",
    ];
    for (state, validity, expected) in [
        (State::Valid, Validity::Enforce, valid),
        (State::Invalid, Validity::Enforce, invalid),
        (State::Degraded, Validity::Enforce, valid),
        (State::Invalid, Validity::Report, valid),
    ] {
        publisher.analysis(&analysis(state), &header, "# run\n", validity).unwrap();
        assert_eq!(names(dir.path()), expected, "{state:?} {validity:?}");
    }
}

#[test]
fn no_secret_gets_into_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = [Secret::new("sk-\"quoted\"\\12345"), Secret::new("1234")];
    let publisher = Publisher::new(dir.path(), &secrets);
    let leak = secrets[0].reveal();
    let header = RunHeader {
        schema_version: 1,
        seed: 1_234,
        command: vec!["tokmark".to_owned(), format!("--header=Authorization: Bearer {leak}")],
        spec: json!({ "target": { "extra": { leak: [leak, 1234] }, "headers": [leak] } }),
        model: Some(leak.to_owned()),
        ..RunHeader::default()
    };
    let mut analysis = analysis(State::Valid);
    analysis.summary.model = Some(leak.to_owned());
    let deployment = Deployment { image: Some(leak.to_owned()), ..Deployment::default() };
    publisher.header(&header).unwrap();
    publisher.analysis(&analysis, &header, leak, Validity::Enforce).unwrap();
    publisher.deployment(&deployment, Some(leak), Some(1_234), None).unwrap();
    let record = Record { finish_reason: Some(leak.to_owned()), ..Record::default() };
    publisher.aiperf_jsonl(&header, [Ok(record)].into_iter()).unwrap();
    assert_eq!(names(dir.path()).len(), 7);
    for name in names(dir.path()) {
        let text = fs::read_to_string(dir.path().join(&name)).unwrap();
        assert!(!text.contains("quoted"), "{name}: {text}");
    }
    // A number that looks like a secret is no string, and the file still reads.
    let run = Run::open(dir.path()).unwrap();
    assert_eq!(run.header().seed, 1_234);
    assert_eq!(run.header().command[1], "--header=Authorization: Bearer ***");
    assert_eq!(
        run.header().spec,
        json!({ "target": { "extra": { "***": ["***", 1234] }, "headers": ["***"] } })
    );
}

#[test]
fn a_record_that_cannot_be_read_leaves_no_half_file() {
    let dir = tempfile::tempdir().unwrap();
    let bad = StoreError::NotARun { path: dir.path().to_owned(), missing: HEADER };
    let records = [Ok(Record::default()), Err(bad)].into_iter();
    let error = Publisher::new(dir.path(), &[]).aiperf_jsonl(&RunHeader::default(), records).unwrap_err();
    assert!(matches!(error, StoreError::NotARun { .. }), "{error:?}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_new_header_begins_a_new_run() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = Publisher::new(dir.path(), &[]);
    let header = RunHeader { schema_version: 1, ..RunHeader::default() };
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    for _ in 0..2 {
        publisher.header(&header).unwrap();
        assert!(!Run::open(dir.path()).unwrap().is_finished());
        assert_eq!(names(dir.path()), ["notes.txt", "run.json"]);
        publisher.analysis(&analysis(State::Valid), &header, "", Validity::Enforce).unwrap();
        assert!(Run::open(dir.path()).unwrap().is_finished());
    }
}
