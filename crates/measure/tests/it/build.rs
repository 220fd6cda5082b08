//! Records with an exact schedule.

use tokmark_base::{Micros, Phase};
use tokmark_measure::{Analysis, MeasureSpec, RunFacts, analyse};
use tokmark_record::{
    Asked, Count, CountSource, Failure, FailureKind, Outcome, Read, Reads, Record, RunHeader, Sample,
};

pub(crate) const MS: i64 = 1_000;

/// A read at `at` that brought one content event and has the kernel's stamp.
pub(crate) fn exact_read(at: i64) -> Read {
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

/// A success sent at `sent` whose content events arrive at `events`, one token each.
pub(crate) fn success(attempt: u64, sent: i64, events: &[i64]) -> Record {
    let last = events.last().copied().unwrap_or(sent);
    Record {
        attempt,
        request: attempt,
        asked: Asked { isl: Some(50), osl: Some(events.len() as u32) },
        released_us: Some(Micros(sent)),
        acted_us: Some(Micros(sent)),
        sent_us: Some(Micros(sent)),
        sent_end_us: Some(Micros(sent)),
        headers_us: events.first().map(|t| Micros(*t)),
        ended_us: Some(Micros(last)),
        status: Some(200),
        streamed: true,
        reads: Reads(events.iter().map(|t| exact_read(*t)).collect()),
        first_output: Some(0),
        finish_reason: Some("length".into()),
        done: true,
        input: Some(count(50)),
        output: Some(count(events.len() as u32)),
        outcome: Outcome::Success,
        ..Record::default()
    }
}

pub(crate) fn count(tokens: u32) -> Count {
    Count { tokens, source: CountSource::Server }
}

/// TTFT and ITL in milliseconds, `osl` events.
pub(crate) fn schedule(sent: i64, ttft_ms: i64, itl_ms: i64, osl: i64) -> Vec<i64> {
    (0..osl).map(|i| sent + (ttft_ms + i * itl_ms) * MS).collect()
}

/// A failure at `at`.
pub(crate) fn failed(attempt: u64, at: i64, kind: FailureKind, status: Option<u16>, message: &str) -> Record {
    Record {
        attempt,
        status,
        ended_us: Some(Micros(at + MS)),
        finish_reason: None,
        outcome: Outcome::Failed(Failure { kind, message: message.into() }),
        output: None,
        ..success(attempt, at, &[])
    }
}

/// Planned, never started.
pub(crate) fn not_sent(attempt: u64, intended: Option<i64>) -> Record {
    Record {
        attempt,
        intended_us: intended.map(Micros),
        outcome: Outcome::NotSent,
        phase: Phase::Profiling,
        ..Record::default()
    }
}

/// Two streams, each 10 requests back to back: TTFT 100 ms, ITL 10 ms, 11 tokens, so 200 ms a request.
pub(crate) fn two_streams() -> Vec<Record> {
    (0..20_u64)
        .map(|i| {
            let sent = (i as i64 / 2) * 200 * MS;
            success(i, sent, &schedule(sent, 100, 10, 11))
        })
        .collect()
}

pub(crate) fn facts() -> RunFacts {
    RunFacts { complete: true, ..RunFacts::default() }
}

pub(crate) fn run(records: &[Record], facts: &RunFacts) -> Analysis {
    run_with(records, &[], facts, &RunHeader::default())
}

pub(crate) fn run_with(
    records: &[Record],
    samples: &[Sample],
    facts: &RunFacts,
    header: &RunHeader,
) -> Analysis {
    analyse(header, || records.iter().cloned(), samples.iter().cloned(), &MeasureSpec::default(), facts)
}
