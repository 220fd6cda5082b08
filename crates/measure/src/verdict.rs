//! The run's own verdict: VALID, DEGRADED or INVALID, and the typed warnings behind it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The worst of the warnings.
    pub state: State,
    /// Which thresholds were used.
    pub thresholds: ThresholdSource,
    /// Worst first.
    pub warnings: Vec<Warning>,
}

/// Can the numbers be trusted?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Yes.
    #[default]
    Valid,
    /// With the warnings in mind.
    Degraded,
    /// No: no headline is printed.
    Invalid,
}

/// Where the thresholds came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdSource {
    /// The built-in table.
    #[default]
    Builtin,
    /// What `tokmark calibrate` measured on this machine.
    Calibrated,
}

/// How wrong a warning makes the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Some numbers are off by a known amount.
    Degraded,
    /// The numbers do not describe the server.
    Invalid,
}

/// One rule that was broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// Which rule.
    pub code: Code,
    /// How wrong it makes the numbers.
    pub severity: Severity,
    /// The limit, in `unit`.
    pub threshold: f64,
    /// What was seen, in `unit`.
    pub seen: f64,
    /// Unit of both.
    pub unit: String,
    /// One sentence: what was seen against what is allowed.
    pub message: String,
    /// What it does to the numbers.
    pub effect: String,
    /// The flag or action that fixes it.
    pub fix: String,
}

/// The rules. The docs list exactly these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Starts left later than planned.
    DispatchDelay,
    /// User stamps lag behind the kernel's.
    ReadLag,
    /// Too many events known only as wide intervals.
    Censored,
    /// The process stood still.
    Stalled,
    /// A reactor was busy nearly all the time.
    LoopBusy,
    /// A reactor waited for a processor.
    CpuContended,
    /// The control group's quota stopped the process.
    CpuThrottled,
    /// The host took processor time away.
    CpuSteal,
    /// The machine was short of processors.
    CpuPressure,
    /// Starts stayed below the plan's.
    RateNotReached,
    /// Fewer attempts in flight than asked.
    ConcurrencyNotReached,
    /// Records were dropped.
    RecordsLost,
    /// Close to the limit of open files.
    FdsNearLimit,
    /// Two sources count tokens differently.
    TokenCountsDiffer,
    /// Output lengths are unknown for some attempts.
    TokenCountsMissing,
    /// Outputs are shorter or longer than asked.
    OutputLengthMismatch,
    /// No stationary part was found.
    NoSteadyState,
    /// The window spans too little.
    ShortWindow,
    /// Planned starts were missed.
    MissedStarts,
    /// Many attempts failed.
    ErrorRate,
    /// Nothing succeeded.
    NoSuccess,
    /// The server closes connections after each reply.
    ConnectionsNotReused,
    /// The wall clock was set while the run went on.
    ClockStep,
    /// The run was ended before its plan was.
    Interrupted,
    /// The run was killed; end-of-run facts are missing.
    Incomplete,
}

impl Code {
    /// Every rule, for the docs.
    pub const ALL: [Self; 25] = [
        Self::DispatchDelay,
        Self::ReadLag,
        Self::Censored,
        Self::Stalled,
        Self::LoopBusy,
        Self::CpuContended,
        Self::CpuThrottled,
        Self::CpuSteal,
        Self::CpuPressure,
        Self::RateNotReached,
        Self::ConcurrencyNotReached,
        Self::RecordsLost,
        Self::FdsNearLimit,
        Self::TokenCountsDiffer,
        Self::TokenCountsMissing,
        Self::OutputLengthMismatch,
        Self::NoSteadyState,
        Self::ShortWindow,
        Self::MissedStarts,
        Self::ErrorRate,
        Self::NoSuccess,
        Self::ConnectionsNotReused,
        Self::ClockStep,
        Self::Interrupted,
        Self::Incomplete,
    ];

    /// The word used in files, on the screen and in the docs.
    pub fn name(self) -> &'static str {
        match self {
            Self::DispatchDelay => "dispatch_delay",
            Self::ReadLag => "read_lag",
            Self::Censored => "censored",
            Self::Stalled => "stalled",
            Self::LoopBusy => "loop_busy",
            Self::CpuContended => "cpu_contended",
            Self::CpuThrottled => "cpu_throttled",
            Self::CpuSteal => "cpu_steal",
            Self::CpuPressure => "cpu_pressure",
            Self::RateNotReached => "rate_not_reached",
            Self::ConcurrencyNotReached => "concurrency_not_reached",
            Self::RecordsLost => "records_lost",
            Self::FdsNearLimit => "fds_near_limit",
            Self::TokenCountsDiffer => "token_counts_differ",
            Self::TokenCountsMissing => "token_counts_missing",
            Self::OutputLengthMismatch => "output_length_mismatch",
            Self::NoSteadyState => "no_steady_state",
            Self::ShortWindow => "short_window",
            Self::MissedStarts => "missed_starts",
            Self::ErrorRate => "error_rate",
            Self::NoSuccess => "no_success",
            Self::ConnectionsNotReused => "connections_not_reused",
            Self::ClockStep => "clock_step",
            Self::Interrupted => "interrupted",
            Self::Incomplete => "incomplete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }
}
