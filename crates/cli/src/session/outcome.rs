//! What came out of a session: printed, as one object, and as an exit code.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokmark_base::Micros;
use tokmark_base::units::significant;
use tokmark_measure::summary::State;
use tokmark_measure::{Summary, Validity};
use tokmark_report::{sweep, terminal};
use tokmark_store::StoreError;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::session::point::{Finished, Simulated, style};
use crate::session::{Session, router};
use crate::spec::Spec;
use crate::spec::preset::Preset;
use crate::spec::sweep::Axis;

/// One run made.
pub struct Made {
    /// What came out.
    pub finished: Finished,
    /// What was asked.
    pub spec: Spec,
    /// The named target it was made against.
    pub target: Option<String>,
    /// Its level in the sweep.
    pub level: Option<f64>,
}

/// Everything a session made so far.
pub struct Outcome {
    dir: PathBuf,
    preset: Option<Preset>,
    axis: Option<Axis>,
    named: bool,
    made: Vec<(String, Made)>,
    trouble: Vec<(Exit, String)>,
}

/// What one run of several is called: its target, its level, or both.
pub fn label(target: Option<&str>, axis: Option<Axis>, level: Option<f64>) -> String {
    let level = axis.zip(level).map(|(axis, level)| format!("{} {level}", axis.word()));
    target.map(str::to_owned).into_iter().chain(level).collect::<Vec<_>>().join(" ")
}

impl Outcome {
    /// Nothing yet. `axis` is what a sweep goes over, `named` whether there are named targets.
    pub fn new(dir: PathBuf, preset: Option<Preset>, axis: Option<Axis>, named: bool) -> Self {
        Self { dir, preset, axis, named, made: Vec::new(), trouble: Vec::new() }
    }

    /// Whether there can be several runs.
    fn is_many(&self) -> bool {
        self.axis.is_some() || self.named
    }

    /// Whether something went wrong that ends the session.
    pub fn has_trouble(&self) -> bool {
        !self.trouble.is_empty()
    }

    /// Writes what belongs to all runs together.
    pub fn publish(&mut self) {
        let Some(preset) = self.preset else { return };
        let made: Vec<&Made> = self.made.iter().map(|(_, made)| made).collect();
        if let Err(failure) = router::publish(preset, &self.dir, &made) {
            self.trouble.push((failure.exit(), failure.to_string()));
        }
    }

    /// Takes one run; in a sweep its verdict is told at once, the table comes at the end.
    pub fn add(&mut self, made: Made, target: Option<String>, level: Option<f64>, session: &Session<'_>) {
        let label = label(target.as_deref(), self.axis, level);
        let made = Made { target, level, ..made };
        if let Some(error) = &made.finished.written.error {
            let told = disk_trouble(error, made.finished.written.unwritten_records);
            self.trouble.push((Exit::Internal, told));
        }
        if self.is_many() {
            let summary = &made.finished.analysis.summary;
            let (done, failed) = (summary.counts.succeeded, summary.counts.failed);
            session.screen.note(&format!("{label}: {done} succeeded, {failed} failed, {}", word(summary)));
        }
        self.made.push((label, made));
    }

    /// A later point could not be made; nothing follows it.
    pub fn end_with(&mut self, failure: &Failure) {
        self.trouble.push((failure.exit(), failure.to_string()));
    }

    /// The runs made, in order.
    pub fn made(&self) -> impl Iterator<Item = &Made> {
        self.made.iter().map(|(_, made)| made)
    }

    /// Prints it all and says what to end with.
    pub fn tell(&self, screen: Screen) -> Exit {
        let colour = screen.colour;
        match (self.is_many(), self.made.first()) {
            (false, Some((_, made))) => {
                screen.result(&terminal::run(&made.finished.analysis.summary, style(&made.spec, colour)));
            }
            (true, Some((_, first))) => {
                let points: Vec<sweep::Point<'_>> = self
                    .made
                    .iter()
                    .map(|(level, made)| sweep::Point { level, summary: &made.finished.analysis.summary })
                    .collect();
                screen.result(&sweep::table(&points, style(&first.spec, colour)));
            }
            (_, None) => {}
        }
        for (label, made) in &self.made {
            if let Some(told) = broken(label, made.finished.broken_sessions) {
                screen.note(&told);
            }
        }
        if let Some(told) = self.simulated() {
            screen.note(&told);
        }
        screen.note(&format!("run directory: {}", self.dir.display()));
        for (_, trouble) in &self.trouble {
            screen.alarm(&format!("error: {trouble}"));
        }
        let exit = self.exit();
        screen.object(&self.object(exit));
        exit
    }

    /// How much time was simulated in how much.
    fn simulated(&self) -> Option<String> {
        let parts: Vec<_> = self.made.iter().filter_map(|(_, made)| made.finished.simulated).collect();
        let sum = |of: fn(&Simulated) -> Micros| Micros(parts.iter().map(|part| of(part).0).sum());
        let (virtual_time, wall_time) = (sum(|part| part.virtual_time), sum(|part| part.wall_time));
        let told = |time: Micros| format!("{} s", significant(time.as_secs_f64()));
        (!parts.is_empty())
            .then(|| format!("simulated {} in {}, records written", told(virtual_time), told(wall_time)))
    }

    fn exit(&self) -> Exit {
        let runs = self
            .made
            .iter()
            .map(|(_, made)| exit_of(&made.finished.analysis.summary, made.finished.interrupted, &made.spec));
        Exit::first(runs.chain(self.trouble.iter().map(|(exit, _)| *exit)))
    }

    fn object(&self, exit: Exit) -> Value {
        let one = |made: &Made| {
            let mut one = json!({
                "run_dir": made.finished.dir,
                "summary": serde_json::to_value(&made.finished.analysis.summary).unwrap_or_default(),
            });
            if made.finished.broken_sessions > 0 {
                one["broken_sessions"] = made.finished.broken_sessions.into();
            }
            if let Some(simulated) = made.finished.simulated {
                let seconds = |time: Micros| time.as_secs_f64();
                one["simulation"] = json!({"virtual_s": seconds(simulated.virtual_time), "wall_s": seconds(simulated.wall_time)});
            }
            one
        };
        let mut object = match (self.is_many(), self.made.first()) {
            (false, Some((_, made))) => one(made),
            _ => json!({
                "run_dir": self.dir,
                "points": self.made.iter().map(|(level, made)| {
                    let mut point = one(made);
                    point["level"] = level.as_str().into();
                    if let Some(target) = &made.target {
                        point["target"] = target.as_str().into();
                    }
                    point
                }).collect::<Vec<_>>(),
            }),
        };
        object["exit_code"] = exit.code().into();
        if !self.trouble.is_empty() {
            object["errors"] = self.trouble.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().into();
        }
        object
    }
}

/// Sessions that a turn ended before their last: what was planned of them and is in no number.
fn broken(label: &str, sessions: u64) -> Option<String> {
    let prefix = if label.is_empty() { String::new() } else { format!("{label}: ") };
    (sessions > 0).then(|| {
        format!(
            "note: {prefix}sessions that ended early: {sessions}; a turn of theirs failed or was cancelled, and the later ones, which \
             repeat its reply, were never sent and are in no number"
        )
    })
}

fn disk_trouble(error: &StoreError, unwritten: u64) -> String {
    let lost = if unwritten > 0 { format!(" ({unwritten} records are not on disk)") } else { String::new() };
    format!("{error}{lost}")
}

fn word(summary: &Summary) -> &'static str {
    match summary.verdict.state {
        State::Valid => "VALID",
        State::Degraded => "DEGRADED",
        State::Invalid => "INVALID",
    }
}

/// What one run ends with.
pub fn exit_of(summary: &Summary, interrupted: bool, spec: &Spec) -> Exit {
    let invalid = summary.verdict.state == State::Invalid && spec.measure.validity == Validity::Enforce;
    let over = match (spec.measure.max_error_rate, summary.error_share()) {
        (Some(most), Some(share)) => share > most,
        _ => false,
    };
    Exit::first(
        [
            (interrupted, Exit::Interrupted),
            (!summary.any_success(), Exit::Target),
            (invalid, Exit::Invalid),
            (over, Exit::Threshold),
        ]
        .into_iter()
        .filter_map(|(applies, exit)| applies.then_some(exit)),
    )
}
