use tokmark_base::Micros;

use super::*;
use crate::{Outcome, Read as OneRead};

fn record(attempt: u64) -> Record {
    Record { attempt, outcome: Outcome::Success, ..Record::default() }
}

fn read_all(bytes: &[u8]) -> (Vec<u64>, bool) {
    let mut reader = LineReader::new(bytes).unwrap();
    let mut seen = Vec::new();
    while let Some(r) = reader.next_value::<Record>() {
        seen.push(r.unwrap().attempt);
    }
    (seen, reader.truncated())
}

#[test]
fn a_kill_loses_at_most_the_open_frame() {
    let mut w = LineWriter::new(Vec::new());
    (0..10).for_each(|i| w.line(&record(i)).unwrap());
    w.seal().unwrap();
    (10..20).for_each(|i| w.line(&record(i)).unwrap());
    let whole = w.finish().unwrap();
    assert_eq!(read_all(&whole), ((0..20).collect(), false));
    for cut in 1..whole.len() {
        let (seen, _) = read_all(&whole[..cut]);
        assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>(), "cut at {cut}");
    }
    let (seen, truncated) = read_all(&whole[..whole.len() - 1]);
    assert!(seen.len() >= 10 && truncated);
}

#[test]
fn an_unknown_key_names_its_line() {
    let mut w = LineWriter::new(Vec::new());
    w.line(&record(0)).unwrap();
    w.line(&serde_json::json!({"attempt": 1, "colour": "red"})).unwrap();
    let bytes = w.finish().unwrap();
    let mut reader = LineReader::new(&bytes[..]).unwrap();
    reader.next_value::<Record>().unwrap().unwrap();
    let err = reader.next_value::<Record>().unwrap().unwrap_err().to_string();
    assert!(err.starts_with("line 2:") && err.contains("colour"), "{err}");
}

/// A reply of two tokens: one read by one, or as a simulation has it.
fn streamed(attempt: u64, simulated: bool) -> Record {
    let read = |at: i64, lag: i64| OneRead {
        user: Micros(at),
        kernel: Some(Micros(at - lag)),
        open: Micros(if simulated { at } else { at - 900 }),
        bytes: if simulated { 0 } else { 213 },
        events: 1,
        content: 1,
        tail: true,
    };
    let lag = if simulated { 0 } else { 35 };
    Record { reads: Reads(vec![read(5_000, lag), read(11_200, lag)]), ..record(attempt) }
}

fn text(write: impl FnOnce(&mut LineWriter<Vec<u8>>)) -> Vec<u8> {
    let mut w = LineWriter::new(Vec::new());
    write(&mut w);
    zstd::decode_all(&w.finish().unwrap()[..]).unwrap()
}

#[test]
fn a_record_has_the_same_bytes_either_way_and_is_left_as_it_was() {
    for record in [record(3), streamed(4, false), streamed(5, true)] {
        let mut same = record.clone();
        let sooner = text(|w| w.record(&mut same).unwrap());
        assert_eq!(same, record);
        assert_eq!(String::from_utf8(sooner), String::from_utf8(text(|w| w.line(&record).unwrap())));
    }
}

/// Reads lines both ways and compares, words of errors included.
fn both_ways(lines: &[u8]) -> Vec<Result<Record, String>> {
    let packed = zstd::encode_all(lines, LEVEL).unwrap();
    let [mut sooner, mut plain] = [(); 2].map(|()| LineReader::new(&packed[..]).unwrap());
    let mut seen = Vec::new();
    loop {
        let words = |read: Option<Result<Record, LineError>>| read.map(|r| r.map_err(|e| e.to_string()));
        let (a, b) = (words(sooner.next_record()), words(plain.next_value()));
        assert_eq!(a, b);
        match a {
            Some(read) => seen.push(read),
            None => return seen,
        }
    }
}

#[test]
fn a_record_reads_the_same_either_way() {
    let records = [record(0), streamed(1, true), streamed(2, false), streamed(3, true)];
    let lines = text(|w| records.iter().for_each(|r| w.line(r).unwrap()));
    let read: Vec<Record> = both_ways(&lines).into_iter().map(Result::unwrap).collect();
    assert_eq!(read, records);
}

#[test]
fn a_line_of_another_form_is_read_or_refused_as_serde_does() {
    let line = String::from_utf8(text(|w| w.line(&streamed(1, true)).unwrap())).unwrap();
    let reads = r#","reads":{"user_us":[5000,6200]}"#;
    assert!(line.ends_with(&format!("{reads}}}\n")), "{line}");
    let head = line.strip_suffix(&format!("{reads}}}\n")).unwrap();
    let good = [
        // As files had it before the reads stood last, with every column.
        line.replacen(reads, "", 1).replacen(
            r#","done""#,
            r#","reads":{"user_us":[5000,6200],"lag_us":[0,0],"open_us":[0,0],"bytes":[0,0]},"done""#,
            1,
        ),
        line.replace("[5000,6200]", "[ 5000, 6200 ]"),
    ];
    for line in good {
        assert_eq!(both_ways(line.as_bytes()), [Ok(streamed(1, true))], "{line}");
    }
    let bad = [
        format!("{head}{reads},\"colour\":1}}\n"),
        format!("{head}{reads}{reads}}}\n"),
        format!("{head}{reads}}}}}\n"),
        format!("{head}}}{reads}}}\n"),
        line.replacen(r#""asked":{"#, r#""asked":{"isl":1,"reads":{"user_us":[1]}"#, 1),
        line.replacen("5000", "05000", 1),
        line.replacen("5000", "5e3", 1),
        line.replacen("\"done\"", "\"colour\"", 1),
    ];
    for line in bad {
        let read = both_ways(line.as_bytes());
        assert!(matches!(&read[..], [Err(_)]), "{line}: {read:?}");
    }
}
