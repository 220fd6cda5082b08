//! The rules behind the verdict. One more rule is one function in a file here, one line in [`RULES`], one [`Code`], and a
//! threshold with its reason in [`thresholds`].

mod load;
mod processor;
mod records;
pub mod thresholds;
mod timing;

use crate::facts::RunFacts;
use crate::population::Ends;
use crate::summary::Summary;
use crate::verdict::{Code, Severity, State, ThresholdSource, Verdict, Warning};

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// Everything but the verdict.
    pub(crate) summary: &'a Summary,
    /// What the driver knew.
    pub(crate) facts: &'a RunFacts,
    /// How measured attempts ended.
    pub(crate) ends: Ends,
    /// Acted − released, p99, milliseconds: the client's own lateness where a cap holds starts back.
    pub(crate) release_delay_ms_p99: Option<f64>,
    /// The share of failures `--max-error-rate` allows, if asked.
    pub(crate) max_error_rate: Option<f64>,
    /// Content events a second in the window.
    pub(crate) events_per_s: Option<f64>,
    /// Median TTFT, milliseconds.
    pub(crate) ttft_ms_p50: Option<f64>,
    /// Median request latency, milliseconds.
    pub(crate) latency_ms_p50: Option<f64>,
}

impl Evidence<'_> {
    /// The larger of a fixed limit and a share of the median TTFT, milliseconds.
    fn limit_ms(&self, fixed: f64, of_ttft: f64) -> f64 {
        fixed.max(self.ttft_ms_p50.unwrap_or(0.0) * of_ttft)
    }
}

/// From when on a start counts as missed, milliseconds.
pub(crate) fn missed_after_ms(ttft_ms_p50: Option<f64>) -> f64 {
    thresholds::DISPATCH_DELAY_MS.max(ttft_ms_p50.unwrap_or(0.0) * thresholds::DISPATCH_DELAY_OF_TTFT)
}

type Rule = fn(&Evidence<'_>) -> Option<Warning>;

/// Every rule.
const RULES: &[Rule] = &[
    records::lost,
    records::no_success,
    records::fds,
    records::token_counts_differ,
    records::token_counts_missing,
    records::output_length,
    records::connections,
    records::clock_step,
    records::interrupted,
    records::incomplete,
    timing::dispatch_delay,
    timing::read_lag,
    timing::censored,
    timing::stalled,
    processor::loop_busy,
    processor::contended,
    processor::throttled,
    processor::steal,
    processor::pressure,
    load::rate,
    load::concurrency,
    load::missed_starts,
    load::short_window,
    load::steady,
    load::error_rate,
];

/// Applies every rule.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Verdict {
    let mut warnings: Vec<Warning> = RULES.iter().filter_map(|rule| rule(evidence)).collect();
    warnings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.code.cmp(&b.code)));
    let state = match warnings.first().map(|w| w.severity) {
        None => State::Valid,
        Some(Severity::Degraded) => State::Degraded,
        Some(Severity::Invalid) => State::Invalid,
    };
    let thresholds = if evidence.facts.calibrated.is_some() {
        ThresholdSource::Calibrated
    } else {
        ThresholdSource::Builtin
    };
    Verdict { state, thresholds, warnings }
}

/// The words of a rule; what was seen is filled in where it breaks.
#[derive(Clone, Copy)]
struct Words {
    code: Code,
    unit: &'static str,
    effect: &'static str,
    fix: &'static str,
}

impl Words {
    fn warn(&self, severity: Severity, threshold: f64, seen: f64, message: String) -> Warning {
        Warning {
            code: self.code,
            severity,
            threshold,
            seen,
            unit: self.unit.to_owned(),
            message,
            effect: self.effect.to_owned(),
            fix: self.fix.to_owned(),
        }
    }

    fn degraded(&self, threshold: f64, seen: f64, message: String) -> Warning {
        self.warn(Severity::Degraded, threshold, seen, message)
    }

    fn invalid(&self, threshold: f64, seen: f64, message: String) -> Warning {
        self.warn(Severity::Invalid, threshold, seen, message)
    }
}

/// `12.3 %`.
fn percent(ratio: f64) -> String {
    format!("{} %", tokmark_base::units::significant(100.0 * ratio))
}

/// `12.3 ms`.
fn millis(ms: f64) -> String {
    format!("{} ms", tokmark_base::units::significant(ms))
}

#[cfg(test)]
mod tests;
