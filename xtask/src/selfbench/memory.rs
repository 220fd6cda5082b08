//! Memory while running: the peak (VmHWM) read before the last request was sent, 1,000,000 requests against 10,000.

use std::thread;
use std::time::Duration;

use tokmark_metronome::{Config, Keep, Schedule};

use super::Fallible;
use super::lab::Lab;
use super::table::Line;

const MANY: u64 = 1_000_000;
const FEW: u64 = 10_000;
/// What is allowed beyond [`FACTOR`] times the small run, bytes.
const FREE: f64 = 64e6;
const FACTOR: f64 = 1.2;

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let few = peak(lab, FEW)?;
    let many = peak(lab, MANY)?;
    Ok(vec![Line::new(
        format!("memory while running, {MANY} short requests against {FEW}"),
        format!("≤ {FACTOR} × + {:.0} MB", FREE / 1e6),
        format!("{:.1} MB against {:.1} MB", many as f64 / 1e6, few as f64 / 1e6),
        many as f64 <= FACTOR * few as f64 + FREE,
    )])
}

/// The largest VmHWM seen while requests were still to come.
fn peak(lab: &Lab, requests: u64) -> Fallible<u64> {
    let server = lab.server(Config {
        schedule: Schedule::from_micros(3_000, 0, 1),
        keep: Keep::Nothing,
        ..Config::default()
    })?;
    let started = lab.start_bench(
        &server,
        &format!("--concurrency 64 --requests {requests} --isl 16 --osl 1 --reactors 1 --validity report"),
    )?;
    let mut peak = 0;
    let ran = loop {
        if let Some(ran) = started.ended()? {
            break ran.good()?;
        }
        let now = started.memory("VmHWM").unwrap_or(0);
        if server.lateness()?.requests < requests {
            peak = peak.max(now);
        }
        thread::sleep(Duration::from_millis(50));
    };
    ran.discard();
    if peak == 0 { Err("the run ended before it could be looked at".into()) } else { Ok(peak) }
}
