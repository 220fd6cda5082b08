//! **inter_chunk_latency** = gaps between consecutive content events, pooled over attempts.
//!
//! Events that one read brought together are known only between the moment the socket was empty and their stamp. The
//! `m` gaps of such a group add up to at most its width `W`, so its `k`-th largest gap is at most `W / k`: those are its
//! upper bounds. A stall followed by a burst shows as a stall, and the burst's zeros never pull a percentile down.

use super::{Attempt, Better, Event, Kind, Metric, Pooled, Unit, Value};

/// See the module.
pub const METRIC: Metric = Metric {
    tag: "inter_chunk_latency",
    label: "Gap between chunks",
    aiperf: Some("Inter Chunk Latency"),
    unit: Unit::Millis,
    better: Better::Lower,
    formula: "gaps between consecutive content events, pooled over attempts",
    needs: "streaming, two content events",
    source: "AIPerf 0.13 inter_chunk_latency; vLLM and SGLang call it ITL",
    kind: Kind::Pooled(values),
};

fn values(a: &Attempt<'_>, out: &mut Pooled) {
    if !a.record.streamed {
        return;
    }
    if !a.events.iter().any(|event| event.censored()) {
        // Every group is a pair.
        return out.exact(a.events.windows(2).map(|pair| pair[1].at - pair[0].at));
    }
    let mut start = 0;
    while start + 1 < a.events.len() {
        let end = group_end(a.events, start);
        group(&a.events[start..=end], out);
        start = end;
    }
}

/// The last event of the group that starts after `start`: on through the events whose interval is the same, which one
/// read brought together, and the exact event that closes them.
fn group_end(events: &[Event], start: usize) -> usize {
    let opened = events[start + 1];
    if !opened.censored() {
        return start + 1;
    }
    let mut end = start + 1;
    while let Some(next) = events.get(end + 1) {
        let same_read = next.censored() && next.after == opened.after;
        let closes = !next.censored() && next.at == opened.at;
        if !same_read && !closes {
            break;
        }
        end += 1;
        if closes {
            break;
        }
    }
    end
}

/// The gaps between the events of one group.
fn group(events: &[Event], out: &mut Pooled) {
    let gaps = events.len() - 1;
    let (first, last) = (events[0], events[gaps]);
    if gaps == 1 {
        return out.add(Value::between(first, last));
    }
    let whole = Value::between(first, last);
    for (k, pair) in events.windows(2).enumerate() {
        // Rounded outwards: bounds stay bounds in whole microseconds.
        out.add(Value {
            at: (pair[1].at - pair[0].at) as f64,
            worst: (whole.worst / (k + 1) as f64).ceil(),
            best: if k == 0 { (whole.best / gaps as f64).floor() } else { 0.0 },
        });
    }
}

#[cfg(test)]
mod tests {
    use tokmark_record::Record;

    use super::*;

    fn gaps(events: &[(i64, i64)]) -> Vec<(f64, f64, f64)> {
        let record = Record { streamed: true, ..Record::default() };
        let events: Vec<_> = events.iter().map(|&(after, at)| Event { after, at }).collect();
        let attempt = Attempt { record: &record, events: &events };
        let mut seen = Pooled::default();
        values(&attempt, &mut seen);
        let whole = seen.whole().iter().map(|n| Value::exact(*n as f64));
        whole.chain(seen.mixed().iter().copied()).map(|v| (v.at, v.worst, v.best)).collect()
    }

    #[test]
    fn exact_events_give_exact_gaps() {
        assert_eq!(gaps(&[(0, 0), (10, 10), (25, 25)]), [(10.0, 10.0, 10.0), (15.0, 15.0, 15.0)]);
    }

    #[test]
    fn a_burst_after_a_stall_shows_as_a_stall() {
        // At 0 one event, then 50 ms of nothing, then four at once of which the last has the kernel's stamp.
        let burst = [(0, 0), (100, 50_000), (100, 50_000), (100, 50_000), (50_000, 50_000)];
        assert_eq!(
            gaps(&burst),
            [
                (50_000.0, 50_000.0, 12_500.0),
                (0.0, 25_000.0, 0.0),
                (0.0, 16_667.0, 0.0),
                (0.0, 12_500.0, 0.0)
            ]
        );
    }

    #[test]
    fn two_coalesced_reads_stay_two_groups() {
        let events = [(0, 0), (10, 5_000), (10, 5_000), (5_100, 9_000), (5_100, 9_000)];
        assert_eq!(
            gaps(&events),
            [
                (5_000.0, 5_000.0, 5.0),
                (0.0, 2_500.0, 0.0),
                // From an event somewhere in (10, 5 000] to one not after 9 000.
                (4_000.0, 8_990.0, 50.0),
                (0.0, 4_495.0, 0.0)
            ]
        );
    }
}
