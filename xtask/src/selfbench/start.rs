//! From the start of the process to the last byte of its first request, as the server's kernel stamped it.

use tokmark_metronome::{Config, Schedule};

use super::Fallible;
use super::lab::Lab;
use super::table::{Line, spread, within};

/// Longest start, ms.
const BAR_MS: f64 = 150.0;

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let mut ms = Vec::new();
    for _ in 0..lab.reps {
        let server =
            lab.server(Config { schedule: Schedule::from_micros(5_000, 1_000, 16), ..Config::default() })?;
        let started = lab.start_bench(&server, "--requests 100 --isl 512 --osl 16 --validity report")?;
        let at_ns = started.at_ns;
        let ran = started.wait()?.good()?;
        ran.discard();
        let truths = server.truths()?;
        let first = truths.iter().map(|truth| truth.rx_ns).min().ok_or("no request arrived")?;
        ms.push((first - at_ns) as f64 / 1e6);
    }
    Ok(vec![Line::new(
        "start to first request, 100 requests of 512 tokens, no warm-up",
        format!("≤ {BAR_MS} ms"),
        spread(&ms, "ms"),
        within(&ms, BAR_MS),
    )])
}
