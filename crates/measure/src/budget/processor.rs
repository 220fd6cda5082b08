//! Did the client get the processor it needed?

use super::thresholds as limit;
use super::{Evidence, Words, millis, percent};
use crate::facts::Calibrated;
use crate::verdict::{Code, Warning};

fn most(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::max)
}

/// A reactor was busy nearly all the time, or beyond what this machine was calibrated for.
pub(super) fn loop_busy(e: &Evidence<'_>) -> Option<Warning> {
    if let Some(rated) = e.facts.calibrated {
        return beyond_rating(e, rated);
    }
    let seen = most(&e.summary.client.loop_utilisation_ratio)?;
    let words = Words {
        code: Code::LoopBusy,
        unit: "ratio",
        effect: "events queue inside the client; stamps and starts come late",
        fix: "raise --reactors, lower the load, or run `tokmark calibrate` to learn this machine's capacity",
    };
    (seen > limit::LOOP_UTILISATION).then(|| {
        let message = format!(
            "the busiest reactor worked {} of the time, allowed {}",
            percent(seen),
            percent(limit::LOOP_UTILISATION)
        );
        words.degraded(limit::LOOP_UTILISATION, seen, message)
    })
}

fn beyond_rating(e: &Evidence<'_>, rated: Calibrated) -> Option<Warning> {
    let words = |unit| Words {
        code: Code::LoopBusy,
        unit,
        effect: "beyond its rated capacity the client's own p99 error exceeds the larger of 1 ms and 1 %",
        fix: "lower the load, raise --reactors, or run `tokmark calibrate` again on a better machine",
    };
    let exceeds = |seen: f64, limit: f64, unit: &'static str| {
        let message = format!("{seen:.0} {unit}, this machine is rated for {limit:.0}");
        (seen > limit).then(|| words(unit).degraded(limit, seen, message))
    };
    let events = exceeds(e.events_per_s?, rated.events_per_s, "events/s");
    let most = e.summary.load.max_concurrency.unwrap_or(0);
    events.or_else(|| exceeds(most as f64, rated.streams as f64, "streams"))
}

/// A reactor waited for a processor.
pub(super) fn contended(e: &Evidence<'_>) -> Option<Warning> {
    let client = &e.summary.client;
    let words = Words {
        code: Code::CpuContended,
        unit: "ratio",
        effect: "the client waits for the processor while events arrive; server and client slow each other down",
        fix: "put server and client on different cores (taskset), or lower the load",
    };
    let waited = |busy: f64, wait: f64| {
        wait > limit::RUNQUEUE_WAIT_RATIO && wait > limit::RUNQUEUE_WAIT_OF_BUSY * busy
    };
    let (busy, wait) = client
        .loop_utilisation_ratio
        .iter()
        .copied()
        .zip(client.runqueue_wait_ratio.iter().copied())
        .filter(|(busy, wait)| waited(*busy, *wait))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let allowed = limit::RUNQUEUE_WAIT_RATIO.max(limit::RUNQUEUE_WAIT_OF_BUSY * busy);
    let message = format!(
        "a reactor was ready to run but waited for a processor {} of the time, allowed {}",
        percent(wait),
        percent(allowed)
    );
    Some(words.degraded(allowed, wait, message))
}

/// A quota stopped the process.
pub(super) fn throttled(e: &Evidence<'_>) -> Option<Warning> {
    let seen = e.summary.client.cpu_throttled_ms?;
    let allowed = limit::THROTTLED_MS.max(limit::THROTTLED_RATIO * e.summary.window.duration_s * 1e3);
    let words = Words {
        code: Code::CpuThrottled,
        unit: "ms",
        effect: "the client stood still in the middle of the measurement; latencies contain that",
        fix: "raise the container's CPU limit (or remove the quota)",
    };
    (seen > allowed).then(|| {
        let message =
            format!("the CPU quota stopped the client for {}, allowed {}", millis(seen), millis(allowed));
        words.degraded(allowed, seen, message)
    })
}

/// The host took processor time away.
pub(super) fn steal(e: &Evidence<'_>) -> Option<Warning> {
    let seen = e.summary.client.cpu_steal_ratio?;
    let words = Words {
        code: Code::CpuSteal,
        unit: "ratio",
        effect: "the virtual machine stood still at times; latencies contain that",
        fix: "use a machine whose host is not overcommitted",
    };
    (seen > limit::STEAL_RATIO).then(|| {
        let message = format!(
            "the host took {} of the processor time, allowed {}",
            percent(seen),
            percent(limit::STEAL_RATIO)
        );
        words.degraded(limit::STEAL_RATIO, seen, message)
    })
}

/// The machine was short of processors, and the client felt it.
pub(super) fn pressure(e: &Evidence<'_>) -> Option<Warning> {
    let seen = e.summary.client.psi_cpu_some_ratio?;
    let waited = most(&e.summary.client.runqueue_wait_ratio)?;
    // Other tasks that wait, such as a busy server, are no fault of the measurement.
    if waited <= limit::RUNQUEUE_WAIT_RATIO || e.summary.window.duration_s < limit::PRESSURE_WINDOW_S {
        return None;
    }
    let words = Words {
        code: Code::CpuPressure,
        unit: "ratio",
        effect: "tasks of this machine wait for a processor, and the client was among them",
        fix: "stop other work on this machine, or measure from another one",
    };
    (seen > limit::PRESSURE_RATIO).then(|| {
        let message = format!(
            "some task waited for a processor {} of the time, allowed {}; a reactor waited {}",
            percent(seen),
            percent(limit::PRESSURE_RATIO),
            percent(waited)
        );
        words.degraded(limit::PRESSURE_RATIO, seen, message)
    })
}
