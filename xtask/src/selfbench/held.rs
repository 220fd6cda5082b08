//! Streams held by one process, the memory of each, and what happens beyond the limit of open files.

use std::process::Command;
use std::thread;
use std::time::Duration;

use tokmark_metronome::{Child, Config, Keep, Schedule};

use super::Fallible;
use super::lab::{Lab, Ran};
use super::records;
use super::table::Line;

/// Streams held at once.
const STREAMS: usize = 19_000;
/// The run that tells what a client needs without streams.
const FEW: usize = 100;
/// Most memory a stream may take, bytes.
const BAR: f64 = 20_000.0;
/// Content events a stream, one a second.
const EVENTS: u32 = 5;
/// A limit of open files that cannot hold [`STREAMS`].
const SMALL_LIMIT: usize = 1_024;

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let (few, _) = hold(lab, FEW)?;
    let (many, ran) = hold(lab, STREAMS)?;
    let read = records::read(&ran)?;
    let good = read.iter().filter(|r| r.outcome.is_success()).count();
    let at_once = records::all_at_once(&read);
    let each = many.saturating_sub(few) as f64 / (STREAMS - FEW) as f64;
    let (state, codes) = records::verdict(&ran)?;
    ran.discard();
    let seen = format!(
        "{good} succeeded, {}; {:.1} kB each ({:.0} MB against {:.0} MB for {FEW}); verdict {state} {codes:?}",
        if at_once { "all at one moment" } else { "not all at one moment" },
        each / 1e3,
        many as f64 / 1e6,
        few as f64 / 1e6,
    );
    let met = good == STREAMS && at_once && each <= BAR;
    let bar = format!("{STREAMS}, ≤ {:.0} kB each", BAR / 1e3);
    Ok(vec![Line::new("streams held by one process", bar, seen, met), beyond(lab)?])
}

/// Resident memory while every stream is open, and the run.
fn hold(lab: &Lab, streams: usize) -> Fallible<(u64, Ran)> {
    // Long enough to open every connection before the first event.
    let server = server(lab, 12_000)?;
    let started = lab.start_bench(
        &server,
        &format!("--concurrency {streams} --requests {streams} --isl 16 --osl {EVENTS} --reactors 1 --validity report"),
    )?;
    let mut resident = 0;
    let ran = loop {
        if let Some(ran) = started.ended()? {
            break ran.good()?;
        }
        thread::sleep(Duration::from_millis(200));
        let now = started.memory("VmRSS").unwrap_or(0);
        let own = server.lateness()?;
        let every_event = streams as u64 * u64::from(EVENTS);
        if own.requests == streams as u64 && own.sends < every_event {
            resident = resident.max(now);
        }
    };
    if resident == 0 {
        return Err(format!("{streams} streams were never open at once").into());
    }
    Ok((resident, ran))
}

fn server(lab: &Lab, ttft_ms: u64) -> Fallible<Child> {
    lab.server(Config {
        schedule: Schedule::from_micros(ttft_ms * 1_000, 1_000_000, EVENTS),
        keep: Keep::Nothing,
        ..Config::default()
    })
}

/// Beyond the limit: a clear error before the run, and nothing sent.
fn beyond(lab: &Lab) -> Fallible<Line> {
    let server = server(lab, 100)?;
    let bench =
        lab.bench(&server, &format!("--concurrency {STREAMS} --requests {STREAMS} --isl 16 --osl {EVENTS}"));
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("ulimit -n {SMALL_LIMIT}; exec \"$0\" \"$@\"")).arg(bench.get_program());
    limited.args(bench.get_args());
    let ran = lab.start(&mut limited, &[lab.client_core])?.wait()?;
    let said = ran.said();
    let line = said.lines().find(|line| line.contains("error")).unwrap_or_default().to_owned();
    let sent = server.lateness()?.requests;
    let code = ran.used.code;
    ran.discard();
    Ok(Line::new(
        format!("{STREAMS} streams under a limit of {SMALL_LIMIT} open files"),
        "exit 2 before the first request",
        format!(
            "exit {}, {sent} requests sent: {line}",
            code.map_or_else(|| "by signal".to_owned(), |c| c.to_string())
        ),
        code == Some(2) && sent == 0 && line.to_lowercase().contains("file"),
    ))
}
