//! `kill -9` in the middle of a run, at every byte.

use std::fs;
use std::path::Path;

use tokmark_base::Micros;
use tokmark_measure::summary::LoadKind;
use tokmark_measure::{MeasureSpec, RunFacts, Summary};
use tokmark_record::file::LineWriter;
use tokmark_record::header::SCHEMA_VERSION;
use tokmark_record::{Outcome, Record, RunHeader, Sample, Sink};
use tokmark_store::layout::{HEADER, RECORDS, SERIES, SUMMARY};
use tokmark_store::{Options, Publisher, Run, StoreError, rebuild, writer};
use tokmark_workload::LoadSpec;

fn header() -> RunHeader {
    RunHeader {
        schema_version: SCHEMA_VERSION,
        run_id: "20261122T102252Z-x-1a2b3c4d".to_owned(),
        ..RunHeader::default()
    }
}

fn record(attempt: u64) -> Record {
    Record { attempt, outcome: Outcome::Success, ..Record::default() }
}

fn attempts(run: &Run) -> (Vec<u64>, bool) {
    let mut lines = run.records().unwrap();
    let attempts = lines.by_ref().map(|r| r.unwrap().attempt).collect();
    (attempts, lines.truncated())
}

/// Two frames of ten records.
fn two_frames() -> (Vec<u8>, usize) {
    let mut lines = LineWriter::new(Vec::new());
    (0..10).for_each(|i| lines.line(&record(i)).unwrap());
    lines.seal().unwrap();
    (10..20).for_each(|i| lines.line(&record(i)).unwrap());
    let both = lines.finish().unwrap();
    let mut first = LineWriter::new(Vec::new());
    (0..10).for_each(|i| first.line(&record(i)).unwrap());
    (both, first.finish().unwrap().len())
}

#[test]
fn a_run_cut_at_any_byte_opens_with_every_whole_frame() {
    let dir = tempfile::tempdir().unwrap();
    Publisher::new(dir.path(), &[]).header(&header()).unwrap();
    let (bytes, first) = two_frames();
    for length in 0..=bytes.len() {
        fs::write(dir.path().join(RECORDS), &bytes[..length]).unwrap();
        fs::write(dir.path().join(SERIES), &bytes[..length.min(3)]).unwrap();
        let run = Run::open(dir.path()).unwrap();
        assert!(!run.is_finished() && run.summary().unwrap().is_none());
        let (seen, truncated) = attempts(&run);
        let whole = if length == bytes.len() {
            20
        } else if length >= first {
            10
        } else {
            0
        };
        assert!(
            seen.len() >= whole && seen.iter().copied().eq(0..seen.len() as u64),
            "cut at {length}: {seen:?}"
        );
        assert_eq!(truncated, ![0, first, bytes.len()].contains(&length), "cut at {length}");
        assert_eq!(run.samples().unwrap().count(), 0);
    }
}

#[test]
fn a_run_killed_before_its_writer_started_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    Publisher::new(dir.path(), &[]).header(&header()).unwrap();
    let run = Run::open(dir.path()).unwrap();
    assert_eq!(attempts(&run), (Vec::new(), false));
    assert_eq!(run.samples().unwrap().count(), 0);
}

#[test]
fn a_run_goes_round() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = Publisher::new(dir.path(), &[]);
    publisher.header(&header()).unwrap();
    let (mut sink, writer) = writer::start(dir.path(), Options::default()).unwrap();
    for attempt in 0..100 {
        assert!(sink.record(record(attempt)));
    }
    assert!(sink.sample(Sample { source: "client".to_owned(), ..Sample::default() }));
    assert_eq!(writer.finish().unwrap().records, 100);
    let summary = Summary { run_id: header().run_id, ..Summary::default() };
    publisher.summary(&summary).unwrap();
    let run = Run::open(dir.path()).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.header(), &header());
    assert_eq!(run.summary().unwrap(), Some(summary));
    assert_eq!(attempts(&run), ((0..100).collect(), false));
    assert_eq!(run.samples().unwrap().map(Result::unwrap).count(), 1);
}

fn refused(dir: &Path) -> String {
    Run::open(dir).unwrap_err().to_string()
}

#[test]
fn what_is_no_run_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(refused(dir.path()).contains("has no run.json"));
    assert!(refused(&dir.path().join("nowhere")).contains("has no run.json"));
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Run::open(&file), Err(StoreError::NotADirectory { .. })));
    for (text, words) in [
        ("{}", "schema version none"),
        (r#"{"schema_version":0}"#, "schema version 0"),
        (r#"{"schema_version":99}"#, "schema version 99; this tokmark reads versions 1 to"),
        ("{\"schema_version\":1,\n\"colour\":3}", "unknown field `colour`"),
        ("{\"schema_version\":1,\n\"colour\":3}", "line 2 column 8"),
        ("{\"schema", "line 1 column 8"),
    ] {
        fs::write(dir.path().join(HEADER), text).unwrap();
        let message = refused(dir.path());
        assert!(message.contains(words) && message.contains("\nhint: "), "`{words}` not in {message}");
    }
}

#[test]
fn a_line_changed_by_hand_is_named() {
    let dir = tempfile::tempdir().unwrap();
    Publisher::new(dir.path(), &[]).header(&header()).unwrap();
    let mut lines = LineWriter::new(Vec::new());
    lines.line(&record(0)).unwrap();
    lines.line(&serde_json::json!({ "attempt": 1, "colour": "red" })).unwrap();
    lines.line(&record(2)).unwrap();
    fs::write(dir.path().join(RECORDS), lines.finish().unwrap()).unwrap();
    fs::write(dir.path().join(SUMMARY), "{\"schema_version\": \"x\"}").unwrap();
    let run = Run::open(dir.path()).unwrap();
    let read: Vec<_> = run.records().unwrap().collect();
    assert_eq!(read.len(), 2, "nothing is read past it");
    let message = read[1].as_ref().unwrap_err().to_string();
    assert!(
        message.contains(RECORDS) && message.contains("line 2:") && message.contains("colour"),
        "{message}"
    );
    assert!(run.summary().unwrap_err().to_string().contains(SUMMARY));
}

#[test]
fn the_points_of_a_sweep_come_in_the_order_of_their_load() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["c10", "c2", "c1", "notes"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    for name in ["c10", "c2", "c1"] {
        Publisher::new(&dir.path().join(name), &[]).header(&header()).unwrap();
    }
    let points = Run::points(dir.path()).unwrap();
    let names: Vec<_> = points.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["c1", "c2", "c10"]);
}

#[test]
fn a_killed_run_is_analysed_from_its_header_and_records() {
    let dir = tempfile::tempdir().unwrap();
    let load: LoadSpec =
        serde_json::from_value(serde_json::json!({ "rate": 4.0, "requests": 20, "ramp": "2s" })).unwrap();
    let header = RunHeader { spec: serde_json::json!({ "load": load }), ..header() };
    Publisher::new(dir.path(), &[]).header(&header).unwrap();
    let (bytes, first) = two_frames();
    fs::write(dir.path().join(RECORDS), &bytes[..=first]).unwrap();
    let run = Run::open(dir.path()).unwrap();
    let facts = rebuild::facts(run.header());
    assert_eq!((facts.load, facts.planned, facts.complete), (LoadKind::Open, Some(20), false));
    assert_eq!((facts.asked_rate_per_s, facts.ramp_us), (Some(4.0), Some(Micros(2_000_000))));
    run.analyse(&MeasureSpec::default(), &facts).unwrap();
    // Without a load in its spec (another verb) nothing is made up.
    assert_eq!(rebuild::facts(&RunHeader::default()), RunFacts::default());

    let mut lines = LineWriter::new(Vec::new());
    lines.line(&"not a record").unwrap();
    fs::write(dir.path().join(RECORDS), lines.finish().unwrap()).unwrap();
    let error = run.analyse(&MeasureSpec::default(), &facts).unwrap_err();
    assert!(error.to_string().contains("line 1:"), "{error}");
}

#[test]
fn a_killed_runs_anchor_is_the_one_of_its_health_series() {
    let dir = tempfile::tempdir().unwrap();
    Publisher::new(dir.path(), &[]).header(&header()).unwrap();
    let run = Run::open(dir.path()).unwrap();
    assert_eq!(rebuild::exact_anchor(&run).unwrap(), None, "no series yet");
    let anchor = 1_795_343_265_511_414_219_i64;
    let mut lines = LineWriter::new(Vec::new());
    lines.line(&Sample { source: "server".to_owned(), ..Sample::default() }).unwrap();
    let values = [("anchor_unix_ns".to_owned(), anchor as f64)].into();
    lines.line(&Sample { source: "client".to_owned(), values, ..Sample::default() }).unwrap();
    fs::write(dir.path().join(SERIES), lines.finish().unwrap()).unwrap();
    let read = rebuild::exact_anchor(&run).unwrap().unwrap();
    assert!((read - anchor).abs() <= 256, "{read}");
}

#[test]
fn a_count_that_a_duration_may_end_is_no_plan() {
    let facts = |load| rebuild::facts(&RunHeader { spec: serde_json::json!({ "load": load }), ..header() });
    let both = facts(serde_json::json!({ "concurrency": 2, "requests": 20, "duration": "2s" }));
    assert_eq!((both.load, both.planned, both.asked_concurrency), (LoadKind::Closed, None, Some(2)));
    let burst = facts(serde_json::json!({ "burst": true, "requests": 20 }));
    assert_eq!((burst.load, burst.planned, burst.ramp_us), (LoadKind::Burst, Some(20), None));
}

#[test]
fn what_a_killed_run_left_is_counted_against_what_it_had_begun() {
    let dir = tempfile::tempdir().unwrap();
    Publisher::new(dir.path(), &[]).header(&header()).unwrap();
    let (bytes, first) = two_frames();
    fs::write(dir.path().join(RECORDS), &bytes[..first + 5]).unwrap();
    let run = Run::open(dir.path()).unwrap();
    let left = run.left_behind().unwrap();
    assert_eq!((left.records, left.damaged, left.issued), (10, true, None));
    let values = [("issued".to_owned(), 31.0), ("in_flight".to_owned(), 8.0)].into();
    let sample = Sample { at_us: Micros(2_000_000), source: "client".to_owned(), values };
    let mut lines = LineWriter::new(Vec::new());
    lines.line(&sample).unwrap();
    fs::write(dir.path().join(SERIES), lines.finish().unwrap()).unwrap();
    fs::write(dir.path().join(RECORDS), &bytes).unwrap();
    let left = run.left_behind().unwrap();
    assert_eq!((left.records, left.damaged, left.issued, left.in_flight), (20, false, Some(31), Some(8)));
    assert_eq!(
        left.to_string(),
        "20 records were read; at the last health sample, 2.0 s into the run, 31 attempts had begun and 8 of them were in flight"
    );
}
