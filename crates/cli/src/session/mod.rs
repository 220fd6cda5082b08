//! From resolved specs to measured runs: everything between "this is what was asked" and "this is what came out".
//!
//! The order is such that nothing is sent before everything that can be wrong was looked at: spec, prompts, limits, output
//! directory, then the target's health, then the load.

pub mod counted;
pub mod dry_run;
pub mod gate;
pub mod idle;
pub mod interrupt;
pub mod live;
pub mod making;
pub mod outcome;
pub mod point;
pub mod router;
pub mod target;
pub mod twin;
pub mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokmark_base::Phase;
use tokmark_drive::WallClock;
use tokmark_measure::Calibrated;
use tokmark_record::RunHeader;
use tokmark_record::header::SCHEMA_VERSION;
use tokmark_store::{RunDir, RunName, run_id};
use tokmark_workload::{Course as _, Load, Plan, Requests};

use crate::commands::Context;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::session::gate::Gate;
use crate::session::interrupt::Interrupts;
use crate::session::making::{Making, salt};
use crate::session::outcome::Outcome;
use crate::session::point::{PointRun, rfc3339};
use crate::session::target::Place;
use crate::session::words::{Vocabulary, lengths, prompts};
use crate::spec::preset::Preset;
use crate::spec::resolve::{Point, Resolved};
use crate::spec::sweep::{Axis, Sweep};

/// Where the results of a session go.
#[derive(Clone, Debug)]
pub enum Home {
    /// A directory of its own under `output.dir`.
    Fresh,
    /// This directory, used as it is (AIPerf's artifact directory).
    Exact(PathBuf),
}

/// How the plan is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// For real, in wall time.
    Wire,
    /// Against simulated engines, in virtual time.
    Virtual,
}

/// What the points of one session share.
pub struct Session<'a> {
    /// How plans are played.
    pub means: Means,
    /// Surroundings.
    pub environment: &'a Environment,
    /// Where text goes.
    pub screen: Screen,
    /// Ctrl-C.
    pub interrupts: Interrupts,
    /// Where requests go.
    pub place: Place,
    /// What makes prompts and counts tokens.
    pub words: Vocabulary,
    /// This machine's rated capacity, if it was measured.
    pub calibrated: Option<Calibrated>,
}

/// A point with everything worked out.
struct Prepared {
    point: Point,
    load: Load,
    plan: Arc<Plan>,
}

/// Prompts checked against the real vocabulary after a run.
const VERIFIED_PROMPTS: u64 = 20;

/// Measures every point and tells the result.
pub fn measure(
    resolved: Resolved,
    means: Means,
    home: &Home,
    dry_run: bool,
    context: &Context,
) -> Result<Exit, Failure> {
    let prepared = prepare(resolved, means, context)?;
    if dry_run {
        match means {
            Means::Wire => {
                drop(target::check(&prepared.points[0].point.spec, &context.environment)?);
                prepared.points.iter().try_for_each(|p| point::check(&p.plan, &p.point.spec))?;
            }
            Means::Virtual => prepared.points.iter().try_for_each(|p| twin::check(&p.point.spec))?,
        }
        return Ok(dry_run::tell(&prepared, context.screen));
    }
    let interrupts = Interrupts::listen().map_err(|e| Failure::internal(format!("signals: {e}")))?;
    Ok(run_points(prepared, home, &interrupts, context)?.tell(context.screen))
}

/// Measures every point and hands the results back.
pub fn make(
    resolved: Resolved,
    home: &Home,
    interrupts: &Interrupts,
    context: &Context,
) -> Result<Outcome, Failure> {
    run_points(prepare(resolved, Means::Wire, context)?, home, interrupts, context)
}

/// Everything worked out, nothing sent, no file made.
struct Ready {
    means: Means,
    preset: Option<Preset>,
    sweep: Option<Sweep>,
    points: Vec<Prepared>,
    words: Vocabulary,
}

fn prepare(mut resolved: Resolved, means: Means, context: &Context) -> Result<Ready, Failure> {
    for point in &mut resolved.points {
        let inside = point.spec.target.url.is_empty() && point.spec.describes_an_engine();
        if means == Means::Virtual || inside {
            twin::settle(point);
        }
    }
    let screen = context.screen;
    for note in &resolved.notes {
        screen.note(&format!("note: {note}"));
    }
    let Some(first) = resolved.points.first() else {
        return Err(Failure::internal("no point to measure"));
    };
    let mut told: Vec<String> = Vec::new();
    for point in &resolved.points {
        let notes = match means {
            Means::Virtual => twin::notes(&point.spec),
            Means::Wire => idle::over_the_wire(&point.spec),
        };
        for note in notes {
            if !told.contains(&note) {
                screen.note(&format!("note: {note}"));
                told.push(note);
            }
        }
    }
    if means == Means::Wire && resolved.needs_target && first.spec.target.url.is_empty() {
        return Err(Failure::usage(
            "the BenchmarkConfig names no endpoint\nhint: give its URL, as in `tokmark bench -f config.yaml http://host:8000`",
        ));
    }
    if let (Means::Virtual, [url, ..]) = (means, &first.spec.target.url[..]) {
        return Err(Failure::usage(format!(
            "target.url is {}, but a simulation asks no service\nhint: measure it with `tokmark bench`, or leave the URL out",
            crate::masked::url(url)
        )));
    }
    if means == Means::Wire && !first.spec.target.url.is_empty() && first.spec.describes_an_engine() {
        return Err(Failure::usage(
            "engine, timing, router and faults describe a simulated engine, but target.url names a service\nhint: leave the URL out to measure a simulated engine over HTTP, or use `tokmark simulate`",
        ));
    }
    let words = Vocabulary::of(&first.spec.workload, &context.environment)?;
    let (file, notes) = prompts(&first.spec.workload, &words, &context.environment)?;
    for note in notes {
        screen.note(&format!("note: {note}"));
    }
    let preset = resolved.preset;
    let (lengths, note) = lengths(&first.spec.workload)?;
    if let Some(note) = note {
        screen.note(&format!("note: {note}"));
    }
    let mut make = Making {
        words: &words,
        file,
        lengths,
        salt: salt(),
        sweeps: resolved.sweep.is_some(),
        target: None,
        taken: 0,
    };
    let points = resolved.points.into_iter().map(|point| make.point(point)).collect::<Result<Vec<_>, _>>()?;
    if let Some(note) = points.first().and_then(making::repeats) {
        screen.note(&format!("note: {note}"));
    }
    Ok(Ready { means, preset, sweep: resolved.sweep, points, words })
}

fn run_points(
    ready: Ready,
    home: &Home,
    interrupts: &Interrupts,
    context: &Context,
) -> Result<Outcome, Failure> {
    let Ready { means, preset, sweep, points, words } = ready;
    for prepared in &points {
        match means {
            Means::Wire => {
                let _ = tokmark_drive::check_file_limit(prepared.load.most_in_flight().unwrap_or(1))?;
                point::check(&prepared.plan, &prepared.point.spec)?;
            }
            Means::Virtual => twin::check(&prepared.point.spec)?,
        }
    }
    // Whatever keeps it from being written, another --out is the way out: usage, not a fault of ours.
    let outer = open_home(home, means, &points[0]).map_err(|e| Failure::usage(e.to_string()))?;
    let discard = Discard::unless_used(&outer);
    let named = points[0].point.target.is_some();
    let mut outcome = Outcome::new(outer.path().to_owned(), preset, sweep.as_ref().map(|s| s.axis), named);
    let plan = Arc::clone(&points[0].plan);
    let session = |place| Session {
        means,
        environment: &context.environment,
        screen: context.screen,
        interrupts: interrupts.clone(),
        place,
        words: words.clone(),
        calibrated: crate::calibration::load(&context.environment),
    };
    let mut discard = Some(discard);
    for group in by_target(points) {
        match open_target(&group, means, context, interrupts) {
            Ok((place, found)) => {
                if let Some(discard) = discard.take() {
                    discard.keep();
                }
                let dir = match &group[0].point.target {
                    Some(name) => outer.target(&RunName::parse(name)?)?,
                    None => outer.clone(),
                };
                run_target(group, &dir, &found, sweep.as_ref(), &session(place), context, &mut outcome)?;
            }
            // What was measured before is told all the same.
            Err(failure) if outcome.made().next().is_some() => outcome.end_with(&failure),
            Err(failure) => return Err(failure),
        }
        if interrupts.count() > 0 || outcome.has_trouble() {
            break;
        }
    }
    if let Some(wrong) = words.verify(plan.as_ref(), VERIFIED_PROMPTS) {
        context.screen.alarm(&format!("warning: {wrong}"));
    }
    outcome.publish();
    Ok(outcome)
}

/// The points of each target, in order.
fn by_target(points: Vec<Prepared>) -> Vec<Vec<Prepared>> {
    let mut groups: Vec<Vec<Prepared>> = Vec::new();
    for prepared in points {
        match groups.last_mut().filter(|group| group[0].point.target == prepared.point.target) {
            Some(group) => group.push(prepared),
            None => groups.push(vec![prepared]),
        }
    }
    groups
}

/// Where a target is, and that it is ready.
fn open_target(
    group: &[Prepared],
    means: Means,
    context: &Context,
    interrupts: &Interrupts,
) -> Result<(Place, Found), Failure> {
    let screen = context.screen;
    let mut first = group[0].point.spec.clone();
    let place = match means {
        Means::Wire => Place::open(&mut first, &context.environment)?,
        Means::Virtual => Place::nowhere(),
    };
    if let Some(simulated) = &place.simulated {
        screen.alarm(&format!(
            "SIMULATED TARGET: no URL was given, so a simulated engine inside this program is measured at {}.\n\
             Its numbers say how tokmark measures, nothing about any real hardware. Give a URL to measure a service.",
            simulated.url()
        ));
    }
    let model = match means {
        Means::Wire => {
            let (urls, key) = (&place.urls, place.key.as_ref());
            Gate { spec: &first, urls, key, screen, interrupts }.open()?
        }
        Means::Virtual => first.target.model.clone().unwrap_or_else(|| target::SIMULATED_MODEL.to_owned()),
    };
    let found = Found { url: first.target.url.clone(), simulated: place.simulated.is_some(), model };
    Ok((place, found))
}

/// Makes the runs of one target.
fn run_target(
    group: Vec<Prepared>,
    home: &RunDir,
    found: &Found,
    sweep: Option<&Sweep>,
    session: &Session<'_>,
    context: &Context,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    for mut prepared in group {
        found.fill(&mut prepared.point);
        let (level, name) = (prepared.point.level, prepared.point.target.clone());
        let dir = match level.zip(sweep) {
            Some((level, sweep)) => home.point(&store_point(sweep.axis, level)).map_err(Failure::from),
            None => Ok(home.clone()),
        };
        match dir.and_then(|dir| one(prepared, dir, &found.model, sweep, session, context)) {
            Ok(made) => outcome.add(made, name, level, session),
            // What was measured before is told all the same.
            Err(failure) if outcome.made().next().is_some() => {
                outcome.end_with(&failure);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
        if session.interrupts.count() > 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Requests of the first `sessions` items of a plan.
fn requests_of(plan: &Plan, sessions: u64) -> u64 {
    let numbering = Requests::numbering(plan);
    (0..sessions).map(|item| u64::from(plan.turns(numbering.index(Phase::Profiling, item, 0)))).sum()
}

/// Requests of a trace with times of its own; `None` if the plan is none.
fn turns(plan: &Plan) -> Option<u64> {
    plan.timed_items().map(|items| requests_of(plan, items))
}

/// What was found out before the load: where the target is, which model it serves.
struct Found {
    url: Vec<String>,
    simulated: bool,
    model: String,
}

impl Found {
    fn fill(&self, point: &mut Point) {
        if self.simulated {
            point.derive("target.url", "a simulated engine inside this program");
            point.spec.target.url.clone_from(&self.url);
        }
        if point.spec.target.model.is_none() {
            point.derive("target.model", "the one model the target has");
            point.spec.target.model = Some(self.model.clone());
        }
    }
}

fn one(
    prepared: Prepared,
    dir: RunDir,
    model: &str,
    sweep: Option<&Sweep>,
    session: &Session<'_>,
    context: &Context,
) -> Result<outcome::Made, Failure> {
    let Prepared { point, load, plan } = prepared;
    let header = header(&point, &load, &plan, model, &dir, session, context)?;
    let label = outcome::label(point.target.as_deref(), sweep.map(|s| s.axis), point.level);
    let prefix = if label.is_empty() { label } else { format!("{label}: ") };
    let run = PointRun {
        means: session.means,
        session,
        spec: &point.spec,
        load,
        grace_asked: point.layers.origin("load.grace").is_some(),
        plan: Arc::clone(&plan),
        dir,
        header,
        prefix,
    };
    let finished = run.run()?;
    Ok(outcome::Made { finished, spec: point.spec, target: None, level: None })
}

fn header(
    point: &Point,
    load: &Load,
    plan: &Plan,
    model: &str,
    dir: &RunDir,
    session: &Session<'_>,
    context: &Context,
) -> Result<RunHeader, Failure> {
    let spec = &point.spec;
    let now = WallClock::start().anchor_unix_ns();
    let deployment = serde_json::to_value(&spec.deployment).ok().filter(|_| !spec.deployment.is_empty());
    let targets = match session.means {
        Means::Wire => session.place.headers(spec, &session.place.targets(spec, session.environment)?),
        Means::Virtual => vec![twin::header(spec)],
    };
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(RunHeader {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: name(dir.path()),
        anchor_unix_ns: now,
        started_at: rfc3339(now),
        command: context.command.clone(),
        spec: point.values(),
        origins: point.origin_words(),
        targets,
        classes: plan.classes().iter().map(|class| class.name.clone()).collect(),
        simulated: session.means == Means::Virtual || session.place.simulated.is_some(),
        virtual_time: session.means == Means::Virtual,
        model: Some(model.to_owned()),
        plan_digest: plan.digest(load),
        seed: plan.seed().0,
        deployment,
        gpus: spec.deployment.gpus(),
        machine: crate::machine::this(),
    })
}

/// The name of a run that was given none.
const DEFAULT_NAME: &str = "bench";

/// The same in virtual time.
const DEFAULT_SIMULATED_NAME: &str = "simulate";

fn open_home(home: &Home, means: Means, first: &Prepared) -> Result<RunDir, Failure> {
    let output = &first.point.spec.output;
    match home {
        Home::Exact(path) => Ok(RunDir::exact(path)?),
        Home::Fresh => {
            let default = match means {
                Means::Wire => DEFAULT_NAME,
                Means::Virtual => DEFAULT_SIMULATED_NAME,
            };
            let name = RunName::parse(output.name.as_deref().unwrap_or(default))?;
            let now = WallClock::start().anchor_unix_ns();
            let id = run_id(now, &name, &first.plan.digest(&first.load));
            Ok(RunDir::create(Path::new(&output.dir), &id)?)
        }
    }
}

fn store_point(axis: Axis, level: f64) -> tokmark_store::Point {
    match axis {
        Axis::Concurrency => tokmark_store::Point::Concurrency(level as u32),
        Axis::Rate => tokmark_store::Point::Rate(level),
        Axis::PrefixRatio => tokmark_store::Point::PrefixRatio(level),
    }
}

/// Removes a run directory again if nothing was measured: the check that it can be written comes before the target's.
struct Discard {
    path: Option<PathBuf>,
}

impl Discard {
    fn unless_used(dir: &RunDir) -> Self {
        Self { path: Some(dir.path().to_owned()) }
    }

    fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for Discard {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Only if it is empty; anything in it belongs to somebody.
            let _ = std::fs::remove_dir(path);
        }
    }
}
