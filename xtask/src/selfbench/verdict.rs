//! The verdict must be earned: four disturbances must change it, a clean run must not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tokmark_metronome::{Child, Config, Keep, Schedule};

use super::Fallible;
use super::lab::{Lab, Ran};
use super::records;
use super::system::{self, Held, Signal};
use super::table::Line;

/// Of [`Lab::clean`] clean runs, this share must stay VALID.
const CLEAN_SHARE: f64 = 0.95;
/// The load of every disturbed run: 9,600 events/s for 6 s.
const LOAD: &str = "--rate 300 --arrival poisson --requests 1800 --isl 16 --osl 32 --reactors 1";
/// The load of the run under a quota: 38,400 events/s need more than 30 % of a core.
const HEAVY: &str = "--rate 600 --arrival poisson --requests 3600 --isl 16 --osl 64 --reactors 1";
/// The loads of clean runs in turn, 2 to 3 s each.
const CLEAN: [&str; 2] = [
    "--concurrency 16 --requests 400 --isl 16 --osl 16",
    "--rate 150 --arrival poisson --requests 400 --isl 16 --osl 16",
];
/// The load of the run whose writer is held still: short requests, to fill its queue of 16,384 records within seconds.
const SHORT: &str = "--concurrency 64 --requests 60000 --isl 16 --osl 1 --reactors 1";
/// Name of the writing thread.
const WRITER: &str = "tokmark-store";
/// How long it is held still: twice what the slowest client needs for the queue.
const HOLD: Duration = Duration::from_secs(4);

/// A way to spoil a run, and the warnings of which one must be given.
struct Disturbance {
    what: &'static str,
    codes: &'static [&'static str],
    run: fn(&Lab) -> Fallible<Ran>,
}

const DISTURBANCES: &[Disturbance] = &[
    Disturbance { what: "SIGSTOP of the client for 50 ms", codes: &["stalled"], run: stopped },
    Disturbance { what: "30 % CPU quota", codes: &["cpu_throttled"], run: throttled },
    Disturbance {
        what: "client and server on one core",
        codes: &["cpu_contended", "cpu_pressure", "dispatch_delay", "read_lag", "stalled"],
        run: crowded,
    },
    Disturbance { what: "full writer queue", codes: &["records_lost"], run: choked },
];

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let mut lines = Vec::new();
    for disturbance in DISTURBANCES {
        lines.push(match disturbed(lab, disturbance) {
            Ok(line) => line,
            Err(problem) => Line::unmeasured(disturbance.what, problem.as_ref()),
        });
    }
    lines.push(clean(lab)?);
    lines.push(quick_start(lab)?);
    Ok(lines)
}

fn server(lab: &Lab) -> Fallible<Child> {
    lab.server(Config {
        schedule: Schedule::from_micros(30_000, 5_000, 32),
        keep: Keep::Nothing,
        ..Config::default()
    })
}

fn disturbed(lab: &Lab, disturbance: &Disturbance) -> Fallible<Line> {
    let mut changed = 0;
    let mut seen = Vec::new();
    for _ in 0..lab.reps {
        let ran = (disturbance.run)(lab)?;
        let (state, codes) = records::verdict(&ran)?;
        let named = codes.iter().any(|code| disturbance.codes.contains(&code.as_str()));
        // INVALID has an exit code of its own; DEGRADED ends well.
        let code_fits = ran.used.code == Some(if state == "invalid" { 4 } else { 0 });
        changed += usize::from(state != "valid" && named && code_fits);
        seen.push(format!("{state} {}", codes.join("+")));
        ran.discard();
    }
    seen.sort();
    seen.dedup();
    Ok(Line::new(
        disturbance.what,
        format!("not VALID, with {}", disturbance.codes.join(" or ")),
        format!("{changed} of {}: {}", lab.reps, seen.join("; ")),
        changed == lab.reps,
    ))
}

fn stopped(lab: &Lab) -> Fallible<Ran> {
    let server = server(lab)?;
    let started = lab.start_bench(&server, LOAD)?;
    thread::sleep(Duration::from_secs(3));
    system::signal(started.pid, Signal::Stop)?;
    thread::sleep(Duration::from_millis(50));
    system::signal(started.pid, Signal::Continue)?;
    started.wait()
}

fn throttled(lab: &Lab) -> Fallible<Ran> {
    let server = server(lab)?;
    let group = Group::with_quota(0.3)?;
    let bench = lab.bench(&server, HEAVY);
    let mut inside = Command::new("sh");
    inside.arg("-c").arg("echo $$ > \"$0\" && exec \"$@\"").arg(group.0.join("cgroup.procs"));
    inside.arg(bench.get_program()).args(bench.get_args());
    lab.start(&mut inside, &[lab.client_core])?.wait()
}

fn crowded(lab: &Lab) -> Fallible<Ran> {
    let server = server(lab)?;
    lab.start(&mut lab.bench(&server, LOAD), &[lab.server_core])?.wait()
}

fn choked(lab: &Lab) -> Fallible<Ran> {
    let server = lab.server(Config {
        schedule: Schedule::from_micros(3_000, 0, 1),
        keep: Keep::Nothing,
        ..Config::default()
    })?;
    let started = lab.start_bench(&server, SHORT)?;
    while server.lateness()?.requests < 1_000 {
        if let Some(ran) = started.ended()? {
            return ran.good();
        }
        thread::sleep(Duration::from_millis(20));
    }
    let writer = started.thread(WRITER).ok_or_else(|| format!("no thread called {WRITER}"))?;
    let held = Held::new(writer)?;
    thread::sleep(HOLD);
    drop(held);
    started.wait()
}

fn clean(lab: &Lab) -> Fallible<Line> {
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for i in 0..lab.clean {
        let server = server(lab)?;
        let ran = lab.run_bench(&server, CLEAN[i % CLEAN.len()])?;
        let (state, codes) = records::verdict(&ran)?;
        let key = if codes.is_empty() { state } else { format!("{state} {}", codes.join("+")) };
        *states.entry(key).or_default() += 1;
        ran.discard();
    }
    let valid: usize =
        states.iter().filter(|(key, _)| key.split(' ').next() == Some("valid")).map(|(_, n)| n).sum();
    let told: Vec<_> = states.iter().map(|(key, n)| format!("{n} {key}")).collect();
    Ok(Line::new(
        format!("{} clean runs", lab.clean),
        format!("≥ {:.0} % VALID", CLEAN_SHARE * 100.0),
        told.join(", "),
        valid as f64 >= CLEAN_SHARE * lab.clean as f64,
    ))
}

/// `tokmark bench` as a newcomer types it, on every core it may use.
fn quick_start(lab: &Lab) -> Fallible<Line> {
    let mut valid = 0;
    let mut seen = Vec::new();
    for _ in 0..lab.reps {
        let mut command = Command::new(&lab.tokmark);
        command.args(["bench", "--quiet"]);
        let ran = lab.start(&mut command, &[lab.server_core, lab.client_core])?.wait()?;
        let (state, codes) = records::verdict(&ran)?;
        valid += usize::from(state == "valid");
        seen.push(format!("{state} {}", codes.join("+")).trim_end().to_owned());
        ran.discard();
    }
    seen.sort();
    seen.dedup();
    Ok(Line::new(
        "quick start (`tokmark bench`)",
        "VALID",
        format!("{valid} of {}: {}", lab.reps, seen.join("; ")),
        valid == lab.reps,
    ))
}

/// A control group of our own, removed at the end.
struct Group(PathBuf);

impl Group {
    /// Under version 1 or version 2 of control groups; needs root.
    fn with_quota(share: f64) -> Fallible<Self> {
        let (period, quota) = (100_000, (share * 100_000.0) as u32);
        let v1 = Path::new("/sys/fs/cgroup/cpu");
        let top = if v1.is_dir() { v1 } else { Path::new("/sys/fs/cgroup") };
        let group = Self(top.join(format!("tokmark-selfbench-{}", std::process::id())));
        let cannot = |e| format!("no control group could be made ({}): {e}", group.0.display());
        if !group.0.is_dir() {
            fs::create_dir(&group.0).map_err(cannot)?;
        }
        if v1.is_dir() {
            fs::write(group.0.join("cpu.cfs_period_us"), period.to_string()).map_err(cannot)?;
            fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string()).map_err(cannot)?;
        } else {
            fs::write(group.0.join("cpu.max"), format!("{quota} {period}")).map_err(cannot)?;
        }
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty once its process has ended; one that stays behind is named after us and harmless.
        let _ = fs::remove_dir(&self.0);
    }
}
