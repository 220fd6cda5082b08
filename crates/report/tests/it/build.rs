//! Runs with an exact schedule.

use std::collections::BTreeMap;

use tokmark_base::Micros;
use tokmark_measure::summary::{Amount, LoadKind};
use tokmark_measure::{MeasureSpec, RunFacts, Summary, analyse};
use tokmark_record::header::Target;
use tokmark_record::{
    Asked, Count, CountSource, Failure, FailureKind, Outcome, Read, Reads, Record, RunHeader, Sample,
    SessionTurn, Usage,
};

const MS: i64 = 1_000;

fn read(at: i64) -> Read {
    Read {
        user: Micros(at),
        kernel: Some(Micros(at)),
        open: Micros(at),
        bytes: 100,
        events: 1,
        content: 1,
        tail: true,
    }
}

fn count(tokens: u32) -> Count {
    Count { tokens, source: CountSource::Server }
}

/// A success: TTFT 100 ms, 11 tokens every 10 ms.
fn success(attempt: u64, sent: i64) -> Record {
    let events: Vec<i64> = (0..11).map(|i| sent + (100 + 10 * i) * MS).collect();
    Record {
        attempt,
        request: attempt,
        asked: Asked { isl: Some(50), osl: Some(11) },
        released_us: Some(Micros(sent)),
        acted_us: Some(Micros(sent)),
        sent_us: Some(Micros(sent)),
        ended_us: Some(Micros(events[10])),
        status: Some(200),
        streamed: true,
        reads: Reads(events.into_iter().map(read).collect()),
        first_output: Some(0),
        finish_reason: Some("length".into()),
        input: Some(count(50)),
        output: Some(count(11)),
        outcome: Outcome::Success,
        ..Record::default()
    }
}

fn header() -> RunHeader {
    RunHeader {
        tool_version: "0.1.0".into(),
        run_id: "20260101T000000Z-demo-abcdef".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        targets: vec![Target { url: "http://127.0.0.1:8000/v1/chat/completions".into(), address: None }],
        model: Some("tiny".into()),
        plan_digest: "abcdef".into(),
        seed: 42,
        ..RunHeader::default()
    }
}

fn summary(records: &[Record], samples: &[Sample], header: &RunHeader, facts: &RunFacts) -> Summary {
    analyse(header, || records.iter().cloned(), samples.iter().cloned(), &MeasureSpec::default(), facts)
        .summary
}

fn closed(streams: u64) -> RunFacts {
    RunFacts { complete: true, asked_concurrency: Some(streams), ..RunFacts::default() }
}

fn streams(streams: u64, rounds: u64) -> Vec<Record> {
    (0..streams * rounds).map(|i| success(i, (i / streams) as i64 * 200 * MS)).collect()
}

/// Eight streams, 25 rounds, against the simulated engine: what the quick start prints.
pub(crate) fn clean() -> Summary {
    let header = RunHeader { simulated: true, ..header() };
    summary(&streams(8, 25), &[], &header, &closed(8))
}

/// Like [`clean`] on a known number of GPUs, with two streams.
pub(crate) fn small() -> Summary {
    let header = RunHeader { gpus: Some(4), ..header() };
    summary(&streams(2, 10), &[], &header, &closed(2))
}

/// Twelve of 212 attempts fail in two ways.
pub(crate) fn failing() -> Summary {
    let mut records = streams(8, 25);
    for i in 0..12 {
        let (kind, status, message) = if i < 9 {
            (
                FailureKind::HttpServerError,
                Some(503),
                "{\"error\":\n\t\"overloaded, please retry later | or on another server, if there is one\"}",
            )
        } else {
            (FailureKind::Timeout, None, "")
        };
        records.push(Record {
            reads: Reads::default(),
            output: None,
            status,
            outcome: Outcome::Failed(Failure { kind, message: message.into() }),
            ..success(200 + i, 400 * MS)
        });
    }
    let facts = RunFacts { asked_concurrency: None, ..closed(8) };
    summary(&records, &[], &header(), &facts)
}

/// Two streams of ten; the clients of three more went away as planned.
pub(crate) fn cancelled() -> Summary {
    let mut records = streams(2, 10);
    records.extend((0..3).map(|i| Record {
        outcome: Outcome::Cut { by: tokmark_record::Cut::Plan },
        ..success(100 + i, 400 * MS)
    }));
    summary(&records, &[], &header(), &closed(2))
}

/// Every second attempt of four stalls: 50 ms of silence, then five events in one read.
pub(crate) fn stalled() -> Summary {
    let mut records = streams(2, 10);
    for record in records.iter_mut().step_by(2) {
        let sent = record.sent_us.unwrap_or_default();
        record.reads.0.truncate(6);
        let at = |ms: i64| sent + Micros(ms * MS);
        record.reads.0.push(Read {
            user: at(200),
            kernel: Some(at(200)),
            open: at(151),
            bytes: 500,
            events: 5,
            content: 5,
            tail: true,
        });
    }
    let values = BTreeMap::from([("stall_max_us".to_owned(), 50_000.0)]);
    let sample = Sample { at_us: Micros(1_000_000), source: "client".into(), values };
    summary(&records, &[sample], &header(), &closed(2))
}

/// A full queue lost three records.
pub(crate) fn lossy() -> Summary {
    let facts = RunFacts { lost: Some(3), ..closed(2) };
    summary(&streams(2, 10), &[], &header(), &facts)
}

/// An open loop at 100 requests/s; two of 400 starts fail.
pub(crate) fn open() -> Summary {
    let mut records: Vec<Record> = (0..400)
        .map(|i| Record { intended_us: Some(Micros(i * 10 * MS)), ..success(i as u64, i * 10 * MS) })
        .collect();
    for i in [100, 200] {
        records[i].outcome = Outcome::Failed(Failure {
            kind: FailureKind::CutShort,
            message: "connection closed after 312 bytes".into(),
        });
    }
    let facts = RunFacts {
        complete: true,
        load: LoadKind::Open,
        asked_rate_per_s: Some(100.0),
        ..RunFacts::default()
    };
    summary(&records, &[], &header(), &facts)
}

/// Two classes of sessions of five turns, the prompts of later ones longer and mostly in the cache; what is free fails at times.
pub(crate) fn grouped() -> Summary {
    let header = RunHeader { classes: vec!["paid".into(), "free | slow".into()], ..header() };
    let record = |i: u64| {
        let (session, turn) = (i / 5, (i % 5) as u32);
        let plain = success(i, i as i64 * 100 * MS);
        let prompt = 50 + 60 * turn;
        let failed = Outcome::Failed(Failure { kind: FailureKind::Timeout, message: String::new() });
        Record {
            session: Some(SessionTurn { id: session, turn, of: 5 }),
            class: Some((session % 2) as u16),
            asked: Asked { isl: Some(prompt), osl: Some(11) },
            input: Some(count(prompt)),
            usage: Some(Usage { prompt: Some(prompt), cached: Some(60 * turn), ..Usage::default() }),
            outcome: if i % 50 == 9 { failed } else { Outcome::Success },
            ..plain
        }
    };
    summary(&(0..400).map(record).collect::<Vec<_>>(), &[], &header, &closed(2))
}

/// [`failing`] and [`stalled`] at their widest: slow, long-winded, every percentile and maximum a wide range.
pub(crate) fn wide() -> Summary {
    let mut summary = failing();
    summary.censoring.share_ratio = Some(0.0068);
    summary.finish_reasons = BTreeMap::from([("length".to_owned(), 199_999), ("stop".to_owned(), 1)]);
    summary.targets =
        vec!["http://inference-gateway.a-namespace-with-a-long-name.svc.cluster.local:8000/v1".into(); 2];
    summary.targets.push(format!("http://127.0.0.1:8000/{}", "x".repeat(150)));
    for metric in &mut summary.metrics {
        for d in [metric.values.as_mut(), metric.adjusted.as_mut()].into_iter().flatten() {
            d.censored = 3;
            for p in d.percentiles.iter_mut().filter(|p| p.value.is_finite()) {
                (p.value.0, p.bound) = (123_456.0, Some(Amount(120_001.0)));
            }
            if d.max.is_some_and(Amount::is_finite) {
                (d.max, d.max_bound) = (Some(Amount(130_000.0)), Some(Amount(140_001.0)));
            }
        }
    }
    summary
}
