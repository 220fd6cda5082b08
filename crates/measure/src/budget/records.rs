//! Is everything there, and is it what it seems?

use super::thresholds as limit;
use super::{Evidence, Words, percent};
use crate::population::TEMPLATE_TOKENS;
use crate::verdict::{Code, Warning};

/// Records were dropped: which ones is not known, so nothing stands for the rest.
pub(super) fn lost(e: &Evidence<'_>) -> Option<Warning> {
    let lost = e.summary.counts.lost;
    let words = Words {
        code: Code::RecordsLost,
        unit: "records",
        effect: "the missing attempts are not in any number, and they are no random sample",
        fix: "write to a faster disk (--out), or lower the load",
    };
    (lost > 0).then(|| {
        let message = format!("{lost} records were lost because the writer could not keep up");
        words.invalid(0.0, lost as f64, message)
    })
}

/// Nothing succeeded.
pub(super) fn no_success(e: &Evidence<'_>) -> Option<Warning> {
    let words = Words {
        code: Code::NoSuccess,
        unit: "requests",
        effect: "there is nothing to measure",
        fix: "see the error table",
    };
    (!e.summary.any_success()).then(|| words.invalid(1.0, 0.0, "no measured attempt succeeded".to_owned()))
}

/// Close to the limit of open files, or beyond it.
pub(super) fn fds(e: &Evidence<'_>) -> Option<Warning> {
    let words = Words {
        code: Code::FdsNearLimit,
        unit: "files",
        effect: "attempts that could not get a socket fail here, not at the server",
        fix: "raise the limit (ulimit -n) or lower the concurrency",
    };
    let client = &e.summary.client;
    let limit_fds = client.fd_limit.unwrap_or(0) as f64;
    let seen = client.open_fds_max.unwrap_or(0) as f64;
    let refused = e.ends.local_limit;
    if refused > 0 {
        let message =
            format!("{refused} attempts failed because this machine had no file, port or buffer left");
        return Some(words.invalid(limit_fds * limit::FDS_RATIO, seen, message));
    }
    (limit_fds > 0.0 && seen > limit::FDS_RATIO * limit_fds).then(|| {
        let message = format!("{seen:.0} files open, the limit is {limit_fds:.0}");
        words.degraded(limit::FDS_RATIO * limit_fds, seen, message)
    })
}

/// Two sources count tokens differently.
pub(super) fn token_counts_differ(e: &Evidence<'_>) -> Option<Warning> {
    let words = Words {
        code: Code::TokenCountsDiffer,
        unit: "ratio",
        effect: "per-token numbers depend on who counts; they cannot be compared with a run counted otherwise",
        fix: "use the model's own --tokenizer, or --count-tokens server",
    };
    let tokens = &e.summary.tokens;
    let output = tokens
        .output_difference_ratio
        .filter(|d| d.abs() > limit::TOKEN_DIFFERENCE_RATIO)
        .map(|d| ("output", d));
    // A chat template adds tokens to each prompt that the plan does not count.
    let template = (0.0..=TEMPLATE_TOKENS).contains(&tokens.input_difference_mean_tokens.unwrap_or(0.0));
    let input = tokens
        .input_difference_ratio
        .filter(|d| d.abs() > limit::TOKEN_DIFFERENCE_RATIO && !template)
        .map(|d| ("input", d));
    let (which, seen) = output.or(input)?;
    let message = format!(
        "our count of {which} tokens and the server's are {} apart, allowed {}",
        percent(seen.abs()),
        percent(limit::TOKEN_DIFFERENCE_RATIO)
    );
    Some(words.degraded(limit::TOKEN_DIFFERENCE_RATIO, seen.abs(), message))
}

/// Output lengths are unknown for some attempts.
pub(super) fn token_counts_missing(e: &Evidence<'_>) -> Option<Warning> {
    let missing = e.summary.tokens.output_missing;
    let seen = missing as f64 / e.ends.succeeded.max(1) as f64;
    let words = Words {
        code: Code::TokenCountsMissing,
        unit: "ratio",
        effect: "per-token numbers leave those attempts out, token throughput is too low by them",
        fix: "give --tokenizer and --count-tokens tokenizer, or make the server send usage (stream_options)",
    };
    (seen > limit::TOKENS_MISSING_RATIO).then(|| {
        let message = format!(
            "the output length of {missing} attempts ({}) is unknown, allowed {}",
            percent(seen),
            percent(limit::TOKENS_MISSING_RATIO)
        );
        words.degraded(limit::TOKENS_MISSING_RATIO, seen, message)
    })
}

/// Outputs are shorter or longer than asked.
pub(super) fn output_length(e: &Evidence<'_>) -> Option<Warning> {
    let count = e.summary.metric("osl_mismatch_count")?.value?;
    let seen = count / e.ends.succeeded.max(1) as f64;
    let words = Words {
        code: Code::OutputLengthMismatch,
        unit: "ratio",
        effect: "the server did less (or more) work than asked: throughput and latency belong to another workload",
        fix: "use --ignore-eos or --extra min_tokens:N, or leave --osl out",
    };
    (seen > limit::OSL_MISMATCH_RATIO).then(|| {
        let message = format!(
            "{count:.0} attempts ({}) missed the asked output length by more than 5 % or 50 tokens, allowed {}",
            percent(seen),
            percent(limit::OSL_MISMATCH_RATIO)
        );
        words.degraded(limit::OSL_MISMATCH_RATIO, seen, message)
    })
}

/// The server closes connections after each reply.
pub(super) fn connections(e: &Evidence<'_>) -> Option<Warning> {
    let started = e.ends.started;
    let needed = e.summary.load.max_concurrency?;
    let beyond = e.ends.opened.saturating_sub(needed);
    let seen = beyond as f64 / started.max(1) as f64;
    let words = Words {
        code: Code::ConnectionsNotReused,
        unit: "ratio",
        effect: "each request pays for a connection; TTFT leaves that out, response_* and the server's load do not",
        fix: "enable keep-alive at the server or its proxy",
    };
    (started >= limit::OPENED_ATTEMPTS && seen > limit::OPENED_RATIO).then(|| {
        let message = format!(
            "{} connections were opened for {started} attempts, {needed} in flight at most",
            e.ends.opened
        );
        words.degraded(limit::OPENED_RATIO, seen, message)
    })
}

/// The wall clock was set while the run went on.
pub(super) fn clock_step(e: &Evidence<'_>) -> Option<Warning> {
    let steps = e.summary.client.clock_steps.filter(|n| *n > 0)?;
    let words = Words {
        code: Code::ClockStep,
        unit: "steps",
        effect: "kernel stamps around the step were dropped; user stamps stand in for them",
        fix: "let the clock settle (chrony, ntpd) before measuring",
    };
    let message = format!("the wall clock was stepped {steps} times");
    Some(words.degraded(0.0, steps as f64, message))
}

/// The run was ended before its plan was.
pub(super) fn interrupted(e: &Evidence<'_>) -> Option<Warning> {
    let words = Words {
        code: Code::Interrupted,
        unit: "interrupted",
        effect: "the numbers cover the part until then",
        fix: "let the run end, or ask for less",
    };
    e.summary.interrupted.then(|| words.degraded(0.0, 1.0, "the run was interrupted".to_owned()))
}

/// The run was killed.
pub(super) fn incomplete(e: &Evidence<'_>) -> Option<Warning> {
    let words = Words {
        code: Code::Incomplete,
        unit: "attempts",
        effect: "attempts in flight at that moment, and up to the last second before it, are missing",
        fix: "run again",
    };
    let c = &e.summary.counts;
    (!e.summary.complete).then(|| {
        let missing = c.issued.saturating_sub(c.recorded);
        let message = if missing == 0 {
            "the run was killed; every attempt known to have begun has a record, those begun since the last health \
             sample are not known"
                .to_owned()
        } else {
            format!("the run was killed; at least {missing} attempts that had begun have no record")
        };
        words.degraded(0.0, missing as f64, message)
    })
}
