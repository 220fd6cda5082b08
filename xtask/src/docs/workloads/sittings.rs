//! Sessions: requests that follow each other.

use std::sync::Arc;

use tokmark_base::Micros;
use tokmark_figure::{Axis, Figure, Plot, Series, Style};
use tokmark_workload::shape::Sessions;
use tokmark_workload::{Course, LoadSpec, Requests, WorkloadSpec};

use super::arrivals::play;
use super::{Case, SEED, Told, moments, number, part, plan};

pub(super) const TEXT: &str = "A turn goes after the one before it has ended, plus its delay. With `history: reply` it says again all that was said, and the \
replies as the service really gave them, so that prompts grow. A header (`X-Session-ID` unless `header` says otherwise) names the \
session for routers that keep one in its place. The concurrency or rate counts sessions. The pictures have four at once, \
against a service that takes half a second a turn; a session's name goes with its turns.";

/// Length of the pictures, and time a turn takes.
const SHOWN: Micros = Micros(40_000_000);
const SERVICE: Micros = Micros(500_000);
/// Sessions in the picture, and those that are counted.
const SESSIONS: u64 = 8;
const COUNTED: u64 = 2_000;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "sessions-turns",
        title: "Turns and think time",
        text: "So many turns a session, normal if a deviation is given, and a time to think between them, normal and never below 0.",
        spec: r#"{"workload": {"isl": 200, "osl": 100, "sessions": {"turns": 6, "turns_stddev": 2, "delay": "2s", "delay_stddev": "800ms"}}, "load": {"concurrency": 4}}"#,
    },
    Case {
        name: "sessions-exponential",
        title: "Exponential think time",
        text: "Many short delays and a few long ones.",
        spec: r#"{"workload": {"isl": 200, "osl": 100, "sessions": {"turns": 6, "delay": "2s", "delay_law": "exponential"}}, "load": {"concurrency": 4}}"#,
    },
    Case {
        name: "sessions-no-history",
        title: "Turns that stand for themselves",
        text: "Later turns say nothing of the earlier ones: prompts stay short.",
        spec: r#"{"workload": {"isl": 200, "osl": 100, "sessions": {"turns": 6, "delay": "2s", "history": "none"}}, "load": {"concurrency": 4}}"#,
    },
    Case {
        name: "sessions-users",
        title: "Users",
        text: "With a rate and a number of users, each user has one session at a time, and a user's turns are wanted users/rate seconds apart.",
        spec: r#"{"workload": {"isl": 200, "osl": 100, "sessions": {"turns": 6}}, "load": {"rate": 2, "users": 4}}"#,
    },
];

pub(super) fn tell(case: &Case) -> Result<Told, String> {
    let spec: WorkloadSpec = part(case, "workload")?;
    let load_spec: LoadSpec = part(case, "load")?;
    let load_spec = LoadSpec { sessions: Some(SESSIONS), ..load_spec };
    let load = load_spec.resolve().map_err(|e| e.to_string())?;
    let plan = Arc::new(plan(&spec)?);
    let course: Arc<dyn Course> = plan.clone();
    let numbering = Requests::numbering(plan.as_ref());
    let sent = play(&load, SEED, &course, SERVICE, SHOWN);

    let time = || Axis::linear("Time").unit("s").covering(0.0, SHOWN.as_secs_f64());
    let name = |session: u64| format!("session {session}");
    let mut lanes = Plot::new("", time(), Axis::names("", (0..SESSIONS).map(name))).height(150);
    let mut growth = Plot::new("", time(), Axis::linear("Input").unit("tokens").from_zero()).height(120);
    for session in 0..SESSIONS {
        let turns: Vec<_> = sent.iter().filter(|s| numbering.address(s.request).item == session).collect();
        let starts = turns.iter().map(|s| (s.at.as_secs_f64(), session as f64));
        lanes = lanes.mark(Series::new(name(session), Style::Ticks, starts));
        let mut history = 0;
        let lengths: Vec<(f64, f64)> = turns
            .iter()
            .map(|s| {
                let shape = plan.shape(s.request);
                let said = shape.isl.unwrap_or(0) + if shape.history { history } else { 0 };
                history = said + shape.osl.unwrap_or(0);
                (s.at.as_secs_f64(), f64::from(said))
            })
            .collect();
        growth = growth.mark(Series::line(name(session), lengths));
    }
    let figure = Figure::new(case.title)
        .subtitle(format!("{}, seed {}", load.describe(), SEED.0))
        .columns(1)
        .panel(lanes)
        .panel(growth);
    Ok(Told { facts: facts(&spec, plan.as_ref()), figure })
}

/// What it says of itself, and what was drawn.
fn facts(spec: &WorkloadSpec, plan: &dyn Course) -> Vec<(&'static str, String)> {
    let Some(sessions) = Sessions::new(&spec.sessions, SEED) else { return Vec::new() };
    let turns = sessions.turns_moments();
    let numbering = plan.numbering();
    let request = |session, turn| numbering.index(tokmark_base::Phase::Profiling, session, turn);
    let counts: Vec<f64> = (0..COUNTED).map(|s| f64::from(plan.turns(request(s, 0)))).collect();
    let delays: Vec<f64> = (0..COUNTED).map(|s| plan.delay(request(s, 1)).as_secs_f64()).collect();
    let drawn = |values: &[f64]| {
        moments(values).map_or(String::new(), |(mean, cv)| {
            format!(" (drawn: mean {}, CV {}, n = {})", number(mean), number(cv), values.len())
        })
    };
    let cv = turns.stddev / turns.mean;
    vec![
        ("turns", format!("mean {}, CV {}{}", number(turns.mean), number(cv), drawn(&counts))),
        ("delay", format!("mean {} s{}", number(sessions.delay_mean() / 1e6), drawn(&delays))),
    ]
}
