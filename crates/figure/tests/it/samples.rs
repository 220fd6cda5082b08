//! One figure of each kind, with numbers made by hand.

use tokmark_figure::router::{Quartiles, RatioSweep, TierRun};
use tokmark_figure::{
    Annotation, Axis, Band, Bar, Bars, Cdf, Figure, Histogram, Plot, Series, Style, Surface, Table, Theme,
    router,
};

/// Name of the golden file, and the figure.
pub(crate) fn all() -> Vec<(&'static str, Figure)> {
    vec![
        ("line", line()),
        ("band", ratios()),
        ("bars", tiers()),
        ("histogram", histogram()),
        ("cdf", cdf()),
        ("surface", surface()),
        ("table", table()),
        ("log", log()),
        ("starts", starts()),
        (
            "empty",
            Figure::new("Nothing yet").panel(Plot::new(
                "",
                Axis::linear("Time").unit("s"),
                Axis::log("TTFT"),
            )),
        ),
        ("narrow", ratios().width(320).id("narrow")),
        ("dark", tiers().theme(Theme::Dark).id("dark")),
        ("auto", tiers().theme(Theme::Auto).id("auto")),
    ]
}

/// A gap, a value without end, an objective, three series.
pub(crate) fn line() -> Figure {
    let plot = Plot::new("Queue", Axis::linear("Time").unit("s"), Axis::linear("Waiting requests"))
        .mark(Series::line(
            "worker 0",
            (0..20).map(|i| (f64::from(i), (i != 7).then_some(f64::from(i * i % 13)))),
        ))
        .mark(Series::new("worker 1", Style::Steps, [(0.0, 3.0), (5.0, 9.0), (12.0, 4.0), (19.0, 4.0)]))
        .mark(Series::line("worker 2 & <3>", [(1.0, 2.0), (10.0, f64::INFINITY), (15.0, 6.0), (18.0, 7.0)]))
        .annotate(Annotation::Across(10.0, "limit of the queue".to_owned()))
        .annotate(Annotation::Upright(4.0, "warm-up ends".to_owned()))
        .annotate(Annotation::At(12.0, 4.0, "scaled down".to_owned()));
    Figure::new("Requests that wait")
        .subtitle("Four workers, 20 s")
        .described("An example.")
        .columns(1)
        .panel(plot)
}

fn quartiles(p50: f64, n: u64) -> Quartiles {
    Quartiles { p25: p50 * 0.8, p50, p75: p50 * 1.3, n }
}

pub(crate) fn ratios() -> Figure {
    let sweep = |target: &str, slope: f64, missing: usize| RatioSweep {
        target: target.to_owned(),
        points: [0.1, 0.3, 0.5, 0.7, 0.9]
            .iter()
            .enumerate()
            .map(|(i, ratio)| {
                let ttft = (i != missing).then(|| quartiles(900.0 - slope * ratio, 200));
                (*ratio, ttft, Some(quartiles(12.0 - ratio, 200)))
            })
            .collect(),
    };
    router::prefix_ratio(
        "ISL 14,000, OSL 200, 8 workers",
        &[sweep("round robin", 100.0, 9), sweep("KV routing", 700.0, 2)],
    )
}

pub(crate) fn tiers() -> Figure {
    let tiers = ["low (0)", "medium (1)", "high (2)"].map(str::to_owned);
    let run = |name: &str, by: [f64; 3]| TierRun {
        name: name.to_owned(),
        tiers: by.iter().zip([500, 300, 200]).map(|(p50, n)| Some(quartiles(*p50, n))).collect(),
    };
    let mut tagged = run("priority tagged", [1400.0, 800.0, 310.0]);
    tagged.tiers[1] = None;
    router::priority_tiers(
        "mooncake_trace.jsonl, 1000 requests",
        &tiers,
        &[run("baseline", [930.0, 950.0, 940.0]), tagged],
    )
}

fn histogram() -> Figure {
    let values: Vec<f64> =
        (0..500).map(|i| 400.0 + f64::from(i % 37) * 9.0 + f64::from(i % 11) * 4.0).collect();
    let plot = Plot::new("Input length", Axis::linear("Input").unit("tokens"), Axis::linear("Requests"))
        .mark(Histogram::of("input", &values, (0..=8).map(|i| 400.0 + f64::from(i) * 40.0)));
    Figure::new("Lengths").width(420).panel(plot)
}

fn cdf() -> Figure {
    let plot = Plot::new("", Axis::log("TTFT").unit("ms"), Axis::linear("Share of requests"))
        .mark(Cdf::new("A", (1..=40).map(|i| f64::from(i * i))))
        .mark(Cdf::new("B", (1..=30).map(|i| f64::from(i * 20)).chain([f64::INFINITY; 10])));
    Figure::new("TTFT, all attempts").width(420).panel(plot)
}

fn surface() -> Figure {
    let cells = (0..20).map(|i| (i != 13).then(|| f64::from(i % 5) * 100.0 + f64::from(i / 5) * 37.0));
    let x = Axis::names("Concurrency", ["1", "2", "4", "8", "16"]);
    let plot = Plot::new("", x, Axis::names("ISL", ["256", "1k", "4k", "16k"])).mark(Surface::grid(
        "Throughput",
        "tokens/s",
        5,
        4,
        cells,
    ));
    Figure::new("Throughput by load and length").width(420).panel(plot)
}

fn table() -> Figure {
    let table = Table::new("Three engines", ["engine", "TTFT p50 (ms)", "what it does when it is full"])
        .row(
            [
                "vLLM",
                "120.5",
                "preempts the sequence that came last, and computes it again when there is room",
            ]
            .map(|c| Some(c.to_owned())),
        )
        .row([Some("SGLang".to_owned()), None, Some("retracts".to_owned())]);
    Figure::new("Engines").width(420).panel(table)
}

fn log() -> Figure {
    let points = (0..=12).map(|i| (f64::from(1 << i), 0.002 * f64::from(1 << (2 * i)).powf(0.9)));
    let plot = Plot::new("", Axis::log("Batch").unit("sequences"), Axis::log("Step time").unit("ms"))
        .mark(Series::new("measured", Style::Points, points));
    Figure::new("Step time").width(420).panel(plot)
}

fn starts() -> Figure {
    let lanes = Axis::names("", ["poisson", "constant"]);
    let plot = Plot::new("", Axis::linear("Time").unit("s"), lanes)
        .height(60)
        .mark(Series::new("poisson", Style::Ticks, (0..40).map(|i| (f64::from(i * i % 97) / 10.0, 0.0))))
        .mark(Series::new("constant", Style::Ticks, (0..40).map(|i| (f64::from(i) / 4.0, 1.0))));
    let band = Plot::new("", Axis::linear("Time").unit("s"), Axis::linear("Rate").unit("1/s"))
        .mark(Band::new("", "", [(0.0, (1.0, 2.0)), (1.0, (2.0, 5.0))]).n(7))
        .mark(Series::line(
            "",
            (0..30_000).map(|i| (f64::from(i) / 30_000.0, f64::from(i * 7919 % 1009) / 500.0)),
        ));
    let one = |value| Some(Bar { value, spread: None, n: None });
    let bars = Plot::new("", Axis::names("", ["first", "second"]), Axis::linear("Requests")).mark(Bars::new(
        "requests",
        "",
        [one(12.0), one(f64::INFINITY)],
    ));
    Figure::new("Starts").columns(1).panel(plot).panel(band).panel(bars)
}
