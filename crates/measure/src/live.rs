//! The run while it goes on: HdrHistograms fed with each record, for the live line. The summary is exact and does not
//! use these.

use hdrhistogram::Histogram;
use tokmark_base::Phase;
use tokmark_record::{Outcome, Record};

use crate::attempt::Scratch;
use crate::metric::{Value, inter_token_latency, request_latency, time_to_first_token};

/// Running totals and histograms of the measured phase.
#[derive(Debug)]
pub struct Live {
    totals: LiveSnapshot,
    ttft: Histogram<u32>,
    itl: Histogram<u32>,
    latency: Histogram<u32>,
    scratch: Scratch,
}

/// What the live line shows. Percentiles are within 0.1 % of the exact ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LiveSnapshot {
    /// Measured attempts that ended well.
    pub succeeded: u64,
    /// Measured attempts that failed, were cut or never sent.
    pub failed: u64,
    /// Records of the warm-up phase.
    pub warmup: u64,
    /// Σ of input tokens of successes.
    pub input_tokens: u64,
    /// Σ of output tokens of successes.
    pub output_tokens: u64,
    /// Time to first token, p50.
    pub ttft_ms_p50: Option<f64>,
    /// Time to first token, p99.
    pub ttft_ms_p99: Option<f64>,
    /// Inter-token latency, p50.
    pub itl_ms_p50: Option<f64>,
    /// Request latency, p50.
    pub latency_ms_p50: Option<f64>,
    /// Request latency, p99.
    pub latency_ms_p99: Option<f64>,
}

/// One hour in microseconds; longer latencies are shown as this while the run goes on.
const LONGEST_US: u64 = 3_600_000_000;

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("1 to one hour at three digits is a valid range")
}

impl Default for Live {
    fn default() -> Self {
        Self {
            totals: LiveSnapshot::default(),
            ttft: histogram(),
            itl: histogram(),
            latency: histogram(),
            scratch: Scratch::default(),
        }
    }
}

impl Live {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record, after its tokens were counted.
    pub fn feed(&mut self, record: &Record) {
        if record.phase != Phase::Profiling {
            self.totals.warmup += u64::from(record.phase == Phase::Warmup);
            return;
        }
        if record.outcome.is_planned() {
            return;
        }
        if !matches!(record.outcome, Outcome::Success) {
            self.totals.failed += 1;
            return;
        }
        self.totals.succeeded += 1;
        self.totals.input_tokens += record.input.map_or(0, |c| u64::from(c.tokens));
        self.totals.output_tokens += record.output.map_or(0, |c| u64::from(c.tokens));
        let attempt = self.scratch.view(record);
        let put = |h: &mut Histogram<u32>, value: Option<Value>| {
            if let Some(value) = value {
                h.saturating_record((value.worst.round() as u64).max(1));
            }
        };
        put(&mut self.ttft, time_to_first_token::value(&attempt));
        put(&mut self.itl, inter_token_latency::value(&attempt));
        put(&mut self.latency, request_latency::value(&attempt));
    }

    /// The present state.
    pub fn snapshot(&self) -> LiveSnapshot {
        let ms = |h: &Histogram<u32>, q: f64| (!h.is_empty()).then(|| h.value_at_quantile(q) as f64 / 1e3);
        LiveSnapshot {
            ttft_ms_p50: ms(&self.ttft, 0.50),
            ttft_ms_p99: ms(&self.ttft, 0.99),
            itl_ms_p50: ms(&self.itl, 0.50),
            latency_ms_p50: ms(&self.latency, 0.50),
            latency_ms_p99: ms(&self.latency, 0.99),
            ..self.totals
        }
    }
}
