//! The built-in thresholds, each with its reason. The one table; the docs are made from it.

/// Dispatch delay p99, milliseconds: METHOD's budget for a client that starts requests on time …
pub const DISPATCH_DELAY_MS: f64 = 0.5;
/// … or this share of the median TTFT, where that is more: a delay of 1 % of what is measured is not visible in it.
pub const DISPATCH_DELAY_OF_TTFT: f64 = 0.01;
/// Beyond these (both), latencies from the intended start are the client's own: the run is INVALID.
pub const DISPATCH_DELAY_INVALID_MS: f64 = 10.0;
/// See above: share of the median TTFT.
pub const DISPATCH_DELAY_INVALID_OF_TTFT: f64 = 0.2;

/// Read lag p99, milliseconds. Stamps are the kernel's and do not carry the lag; what it does is let the slot of a reply that
/// has ended stand idle, and events of that time share one stamp (which the censored share judges) …
pub const READ_LAG_MS: f64 = 5.0;
/// … so what counts is the idle time as a share of the median request latency.
pub const READ_LAG_OF_LATENCY: f64 = 0.05;

/// Share of censored events: from one in ten on, p90 and all above can be made of bounds.
pub const CENSORED_RATIO: f64 = 0.10;

/// Longest stall, milliseconds: twice the coarsest scheduler tick (10 ms), so a preempted but healthy process stays below.
pub const STALL_MS: f64 = 20.0;
/// A stall this long covers more than a typical time to first token: what was measured through it is the stall.
pub const STALL_INVALID_MS: f64 = 1_000.0;

/// Busy share of a reactor's loop. At 80 % an M/D/1 queue waits two service times on average; beyond, it grows fast.
pub const LOOP_UTILISATION: f64 = 0.80;

/// Waiting for a processor as a share of wall time: below it the wait is too rare to move a percentile …
pub const RUNQUEUE_WAIT_RATIO: f64 = 0.02;
/// … and as a share of the loop's own work: an own core costs a microsecond or two a wake-up, well below half the work; a
/// core shared with the server costs as much as the server works.
pub const RUNQUEUE_WAIT_OF_BUSY: f64 = 0.5;

/// Throttled by a quota, milliseconds …
pub const THROTTLED_MS: f64 = 5.0;
/// … and as a share of the window: one short throttle in a long run touches nothing.
pub const THROTTLED_RATIO: f64 = 0.005;

/// Stolen by the host, share of this machine's processor time. Shared virtual machines show a few per cent when they are
/// well; the damage itself shows as stalls and lag.
pub const STEAL_RATIO: f64 = 0.10;

/// Share of time some task of the machine waited for a processor. It is the whole machine's: a busy server beside the client
/// alone can raise it to 1 and harm nothing, so it counts only where a reactor itself waited for more than
/// [`RUNQUEUE_WAIT_RATIO`] …
pub const PRESSURE_RATIO: f64 = 0.60;
/// … and over a window of at least this many seconds: the series has one sample a second, and over milliseconds a single
/// wake-up is a large share.
pub const PRESSURE_WINDOW_S: f64 = 1.0;

/// Achieved over the plan's realised starts: METHOD's own limit.
pub const RATE_RATIO: f64 = 0.95;
/// Achieved over asked concurrency, mean over the window: the same limit.
pub const CONCURRENCY_RATIO: f64 = 0.95;
/// Share of starts later than the dispatch threshold behind a concurrency cap: what a p99 allows.
pub const MISSED_RATIO: f64 = 0.01;

/// Open files as a share of the limit: the rest is needed for files of the run itself.
pub const FDS_RATIO: f64 = 0.95;

/// Two token counts further apart than this: METHOD's own limit.
pub const TOKEN_DIFFERENCE_RATIO: f64 = 0.01;
/// Share of successes whose output length is unknown: per-token numbers then describe a selection.
pub const TOKENS_MISSING_RATIO: f64 = 0.01;
/// Share of attempts whose output length is not the asked one.
pub const OSL_MISMATCH_RATIO: f64 = 0.05;

/// The window in mean latencies: filling and draining take about one each.
pub const WINDOW_LATENCIES: f64 = 3.0;

/// Share of failures from which success-only values describe the survivors.
pub const ERROR_RATIO: f64 = 0.10;

/// Connections opened beyond the most in flight, as a share of attempts.
pub const OPENED_RATIO: f64 = 0.5;
/// … judged from so many attempts on.
pub const OPENED_ATTEMPTS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const DOCS: &str = include_str!("../../../../docs/verdict.md");

    /// Each limit as its row of the docs writes it.
    #[test]
    fn the_docs_have_these_limits() {
        let percent = |x: f64| format!("{} %", (x * 1e6).round() / 1e4);
        let ms = |x: f64| format!("{x} ms");
        let dispatch = format!("max({}, {} ", ms(DISPATCH_DELAY_MS), percent(DISPATCH_DELAY_OF_TTFT));
        let hopeless =
            format!("max({}, {} ", ms(DISPATCH_DELAY_INVALID_MS), percent(DISPATCH_DELAY_INVALID_OF_TTFT));
        for (code, words) in [
            ("dispatch_delay", vec![dispatch, hopeless]),
            ("read_lag", vec![format!("max({}, {} ", ms(READ_LAG_MS), percent(READ_LAG_OF_LATENCY))]),
            ("censored", vec![percent(CENSORED_RATIO)]),
            ("stalled", vec![ms(STALL_MS), format!("above {} s", STALL_INVALID_MS / 1e3)]),
            ("loop_busy", vec![percent(LOOP_UTILISATION)]),
            ("cpu_contended", vec![percent(RUNQUEUE_WAIT_RATIO), half(RUNQUEUE_WAIT_OF_BUSY)]),
            ("cpu_throttled", vec![format!("max({}, {} ", ms(THROTTLED_MS), percent(THROTTLED_RATIO))]),
            ("cpu_steal", vec![percent(STEAL_RATIO)]),
            ("cpu_pressure", vec![percent(PRESSURE_RATIO), format!("{PRESSURE_WINDOW_S} s")]),
            ("rate_not_reached", vec![percent(RATE_RATIO)]),
            ("concurrency_not_reached", vec![percent(CONCURRENCY_RATIO)]),
            ("missed_starts", vec![percent(MISSED_RATIO)]),
            ("short_window", vec![format!("{WINDOW_LATENCIES} mean latencies")]),
            ("error_rate", vec![percent(ERROR_RATIO)]),
            ("fds_near_limit", vec![percent(FDS_RATIO)]),
            ("token_counts_differ", vec![percent(TOKEN_DIFFERENCE_RATIO)]),
            ("token_counts_missing", vec![percent(TOKENS_MISSING_RATIO)]),
            ("output_length_mismatch", vec![percent(OSL_MISMATCH_RATIO)]),
            ("connections_not_reused", vec![format!("from {OPENED_ATTEMPTS} "), half(OPENED_RATIO)]),
        ] {
            let row = DOCS.lines().find(|line| line.starts_with(&format!("| `{code}` |"))).unwrap();
            for word in words {
                assert!(row.contains(&word), "`{word}` is not in: {row}");
            }
        }
    }

    fn half(x: f64) -> String {
        assert!((x - 0.5).abs() < 1e-9, "the docs say half: {x}");
        "half".to_owned()
    }
}
