//! `--dry-run`: what would be sent, how long it would take at the least, how many samples the percentiles need.

use std::sync::Arc;

use serde_json::{Value, json};
use tokmark_base::units::format_duration;
use tokmark_base::{Micros, Phase};
use tokmark_workload::{Arrival, Course, Load, Numbering, Phased, Plan, Requests, Schedule};

use crate::exit::Exit;
use crate::screen::Screen;
use crate::session::outcome::label;
use crate::session::{Prepared, Ready, requests_of};

/// Requests looked at for mean lengths.
const LOOKED_AT: u64 = 200;
/// Values a percentile needs before its order-statistic interval can reach 95 % (METHOD).
const NEEDED: [(&str, u64); 5] = [("p50", 6), ("p90", 36), ("p95", 72), ("p99", 368), ("p99.9", 3_688)];

/// Prints the plan.
pub(super) fn tell(ready: &Ready, screen: Screen) -> Exit {
    let mut objects = Vec::new();
    for prepared in &ready.points {
        let axis = ready.sweep.as_ref().map(|sweep| sweep.axis);
        let label = label(prepared.point.target.as_deref(), axis, prepared.point.level);
        let label = if label.is_empty() { label } else { format!("{label}: ") };
        let plan = look(prepared);
        screen.result(&format!("{label}{}", text(&plan)));
        objects.push(plan);
    }
    screen.object(&json!({"plan": objects, "exit_code": 0}));
    Exit::Good
}

fn look(prepared: &Prepared) -> Value {
    let (load, plan) = (&prepared.load, &prepared.plan);
    let Expected { requests: measured, sessions, least } = Expected::of(prepared);
    let looked_at = first_requests(plan, measured, sessions);
    let mean = |values: Vec<u32>| {
        let n = values.len();
        (n > 0).then(|| values.into_iter().map(f64::from).sum::<f64>() / n as f64)
    };
    let isl = mean(looked_at.iter().filter_map(|(isl, _)| *isl).collect());
    let osl = mean(looked_at.iter().filter_map(|(_, osl)| *osl).collect());
    let total = |mean: Option<f64>| mean.zip(measured).map(|(mean, n)| (mean * n as f64).round());
    let missing: Vec<Value> = NEEDED
        .iter()
        .filter(|(_, needed)| measured.is_some_and(|n| n < *needed))
        .map(|(name, needed)| json!({"percentile": name, "needed": needed, "missing": needed - measured.unwrap_or(0)}))
        .collect();
    json!({
        "target": prepared.point.target,
        "level": prepared.point.level,
        "load": load.describe(),
        "requests": measured,
        "starts": in_all(load, measured),
        "sessions": sessions,
        "duration_s": least.map(Micros::as_secs_f64),
        "isl_mean": isl,
        "osl_mean": osl,
        "input_tokens": total(isl),
        "output_tokens": total(osl),
        "samples_missing": missing,
        "plan_digest": prepared.plan.digest(load),
        "seed": prepared.plan.seed().0,
    })
}

/// Lengths of the first requests of a plan, turn by turn where it has sessions: input tokens, with what was said and answered before
/// where that is said again, and output tokens asked for.
fn first_requests(
    plan: &Plan,
    requests: Option<u64>,
    sessions: Option<u64>,
) -> Vec<(Option<u32>, Option<u32>)> {
    let most = requests.unwrap_or(LOOKED_AT).min(LOOKED_AT) as usize;
    let numbering = Requests::numbering(plan);
    let items = sessions.or(requests).unwrap_or(LOOKED_AT);
    let lengths = (0..items).flat_map(|item| {
        let first = numbering.index(Phase::Profiling, item, 0);
        let mut before = Some(0);
        (first..first + u64::from(plan.turns(first))).map(move |index| {
            let request = plan.request(index);
            let input = if request.history { add(before, request.isl) } else { request.isl };
            before = add(input, request.osl);
            (input, request.osl)
        })
    });
    lengths.take(most).collect()
}

fn add(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one?.checked_add(other?)
}

/// Requests over all phases; `None` where a phase ends by time alone.
fn in_all(load: &Load, measured: Option<u64>) -> Option<u64> {
    let phase = |extent: Option<Phased>| match extent {
        None => Some(0),
        Some(Phased::Requests(n)) => Some(n),
        Some(Phased::For(_)) => None,
    };
    Some(measured? + phase(load.warmup)? + phase(load.cooldown)?)
}

/// What the load and the plan come to, whatever the service does.
struct Expected {
    /// Measured requests, where that can be told.
    requests: Option<u64>,
    /// Measured sessions, where the plan has any and it can be told.
    sessions: Option<u64>,
    /// The time it takes at the least: its durations, or its last start.
    least: Option<Micros>,
}

impl Expected {
    fn of(prepared: &Prepared) -> Self {
        let (load, plan) = (&prepared.load, &prepared.plan);
        let course: Arc<dyn Course> = plan.clone();
        let in_turns = Requests::numbering(&**plan) == Numbering::Turns;
        let ends =
            !in_turns || load.sessions.or_else(|| load.duration.map(|_| 0)).is_some() || plan.is_timed();
        let realised = if ends { Schedule::realised(load, plan.seed(), &course) } else { None };
        let starts = realised.map(|r| r.starts).or(if in_turns { load.sessions } else { None });
        let by_rate = load.mean_rate().zip(load.duration.or_else(|| load.end()));
        let by_rate = by_rate.map(|(rate, time)| (rate * time.as_secs_f64()).round() as u64);
        // The rate of users is one of turns, that of anything else one of sessions.
        let users = matches!(load.arrival, Arrival::Users(_));
        let counted = match starts {
            Some(n) if in_turns && !users => Some(requests_of(plan, n)),
            starts => starts.or_else(|| by_rate.filter(|_| !in_turns || users)),
        };
        Self {
            requests: load.requests.into_iter().chain(counted).min(),
            sessions: starts.filter(|_| in_turns && !users),
            least: realised.map(|r| r.to).or(load.duration).or_else(|| load.end()),
        }
    }
}

fn text(plan: &Value) -> String {
    let number = |key: &str| plan[key].as_f64().map_or_else(|| "unknown".to_owned(), |x| format!("{x:.0}"));
    let time = plan["duration_s"].as_f64().map_or_else(
        || "as long as the service needs".to_owned(),
        |s| format!("at least {}", format_duration(Micros::from_secs_f64(s.ceil()))),
    );
    let missing: Vec<String> = plan["samples_missing"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| format!("{} needs {} more", m["percentile"].as_str().unwrap_or_default(), m["missing"]))
        .collect();
    let samples = if plan["requests"].is_null() {
        "depend on how many fit".to_owned()
    } else if missing.is_empty() {
        "enough for p99.9".to_owned()
    } else {
        missing.join(", ")
    };
    format!(
        "{}\n  requests  {} measured, {} in all\n  tokens    {} in ({} a request), {} out ({} a request)\n  time      {time}\n  samples   {samples}\n  digest    {}\n",
        plan["load"].as_str().unwrap_or_default(),
        number("requests"),
        number("starts"),
        number("input_tokens"),
        number("isl_mean"),
        number("output_tokens"),
        number("osl_mean"),
        plan["plan_digest"].as_str().unwrap_or_default(),
    )
}
