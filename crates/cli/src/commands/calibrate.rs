//! `tokmark calibrate`: how far is this client off on this machine, and up to which load can it be believed?
//!
//! A server with a known schedule runs in a process of its own, on another core where there is one. What the client reports is
//! joined, request by request, to the server's kernel stamps; the curve of reported − true and the load up to which it stays
//! within its bounds are kept for this machine and used by every later verdict.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokmark_base::Micros;
use tokmark_drive::WallClock;
use tokmark_measure::Calibrated;
use tokmark_metronome::compare::{Seen, Spread};
use tokmark_metronome::curve::{self, Load, Point, Rated};
use tokmark_metronome::{Child, Config, Keep, Schedule, Truth, pin};
use tokmark_record::Record;
use tokmark_record::header::Machine;
use tokmark_store::Run;

use crate::args::CalibrateArgs;
use crate::calibration::{Calibration, SCHEMA_VERSION};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine;
use crate::screen::Screen;
use crate::session::interrupt::Interrupts;
use crate::session::point::rfc3339;
use crate::session::{self, Home};
use crate::spec::Sources;

/// The schedule of every reply: 50 ms to the first event, 10 ms between, 64 events.
const TTFT_US: u64 = 50_000;
const ITL_US: u64 = 10_000;
const EVENTS: u32 = 64;

/// Runs the verb.
pub fn run(args: &CalibrateArgs, context: &Context) -> Result<Exit, Failure> {
    let interrupts = Interrupts::listen().map_err(|e| Failure::internal(format!("signals: {e}")))?;
    let scratch =
        Scratch(context.environment.temporary().join(format!("tokmark-calibrate-{}", std::process::id())));
    // Before a core is given away: what the machine has, not what is left.
    let machine = machine::this();
    let server_core = part_cores()?;
    let mut points = Vec::new();
    let mut streams = args.streams.clone();
    streams.sort_unstable();
    streams.dedup();
    for streams in streams {
        context.screen.note(&format!("{streams} streams …"));
        let bench = Bench { context, interrupts: &interrupts, scratch: &scratch.0, server_core };
        points.push(bench.point(streams, args.duration)?);
        if interrupts.count() > 0 {
            context.screen.alarm("interrupted: what was stored before is kept");
            return Ok(Exit::Interrupted);
        }
    }
    let rated = curve::rated(&points);
    context.screen.result(&table(&points, rated));
    let calibration = calibration(machine, &points, rated);
    let stored = if args.no_store { None } else { Some(store(&calibration, context)?) };
    tell_stored(stored.as_deref(), context.screen);
    context.screen.object(&json!({
        "calibration": serde_json::to_value(&calibration).unwrap_or_default(),
        "file": stored,
        "exit_code": 0,
    }));
    Ok(Exit::Good)
}

/// Keeps this process off one core, for the server, if there are two.
fn part_cores() -> Result<Option<usize>, Failure> {
    let refused = |e: std::io::Error| Failure::internal(format!("which core to run on: {e}"));
    let cores = pin::allowed().map_err(refused)?;
    match cores.split_last() {
        Some((server, client)) if !client.is_empty() => {
            pin::this_thread(client).map_err(refused)?;
            Ok(Some(*server))
        }
        _ => Ok(None),
    }
}

/// What measuring one point needs.
struct Bench<'a> {
    context: &'a Context,
    interrupts: &'a Interrupts,
    scratch: &'a Path,
    server_core: Option<usize>,
}

impl Bench<'_> {
    fn point(&self, streams: u32, time: Micros) -> Result<Point, Failure> {
        let trouble = |e: std::io::Error| Failure::internal(format!("the known-schedule server: {e}"));
        let schedule = Schedule::from_micros(TTFT_US, ITL_US, EVENTS);
        let load = Load { streams, schedule };
        let program = std::env::current_exe().map_err(trouble)?;
        let config = Config { schedule, core: self.server_core, keep: Keep::Sends, ..Config::default() };
        // The server's core is not one of this process's: its parent's affinity must not be inherited.
        let server = self.spawn(&program, &config).map_err(trouble)?;
        let records = self.bench(&server, load.requests(time.as_secs_f64()), streams)?;
        let (truths, lateness) = (server.truths().map_err(trouble)?, server.lateness().map_err(trouble)?);
        Point::of(load, &by_index(truths), &seen(&records), reported_rate(&records), &lateness)
            .ok_or_else(|| Failure::internal(format!("{streams} streams: nothing to compare")))
    }

    fn spawn(&self, program: &Path, config: &Config) -> std::io::Result<Child> {
        let Some(core) = self.server_core else {
            return Child::spawn(program, &["metronome", "--"], config);
        };
        let own = pin::allowed()?;
        pin::this_thread(&[core])?;
        let child = Child::spawn(program, &["metronome", "--"], config);
        pin::this_thread(&own)?;
        child
    }

    /// A closed loop through the same path as any bench.
    fn bench(&self, server: &Child, requests: u64, streams: u32) -> Result<Vec<Record>, Failure> {
        let sources = Sources {
            sets: [
                format!("target.url={}", server.url()),
                "target.model=metronome".to_owned(),
                "gate.enabled=false".to_owned(),
                format!("load.concurrency={streams}"),
                format!("load.requests={requests}"),
                "workload.isl=16".to_owned(),
                format!("workload.osl={EVENTS}"),
                "measure.validity=report".to_owned(),
            ]
            .to_vec(),
            ..Sources::default()
        };
        let screen = Screen { quiet: true, live: false, ..self.context.screen };
        let context = Context { screen, ..self.context.clone() };
        let home = Home::Exact(self.scratch.to_owned());
        let outcome = session::make(sources.resolve()?, &home, self.interrupts, &context)?;
        let Some(made) = outcome.made().next() else {
            return Err(Failure::internal("no run was made"));
        };
        Ok(Run::open(&made.finished.dir)?.records()?.collect::<Result<_, _>>()?)
    }
}

/// The truths with their ids cut to the index of the request (`x-request-id` is `<run>-<index>`).
fn by_index(truths: Vec<Truth>) -> Vec<Truth> {
    let cut = |mut truth: Truth| {
        if let Some((_, index)) = truth.id.rsplit_once('-') {
            truth.id = index.to_owned();
        }
        truth
    };
    truths.into_iter().map(cut).collect()
}

/// What the client reports of each request.
fn seen(records: &[Record]) -> Vec<Seen> {
    let one = |record: &Record| {
        let at: Vec<i64> = record.reads.content_events().map(|event| event.at.0).collect();
        Seen {
            id: record.request.to_string(),
            ttft_ns: at.first().zip(record.sent_us).map(|(first, sent)| (first - sent.0) * 1_000),
            gaps_ns: at.windows(2).map(|pair| (pair[1] - pair[0]) * 1_000).collect(),
        }
    };
    records.iter().map(one).collect()
}

/// Content events a second between the first and the last one the client saw.
fn reported_rate(records: &[Record]) -> f64 {
    let events = || records.iter().flat_map(|record| record.reads.content_events()).map(|event| event.at.0);
    match (events().min(), events().max()) {
        (Some(first), Some(last)) if last > first => {
            (events().count() as f64 - 1.0) / Micros(last - first).as_secs_f64()
        }
        _ => 0.0,
    }
}

fn table(points: &[Point], rated: Option<Rated>) -> String {
    let mut out = String::from(
        "reported − true, joined by request; bound: the larger of 1 ms and 1 % at p99\n\
         streams  events/s  TTFT mean   TTFT p99   gap p99     rate   server p99\n",
    );
    for point in points {
        let verdict = match (point.is_void(), point.holds()) {
            (true, _) => "void: the server was late itself",
            (false, true) => "holds",
            (false, false) => "does not hold",
        };
        let server = point.server_p99_us.map_or_else(|| "?".to_owned(), |us| format!("{us} µs"));
        let _ = writeln!(
            out,
            "{:7}  {:8.0}  {:6.3} ms  {:6.3} ms  {:5.3} ms  {:+5.2} %  {server:>10}   {verdict}",
            point.load.streams,
            point.events_per_s,
            point.ttft_ms.mean,
            point.ttft_abs_p99_ms,
            point.gap_abs_p99_ms,
            point.rate_error * 100.0,
        );
    }
    match rated {
        Some(rated) => {
            let _ = writeln!(
                out,
                "rated capacity: {:.0} events/s, {} streams",
                rated.events_per_s, rated.streams
            );
        }
        None => out
            .push_str("rated capacity: none; no load could be judged, or the smallest one failed already\n"),
    }
    out
}

fn calibration(machine: Machine, points: &[Point], rated: Option<Rated>) -> Calibration {
    Calibration {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        cpu: machine.cpu,
        cores: machine.cores,
        measured_at: rfc3339(WallClock::start().anchor_unix_ns()),
        rated: rated
            .map(|rated| Calibrated { events_per_s: rated.events_per_s, streams: u64::from(rated.streams) }),
        curve: points.iter().map(object).collect(),
    }
}

fn object(point: &Point) -> Value {
    let spread =
        |s: &Spread| json!({"n": s.n, "mean_ms": s.mean, "p50_ms": s.p50, "p99_ms": s.p99, "max_ms": s.max});
    json!({
        "streams": point.load.streams,
        "events_per_s": point.events_per_s,
        "ttft_error": spread(&point.ttft_ms),
        "ttft_error_size_ms_p99": point.ttft_abs_p99_ms,
        "gap_error": spread(&point.gap_ms),
        "gap_error_size_ms_p99": point.gap_abs_p99_ms,
        "rate_error_ratio": point.rate_error,
        "server_late_us_p99": point.server_p99_us,
        "unmatched": point.unmatched,
        "void": point.is_void(),
        "holds": point.holds(),
    })
}

fn store(calibration: &Calibration, context: &Context) -> Result<PathBuf, Failure> {
    let Some(file) = context.environment.calibration_file() else {
        return Err(Failure::usage(
            "no place to keep it\nhint: set HOME or XDG_STATE_HOME, or use --no-store",
        ));
    };
    let refused = |e: std::io::Error| {
        Failure::usage(format!("{}: {e}\nhint: set XDG_STATE_HOME, or use --no-store", file.display()))
    };
    let dir = file.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(dir).map_err(refused)?;
    let bytes = serde_json::to_vec_pretty(calibration).map_err(|e| Failure::internal(e.to_string()))?;
    Ok(tokmark_store::publish_bytes(dir, crate::calibration::FILE, &bytes)?)
}

fn tell_stored(file: Option<&Path>, screen: Screen) {
    match file {
        Some(file) => screen.note(&format!("kept in {}", file.display())),
        None => screen.note("not kept (--no-store)"),
    }
}

/// A directory that goes when this does.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is this process's own; if it cannot be removed, the system's cleaning of temporary files will.
        let _ = fs::remove_dir_all(&self.0);
    }
}
