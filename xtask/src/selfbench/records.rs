//! A run's own files, read back: its records joined to the server's truths, its verdict.

use std::fs::{self, File};
use std::io::BufReader;

use serde_json::Value;
use tokmark_base::Micros;
use tokmark_metronome::Truth;
use tokmark_metronome::compare::Seen;
use tokmark_record::Record;
use tokmark_record::file::LineReader;

use super::Fallible;
use super::lab::Ran;

/// Every record of a run.
pub(crate) fn read(ran: &Ran) -> Fallible<Vec<Record>> {
    let path = ran.file("records.jsonl.zst")?;
    let mut reader = LineReader::new(BufReader::new(File::open(&path)?))?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_value::<Record>() {
        records.push(record.map_err(|e| format!("{}: {e}", path.display()))?);
    }
    Ok(records)
}

/// What the client reported, by the index of the request: `x-request-id` is `<run>-<index>`.
pub(crate) fn seen(records: &[Record]) -> Vec<Seen> {
    records
        .iter()
        .map(|record| {
            let at: Vec<i64> = record.reads.content_events().map(|event| event.at.0).collect();
            Seen {
                id: record.request.to_string(),
                ttft_ns: at.first().zip(record.sent_us).map(|(first, sent)| (first - sent.0) * 1_000),
                gaps_ns: at.windows(2).map(|pair| (pair[1] - pair[0]) * 1_000).collect(),
            }
        })
        .collect()
}

/// The truths with their ids cut to the index of the request.
pub(crate) fn by_index(truths: Vec<Truth>) -> Vec<Truth> {
    truths
        .into_iter()
        .map(|mut truth| {
            if let Some((_, index)) = truth.id.rsplit_once('-') {
                truth.id = index.to_owned();
            }
            truth
        })
        .collect()
}

/// Delays from planned start to first action, nanoseconds.
pub(crate) fn dispatch_delays_ns(records: &[Record]) -> Vec<i64> {
    let delay = |r: &Record| Some((r.acted_us? - r.intended_us?).0 * 1_000);
    records.iter().filter_map(delay).collect()
}

/// Whether every attempt was in flight at one moment.
pub(crate) fn all_at_once(records: &[Record]) -> bool {
    let last_start = records.iter().map(|r| r.sent_us).max().flatten();
    let first_end = records.iter().filter_map(|r| r.ended_us).min();
    let all_sent = records.iter().all(|r| r.sent_us.is_some() && r.ended_us.is_some());
    all_sent && last_start.unwrap_or(Micros::MAX) < first_end.unwrap_or(Micros::ZERO)
}

/// A run's verdict: its state (`valid`, `degraded`, `invalid`) and the codes of its warnings.
pub(crate) fn verdict(ran: &Ran) -> Fallible<(String, Vec<String>)> {
    let path = ran.file("summary.json")?;
    let summary: Value = serde_json::from_slice(&fs::read(&path)?)?;
    let verdict = &summary["verdict"];
    let state = verdict["state"].as_str().ok_or_else(|| format!("{}: no verdict.state", path.display()))?;
    let codes = verdict["warnings"].as_array().into_iter().flatten();
    let codes = codes.filter_map(|warning| warning["code"].as_str().map(str::to_owned)).collect();
    Ok((state.to_owned(), codes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(request: u64, sent: i64, ended: i64) -> Record {
        Record {
            request,
            intended_us: Some(Micros(sent - 3)),
            acted_us: Some(Micros(sent - 1)),
            sent_us: Some(Micros(sent)),
            ended_us: Some(Micros(ended)),
            ..Record::default()
        }
    }

    #[test]
    fn overlap_is_of_all_or_of_none() {
        assert!(all_at_once(&[record(0, 0, 100), record(1, 50, 120)]));
        assert!(!all_at_once(&[record(0, 0, 100), record(1, 101, 120)]));
        assert!(!all_at_once(&[record(0, 0, 100), Record::default()]));
    }

    #[test]
    fn joined_by_the_index_of_the_request() {
        let truths = by_index(vec![Truth { id: "2026-11-22-run-7".to_owned(), ..Truth::default() }]);
        assert_eq!(truths[0].id, seen(&[record(7, 0, 1)])[0].id);
        assert_eq!(dispatch_delays_ns(&[record(7, 10, 20), Record::default()]), [2_000]);
    }
}
