//! Was the load the one that was asked for, and does the window show it?

use tokmark_base::units::significant;

use super::thresholds as limit;
use super::{Evidence, Words, missed_after_ms, percent};
use crate::summary::{LoadKind, WindowRule};
use crate::verdict::{Code, Warning};

/// Starts stayed below the plan's own.
pub(super) fn rate(e: &Evidence<'_>) -> Option<Warning> {
    let load = &e.summary.load;
    if load.kind != LoadKind::Open {
        return None;
    }
    let words = Words {
        code: Code::RateNotReached,
        unit: "requests/s",
        effect: "the server was measured at a lower load than asked",
        fix: "lower --rate, lift the concurrency cap, or give the client more processor",
    };
    let for_ramp = Words { fix: "shorten --ramp, or raise --requests or --duration", ..words };
    if let Some(warning) = ramp_not_over(e, &for_ramp) {
        return Some(warning);
    }
    let (plan, achieved) = (load.realised_rate_per_s?, load.achieved_rate_per_s?);
    (achieved < limit::RATE_RATIO * plan).then(|| {
        let message = format!(
            "{achieved:.2} starts/s achieved, the plan held {plan:.2}; allowed is {} of it",
            percent(limit::RATE_RATIO)
        );
        words.degraded(limit::RATE_RATIO * plan, achieved, message)
    })
}

/// Fewer attempts in flight than asked.
pub(super) fn concurrency(e: &Evidence<'_>) -> Option<Warning> {
    let load = &e.summary.load;
    if load.kind != LoadKind::Closed {
        return None;
    }
    let words = Words {
        code: Code::ConcurrencyNotReached,
        unit: "requests",
        effect: "the server was measured at a lower concurrency than asked",
        fix: "ask for more --requests (at least 10x the concurrency), or give the client more processor",
    };
    let for_ramp = Words { fix: "shorten --ramp, or raise --requests or --duration", ..words };
    if let Some(warning) = ramp_not_over(e, &for_ramp) {
        return Some(warning);
    }
    // Without a window the fill and the drain are in the mean; `short_window` says so.
    if e.summary.window.rule == WindowRule::Whole {
        return None;
    }
    let (asked, achieved) = (load.asked_concurrency? as f64, load.achieved_concurrency?);
    let allowed = limit::CONCURRENCY_RATIO * asked;
    (achieved < allowed).then(|| {
        let message = format!("{achieved:.1} attempts in flight on average, asked {asked:.0}");
        words.degraded(allowed, achieved, message)
    })
}

/// The window ended before the asked load was reached. The ramp begins with the run, at t = 0.
fn ramp_not_over(e: &Evidence<'_>, words: &Words) -> Option<Warning> {
    let ramp = e.facts.ramp_us.filter(|ramp| ramp.0 > 0)?;
    let end = e.summary.window.end_us;
    let words = Words { unit: "s", ..*words };
    (end <= ramp).then(|| {
        let (ramp, end) = (ramp.as_secs_f64(), end.as_secs_f64());
        let message = format!(
            "the ramp of {} s was not over when the measured window ended, at {} s",
            significant(ramp),
            significant(end)
        );
        words.degraded(ramp, end, message)
    })
}

/// A cap held planned starts back.
pub(super) fn missed_starts(e: &Evidence<'_>) -> Option<Warning> {
    if e.summary.load.kind != LoadKind::Open || e.summary.load.asked_concurrency.is_none() {
        return None;
    }
    let missed = e.summary.counts.missed_starts as f64;
    let seen = missed / (e.ends.started.max(1)) as f64;
    let words = Words {
        code: Code::MissedStarts,
        unit: "ratio",
        effect: "the concurrency cap turned the open loop into a closed one: response_* latencies contain its queue",
        fix: "raise or drop --concurrency, or lower --rate",
    };
    (seen > limit::MISSED_RATIO).then(|| {
        let message = format!(
            "{missed:.0} starts ({}) left more than {:.2} ms late, allowed {}",
            percent(seen),
            missed_after_ms(e.ttft_ms_p50),
            percent(limit::MISSED_RATIO)
        );
        words.degraded(limit::MISSED_RATIO, seen, message)
    })
}

/// The window spans too little.
pub(super) fn short_window(e: &Evidence<'_>) -> Option<Warning> {
    // Everything at once has no window by nature.
    if e.summary.load.kind == LoadKind::Burst {
        return None;
    }
    let seen = e.summary.window.mean_latencies?;
    let words = Words {
        code: Code::ShortWindow,
        unit: "mean latencies",
        effect: "throughput is dominated by filling and draining",
        fix: "raise --requests or --duration",
    };
    (seen < limit::WINDOW_LATENCIES).then(|| {
        let message =
            format!("the window spans {seen:.1} mean latencies, needed {:.0}", limit::WINDOW_LATENCIES);
        words.degraded(limit::WINDOW_LATENCIES, seen, message)
    })
}

/// No stationary part was found.
pub(super) fn steady(e: &Evidence<'_>) -> Option<Warning> {
    let words = Words {
        code: Code::NoSteadyState,
        unit: "found",
        effect: "means and percentiles mix different states of the server",
        fix: "run longer, add --warmup (count, time or `auto`), or lower the load if the queue grows without end",
    };
    (e.summary.window.steady == Some(false)).then(|| {
        let message = "time to first token kept changing over the run".to_owned();
        words.degraded(1.0, 0.0, message)
    })
}

/// Many attempts failed.
pub(super) fn error_rate(e: &Evidence<'_>) -> Option<Warning> {
    let seen = e.summary.error_share().filter(|_| e.summary.any_success())?;
    let words = Words {
        code: Code::ErrorRate,
        unit: "ratio",
        effect: "success-only values describe the survivors; quote the adjusted ones",
        fix: "see the error table; lower the load or raise --timeout; --max-error-rate makes this an exit code",
    };
    let allowed = e.max_error_rate.unwrap_or(limit::ERROR_RATIO);
    (seen > allowed).then(|| {
        let message = format!(
            "{} of the attempts failed, were cut or never sent, allowed {}",
            percent(seen),
            percent(allowed)
        );
        words.degraded(allowed, seen, message)
    })
}
