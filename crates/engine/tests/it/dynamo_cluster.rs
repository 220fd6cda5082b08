//! Dynamo 1.6.1's own replay of clusters, request by request: prefill and decode pools, four workers behind round robin and behind
//! the KV router.
//!
//! Whole clusters run in microseconds, Dynamo in nanoseconds (and its transfers in none), so stamps may be off by what rounding
//! adds up to over the passes a request has seen.

use std::sync::Arc;

use serde_json::Value;
use tokmark_base::{Micros, Seed};
use tokmark_engine::cluster::Blueprint;
use tokmark_engine::router::{PolicyKind, RouterSpec};
use tokmark_engine::spec::EngineKind;
use tokmark_engine::{Arrival, Engine, EngineSpec, Lifecycle, Out};
use tokmark_perf::{Deployment, Mode, Polynomial, Role};

use crate::golden::read;

struct Golden {
    file: Value,
    arrivals: Vec<(Micros, Arrival)>,
}

/// What happened to one request, microseconds.
#[derive(Clone, Debug, Default)]
struct Seen {
    admissions: Vec<(i64, Option<u32>)>,
    tokens: Vec<i64>,
}

fn golden(name: &str) -> Golden {
    let (file, arrivals) = read(name);
    let micros = |nanos: i64| Micros((nanos as f64 / 1e3).round() as i64);
    Golden { file, arrivals: arrivals.into_iter().map(|(at, arrival)| (micros(at), arrival)).collect() }
}

impl Golden {
    /// Dynamo's engine of one role, in our words.
    fn engine(&self, role: &str, disagg: bool) -> EngineSpec {
        let engine = &self.file["engine"][role];
        let number = |name: &str| engine[name].as_u64().map(|n| n as u32);
        let transfer = |name: &str| engine[name].as_f64().filter(|_| disagg);
        EngineSpec {
            kind: Some(EngineKind::Vllm),
            max_num_seqs: number("max_num_seqs"),
            max_num_batched_tokens: number("max_num_batched_tokens"),
            block_size: number("block_size"),
            num_gpu_blocks_override: number("num_gpu_blocks"),
            kv_transfer_bandwidth_gb_s: transfer("kv_transfer_bandwidth"),
            kv_transfer_bytes_per_token: transfer("kv_transfer_bytes_per_token").map(|bytes| bytes as u64),
            ..EngineSpec::default()
        }
    }

    fn play(&self, look_ahead: bool) -> Vec<Seen> {
        let job = &self.file["job"];
        let count = |name: &str| job[name].as_u64().map(|n| n as u32);
        let disagg = count("prefill_workers").is_some();
        let role = |name| Some(Role { workers: count(name), ..Role::default() });
        let deployment = if disagg {
            Deployment {
                mode: Some(Mode::Disagg),
                prefill: role("prefill_workers"),
                decode: role("decode_workers"),
                ..Deployment::default()
            }
        } else {
            Deployment { workers: count("workers"), ..Deployment::default() }
        };
        let policy = if job["router"] == "kv_router" { PolicyKind::Kv } else { PolicyKind::RoundRobin };
        let first = if disagg { "prefill" } else { "aggregated" };
        let mut cluster = Blueprint {
            engine: self.engine(first, disagg).resolve(disagg).unwrap(),
            decode: disagg.then(|| self.engine("decode", false).resolve(false).unwrap().scheduler),
            deployment: &deployment,
            router: &RouterSpec { policy, ..RouterSpec::default() },
            timing: Arc::new(Polynomial),
            decode_timing: None,
            faults: &[],
            seed: Seed(1),
        }
        .build()
        .unwrap();
        cluster.look_ahead(look_ahead);
        let mut out = Out::default();
        for (at, arrival) in &self.arrivals {
            while let Some(due) = cluster.next_due().filter(|due| due <= at) {
                cluster.advance(due, &mut out);
            }
            cluster.arrive(*at, arrival.clone(), &mut out);
        }
        while let Some(due) = cluster.next_due() {
            cluster.advance(due, &mut out);
        }
        assert_eq!(cluster.census().in_flight(), 0);
        assert_eq!(cluster.census().blocks_used, 0);
        self.seen(&out)
    }

    fn seen(&self, out: &Out) -> Vec<Seen> {
        let mut seen = vec![Seen::default(); self.arrivals.len()];
        for event in &out.events {
            let entry = &mut seen[event.request.0 as usize];
            match event.what {
                Lifecycle::Admitted { cached } => entry.admissions.push((event.at.0, cached)),
                Lifecycle::FirstToken | Lifecycle::Tokens(1) => entry.tokens.push(event.at.0),
                Lifecycle::Stretch { from, len } => {
                    entry
                        .tokens
                        .extend(out.stamps[from as usize..(from + len) as usize].iter().map(|at| at.0));
                }
                Lifecycle::Queued
                | Lifecycle::PrefillChunk(_)
                | Lifecycle::Preempted
                | Lifecycle::Finished(_) => {}
                other => panic!("{other:?} of {:?}", event.request),
            }
        }
        seen
    }

    /// Every stamp within `tolerance` milliseconds.
    fn compare(&self, seen: &[Seen], tolerance: f64) {
        let rows = self.file["requests"].as_array().unwrap();
        assert_eq!(rows.len(), seen.len());
        for (id, (row, seen)) in rows.iter().zip(seen).enumerate() {
            let near = |what: &str, expected: f64, at: i64| {
                let at = at as f64 / 1e3;
                assert!((at - expected).abs() <= tolerance, "{what} of {id}: {at}, not {expected}");
            };
            let first = row["first_token_ms"].as_f64().unwrap();
            near("admission", row["admit_ms"].as_f64().unwrap(), seen.admissions[0].0);
            near("first token", first, seen.tokens[0]);
            near("last token", row["last_token_ms"].as_f64().unwrap(), *seen.tokens.last().unwrap());
            if let Some(second) = row["ttst_ms"].as_f64() {
                near("second token", first + second, seen.tokens[1]);
            }
            assert_eq!(seen.tokens.len() as u64, row["output_tokens"].as_u64().unwrap(), "tokens of {id}");
            assert_eq!(seen.admissions[0].1.map(u64::from), row["reused_tokens"].as_u64(), "reuse of {id}");
        }
    }
}

#[test]
fn two_prefill_and_two_decode_workers() {
    let golden = golden("vllm-2p2d");
    golden.compare(&golden.play(false), 0.02);
    golden.compare(&golden.play(true), 0.02);
}

#[test]
fn transfers_take_their_time() {
    let golden = golden("vllm-2p2d-transfer");
    golden.compare(&golden.play(true), 0.02);
}

#[test]
fn small_decode_workers() {
    let golden = golden("vllm-2p2d-small-decode");
    golden.compare(&golden.play(true), 0.02);
}

#[test]
fn four_workers_in_turn() {
    let golden = golden("vllm-4-round-robin");
    golden.compare(&golden.play(true), 0.02);
}

#[test]
fn four_workers_by_cache() {
    let golden = golden("vllm-4-kv-router");
    golden.compare(&golden.play(true), 0.02);
}
