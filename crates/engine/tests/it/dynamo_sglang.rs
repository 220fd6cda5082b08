//! The SGLang twin against Dynamo 1.6.1's offline replay, request by request (see `tests/golden/dynamo-1.6.1/README.md`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokmark_base::{Micros, Seed};
use tokmark_engine::scheduler::sglang::SchedulePolicy;
use tokmark_engine::{Arrival, Engine, Lifecycle, Out, RequestId, Sglang, SglangParams, Worker};
use tokmark_perf::{Polynomial, Step, StepTime, Timing};

use crate::golden::read;

/// Dynamo's polynomial, on a clock of nanoseconds: Dynamo rounds passes to them, and the engine's clock has no unit of its own.
struct Nanos;

impl Timing for Nanos {
    fn step(&self, step: &Step) -> StepTime {
        Polynomial.step(step)
    }

    fn duration(&self, step: &Step) -> Micros {
        let pass = Duration::from_secs_f64(self.step(step).total_ms() / 1e3);
        Micros(pass.as_nanos() as i64)
    }
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    admissions: Vec<(Micros, u32)>,
    tokens: Vec<Micros>,
    finished: bool,
}

fn simulate(params: SglangParams, arrivals: &[(Micros, Arrival)], look_ahead: bool) -> Vec<Seen> {
    let mut worker = Worker::new(Sglang::new(params).unwrap(), Nanos, Seed(0).stream("noise", 0));
    worker.look_ahead(look_ahead);
    let mut out = Out::default();
    for (at, arrival) in arrivals {
        worker.arrive(*at, arrival.clone(), &mut out);
    }
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    worker.census().check().unwrap();
    let mut seen: BTreeMap<RequestId, Seen> = BTreeMap::new();
    for event in &out.events {
        let seen = seen.entry(event.request).or_default();
        match event.what {
            Lifecycle::Admitted { cached } => seen.admissions.push((event.at, cached.unwrap_or(0))),
            Lifecycle::FirstToken => seen.tokens.push(event.at),
            Lifecycle::Tokens(n) => seen.tokens.extend((0..n).map(|_| event.at)),
            Lifecycle::Stretch { from, len } => {
                seen.tokens.extend_from_slice(&out.stamps[from as usize..(from + len) as usize]);
            }
            Lifecycle::Finished(_) => seen.finished = true,
            Lifecycle::Queued | Lifecycle::PrefillChunk(_) | Lifecycle::Preempted => {}
            other => panic!("{other:?}"),
        }
    }
    seen.into_values().collect()
}

fn nanos(ms: &Value) -> Micros {
    Micros((ms.as_f64().unwrap() * 1e6).round() as i64)
}

/// Every stamp of every request, to the nanosecond; one more for the sums of floating point that Dynamo keeps time in.
fn compare(name: &str) {
    let (golden, arrivals) = read(name);
    // The worker's clock counts nanoseconds here.
    let arrivals: Vec<(Micros, Arrival)> =
        arrivals.into_iter().map(|(at, arrival)| (Micros(at), arrival)).collect();
    let engine = &golden["engine"]["aggregated"];
    let count = |value: &Value| value.as_u64().unwrap() as u32;
    let params = SglangParams {
        max_total_tokens: engine["num_gpu_blocks"].as_u64().unwrap()
            * u64::from(count(&engine["block_size"])),
        page_size: count(&engine["block_size"]),
        max_running_requests: Some(count(&engine["max_num_seqs"])),
        chunked_prefill_size: Some(count(&engine["sglang"]["chunked_prefill_size"])),
        max_prefill_tokens: count(&engine["sglang"]["max_prefill_tokens"]),
        schedule_conservativeness: engine["sglang"]["schedule_conservativeness"].as_f64().unwrap(),
        disable_radix_cache: engine["enable_prefix_caching"] == Value::Bool(false),
        clip_max_new_tokens: count(&engine["sglang"]["clip_max_new_tokens"]),
        schedule_policy: match engine["sglang"]["schedule_policy"].as_str().unwrap() {
            "lpm" => SchedulePolicy::Lpm,
            _ => SchedulePolicy::Fcfs,
        },
        ..SglangParams::default()
    };
    let seen = simulate(params.clone(), &arrivals, false);
    assert_eq!(seen, simulate(params, &arrivals, true), "{name}: looking ahead changes nothing");
    let rows = golden["requests"].as_array().unwrap();
    assert_eq!(seen.len(), rows.len());
    for (index, (seen, row)) in seen.iter().zip(rows).enumerate() {
        let first = nanos(&row["first_token_ms"]);
        let mut admissions = vec![(nanos(&row["admit_ms"]), count(&row["reused_tokens"]))];
        if let Some(all) = row["admissions"].as_array() {
            admissions = all.iter().map(|pair| (nanos(&pair[0]), count(&pair[1]))).collect();
        }
        assert!(seen.finished && seen.tokens.len() as u64 == row["output_tokens"].as_u64().unwrap());
        assert_eq!(seen.admissions.len(), admissions.len(), "{name}: admissions of request {index}");
        let mut pairs =
            vec![(seen.tokens[0], first), (*seen.tokens.last().unwrap(), nanos(&row["last_token_ms"]))];
        if let (Some(second), Some(ttst)) = (seen.tokens.get(1), row["ttst_ms"].as_f64()) {
            pairs.push((*second, Micros(first.0 + (ttst * 1e6).round() as i64)));
        }
        for (ours, theirs) in seen.admissions.iter().zip(&admissions) {
            assert_eq!(ours.1, theirs.1, "{name}: cached tokens of request {index}");
            pairs.push((ours.0, theirs.0));
        }
        for (ours, theirs) in pairs {
            let apart = (ours.0 - theirs.0).abs();
            assert!(apart <= 1, "{name}: request {index}: {ours:?}, Dynamo {theirs:?}");
        }
    }
}

#[test]
fn fifo_is_dynamos() {
    compare("sglang-1-fifo.json");
}

#[test]
fn lpm_is_dynamos() {
    compare("sglang-1-lpm.json");
}

#[test]
fn chunks_are_dynamos() {
    compare("sglang-1-chunked.json");
}

#[test]
fn retraction_is_dynamos() {
    compare("sglang-1-retraction.json");
}
