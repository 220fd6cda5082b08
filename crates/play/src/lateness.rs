//! How late the server's own sends are.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;
use tokmark_base::Micros;
use tokmark_record::catalogue::{self, Catalogue, Quantity};

/// Written − due, over every write that carried a token: due is the engine's stamp, written is when the kernel had the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Writes counted.
    pub count: u64,
    /// Median; `None` without a write. Three significant digits.
    pub p50: Option<Micros>,
    /// 99th percentile.
    pub p99: Option<Micros>,
    /// The worst.
    pub max: Option<Micros>,
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.p50, self.p99, self.max) {
            (Some(p50), Some(p99), Some(max)) => {
                write!(f, "p50 {p50}, p99 {p99}, max {max} (n = {})", self.count)
            }
            _ => f.write_str("no token sent"),
        }
    }
}

/// Gathers the lateness of one thread; shared between it and whoever asks.
pub(crate) struct Gauge(Mutex<Histogram<u64>>);

/// The gauges of all threads.
#[derive(Clone)]
pub(crate) struct Gauges(Vec<Arc<Gauge>>);

impl Gauge {
    fn new() -> Self {
        Self(Mutex::new(empty()))
    }

    /// A write that was due at `due` was done at `written`.
    pub(crate) fn add(&self, due: Micros, written: Micros) {
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.saturating_record(written.since(due).0 as u64);
    }
}

impl Gauges {
    /// One for each of `threads`.
    pub(crate) fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| Arc::new(Gauge::new())).collect())
    }

    /// The one of `thread`.
    pub(crate) fn of(&self, thread: usize) -> Arc<Gauge> {
        Arc::clone(&self.0[thread])
    }

    /// What was gathered so far.
    pub(crate) fn read(&self) -> Lateness {
        let histogram = self.joined();
        let at = |q| (!histogram.is_empty()).then(|| Micros(histogram.value_at_quantile(q) as i64));
        Lateness {
            count: histogram.len(),
            p50: at(0.5),
            p99: at(0.99),
            max: (!histogram.is_empty()).then(|| Micros(histogram.max() as i64)),
        }
    }

    /// The same as the histogram a scrape shows, seconds.
    pub(crate) fn exposed(&self) -> catalogue::Histogram {
        let metric = Catalogue::own().iter().find(|m| m.what == Some(Quantity::SchedulingLateness));
        let exposed = metric.and_then(catalogue::Histogram::of);
        let mut exposed = exposed.expect("our own catalogue has this histogram, with its bounds");
        for value in self.joined().iter_recorded() {
            let seconds = value.value_iterated_to() as f64 / 1e6;
            exposed.observe_many(seconds, value.count_since_last_iteration());
        }
        exposed
    }

    fn joined(&self) -> Histogram<u64> {
        let mut joined = empty();
        for gauge in &self.0 {
            let histogram = gauge.0.lock().unwrap_or_else(PoisonError::into_inner);
            joined.add(&*histogram).expect("all of them have the same bounds");
        }
        joined
    }
}

/// One microsecond to an hour.
fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_not_zero() {
        let gauges = Gauges::new(2);
        assert_eq!(gauges.read(), Lateness::default());
        assert_eq!(gauges.read().to_string(), "no token sent");
        assert_eq!(gauges.exposed().count(), 0);
    }

    #[test]
    fn early_counts_as_on_time_and_threads_add_up() {
        let gauges = Gauges::new(2);
        for late in 0..100 {
            gauges.of((late % 2) as usize).add(Micros(1_000), Micros(1_000 + late));
        }
        gauges.of(0).add(Micros(1_000), Micros(900));
        let read = gauges.read();
        assert_eq!((read.count, read.max), (101, Some(Micros(99))));
        assert_eq!((read.p50, read.p99), (Some(Micros(49)), Some(Micros(98))));
        let exposed = gauges.exposed();
        // 0 to 10 µs: the early one, and 0 to 10.
        assert_eq!((exposed.count(), exposed.cumulative().next()), (101, Some(12)));
        assert!((exposed.sum() - 4_950e-6).abs() < 1e-9, "{}", exposed.sum());
    }
}
