//! From ranked values to the statistics of a summary.

use crate::metric::{Kind, Metric, Unit};
use crate::summary::{Amount, Distribution, MetricSummary, Percentile};
use crate::tally::Ranked;

/// The percentiles we print, and the n from which a 95 % order-statistic interval exists for each (METHOD).
pub(crate) const PERCENTILES: [(f64, u64); 5] =
    [(50.0, 6), (90.0, 36), (95.0, 72), (99.0, 368), (99.9, 3688)];

/// The faces of a set of values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faces {
    /// By the stamps.
    pub(crate) at: Ranked,
    /// Pessimistic and optimistic bounds, where any value has them.
    pub(crate) bounds: Option<(Ranked, Ranked)>,
    /// How many values have them.
    pub(crate) bounded: u64,
}

/// A metric without values.
pub(crate) fn heading(metric: &Metric) -> MetricSummary {
    MetricSummary {
        tag: metric.tag.to_owned(),
        label: metric.label.to_owned(),
        unit: metric.unit.name().to_owned(),
        better: metric.better,
        value: None,
        values: None,
        adjusted: None,
    }
}

/// A metric of attempts of which `failures` more have no value: a latency of theirs is +∞. `None` without any value.
pub(crate) fn of_attempts(metric: &Metric, faces: &Faces, failures: u64) -> Option<MetricSummary> {
    let values = Some(distribution(faces, 0, metric.unit)?);
    let twin = matches!(metric.kind, Kind::Latency(_)) && failures > 0;
    let adjusted = if twin { distribution(faces, failures, metric.unit) } else { None };
    Some(MetricSummary { values, adjusted, ..heading(metric) })
}

/// The distribution of `faces` and `infinite` more values at +∞. `None` without any value.
pub(crate) fn distribution(faces: &Faces, infinite: u64, unit: Unit) -> Option<Distribution> {
    let at = &faces.at;
    let n = at.n() + infinite;
    if n == 0 {
        return None;
    }
    let shown = |x: f64| Amount(x / unit.divisor());
    let (worst, best) = faces.bounds.as_ref().map_or((at, at), |(worst, best)| (worst, best));
    let percentiles = PERCENTILES
        .iter()
        .filter_map(|(p, needed)| {
            let value = shown(worst.nearest(p / 100.0, infinite)?);
            let bound = shown(best.nearest(p / 100.0, infinite)?);
            Some(Percentile {
                p: *p,
                value,
                bound: (bound != value).then_some(bound),
                missing_n: needed.saturating_sub(n),
            })
        })
        .collect();
    let finite_only = |x: Option<f64>| {
        if infinite > 0 { Some(Amount::INFINITE) } else { x.map(shown) }
    };
    // Which side lies outside depends on what is better: a latency's worst values are its largest, a speed's its smallest.
    let low = [at.min(), worst.min(), best.min()].into_iter().flatten().reduce(f64::min);
    let high = [at.max(), worst.max(), best.max()].into_iter().flatten().reduce(f64::max);
    Some(Distribution {
        n,
        infinite,
        censored: faces.bounded,
        mean: finite_only(at.mean()),
        std: at.std(1).filter(|_| infinite == 0).map(|x| x / unit.divisor()),
        min: Some(at.min().map_or(Amount::INFINITE, shown)),
        min_bound: low.filter(|low| at.min().is_some_and(|min| *low < min)).map(shown),
        max: finite_only(at.max()),
        max_bound: high.filter(|high| infinite == 0 && at.max().is_some_and(|max| *high > max)).map(shown),
        percentiles,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(values: &[f64]) -> Ranked {
        Ranked::new(values.iter().map(|v| (*v, 1)).collect())
    }

    #[test]
    fn failures_push_percentiles_to_infinity() {
        let faces = Faces { at: ranked(&[1_000.0, 2_000.0, 3_000.0]), ..Faces::default() };
        let d = distribution(&faces, 1, Unit::Millis).unwrap();
        assert_eq!((d.n, d.infinite), (4, 1));
        assert_eq!(d.percentile(50.0).unwrap().value, Amount(2.0));
        assert_eq!(d.percentile(90.0).unwrap().value, Amount::INFINITE);
        assert_eq!((d.mean, d.std), (Some(Amount::INFINITE), None));
        assert_eq!((d.min, d.max), (Some(Amount(1.0)), Some(Amount::INFINITE)));
        assert_eq!(d.percentile(99.0).unwrap().missing_n, 364);
    }

    #[test]
    fn bounds_show_only_where_they_differ() {
        let faces = Faces {
            at: ranked(&[1_000.0, 1_000.0, 5_000.0]),
            bounds: Some((ranked(&[1_000.0, 1_000.0, 5_000.0]), ranked(&[1_000.0, 1_000.0, 2_000.0]))),
            bounded: 1,
        };
        let d = distribution(&faces, 0, Unit::Millis).unwrap();
        assert_eq!(d.percentile(50.0).unwrap().bound, None);
        assert_eq!(d.percentile(99.0).unwrap().value, Amount(5.0));
        assert_eq!(d.percentile(99.0).unwrap().bound, Some(Amount(2.0)));
        assert_eq!(distribution(&Faces::default(), 0, Unit::Millis), None);
    }

    #[test]
    fn no_percentile_lies_outside_of_what_min_and_max_say() {
        let [slow, at, fast] = [[100.0, 90.0], [140.0, 120.0], [186.0, 150.0]].map(|v| ranked(&v));
        for bounds in [(slow.clone(), fast.clone()), (fast, slow)] {
            // First a speed, whose worst values are its smallest, then a latency.
            let faces = Faces { at: at.clone(), bounds: Some(bounds), bounded: 2 };
            let d = distribution(&faces, 0, Unit::TokensPerSecondPerUser).unwrap();
            assert_eq!((d.max, d.max_bound), (Some(Amount(140.0)), Some(Amount(186.0))));
            assert_eq!((d.min, d.min_bound), (Some(Amount(120.0)), Some(Amount(90.0))));
            for q in &d.percentiles {
                for x in [Some(q.value), q.bound].into_iter().flatten() {
                    assert!((90.0..=186.0).contains(&x.0), "{q:?}");
                }
            }
            assert_eq!(distribution(&faces, 1, Unit::TokensPerSecondPerUser).unwrap().max_bound, None);
        }
        let exact = distribution(&Faces { at, ..Faces::default() }, 0, Unit::Tokens).unwrap();
        assert_eq!((exact.min_bound, exact.max_bound), (None, None));
    }
}
