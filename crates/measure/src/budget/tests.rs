//! Every rule, just below and just above its threshold.

use tokmark_base::Micros;

use super::*;
use crate::facts::Calibrated;
use crate::summary::Censoring;
use crate::summary::{ClientHealth, Counts, LoadKind, Window};

fn clean() -> Summary {
    Summary {
        complete: true,
        counts: Counts { succeeded: 200, ..Counts::default() },
        window: Window { duration_s: 20.0, mean_latencies: Some(25.0), ..Window::default() },
        client: ClientHealth {
            loop_utilisation_ratio: vec![0.10, 0.12],
            runqueue_wait_ratio: vec![0.01, 0.02],
            stall_max_ms: Some(8.0),
            read_lag_ms_p99: Some(0.3),
            cpu_steal_ratio: Some(0.03),
            cpu_throttled_ms: Some(0.0),
            psi_cpu_some_ratio: Some(0.25),
            open_fds_max: Some(40),
            fd_limit: Some(20_000),
            clock_steps: Some(0),
            ..ClientHealth::default()
        },
        ..Summary::default()
    }
}

fn judged(summary: &Summary, facts: &RunFacts) -> Vec<(Code, Severity)> {
    let ends = Ends { succeeded: 200, started: 200, ..Ends::default() };
    let verdict = judge(&Evidence {
        summary,
        facts,
        ends,
        release_delay_ms_p99: None,
        events_per_s: Some(10_000.0),
        max_error_rate: None,
        ttft_ms_p50: Some(100.0),
        latency_ms_p50: Some(1_000.0),
    });
    verdict.warnings.iter().map(|w| (w.code, w.severity)).collect()
}

fn one(change: impl FnOnce(&mut Summary)) -> Vec<(Code, Severity)> {
    let mut summary = clean();
    change(&mut summary);
    judged(&summary, &RunFacts::default())
}

#[test]
fn a_clean_run_is_valid() {
    assert_eq!(one(|_| ()), []);
}

#[test]
fn each_rule_breaks_alone() {
    use Code as C;
    use Severity::{Degraded as D, Invalid as I};
    type Change = fn(&mut Summary);
    let cases: [(Change, Code, Severity); 19] = [
        (|s| s.client.stall_max_ms = Some(50.0), C::Stalled, D),
        (|s| s.client.stall_max_ms = Some(1_500.0), C::Stalled, I),
        (|s| s.client.cpu_throttled_ms = Some(101.0), C::CpuThrottled, D),
        (|s| s.client.runqueue_wait_ratio[1] = 0.07, C::CpuContended, D),
        (|s| s.client.loop_utilisation_ratio[0] = 0.9, C::LoopBusy, D),
        (|s| s.client.cpu_steal_ratio = Some(0.2), C::CpuSteal, D),
        (
            |s| {
                s.client.psi_cpu_some_ratio = Some(0.7);
                s.client.runqueue_wait_ratio[1] = 0.03;
            },
            C::CpuPressure,
            D,
        ),
        (|s| s.client.read_lag_ms_p99 = Some(50.1), C::ReadLag, D),
        (|s| s.client.open_fds_max = Some(19_500), C::FdsNearLimit, D),
        (|s| s.client.clock_steps = Some(1), C::ClockStep, D),
        (
            |s| s.censoring = Censoring { events: 100, censored: 13, closing: 2, share_ratio: None },
            C::Censored,
            D,
        ),
        (|s| s.counts.lost = 1, C::RecordsLost, I),
        (|s| s.counts.succeeded = 0, C::NoSuccess, I),
        (|s| s.counts.failed = 30, C::ErrorRate, D),
        (|s| s.window.mean_latencies = Some(2.9), C::ShortWindow, D),
        (|s| s.window.steady = Some(false), C::NoSteadyState, D),
        (|s| s.interrupted = true, C::Interrupted, D),
        (|s| s.complete = false, C::Incomplete, D),
        (
            |s| {
                s.load.asked_concurrency = Some(8);
                s.load.achieved_concurrency = Some(7.5);
            },
            C::ConcurrencyNotReached,
            D,
        ),
    ];
    for (change, code, severity) in cases {
        assert_eq!(one(change), [(code, severity)]);
    }
}

#[test]
fn just_below_nothing_breaks() {
    assert_eq!(
        one(|s| {
            s.client.stall_max_ms = Some(20.0);
            s.client.cpu_throttled_ms = Some(100.0);
            // Waits half as long as it works, and not more.
            s.client.loop_utilisation_ratio = vec![0.8];
            s.client.runqueue_wait_ratio = vec![0.4];
            s.client.read_lag_ms_p99 = Some(50.0);
            s.censoring = Censoring { events: 100, censored: 12, closing: 2, share_ratio: None };
            s.load.asked_concurrency = Some(8);
            s.load.achieved_concurrency = Some(7.6);
        }),
        []
    );
}

#[test]
fn pressure_on_the_machine_counts_only_if_the_client_waited_long_enough_to_tell() {
    let pressed = |waited: Vec<f64>, duration_s| {
        one(|s| {
            s.client.psi_cpu_some_ratio = Some(0.95);
            s.client.runqueue_wait_ratio = waited;
            s.window.duration_s = duration_s;
        })
    };
    let raised = [(Code::CpuPressure, Severity::Degraded)];
    assert_eq!(pressed(vec![0.01, 0.03], 20.0), raised);
    // A busy server beside it, and the client never waited, or nobody knows.
    assert_eq!(pressed(vec![0.01, 0.02], 20.0), []);
    assert_eq!(pressed(vec![], 20.0), []);
    assert_eq!(pressed(vec![0.01, 0.03], 0.9), []);
}

#[test]
fn a_ramp_that_is_not_over_in_time_is_named() {
    let with = |kind, achieved, end_s: i64, ramp_s: i64| {
        let mut summary = clean();
        summary.load.kind = kind;
        summary.load.asked_concurrency = (kind == LoadKind::Closed).then_some(4);
        summary.load.achieved_concurrency = achieved;
        summary.window.end_us = Micros(end_s * 1_000_000);
        let facts = RunFacts { ramp_us: Some(Micros(ramp_s * 1_000_000)), ..RunFacts::default() };
        let ends = Ends { succeeded: 200, started: 200, ..Ends::default() };
        let verdict = judge(&Evidence {
            summary: &summary,
            facts: &facts,
            ends,
            release_delay_ms_p99: None,
            events_per_s: None,
            max_error_rate: None,
            ttft_ms_p50: None,
            latency_ms_p50: None,
        });
        verdict.warnings.iter().map(|w| (w.code, w.message.clone())).collect::<Vec<_>>()
    };
    for (kind, code) in
        [(LoadKind::Closed, Code::ConcurrencyNotReached), (LoadKind::Open, Code::RateNotReached)]
    {
        let text = "the ramp of 2.00 s was not over when the measured window ended, at 1.00 s";
        assert_eq!(with(kind, None, 1, 2), [(code, text.to_owned())]);
        assert_eq!(with(kind, None, 2, 2).len(), 1);
        assert_eq!(with(kind, Some(4.0), 3, 2), []);
        // Nothing started: other rules speak.
        assert_eq!(with(kind, None, 1, 0), []);
    }
}

#[test]
fn the_worst_comes_first_and_decides() {
    let mut summary = clean();
    summary.client.stall_max_ms = Some(50.0);
    summary.counts.lost = 3;
    let verdict = judge(&Evidence {
        summary: &summary,
        facts: &RunFacts::default(),
        ends: Ends::default(),
        release_delay_ms_p99: None,
        events_per_s: Some(10_000.0),
        max_error_rate: None,
        ttft_ms_p50: None,
        latency_ms_p50: None,
    });
    assert_eq!(verdict.state, State::Invalid);
    assert_eq!(verdict.warnings[0].code, Code::RecordsLost);
    assert_eq!(verdict.warnings[1].code, Code::Stalled);
    assert!(verdict.warnings.iter().all(|w| !w.fix.is_empty() && !w.effect.is_empty()));
}

#[test]
fn a_calibrated_machine_is_judged_by_its_own_capacity() {
    let mut summary = clean();
    summary.client.loop_utilisation_ratio = vec![0.9];
    let rated = |events_per_s| RunFacts {
        calibrated: Some(Calibrated { events_per_s, streams: 64 }),
        ..RunFacts::default()
    };
    assert_eq!(judged(&summary, &rated(20_000.0)), []);
    assert_eq!(judged(&summary, &rated(9_000.0)), [(Code::LoopBusy, Severity::Degraded)]);
    summary.load.max_concurrency = Some(65);
    assert_eq!(judged(&summary, &rated(20_000.0)), [(Code::LoopBusy, Severity::Degraded)]);
}

#[test]
fn connections_that_are_never_reused_are_named_and_a_burst_is_not() {
    let mut summary = clean();
    summary.load.kind = LoadKind::Open;
    let warnings = |summary: &Summary, opened| {
        let ends = Ends { succeeded: 200, started: 200, opened, ..Ends::default() };
        let evidence = Evidence {
            summary,
            facts: &RunFacts::default(),
            ends,
            release_delay_ms_p99: None,
            events_per_s: Some(10_000.0),
            max_error_rate: None,
            ttft_ms_p50: None,
            latency_ms_p50: None,
        };
        records::connections(&evidence).map(|w| w.code)
    };
    summary.load.max_concurrency = Some(8);
    assert_eq!(warnings(&summary, 200), Some(Code::ConnectionsNotReused));
    assert_eq!(warnings(&summary, 8), None);
    summary.load.max_concurrency = Some(200);
    assert_eq!(warnings(&summary, 200), None);
}
