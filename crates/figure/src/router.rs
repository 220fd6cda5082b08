//! The pictures of the router benchmarks (`benchmarks/router` of Dynamo): one panel a metric against the prefix ratio, and
//! bars by priority tier. They hold what was measured; who measured it says the percentiles.

use crate::axis::Axis;
use crate::figure::{Figure, Plot};
use crate::mark::{Band, Bar, Bars, Series};

/// Three percentiles of one metric at one place, and on how many values they rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    /// 25th percentile.
    pub p25: f64,
    /// Median.
    pub p50: f64,
    /// 75th percentile; +∞ where so many failed.
    pub p75: f64,
    /// Values.
    pub n: u64,
}

/// One target of a prefix-ratio sweep: for each ratio TTFT and ITL, milliseconds, `None` where the point failed.
#[derive(Clone, Debug, PartialEq)]
pub struct RatioSweep {
    /// The target's name.
    pub target: String,
    /// Ratio, TTFT, ITL.
    pub points: Vec<(f64, Option<Quartiles>, Option<Quartiles>)>,
}

/// "TTFT vs Prefix Ratio" and "ITL vs Prefix Ratio": a line at p50 in a band from p25 to p75, one series a target.
pub fn prefix_ratio(subtitle: &str, sweeps: &[RatioSweep]) -> Figure {
    let ratio = || Axis::linear("Prefix ratio");
    let time = |title: &str| Axis::linear(title).unit("ms").from_zero();
    let mut ttft = Plot::new("TTFT vs Prefix Ratio", ratio(), time("Time to first token"));
    let mut itl = Plot::new("ITL vs Prefix Ratio", ratio(), time("Inter-token latency"));
    for sweep in sweeps {
        let at = |i: usize| {
            move |(ratio, ttft, itl): &(f64, Option<Quartiles>, Option<Quartiles>)| (*ratio, [*ttft, *itl][i])
        };
        ttft = quartiles(ttft, &sweep.target, &sweep.points.iter().map(at(0)).collect::<Vec<_>>());
        itl = quartiles(itl, &sweep.target, &sweep.points.iter().map(at(1)).collect::<Vec<_>>());
    }
    Figure::new("Prefix ratio").subtitle(subtitle).panel(ttft).panel(itl)
}

fn quartiles(plot: Plot, target: &str, points: &[(f64, Option<Quartiles>)]) -> Plot {
    // A quartile of +∞ below the median's has no band of its own; the median's triangle says it.
    let pair = |q: Quartiles| q.p25.is_finite().then_some((q.p25, q.p75));
    let band = Band::new(target, "p25–p75", points.iter().map(|(x, q)| (*x, q.and_then(pair))));
    let line = Series::line(target, points.iter().map(|(x, q)| (*x, q.map(|q| q.p50))));
    plot.mark(line.statistic("p50", points.iter().map(|(_, q)| q.map_or(0, |q| q.n)))).mark(band)
}

/// One run of the priority benchmark: for each tier TTFT, milliseconds, `None` where nothing was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct TierRun {
    /// `baseline`, `priority tagged`, or a target's name.
    pub name: String,
    /// A value a tier.
    pub tiers: Vec<Option<Quartiles>>,
}

/// "Time to First Token by Priority Tier": a bar at p50 with p25 to p75, one series a run.
pub fn priority_tiers(subtitle: &str, tiers: &[String], runs: &[TierRun]) -> Figure {
    let y = Axis::linear("Time to first token").unit("ms");
    let mut plot = Plot::new("", Axis::names("Priority tier", tiers.to_vec()), y);
    for run in runs {
        let bar = |q: &Quartiles| Bar {
            value: q.p50,
            spread: q.p25.is_finite().then_some((q.p25, q.p75)),
            n: Some(q.n),
        };
        plot = plot.mark(Bars::new(&run.name, "p50, p25–p75", run.tiers.iter().map(|q| q.as_ref().map(bar))));
    }
    Figure::new("Time to First Token by Priority Tier").subtitle(subtitle).panel(plot)
}
