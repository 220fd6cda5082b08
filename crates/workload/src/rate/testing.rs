//! What every rate is tested for, whatever its formulas are.

use std::sync::Arc;

use tokmark_base::{Micros, Phase, Seed};

use super::{Rate, Shape};
use crate::arrival::{Arrival, Constant, Gamma, Poisson};
use crate::course::{Course, Independent};
use crate::load::{Load, LoadSpec};
use crate::schedule::Schedule;

/// `before` is the integral of `at`, and `time_of` its inverse, up to `end` seconds.
pub(super) fn closed_form(shape: &dyn Shape, end: f64) {
    // The trapezoidal rule is off by h²/12 · |λ'|, and by half a step's area at a jump.
    let steps = 40_000;
    let h = end / f64::from(steps);
    let mut sum = 0.0;
    let mut greatest = 0.0_f64;
    for step in 0..steps {
        let t = f64::from(step) * h;
        // Both ends of a step are taken from within it.
        sum += f64::midpoint(shape.at(t), shape.at(t + h * (1.0 - 1e-9))) * h;
        greatest = greatest.max(shape.at(t));
        if step % 397 == 0 {
            let near = 20.0 * greatest * h + 1e-9;
            let got = shape.before(t + h);
            assert!((got - sum).abs() <= near, "{shape:?}: {got} starts before {}, not {sum}", t + h);
        }
    }
    for i in 0..=1_000 {
        let t = end * f64::from(i) / 1_000.0;
        let position = shape.before(t);
        let Some(found) = shape.time_of(position) else {
            assert!(
                shape.end().is_some() && position >= shape.before(end),
                "{shape:?}: {position} is never reached"
            );
            continue;
        };
        // Where nothing starts, a position has many times and the last of them counts.
        let near = 1e-9 * (1.0 + shape.at(t));
        assert!((shape.before(found) - position).abs() < near, "{shape:?} at {t}: {found}");
        assert!(found > t - 1e-6, "{shape:?} at {t}: {found}");
        if shape.at(t) > 1e-2 {
            assert!((found - t).abs() < 1e-6, "{shape:?} at {t}: {found}");
        }
    }
}

/// Runs of each law under `rate`, each this many seconds and with a seed of its own.
const RUNS: u64 = 24;

/// Sums over the gaps of one run.
#[derive(Clone, Copy, Debug, Default)]
struct Gaps {
    n: f64,
    sum: f64,
    squares: f64,
}

fn cv(runs: &[Gaps], without: Option<usize>) -> f64 {
    let of = |part: fn(&Gaps) -> f64| -> f64 {
        runs.iter().enumerate().filter(|(i, _)| Some(*i) != without).map(|(_, run)| part(run)).sum()
    };
    let (n, sum, squares) = (of(|g| g.n), of(|g| g.sum), of(|g| g.squares));
    (n * squares / (sum * sum) - 1.0).sqrt()
}

/// Draws at least 100,000 starts of each law between `from` and `from + span` seconds, and compares their mean rate, their numbers
/// window by window, and their gaps' deviation with the closed forms.
pub(super) fn statistics(rate: &Rate, from: f64, span: f64) {
    for arrival in
        [Arrival::Constant(Constant), Arrival::Poisson(Poisson), Arrival::Gamma(Gamma { burstiness: 0.5 })]
    {
        let runs: Vec<Vec<f64>> =
            (0..RUNS).map(|seed| starts(rate, arrival, Seed(seed), from + span)).collect();
        numbers(rate, arrival, &runs, from, span);
        deviation(rate, arrival, &runs, from);
    }
}

fn starts(rate: &Rate, arrival: Arrival, seed: Seed, end: f64) -> Vec<f64> {
    let closed = LoadSpec::default().resolve().unwrap();
    let duration = Some(Micros::from_secs_f64(end));
    let load = Load { arrival, rate: Some(rate.clone()), requests: None, duration, ..closed };
    let course: Arc<dyn Course> = Arc::new(Independent);
    let schedule = Schedule::new(&load, seed, &course).unwrap();
    schedule
        .inspect(|start| assert_eq!(start.phase, Phase::Profiling))
        .map(|start| start.at.as_secs_f64())
        .collect()
}

/// A count of a renewal process scatters around its mean μ with a variance of c²·μ, and is off by less than one more at the
/// window's edges.
fn numbers(rate: &Rate, arrival: Arrival, runs: &[Vec<f64>], from: f64, span: f64) {
    let (shape, c) = (rate.shape(), arrival.process().gap_cv().unwrap());
    let n = runs.len() as f64;
    let windows = 7.0;
    let mut all = 0.0;
    for window in 0..7 {
        let ends = [window, window + 1].map(|w| (from + span) * f64::from(w) / windows);
        let mean = (shape.before(ends[1]) - shape.before(ends[0])) * n;
        let got: f64 = runs
            .iter()
            .map(|run| run.iter().filter(|t| **t >= ends[0] && **t < ends[1]).count() as f64)
            .sum();
        let near = 4.0 * c * mean.sqrt() + n;
        assert!((got - mean).abs() <= near, "{arrival:?}, {rate:?}, {ends:?}: {got} starts, not {mean}");
        all += got;
    }
    assert!(all >= 100_000.0, "only {all} starts");
    let after: f64 = runs.iter().map(|run| run.iter().filter(|t| **t >= from).count() as f64).sum();
    let (mean, got) = (shape.mean() * span * n, after);
    assert!(
        (got - mean).abs() <= 4.0 * c * mean.sqrt() + n,
        "{arrival:?}, {rate:?}: {got} starts, not {mean}"
    );
}

/// The standard error is that of a jackknife over runs, which no memory between gaps fools. On top of it, ends of runs and the slow
/// limit may take half a percent: the rates in the tests change over thousands of gaps.
fn deviation(rate: &Rate, arrival: Arrival, runs: &[Vec<f64>], from: f64) {
    let gaps: Vec<Gaps> = runs
        .iter()
        .map(|run| {
            let after: Vec<f64> = run.iter().copied().filter(|t| *t >= from).collect();
            after.windows(2).fold(Gaps::default(), |gaps, pair| {
                let gap = pair[1] - pair[0];
                Gaps { n: gaps.n + 1.0, sum: gaps.sum + gap, squares: gaps.squares + gap * gap }
            })
        })
        .collect();
    let want = rate.shape().gap_cv(arrival.process()).unwrap();
    let got = cv(&gaps, None);
    let n = gaps.len() as f64;
    let others: Vec<f64> = (0..gaps.len()).map(|i| cv(&gaps, Some(i))).collect();
    let mean = others.iter().sum::<f64>() / n;
    let error = ((n - 1.0) / n * others.iter().map(|x| (x - mean).powi(2)).sum::<f64>()).sqrt();
    assert!(error < 0.02 * want.max(0.5), "{arrival:?}, {rate:?}: the test is too weak, ±{error}");
    let near = 4.0 * error + 0.005 * want.max(0.1);
    assert!((got - want).abs() <= near, "{arrival:?}, {rate:?}: cv {got} ± {error}, not {want}");
}
