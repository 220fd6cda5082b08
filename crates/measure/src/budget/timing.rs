//! Are the stamps right?

use super::thresholds as limit;
use super::{Evidence, Words, millis, percent};
use crate::summary::LoadKind;
use crate::verdict::{Code, Warning};

/// Starts left later than planned.
pub(super) fn dispatch_delay(e: &Evidence<'_>) -> Option<Warning> {
    if e.summary.load.kind != LoadKind::Open {
        return None;
    }
    // Behind a cap a late start is the cap's doing; what is left to the client is release → first action.
    let seen = if e.summary.load.asked_concurrency.is_some() {
        e.release_delay_ms_p99?
    } else {
        let delay = e.summary.metric("dispatch_delay")?.values.as_ref()?;
        delay.percentile(99.0)?.value.finite()?
    };
    let allowed = e.limit_ms(limit::DISPATCH_DELAY_MS, limit::DISPATCH_DELAY_OF_TTFT);
    if seen <= allowed {
        return None;
    }
    let words = Words {
        code: Code::DispatchDelay,
        unit: "ms",
        effect: "response_* latencies contain the client's own delay, and the load is not the one planned",
        fix: "lower --rate, raise --reactors, or give the client a core of its own",
    };
    let message = format!("dispatch delay p99 {}, allowed {}", millis(seen), millis(allowed));
    let hopeless = e.limit_ms(limit::DISPATCH_DELAY_INVALID_MS, limit::DISPATCH_DELAY_INVALID_OF_TTFT);
    Some(if seen > hopeless {
        words.invalid(allowed, seen, message)
    } else {
        words.degraded(allowed, seen, message)
    })
}

/// User stamps lag behind the kernel's.
pub(super) fn read_lag(e: &Evidence<'_>) -> Option<Warning> {
    let seen = e.summary.client.read_lag_ms_p99?;
    let allowed = limit::READ_LAG_MS.max(e.latency_ms_p50.unwrap_or(0.0) * limit::READ_LAG_OF_LATENCY);
    let words = Words {
        code: Code::ReadLag,
        unit: "ms",
        effect: "replies are seen late: their slots stand idle, and events of that time share one stamp",
        fix: "raise --reactors, or give the client a core of its own",
    };
    (seen > allowed).then(|| {
        let message = format!("read lag p99 {}, allowed {}", millis(seen), millis(allowed));
        words.degraded(allowed, seen, message)
    })
}

/// Too many events known only as wide intervals, those left out that merely share their read with the end of the reply.
pub(super) fn censored(e: &Evidence<'_>) -> Option<Warning> {
    let c = &e.summary.censoring;
    let seen = (c.events > 0).then(|| c.censored.saturating_sub(c.closing) as f64 / c.events as f64)?;
    let words = Words {
        code: Code::Censored,
        unit: "ratio",
        effect: "gaps between chunks, and percentiles they touch, are only bounds; the upper one is printed",
        fix: "give the client a core of its own; if the server itself sends events in bursts, this is its nature",
    };
    (seen > limit::CENSORED_RATIO).then(|| {
        let message = format!(
            "{} of content events are known only as wide intervals, allowed {}",
            percent(seen),
            percent(limit::CENSORED_RATIO)
        );
        words.degraded(limit::CENSORED_RATIO, seen, message)
    })
}

/// The process stood still.
pub(super) fn stalled(e: &Evidence<'_>) -> Option<Warning> {
    let seen = e.summary.client.stall_max_ms?;
    if seen <= limit::STALL_MS {
        return None;
    }
    let words = Words {
        code: Code::Stalled,
        unit: "ms",
        effect: "the longest latencies and gaps may be the client's own standstill",
        fix: "run on a machine that does not stop the process (suspend, debugger, quota, overcommitted host)",
    };
    let message =
        format!("the client stood still for up to {}, allowed {}", millis(seen), millis(limit::STALL_MS));
    Some(if seen > limit::STALL_INVALID_MS {
        words.invalid(limit::STALL_MS, seen, message)
    } else {
        words.degraded(limit::STALL_MS, seen, message)
    })
}
