//! Open loop: what the client reports as TTFT less what the server knows, joined by request, and the dispatch delay.

use tokmark_metronome::compare::{Errors, Spread};
use tokmark_metronome::{Config, Schedule};

use super::Fallible;
use super::lab::Lab;
use super::records;
use super::table::{Line, spread, within};

/// A repetition whose server was itself later than this at p99 is void.
const SERVER_P99_US: u64 = 200;
/// Void repetitions allowed for each good one.
const PATIENCE: usize = 3;

/// One load.
struct Shape {
    rate: u32,
    events: u32,
    seconds: u32,
    /// Bars of the TTFT error's mean and p99 and of the dispatch delay's p99, ms.
    error_ms: Option<(f64, f64)>,
    dispatch_ms: f64,
}

const SHAPES: [Shape; 2] = [
    Shape { rate: 300, events: 64, seconds: 20, error_ms: Some((0.2, 0.5)), dispatch_ms: 0.3 },
    Shape { rate: 2_000, events: 16, seconds: 12, error_ms: None, dispatch_ms: 0.5 },
];

/// What the repetitions gave, ms.
#[derive(Default)]
struct Seen {
    mean: Vec<f64>,
    p99: Vec<f64>,
    dispatch: Vec<f64>,
    gap_p99: Vec<f64>,
    server_p99_us: Vec<f64>,
    void: usize,
}

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let mut lines = Vec::new();
    for shape in &SHAPES {
        let mut seen = Seen::default();
        while seen.mean.len() < lab.reps {
            if seen.void > PATIENCE * lab.reps {
                return Err(format!("{} repetitions void: the machine is not quiet", seen.void).into());
            }
            repeat(lab, shape, &mut seen)?;
        }
        lines.extend(told(shape, &seen));
    }
    Ok(lines)
}

fn repeat(lab: &Lab, shape: &Shape, seen: &mut Seen) -> Fallible<()> {
    let server = lab.server(Config {
        schedule: Schedule::from_micros(100_000, 10_000, shape.events),
        ..Config::default()
    })?;
    let requests = shape.rate * shape.seconds;
    let ran = lab
        .run_bench(
            &server,
            &format!(
                "--rate {} --arrival poisson --requests {requests} --isl 16 --osl {} --reactors 1 --validity report",
                shape.rate, shape.events
            ),
        )?
        .good()?;
    let own = server.lateness()?;
    let server_p99 = own.p99_us.ok_or("the server sent nothing")?;
    let read = records::read(&ran)?;
    let verdict = records::verdict(&ran)?;
    let errors = Errors::join(&records::by_index(server.truths()?), &records::seen(&read));
    if errors.unmatched > 0 || errors.ttft_ns.len() != requests as usize {
        return Err(format!("{} of {requests} requests joined", errors.ttft_ns.len()).into());
    }
    let ttft = Spread::of_ns_in_ms(&errors.ttft_ns).ok_or("no TTFT")?;
    let gaps = Spread::of_ns_in_ms(&errors.gaps_ns.iter().map(|ns| ns.abs()).collect::<Vec<_>>())
        .ok_or("no gaps")?;
    let delay = Spread::of_ns_in_ms(&records::dispatch_delays_ns(&read)).ok_or("no dispatch delay")?;
    eprintln!(
        "  {}/s × {}: TTFT error {:.3} mean {:.3} p99 {:.3} max; dispatch {:.3} p99 {:.3} max; gaps {:.3} p99; server late \
         {server_p99} µs p99; CPU {:.2} s; {} {:?}",
        shape.rate,
        shape.events,
        ttft.mean,
        ttft.p99,
        ttft.max,
        delay.p99,
        delay.max,
        gaps.p99,
        ran.used.cpu_s,
        verdict.0,
        verdict.1
    );
    ran.discard();
    if server_p99 > SERVER_P99_US {
        seen.void += 1;
        return Ok(());
    }
    seen.mean.push(ttft.mean);
    seen.p99.push(ttft.p99);
    seen.dispatch.push(delay.p99);
    seen.gap_p99.push(gaps.p99);
    seen.server_p99_us.push(server_p99 as f64);
    Ok(())
}

fn told(shape: &Shape, seen: &Seen) -> Vec<Line> {
    let load = format!("open loop, Poisson {} req/s of {}-event streams", shape.rate, shape.events);
    let server = format!("server's own p99 {}; {} void", spread(&seen.server_p99_us, "µs"), seen.void);
    let mut lines = Vec::new();
    let mean = spread(&seen.mean, "ms");
    let p99 = spread(&seen.p99, "ms");
    match shape.error_ms {
        Some((mean_bar, p99_bar)) => {
            lines.push(Line::new(
                format!("{load}: TTFT − the server's, mean"),
                format!("≤ {mean_bar} ms"),
                format!("{mean}; {server}"),
                within(&seen.mean, mean_bar),
            ));
            lines.push(Line::new("same, p99", format!("≤ {p99_bar} ms"), p99, within(&seen.p99, p99_bar)));
        }
        None => lines.push(Line::plain(
            format!("{load}: TTFT − the server's"),
            format!("mean {mean}, p99 {p99}; {server}"),
        )),
    }
    lines.push(Line::plain("same run, |gap − the schedule's| p99", spread(&seen.gap_p99, "ms")));
    lines.push(Line::new(
        "same run, dispatch delay p99",
        format!("≤ {} ms", shape.dispatch_ms),
        spread(&seen.dispatch, "ms"),
        within(&seen.dispatch, shape.dispatch_ms),
    ));
    lines
}
