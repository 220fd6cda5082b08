//! Dynamo 1.6.1's own replay, request by request: every admission, first, second and last token of the vLLM and TensorRT-LLM
//! schedulers on one worker, and on four behind round robin.
//!
//! The schedulers are driven here in nanoseconds, which is what Dynamo rounds the two parts of a pass to, so that nothing hides in
//! a tolerance: stamps agree to the nanosecond. What the whole worker makes of it in microseconds is checked beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokmark_base::{Micros, Seed};
use tokmark_engine::spec::PreemptionMode;
use tokmark_engine::{
    Arrival, Engine, Lifecycle, Out, Scheduler, TrtLlm, TrtLlmParams, Vllm, VllmParams, Worker,
};
use tokmark_perf::{Step, StepTime, Timing};

use crate::golden::read;

/// Dynamo's polynomial, fitted on an H200 of theirs (`aisimulate-core` 0.13.0, `engine/timing.rs`).
#[derive(Clone, Copy)]
pub(crate) struct Polynomial {
    prefill_ratio: f64,
    decode_ratio: f64,
}

impl Timing for Polynomial {
    fn step(&self, step: &Step) -> StepTime {
        let sequences = u64::from(step.prefill_sequences).max(1);
        let mean =
            (step.prefill_context + step.prefill_tokens) / sequences - step.prefill_context / sequences;
        let n = (mean * u64::from(step.prefill_sequences)) as f64;
        let prefill_ms = if n == 0.0 { 0.0 } else { 4.209_989e-7 * (n * n) + 1.518_344e-2 * n + 16.501_42 };
        let used = (step.decode_context as f64 / step.cache_tokens as f64).min(1.0);
        let decode_ms = if step.decode_sequences == 0 {
            0.0
        } else {
            (-25.74 * (used * used) + 54.01 * used + 5.74).max(1.0)
        };
        StepTime {
            prefill_ms: prefill_ms / self.prefill_ratio,
            decode_ms: decode_ms / self.decode_ratio,
            overhead_ms: 0.0,
        }
    }
}

impl Polynomial {
    /// A pass in nanoseconds: each part rounded by itself, before and after it is sped up, as Dynamo does.
    pub(crate) fn nanoseconds(self, step: &Step) -> i64 {
        let plain = Self { prefill_ratio: 1.0, decode_ratio: 1.0 }.step(step);
        let part = |ms: f64, ratio: f64| {
            let unscaled = Duration::from_secs_f64(ms / 1_000.0).as_secs_f64();
            let modelled = Duration::from_secs_f64(unscaled / ratio).as_secs_f64() * 1_000.0;
            Duration::from_secs_f64(modelled / 1_000.0).as_nanos() as i64
        };
        part(plain.prefill_ms, self.prefill_ratio) + part(plain.decode_ms, self.decode_ratio)
    }
}

/// What happened to one request, in the unit of the clock that drove it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    admissions: Vec<(i64, u32)>,
    tokens: Vec<i64>,
}

type SeenAll = BTreeMap<u64, Seen>;

fn heed(out: &mut Out, seen: &mut SeenAll) {
    for event in &out.events {
        let entry = seen.entry(event.request.0).or_default();
        match event.what {
            Lifecycle::Admitted { cached } => entry.admissions.push((event.at.0, cached.unwrap_or(0))),
            Lifecycle::FirstToken | Lifecycle::Tokens(1) => entry.tokens.push(event.at.0),
            Lifecycle::Stretch { from, len } => {
                let stamps = &out.stamps[from as usize..(from + len) as usize];
                entry.tokens.extend(stamps.iter().map(|at| at.0));
            }
            Lifecycle::Queued
            | Lifecycle::PrefillChunk(_)
            | Lifecycle::Preempted
            | Lifecycle::Finished(_) => {}
            other => panic!("{other:?} of {:?}", event.request),
        }
    }
    out.clear();
}

/// Plays arrivals, in nanoseconds, against a bare scheduler.
fn drive(scheduler: &mut dyn Scheduler, timing: Polynomial, arrivals: &[(i64, Arrival)]) -> SeenAll {
    let (mut out, mut seen) = (Out::default(), SeenAll::new());
    let mut next = arrivals.iter().peekable();
    let mut ends: Option<i64> = None;
    loop {
        let now = match (ends, next.peek()) {
            (Some(end), Some((at, _))) => end.min(*at),
            (Some(end), None) => end,
            (None, Some((at, _))) => *at,
            (None, None) => return seen,
        };
        if ends == Some(now) {
            scheduler.end(Micros(now), &mut out);
            ends = None;
        }
        while let Some((_, arrival)) = next.next_if(|(at, _)| *at <= now) {
            scheduler.arrive(Micros(now), arrival.clone(), &mut out);
        }
        if ends.is_none() {
            let step = scheduler.begin(Micros(now), &mut out);
            ends = step.map(|step| now + timing.nanoseconds(&step));
        }
        scheduler.census().check().unwrap();
        heed(&mut out, &mut seen);
    }
}

/// Plays the same, in microseconds, against a whole worker that looks ahead.
fn play(scheduler: Box<dyn Scheduler>, timing: Polynomial, arrivals: &[(i64, Arrival)]) -> SeenAll {
    let mut worker = Worker::new(scheduler, timing, Seed(1).stream("noise", 0));
    worker.look_ahead(true);
    let (mut out, mut seen) = (Out::default(), SeenAll::new());
    for (at, arrival) in arrivals {
        let at = Micros(at / 1_000);
        while let Some(due) = worker.next_due().filter(|due| *due < at) {
            worker.advance(due, &mut out);
        }
        worker.arrive(at, arrival.clone(), &mut out);
        heed(&mut out, &mut seen);
    }
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
        heed(&mut out, &mut seen);
    }
    assert_eq!(worker.census().in_flight(), 0);
    seen
}

pub(crate) struct Golden {
    engine: Value,
    requests: Vec<Value>,
    arrivals: Vec<(i64, Arrival)>,
    pub(crate) workers: usize,
}

pub(crate) fn golden(name: &str) -> Golden {
    let (file, arrivals) = read(name);
    Golden {
        engine: file["engine"]["aggregated"].clone(),
        requests: file["requests"].as_array().unwrap().clone(),
        arrivals,
        workers: file["job"]["workers"].as_u64().unwrap_or(1) as usize,
    }
}

impl Golden {
    pub(crate) fn timing(&self) -> Polynomial {
        let ratio = |name: &str| self.engine[name].as_f64().unwrap();
        let prefill_ratio = ratio("speedup_ratio");
        Polynomial { prefill_ratio, decode_ratio: prefill_ratio * ratio("decode_speedup_ratio") }
    }

    fn number(&self, name: &str) -> u32 {
        self.engine[name].as_u64().unwrap() as u32
    }

    pub(crate) fn scheduler(&self) -> Box<dyn Scheduler> {
        let is = |name: &str| self.engine[name].as_bool().unwrap();
        if self.engine["backend"] == "trtllm" {
            let params = TrtLlmParams {
                max_batch_size: self.number("max_num_seqs"),
                max_num_tokens: self.number("max_num_batched_tokens"),
                tokens_per_block: self.number("block_size"),
                num_gpu_blocks: self.number("num_gpu_blocks"),
                enable_block_reuse: is("enable_prefix_caching"),
                enable_chunked_prefill: is("enable_chunked_prefill"),
                ..TrtLlmParams::default()
            };
            return Box::new(TrtLlm::new(&params).unwrap());
        }
        let params = VllmParams {
            max_num_seqs: self.number("max_num_seqs"),
            max_num_batched_tokens: self.number("max_num_batched_tokens"),
            block_size: self.number("block_size"),
            num_gpu_blocks: self.number("num_gpu_blocks"),
            enable_prefix_caching: is("enable_prefix_caching"),
            enable_chunked_prefill: is("enable_chunked_prefill"),
            preemption_mode: match self.engine["preemption_mode"].as_str() {
                Some("fifo") => PreemptionMode::Fifo,
                _ => PreemptionMode::Lifo,
            },
            ..VllmParams::default()
        };
        Box::new(Vllm::new(&params).unwrap())
    }

    /// The arrivals of each worker.
    fn shares(&self) -> Vec<Vec<(i64, Arrival)>> {
        let mut shares = vec![Vec::new(); self.workers];
        for (arrival, worker) in self.arrivals.iter().zip((0..self.workers).cycle()) {
            shares[worker].push(arrival.clone());
        }
        shares
    }

    /// Dynamo's stamps in milliseconds against those seen, of which `unit` make one.
    fn compare(&self, seen: &SeenAll, unit: f64, tolerance: impl Fn(f64) -> f64) {
        assert_eq!(seen.len(), self.requests.len());
        for (row, (id, seen)) in self.requests.iter().zip(seen) {
            let near = |what: &str, expected: f64, at: i64| {
                let at = at as f64 / unit;
                assert!((at - expected).abs() <= tolerance(expected), "{what} of {id}: {at}, not {expected}");
            };
            let first = row["first_token_ms"].as_f64().unwrap();
            near("admission", row["admit_ms"].as_f64().unwrap(), seen.admissions[0].0);
            near("first token", first, seen.tokens[0]);
            near("last token", row["last_token_ms"].as_f64().unwrap(), *seen.tokens.last().unwrap());
            if let Some(second) = row["ttst_ms"].as_f64() {
                near("second token", first + second, seen.tokens[1]);
            }
            assert_eq!(seen.tokens.len() as u64, row["output_tokens"].as_u64().unwrap(), "tokens of {id}");
            let reused = seen.admissions.iter().map(|admission| admission.1).max().unwrap();
            assert_eq!(u64::from(reused), row["reused_tokens"].as_u64().unwrap(), "reuse of {id}");
            match row["admissions"].as_array() {
                None => assert_eq!(seen.admissions.len(), 1, "admissions of {id}"),
                Some(admissions) => {
                    assert_eq!(seen.admissions.len(), admissions.len(), "admissions of {id}");
                    for (expected, (at, cached)) in admissions.iter().zip(&seen.admissions) {
                        near("admission", expected[0].as_f64().unwrap(), *at);
                        assert_eq!(u64::from(*cached), expected[1].as_u64().unwrap(), "reuse of {id}");
                    }
                }
            }
        }
    }
}

/// How a share of the arrivals is played.
type Play<'a> = &'a dyn Fn(Box<dyn Scheduler>, &[(i64, Arrival)]) -> SeenAll;

/// To the nanosecond by the scheduler alone; to 0.1 % by a worker in microseconds, where a pass is rounded as a whole.
fn agrees(name: &str) {
    let golden = golden(name);
    let run = |play: Play<'_>| {
        let mut seen = SeenAll::new();
        for share in golden.shares() {
            seen.append(&mut play(golden.scheduler(), &share));
        }
        seen
    };
    let timing = golden.timing();
    golden.compare(&run(&|mut scheduler, share| drive(&mut scheduler, timing, share)), 1e6, |_| 1e-6);
    golden.compare(&run(&|scheduler, share| play(scheduler, timing, share)), 1e3, |at| 1e-3 * at + 0.1);
}

#[test]
fn queueing_behind_a_full_cache_with_shared_prefixes() {
    agrees("vllm-1-queueing");
}

#[test]
fn no_prefix_cache() {
    agrees("vllm-1-no-prefix-cache");
}

#[test]
fn blocks_smaller_than_the_trace_s() {
    agrees("vllm-1-block-16");
}

#[test]
fn preemption_of_the_newest() {
    agrees("vllm-1-preemption-lifo");
}

#[test]
fn preemption_of_the_oldest() {
    agrees("vllm-1-preemption-fifo");
}

#[test]
fn chunked_prefill() {
    agrees("vllm-1-chunked-512");
}

#[test]
fn whole_prefills_only() {
    agrees("vllm-1-not-chunked");
}

#[test]
fn four_sequences_at_a_time() {
    agrees("vllm-1-max-num-seqs-4");
}

#[test]
fn speed_up_ratios() {
    agrees("vllm-1-speedup");
}

#[test]
fn four_workers_in_turn() {
    agrees("vllm-4-round-robin");
}

#[test]
fn tensorrt_llm_without_eviction() {
    agrees("trtllm-1-no-evict");
}
