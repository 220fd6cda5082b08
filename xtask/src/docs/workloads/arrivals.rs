//! Arrivals: when requests start.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokmark_base::{Micros, Seed};
use tokmark_figure::{Axis, Figure, Histogram, Palette, Plot, Series, Style};
use tokmark_workload::arrival::Arrival;
use tokmark_workload::{Course, Independent, Load, LoadSpec, Next, Pacer};

use super::{Case, SEED, Told, moments, number, part};

pub(super) const TEXT: &str = "A closed loop sends the next request when one has ended: the service sets the pace. An open loop sends when \
the plan says, whatever the service does: a law of gaps (constant, Poisson, gamma) at a rate, which stays the same or goes \
over time by a ramp, a wave, pauses, stages or a series of points; each law goes with each rate. The pictures show the first \
30 seconds against a service that answers each request 0.7 seconds after it was sent. *CV* is the coefficient of variation of \
the gaps between starts (standard deviation over mean; a Poisson process has 1); under a rate that changes it is given for a \
rate that changes slowly against the gaps.";

/// Length of the pictures.
const SHOWN: Micros = Micros(30_000_000);
/// How long the service of the pictures takes.
const SERVICE: Micros = Micros(700_000);

pub(super) const CASES: &[Case] = &[
    Case {
        name: "arrival-closed",
        title: "Closed loop",
        text: "So many streams, each with one request in flight (with sessions: one session). The default, with 8 streams.",
        spec: r#"{"load": {"concurrency": 8}}"#,
    },
    Case {
        name: "arrival-closed-ramp",
        title: "Closed loop with stagger",
        text: "Streams open one after another along the ramp, so that they do not go in step.",
        spec: r#"{"load": {"concurrency": 8, "ramp": "20s"}}"#,
    },
    Case {
        name: "arrival-closed-stages",
        title: "Stages of concurrency",
        text: "Parts of one run, each with its number of streams. A stream that is one too many is given up when its request ends.",
        spec: r#"{"load": {"stages": [{"concurrency": 2, "duration": "10s"}, {"concurrency": 8, "duration": "10s"}, {"concurrency": 4, "duration": "10s"}]}}"#,
    },
    Case {
        name: "arrival-constant",
        title: "Constant",
        text: "Equal gaps of 1/rate, exactly.",
        spec: r#"{"load": {"rate": 10, "arrival": "constant"}}"#,
    },
    Case {
        name: "arrival-poisson",
        title: "Poisson",
        text: "Starts that know nothing of each other, as of many independent users: exponential gaps. The default of an open loop.",
        spec: r#"{"load": {"rate": 10, "arrival": "poisson"}}"#,
    },
    Case {
        name: "arrival-gamma-clumped",
        title: "Gamma, clumped",
        text: "Gamma gaps whose shape is the burstiness; below 1 starts clump. CV = 1/√burstiness.",
        spec: r#"{"load": {"rate": 10, "arrival": "gamma", "burstiness": 0.25}}"#,
    },
    Case {
        name: "arrival-gamma-even",
        title: "Gamma, evened out",
        text: "The same with a shape above 1: starts are more even than Poisson's.",
        spec: r#"{"load": {"rate": 10, "arrival": "gamma", "burstiness": 4}}"#,
    },
    Case {
        name: "arrival-burst",
        title: "Burst",
        text: "Everything at once, 200 requests unless a number is given. It has no gaps.",
        spec: r#"{"load": {"burst": true, "requests": 200}}"#,
    },
    Case {
        name: "arrival-on-off",
        title: "On and off",
        text: "Starts come for a while, then none, and again. The rate is the mean over whole cycles; while on it is higher.",
        spec: r#"{"load": {"rate": 10, "on_off": {"on": "4s", "off": "6s"}}}"#,
    },
    Case {
        name: "arrival-ramp",
        title: "Linear ramp",
        text: "The rate rises by equal differences from 0 (or `ramp_from`), then stays.",
        spec: r#"{"load": {"rate": 20, "ramp": "20s"}}"#,
    },
    Case {
        name: "arrival-ramp-exponential",
        title: "Exponential ramp",
        text: "The rate rises by equal ratios, doubling in equal times, then stays. It needs a rate to begin at.",
        spec: r#"{"load": {"rate": 20, "ramp": "20s", "ramp_shape": "exponential", "ramp_from": 1}}"#,
    },
    Case {
        name: "arrival-stages",
        title: "Steps (stages of rate)",
        text: "Parts of one run, each with its rate and how long it lasts. The run ends with the last.",
        spec: r#"{"load": {"stages": [{"rate": 4, "duration": "10s"}, {"rate": 16, "duration": "10s"}, {"rate": 8, "duration": "10s"}]}}"#,
    },
    Case {
        name: "arrival-wave",
        title: "Sinusoid",
        text: "rate(t) = (min + max)/2 − (max − min)/2 · cos(2πt/period): it begins at the least.",
        spec: r#"{"load": {"wave": {"min": 2, "max": 18, "period": "15s"}}}"#,
    },
    Case {
        name: "arrival-series",
        title: "Series of points",
        text: "The rate goes along lines from point to point, `[[seconds, rate], …]`, written in the spec or in a JSON file of its \
               own. The run ends at the last point.",
        spec: r#"{"load": {"series": [[0, 2], [8, 18], [12, 18], [13, 4], [30, 10]]}}"#,
    },
    Case {
        name: "arrival-trace",
        title: "Replay of a trace",
        text: "Starts as a trace has them, counted from its first row; here of a made-up trace with pauses. `from` and `to` cut a window \
               out of it.",
        spec: r#"{"load": {"arrival": "trace"}}"#,
    },
    Case {
        name: "arrival-trace-fast",
        title: "Replay, scaled, with short pauses",
        text: "The same trace, its time passing twice as fast, and pauses longer than 2 s of its own time cut to that.",
        spec: r#"{"load": {"arrival": "trace", "replay": {"speed": 2, "idle_cap": "2s"}}}"#,
    },
    Case {
        name: "arrival-users",
        title: "Users",
        text: "So many users, each served one turn at a time; a user's turns are wanted users/rate seconds apart, later if the turn \
               before took longer.",
        spec: r#"{"load": {"rate": 10, "users": 20}}"#,
    },
];

/// A trace with pauses.
#[derive(Debug)]
struct Paused;

impl Course for Paused {
    fn at(&self, request: u64) -> Option<Micros> {
        // Groups of 30 starts, 0.1 s apart and less, then 7 s of nothing.
        let (group, n) = (request / 30, request % 30);
        Some(Micros((group * 10_000_000 + n * n * 3_300) as i64))
    }

    fn timed_items(&self) -> Option<u64> {
        Some(150)
    }
}

/// A request as it went.
pub(super) struct Sent {
    pub(super) request: u64,
    pub(super) at: Micros,
    pub(super) ended: Micros,
}

/// Plays a load against a service that takes the same time for each request.
pub(super) fn play(
    load: &Load,
    seed: Seed,
    course: &Arc<dyn Course>,
    service: Micros,
    until: Micros,
) -> Vec<Sent> {
    let mut pacer = Pacer::alone(load, seed, course);
    let (mut now, mut sent, mut open) = (Micros::ZERO, Vec::new(), BTreeSet::new());
    loop {
        let wake = match pacer.poll(now) {
            Next::Release(release) => {
                open.insert((now + service, release.request));
                sent.push(Sent { request: release.request, at: now, ended: now + service });
                continue;
            }
            Next::Wait { until } => until,
            Next::Finished => None,
        };
        let next = wake.into_iter().chain(open.first().map(|(at, _)| *at)).min();
        match next {
            Some(at) if at < until => now = at.max(now),
            _ => return sent,
        }
        while let Some((at, request)) = open.first().copied().filter(|(at, _)| *at <= now) {
            open.remove(&(at, request));
            pacer.completed(request, now, true);
        }
    }
}

pub(super) fn tell(case: &Case) -> Result<Told, String> {
    let spec: LoadSpec = part(case, "load")?;
    let mut load = spec.resolve().map_err(|e| e.to_string())?;
    if load.requests.is_some() && !spec.burst {
        // The pictures end by time.
        load.requests = None;
        load.duration = Some(SHOWN);
    }
    let timed = matches!(load.arrival, Arrival::Trace(_));
    let course: Arc<dyn Course> = if timed { Arc::new(Paused) } else { Arc::new(Independent) };
    let sent = play(&load, SEED, &course, SERVICE, SHOWN);
    Ok(Told { facts: facts(&load, &course), figure: figure(case, &load, &sent) })
}

/// What it says of itself, and what a long run drew.
fn facts(load: &Load, course: &Arc<dyn Course>) -> Vec<(&'static str, String)> {
    let described = load.describe();
    let mut facts = vec![("in words", described)];
    if load.has_schedule() && load.rate.is_some() {
        // A load that ends is drawn anew so many times; the others in one long run.
        let (length, runs) = load.end().map_or((Micros(3_000_000_000), 1), |end| (end, 100));
        let long = Load { duration: Some(length), requests: None, ..load.clone() };
        let (mut starts, mut gaps) = (0, Vec::new());
        for run in 0..runs {
            let sent = play(&long, Seed(SEED.0 + run), course, Micros(1), length);
            starts += sent.len();
            gaps.extend(sent.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()));
        }
        let seconds = length.as_secs_f64();
        let rate = starts as f64 / (seconds * runs as f64);
        let runs = if runs == 1 { "one run".to_owned() } else { format!("{runs} runs") };
        let over = format!("{starts} starts in {runs} of {} s", number(seconds));
        let mean = load
            .mean_rate()
            .map_or_else(|| "none".to_owned(), |rate| format!("{} starts a second", number(rate)));
        facts.push(("mean rate", format!("{mean} (drawn: {}, {over})", number(rate))));
        let cv = load.gap_cv().map_or_else(|| "no closed form".to_owned(), number);
        let drawn = moments(&gaps).map_or(String::new(), |(_, cv)| format!(" (drawn: {})", number(cv)));
        facts.push(("CV of gaps", format!("{cv}{drawn}")));
    } else {
        let (rate, cv) = match load.arrival {
            Arrival::Closed(_) => ("set by the service: streams over the mean latency", "set by the service"),
            Arrival::Burst(_) => ("none: no time passes", "none: there are no gaps"),
            Arrival::Trace(_) => ("the trace's own, times `speed`", "the trace's own"),
            _ => ("the rate, as long as turns take less than users/rate", "set by rate and service"),
        };
        facts.extend([("mean rate", rate.to_owned()), ("CV of gaps", cv.to_owned())]);
    }
    facts
}

fn figure(case: &Case, load: &Load, sent: &[Sent]) -> Figure {
    let seconds = SHOWN.as_secs_f64();
    let time = || Axis::linear("Time").unit("s").covering(0.0, seconds);
    let bins = 60_u32;
    let width = seconds / f64::from(bins);
    let mut counts = vec![0_u32; bins as usize];
    for start in sent {
        counts[(start.at.as_secs_f64() / width).min(f64::from(bins - 1)) as usize] += 1;
    }
    let top =
        if load.streams.most > 0 {
            in_flight(load, sent, time())
        } else {
            let steps = (0..=bins)
                .map(|i| (f64::from(i) * width, f64::from(counts[i.min(bins - 1) as usize]) / width));
            let mut plot = Plot::new("", time(), Axis::linear("Starts a second").from_zero())
                .mark(Series::new("drawn, by half seconds", Style::Steps, steps));
            if let Some(rate) = &load.rate {
                let end = load.end().map_or(seconds, Micros::as_secs_f64).min(seconds);
                let asked = (0..=600)
                    .map(|i| f64::from(i) * end / 600.0)
                    .map(|t| (t, rate.shape().at(t.min(end - 1e-6))));
                plot = plot.mark(Series::line("asked", asked));
            }
            plot
        };
    let lane = Plot::new("", time(), Axis::names("", ["starts"])).height(40).mark(Series::new(
        "starts",
        Style::Ticks,
        sent.iter().map(|s| (s.at.as_secs_f64(), 0.0)),
    ));
    let mut figure = Figure::new(case.title)
        .subtitle(format!("{}, seed {}", load.describe(), SEED.0))
        .columns(1)
        .palette(Palette::of(["drawn, by half seconds", "asked", "starts", "gaps"]))
        .panel(top.height(110))
        .panel(lane);
    if case.name.contains("constant") || case.name.contains("poisson") || case.name.contains("gamma") {
        let gaps: Vec<f64> =
            sent.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64() * 1000.0).collect();
        let most = libm::ceil(gaps.iter().fold(1.0_f64, |most, gap| most.max(*gap)) / 24.0 + 0.1) * 24.0;
        let plot = Plot::new("", Axis::linear("Gap to the next start").unit("ms"), Axis::linear("Gaps"))
            .height(80)
            .mark(Histogram::of("gaps", &gaps, (0..=24).map(|i| f64::from(i) * most / 24.0)));
        figure = figure.panel(plot);
    }
    figure
}

/// How many are in flight over time, and how many streams there are.
fn in_flight(load: &Load, sent: &[Sent], time: Axis) -> Plot {
    let mut changes: Vec<(Micros, i32)> = sent.iter().flat_map(|s| [(s.at, 1), (s.ended, -1)]).collect();
    changes.retain(|(at, _)| *at <= SHOWN);
    changes.sort_unstable();
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut n = 0;
    for group in changes.chunk_by(|a, b| a.0 == b.0) {
        n += group.iter().map(|(_, by)| by).sum::<i32>();
        points.push((group[0].0.as_secs_f64(), f64::from(n)));
    }
    let open = (0..=300).map(|i| Micros(i64::from(i) * SHOWN.0 / 300));
    let open = open.map(|t| (t.as_secs_f64(), f64::from(load.streams.at(t))));
    Plot::new("", time, Axis::linear("Requests").from_zero())
        .mark(Series::new("in flight", Style::Steps, points))
        .mark(Series::new("streams", Style::Steps, open))
}
