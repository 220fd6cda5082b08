//! The calibration curve: how far a client is off at each load, and up to which load it can be believed.

use crate::child::OwnLateness;
use crate::compare::{Errors, Seen, Spread};
use crate::schedule::Schedule;
use crate::truth::Truth;

/// Error allowed at p99, milliseconds, or [`SHARE`] of the quantity itself if that is more.
pub const FLOOR_MS: f64 = 1.0;
/// Error allowed, relative.
pub const SHARE: f64 = 0.01;
/// A server later than this at p99 cannot judge anyone: the point is void. Microseconds.
pub const SERVER_P99_US: u64 = 200;

/// One load of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests in flight.
    pub streams: u32,
    /// Timing of each.
    pub schedule: Schedule,
}

impl Load {
    /// Content events a second that `streams` closed loops draw: `streams · events / (ttft + (events − 1) · itl)`.
    pub fn events_per_s(&self) -> f64 {
        let busy_s = self.schedule.last_ns() as f64 / 1e9;
        f64::from(self.streams) * f64::from(self.schedule.events) / busy_s
    }

    /// Requests that keep all streams busy for `seconds`, a whole number a stream and at least two.
    pub fn requests(&self, seconds: f64) -> u64 {
        let rounds = (seconds * 1e9 / self.schedule.last_ns() as f64).ceil().max(2.0);
        u64::from(self.streams) * rounds as u64
    }
}

/// What was seen at one load: reported − true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The load asked for.
    pub load: Load,
    /// Content events a second that the server really sent.
    pub events_per_s: f64,
    /// Error of the time to first token, ms, signed.
    pub ttft_ms: Spread,
    /// 99th percentile of its size.
    pub ttft_abs_p99_ms: f64,
    /// Error of the gaps between content events, ms, signed.
    pub gap_ms: Spread,
    /// 99th percentile of its size.
    pub gap_abs_p99_ms: f64,
    /// Reported events/s over true, less 1.
    pub rate_error: f64,
    /// The server's own lateness at p99, microseconds.
    pub server_p99_us: Option<u64>,
    /// Requests that could not be joined or have another number of events on the other side.
    pub unmatched: usize,
}

impl Point {
    /// Joins a run to what the server knows of it. `None` where nothing can be compared (no joined request, or one
    /// event a request).
    pub fn of(
        load: Load,
        truths: &[Truth],
        seen: &[Seen],
        reported_per_s: f64,
        server: &OwnLateness,
    ) -> Option<Self> {
        let errors = Errors::join(truths, seen);
        let size = |values: &[i64]| {
            let sizes: Vec<i64> = values.iter().map(|ns| ns.abs()).collect();
            Spread::of_ns_in_ms(&sizes).map(|s| s.p99)
        };
        let events_per_s = true_rate(truths)?;
        Some(Self {
            load,
            events_per_s,
            ttft_ms: Spread::of_ns_in_ms(&errors.ttft_ns)?,
            ttft_abs_p99_ms: size(&errors.ttft_ns)?,
            gap_ms: Spread::of_ns_in_ms(&errors.gaps_ns)?,
            gap_abs_p99_ms: size(&errors.gaps_ns)?,
            rate_error: reported_per_s / events_per_s - 1.0,
            server_p99_us: server.p99_us,
            unmatched: errors.unmatched + errors.miscounted,
        })
    }

    /// Whether the server itself was too late to judge.
    pub fn is_void(&self) -> bool {
        self.server_p99_us.is_none_or(|us| us > SERVER_P99_US)
    }

    /// Whether the client can be believed at this load.
    pub fn holds(&self) -> bool {
        let allowed = |true_ns: u64| (SHARE * true_ns as f64 / 1e6).max(FLOOR_MS);
        self.unmatched == 0
            && self.ttft_abs_p99_ms <= allowed(self.load.schedule.ttft_ns)
            && self.gap_abs_p99_ms <= allowed(self.load.schedule.itl_ns)
            && self.rate_error.abs() <= SHARE
    }
}

/// The load up to which every point held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rated {
    /// Content events a second.
    pub events_per_s: f64,
    /// Streams open at once.
    pub streams: u32,
}

/// The rated capacity: the busiest point such that it and every less busy one held. Void points say nothing. `None` if
/// the least busy point failed already or none was judged.
pub fn rated(points: &[Point]) -> Option<Rated> {
    let mut judged: Vec<&Point> = points.iter().filter(|point| !point.is_void()).collect();
    judged.sort_by(|a, b| a.events_per_s.total_cmp(&b.events_per_s));
    let held = judged.iter().take_while(|point| point.holds());
    held.fold(None, |best: Option<Rated>, point| {
        Some(Rated {
            events_per_s: point.events_per_s,
            streams: best.map_or(0, |b| b.streams).max(point.load.streams),
        })
    })
}

/// Content events a second between the first and the last send of all requests; `None` if that is no time at all.
pub fn true_rate(truths: &[Truth]) -> Option<f64> {
    let span = |truth: &Truth| {
        let schedule = Schedule { ttft_ns: truth.ttft_ns, itl_ns: truth.itl_ns, events: truth.events };
        let first = truth.sends_ns.first().copied().unwrap_or_else(|| schedule.offset_ns(0));
        let last = truth.sends_ns.last().copied().unwrap_or_else(|| schedule.last_ns());
        (truth.rx_ns + first, truth.rx_ns + last)
    };
    let sent = || truths.iter().filter(|truth| truth.events > 0);
    let first = sent().map(|truth| span(truth).0).min()?;
    let last = sent().map(|truth| span(truth).1).max()?;
    let events: f64 = sent().map(|truth| f64::from(truth.events)).sum();
    (last > first).then(|| (events - 1.0) / ((last - first) as f64 / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load =
        Load { streams: 4, schedule: Schedule { ttft_ns: 50_000_000, itl_ns: 5_000_000, events: 11 } };

    fn truth(id: usize) -> Truth {
        Truth {
            id: id.to_string(),
            rx_ns: id as i64 * 1_000_000,
            tx_ns: Some(id as i64 * 1_000_000 + 50_000_000),
            ttft_ns: LOAD.schedule.ttft_ns,
            itl_ns: LOAD.schedule.itl_ns,
            events: LOAD.schedule.events,
            ..Truth::default()
        }
    }

    fn seen(id: usize, ttft_error_ns: i64) -> Seen {
        Seen { id: id.to_string(), ttft_ns: Some(50_000_000 + ttft_error_ns), gaps_ns: vec![5_000_000; 10] }
    }

    fn point(ttft_error_ns: i64, factor: f64, late_us: u64) -> Point {
        let truths: Vec<_> = (0..10).map(truth).collect();
        let reports: Vec<_> = (0..10).map(|i| seen(i, ttft_error_ns)).collect();
        let own = OwnLateness {
            sends: 110,
            p50_us: Some(1),
            p99_us: Some(late_us),
            max_us: Some(late_us),
            requests: 10,
            connections: 4,
        };
        let rate = true_rate(&truths).unwrap();
        let mut point = Point::of(LOAD, &truths, &reports, rate * factor, &own).unwrap();
        point.load.streams = (factor * 100.0) as u32;
        point
    }

    #[test]
    fn a_load_in_numbers() {
        assert!((LOAD.events_per_s() - 440.0).abs() < 1e-9, "4 · 11 events in 0.1 s");
        assert_eq!((LOAD.requests(3.0), LOAD.requests(0.0)), (120, 8));
        // 110 events, the first at 50 ms, the last at 9 + 100 ms.
        let rate = true_rate(&(0..10).map(truth).collect::<Vec<_>>()).unwrap();
        assert!((rate - 109.0 / 0.059).abs() < 1e-6, "{rate}");
        assert_eq!(true_rate(&[]), None);
    }

    #[test]
    fn what_is_allowed_is_the_larger_of_a_millisecond_and_a_percent() {
        let good = point(-900_000, 1.0, 20);
        assert!(good.holds() && !good.is_void());
        assert!((good.ttft_abs_p99_ms - 0.9).abs() < 1e-9 && (good.ttft_ms.mean + 0.9).abs() < 1e-9);
        assert!(!point(1_100_000, 1.0, 20).holds());
        assert!(!point(0, 1.02, 20).holds(), "rate 2 % high");
        let mut slow = point(1_100_000, 1.0, 20);
        slow.load.schedule.ttft_ns = 500_000_000;
        assert!(slow.holds(), "1 % of 500 ms is 5 ms");
    }

    #[test]
    fn rated_up_to_the_first_failure() {
        let at = |events_per_s: f64, streams: u32, error_ns: i64, late_us: u64| {
            let mut p = point(error_ns, 1.0, late_us);
            p.events_per_s = events_per_s;
            p.load.streams = streams;
            p
        };
        let points = [
            at(3_000.0, 30, 0, 20),
            at(1_000.0, 64, 0, 20),
            at(2_000.0, 20, 9_000_000, 900),
            at(4_000.0, 40, 9_000_000, 20),
            at(5_000.0, 50, 0, 20),
        ];
        assert_eq!(rated(&points), Some(Rated { events_per_s: 3_000.0, streams: 64 }));
        assert_eq!(rated(&points[3..]), None);
        assert_eq!(rated(&[]), None);
    }
}
