//! What a client reported against what the server knows: reported − true, joined by request id.

use std::collections::HashMap;

use crate::truth::Truth;

/// What a client says of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The `x-request-id` it sent.
    pub id: String,
    /// Its time to first token, nanoseconds.
    pub ttft_ns: Option<i64>,
    /// Its gaps between content events, nanoseconds.
    pub gaps_ns: Vec<i64>,
}

/// Reported − true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Of the time to first token, nanoseconds, in order of the reports.
    pub ttft_ns: Vec<i64>,
    /// Of each gap, nanoseconds. True gaps are the server's own stamps where it kept them, else the schedule's.
    pub gaps_ns: Vec<i64>,
    /// Reports without a truth of that id, and truths of an id nobody reported.
    pub unmatched: usize,
    /// Reports whose number of gaps is not the server's.
    pub miscounted: usize,
}

impl Errors {
    /// Joins reports to truths.
    pub fn join(truths: &[Truth], seen: &[Seen]) -> Self {
        let by_id: HashMap<&str, &Truth> = truths.iter().map(|t| (t.id.as_str(), t)).collect();
        let mut errors = Self::default();
        let mut joined = 0;
        for report in seen {
            let Some(truth) = by_id.get(report.id.as_str()) else {
                errors.unmatched += 1;
                continue;
            };
            joined += 1;
            if let (Some(reported), Some(own)) = (report.ttft_ns, truth.ttft_ns()) {
                errors.ttft_ns.push(reported - own);
            }
            if report.gaps_ns.len() + 1 != truth.events as usize {
                errors.miscounted += 1;
                continue;
            }
            let own = |k: usize| match truth.sends_ns.get(k..k + 2) {
                Some(pair) => pair[1] - pair[0],
                None => truth.itl_ns as i64,
            };
            errors.gaps_ns.extend(report.gaps_ns.iter().enumerate().map(|(k, gap)| gap - own(k)));
        }
        errors.unmatched += truths.len().saturating_sub(joined);
        errors
    }
}

/// A sample in five numbers. `None` where the sample is empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Nearest-rank median.
    pub p50: f64,
    /// Nearest-rank 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of whole nanoseconds, told in milliseconds.
    pub fn of_ns_in_ms(values: &[i64]) -> Option<Self> {
        let mut ms: Vec<f64> = values.iter().map(|ns| *ns as f64 / 1e6).collect();
        Self::of(&mut ms)
    }

    /// Of any values, which it sorts.
    pub fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let rank = |q: f64| values[((q * n as f64 - 1e-9).ceil() as usize).clamp(1, n) - 1];
        let max = *values.last()?;
        Some(Self { n, mean: values.iter().sum::<f64>() / n as f64, p50: rank(0.5), p99: rank(0.99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(id: &str, sends_ns: Vec<i64>) -> Truth {
        Truth {
            id: id.to_owned(),
            rx_ns: 1_000,
            tx_ns: Some(1_500),
            itl_ns: 100,
            events: 3,
            sends_ns,
            ..Truth::default()
        }
    }

    fn seen(id: &str, ttft: i64, gaps: &[i64]) -> Seen {
        Seen { id: id.to_owned(), ttft_ns: Some(ttft), gaps_ns: gaps.to_vec() }
    }

    #[test]
    fn reported_minus_true() {
        let truths = [truth("a", Vec::new()), truth("b", vec![500, 610, 700]), truth("c", Vec::new())];
        let reports = [seen("a", 520, &[100, 130]), seen("b", 500, &[110, 95]), seen("d", 1, &[])];
        let errors = Errors::join(&truths, &reports);
        assert_eq!(errors.ttft_ns, [20, 0]);
        assert_eq!(errors.gaps_ns, [0, 30, 0, 5]);
        assert_eq!((errors.unmatched, errors.miscounted), (2, 0), "d has no truth, c no report");
        assert_eq!(Errors::join(&truths[..1], &[seen("a", 500, &[1])]).miscounted, 1);
    }

    #[test]
    fn a_sample_in_five_numbers() {
        let values: Vec<i64> = (1..=100).map(|ms| ms * 1_000_000).collect();
        let s = Spread::of_ns_in_ms(&values).unwrap();
        assert_eq!((s.n, s.mean, s.p50, s.p99, s.max), (100, 50.5, 50.0, 99.0, 100.0));
        assert_eq!(Spread::of(&mut []), None);
    }
}
