//! CPU per streamed event: user and system time of all threads, a long run less a short one, against the bare reader.

use tokmark_metronome::{Config, Keep, Schedule};

use super::Fallible;
use super::lab::{Lab, Ran};
use super::table::{Line, median, spread, within};

/// Most a client may cost, as a multiple of the bare reader.
const BAR: f64 = 1.35;
/// Content events a request.
const EVENTS: u32 = 64;

/// One load.
struct Shape {
    streams: usize,
    ttft_ms: u64,
    itl_ms: u64,
    /// Rounds of all streams in the long and in the short run.
    rounds: (usize, usize),
}

const SHAPES: [Shape; 2] = [
    Shape { streams: 64, ttft_ms: 100, itl_ms: 10, rounds: (24, 4) },
    Shape { streams: 512, ttft_ms: 200, itl_ms: 20, rounds: (9, 2) },
];

/// Who reads.
#[derive(Clone, Copy)]
enum Client {
    Tokmark,
    Reader,
}

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let mut lines = Vec::new();
    for shape in &SHAPES {
        let (mut tokmark, mut reader, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..lab.reps {
            let own = per_event_us(lab, shape, Client::Tokmark)?;
            let bare = per_event_us(lab, shape, Client::Reader)?;
            eprintln!("  {} streams: {own:.2} µs an event, bare reader {bare:.2}", shape.streams);
            tokmark.push(own);
            reader.push(bare);
            ratio.push(own / bare);
        }
        let what = format!(
            "client CPU per event, {} streams × {EVENTS} events ({}/{} ms)",
            shape.streams, shape.ttft_ms, shape.itl_ms
        );
        let seen = format!(
            "{}; {} µs against {} µs",
            spread(&ratio, "×"),
            median(&tokmark).map_or_else(String::new, |us| format!("{us:.2}")),
            median(&reader).map_or_else(String::new, |us| format!("{us:.2}")),
        );
        lines.push(Line::new(what, format!("≤ {BAR} × the bare reader"), seen, within(&ratio, BAR)));
    }
    Ok(lines)
}

fn per_event_us(lab: &Lab, shape: &Shape, client: Client) -> Fallible<f64> {
    let requests = (shape.streams * shape.rounds.0, shape.streams * shape.rounds.1);
    let long = cpu_s(lab, shape, client, requests.0)?;
    let short = cpu_s(lab, shape, client, requests.1)?;
    let events = (requests.0 - requests.1) as f64 * f64::from(EVENTS);
    Ok((long - short) / events * 1e6)
}

fn cpu_s(lab: &Lab, shape: &Shape, client: Client, requests: usize) -> Fallible<f64> {
    let server = lab.server(Config {
        schedule: Schedule::from_micros(shape.ttft_ms * 1_000, shape.itl_ms * 1_000, EVENTS),
        keep: Keep::Nothing,
        ..Config::default()
    })?;
    let streams = shape.streams;
    let ran: Ran = match client {
        Client::Tokmark => lab.run_bench(
            &server,
            &format!(
                "--concurrency {streams} --requests {requests} --isl 16 --osl {EVENTS} --validity report"
            ),
        )?,
        Client::Reader => {
            lab.run_reader(&server, &format!("--streams={streams} --requests={requests} --events={EVENTS}"))?
        }
    };
    let ran = ran.good()?;
    let own = server.lateness()?;
    if own.sends != requests as u64 * u64::from(EVENTS) {
        return Err(format!("{} events were sent for {requests} requests", own.sends).into());
    }
    let cpu = ran.used.cpu_s;
    ran.discard();
    Ok(cpu)
}
