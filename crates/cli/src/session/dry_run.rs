//! `--dry-run`: what would be sent, how long it would take at the least, how many samples the percentiles need.

use serde_json::{Value, json};
use tokmark_base::Micros;
use tokmark_base::units::format_duration;
use tokmark_workload::{Load, Phased, Requests};

use crate::exit::Exit;
use crate::screen::Screen;
use crate::session::outcome::label;
use crate::session::{Prepared, Ready};

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
    let load = &prepared.load;
    let n = load.requests.unwrap_or(LOOKED_AT).min(LOOKED_AT);
    let requests: Vec<_> = (0..n).map(|index| prepared.plan.request(index)).collect();
    let mean = |values: Vec<u32>| {
        let n = values.len();
        (n > 0).then(|| values.into_iter().map(f64::from).sum::<f64>() / n as f64)
    };
    let isl = mean(requests.iter().filter_map(|r| r.isl).collect());
    let osl = mean(requests.iter().filter_map(|r| r.osl).collect());
    let measured = expected_requests(load);
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
        "starts": load.starts(),
        "duration_s": least_time(load).map(Micros::as_secs_f64),
        "isl_mean": isl,
        "osl_mean": osl,
        "input_tokens": total(isl),
        "output_tokens": total(osl),
        "samples_missing": missing,
        "plan_digest": prepared.plan.digest(load),
        "seed": prepared.plan.seed().0,
    })
}

/// Measured requests: as asked, or as the rate gives in the time asked.
fn expected_requests(load: &Load) -> Option<u64> {
    let by_rate = load.mean_rate().zip(load.duration);
    let by_rate = by_rate.map(|(rate, time)| (rate * time.as_secs_f64()).round() as u64);
    load.requests.into_iter().chain(by_rate).min()
}

/// What the load itself takes, whatever the service does: its durations, or its starts at their rate.
fn least_time(load: &Load) -> Option<Micros> {
    let rate = load.mean_rate();
    let by_count = |n: u64| rate.map(|rate| Micros::from_secs_f64(n as f64 / rate));
    let phase = |extent: Option<Phased>| match extent {
        None => Some(Micros::ZERO),
        Some(Phased::For(time)) => Some(time),
        Some(Phased::Requests(n)) => by_count(n),
    };
    let measured = load.requests.and_then(by_count).into_iter().chain(load.duration).min()?;
    Some(measured + phase(load.warmup)? + phase(load.cooldown)?)
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
