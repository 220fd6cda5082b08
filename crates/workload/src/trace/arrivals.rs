//! When the rows of a trace arrive: rate and regularity.

use serde::Serialize;
use tokmark_base::Micros;

/// Arrival statistics. They are about gaps between rows in the order of their times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Arrivals {
    /// Rows with a time.
    pub n: u64,
    /// Time of the first, on the trace's own time line, milliseconds.
    pub first_ms: f64,
    /// From the first to the last, seconds.
    pub span_s: f64,
    /// Gaps per second of span; `None` if all rows have one time.
    pub rate_per_s: Option<f64>,
    /// Mean gap, milliseconds; `None` with fewer than two rows.
    pub gap_mean_ms: Option<f64>,
    /// Standard deviation (ddof 0) of the gaps over their mean: 1 for a Poisson process, 0 for a clock.
    pub gap_cv: Option<f64>,
    /// Rows whose time is before that of the row above them.
    pub out_of_order: u64,
}

impl Arrivals {
    /// Of `times` in the order of the file; `None` if there are none.
    pub fn of(mut times: Vec<Micros>) -> Option<Self> {
        let out_of_order = times.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        if out_of_order > 0 {
            times.sort_unstable();
        }
        let (first, last) = (*times.first()?, *times.last()?);
        let span = (last - first).0 as f64;
        let gaps = (times.len() - 1) as f64;
        let mean = (gaps > 0.0).then(|| span / gaps);
        let gap_cv = mean.filter(|mean| *mean > 0.0).map(|mean| {
            let from_mean = |pair: &[Micros]| (pair[1] - pair[0]).0 as f64 - mean;
            let variance = times.windows(2).map(|pair| from_mean(pair) * from_mean(pair)).sum::<f64>() / gaps;
            libm::sqrt(variance) / mean
        });
        Some(Self {
            n: times.len() as u64,
            first_ms: first.as_millis_f64(),
            span_s: span / 1e6,
            rate_per_s: (span > 0.0).then(|| gaps / (span / 1e6)),
            gap_mean_ms: mean.map(|mean| mean / 1e3),
            gap_cv,
            out_of_order,
        })
    }
}
