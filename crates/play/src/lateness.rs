//! How late the server's own sends are.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;
use tokmark_base::Micros;

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

/// Gathers lateness; shared between the server's thread and whoever asks.
pub(crate) struct Gauge(Mutex<Histogram<u64>>);

impl Gauge {
    pub(crate) fn new() -> Self {
        // One microsecond to an hour.
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3);
        Self(Mutex::new(histogram.expect("these bounds are valid")))
    }

    /// A write that was due at `due` was done at `written`.
    pub(crate) fn add(&self, due: Micros, written: Micros) {
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.saturating_record(written.since(due).0 as u64);
    }

    /// What was gathered so far.
    pub(crate) fn read(&self) -> Lateness {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |q| (!histogram.is_empty()).then(|| Micros(histogram.value_at_quantile(q) as i64));
        Lateness {
            count: histogram.len(),
            p50: at(0.5),
            p99: at(0.99),
            max: (!histogram.is_empty()).then(|| Micros(histogram.max() as i64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_not_zero() {
        let gauge = Gauge::new();
        assert_eq!(gauge.read(), Lateness::default());
        assert_eq!(gauge.read().to_string(), "no token sent");
    }

    #[test]
    fn early_counts_as_on_time() {
        let gauge = Gauge::new();
        for late in 0..100 {
            gauge.add(Micros(1_000), Micros(1_000 + late));
        }
        gauge.add(Micros(1_000), Micros(900));
        let read = gauge.read();
        assert_eq!((read.count, read.max), (101, Some(Micros(99))));
        assert_eq!((read.p50, read.p99), (Some(Micros(49)), Some(Micros(98))));
    }
}
