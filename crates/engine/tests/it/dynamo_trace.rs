//! Dynamo 1.6.1's own replay of whole trace files, request by request, against the same files played by the pacer: at the trace's
//! own times, and in a closed loop that ignores them; single requests and sessions with delays.
//!
//! At the trace's times a whole run is compared, pacer, cluster and records. Clusters run in microseconds, Dynamo in nanoseconds, so
//! stamps may be off by what rounding adds up to over the passes a request has seen, and a turn of a session by that of all turns
//! before it.
//!
//! In a closed loop Dynamo lets the next request into the very pass that begins when another ends. No client is that fast, and ours
//! comes one pass later, live and simulated. So pacer and schedulers are put together here in Dynamo's order, in nanoseconds.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use serde_json::Value;
use tokmark_base::{Micros, Phase, Seed};
use tokmark_engine::cluster::Blueprint;
use tokmark_engine::router::{PolicyKind, RouterSpec};
use tokmark_engine::spec::EngineKind;
use tokmark_engine::{Arrival, EngineSpec, Event, Length, Lifecycle, Limits, Out, RequestId, simulate};
use tokmark_perf::{Deployment, Mode, Polynomial, Role};
use tokmark_record::sink::Kept;
use tokmark_record::{Asked, Read, Record, Usage};
use tokmark_workload::source::With;
use tokmark_workload::{
    ArrivalKind, Count, Course, Dataset, FileFormat, Inputs, LoadSpec, Next, Numbering, Pacer, Place, Plan,
    PlannedRequest, Requests, Shape, WorkloadSpec,
};

use crate::routing::Letters;
use crate::{dynamo_vllm, golden};

/// A trace, read here by itself: the oracle of whatever else reads one.
#[derive(Clone, Debug)]
struct Trace {
    sessions: Vec<Vec<golden::Row>>,
    /// What the clock counts in a microsecond.
    ticks: i64,
}

impl Trace {
    fn row(&self, request: u64) -> (&golden::Row, Place) {
        let address = self.numbering().address(request);
        let session = &self.sessions[address.item as usize];
        let place = Place { session: address.item, turn: address.turn, turns: session.len() as u32 };
        (&session[address.turn as usize], place)
    }

    fn has_turns(&self) -> bool {
        self.sessions.iter().any(|session| session.len() > 1)
    }

    fn numbering(&self) -> Numbering {
        if self.has_turns() { Numbering::Turns } else { Numbering::Single }
    }
}

impl Requests for Trace {
    fn request(&self, index: u64) -> PlannedRequest {
        PlannedRequest { index, ..PlannedRequest::default() }
    }

    fn shape(&self, index: u64) -> Shape {
        let (row, place) = self.row(index);
        Shape {
            isl: Some(row.input),
            osl: Some(row.output),
            content: row.content.clone(),
            session: self.has_turns().then_some(place),
            ..Shape::default()
        }
    }

    fn numbering(&self) -> Numbering {
        self.numbering()
    }
}

impl Course for Trace {
    fn numbering(&self) -> Numbering {
        self.numbering()
    }

    fn turns(&self, request: u64) -> u32 {
        self.row(request).1.turns
    }

    fn delay(&self, request: u64) -> Micros {
        Micros(self.row(request).0.delay.map_or(0, |delay| delay.0 * self.ticks))
    }

    fn at(&self, request: u64) -> Option<Micros> {
        self.row(request).0.at
    }

    fn timed_items(&self) -> Option<u64> {
        Some(self.sessions.len() as u64)
    }
}

fn engine(file: &Value, role: &str, disagg: bool) -> EngineSpec {
    let engine = &file["engine"][role];
    let number = |name: &str| engine[name].as_u64().map(|n| n as u32);
    let transfer = |name: &str| engine[name].as_f64().filter(|_| disagg);
    if engine["backend"] == "trtllm" {
        return EngineSpec {
            kind: Some(EngineKind::Trtllm),
            max_batch_size: number("max_num_seqs"),
            max_num_tokens: number("max_num_batched_tokens"),
            tokens_per_block: number("block_size"),
            max_tokens: number("num_gpu_blocks").zip(number("block_size")).map(|(n, block)| n * block),
            ..EngineSpec::default()
        };
    }
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

/// The records of a plan on the cluster of a golden file.
fn play(file: &Value, requests: &dyn Requests, course: &Arc<dyn Course>) -> Vec<Record> {
    let job = &file["job"];
    let count = |name: &str| job[name].as_u64().map(|n| n as u32);
    let role = |name| Some(Role { workers: count(name), ..Role::default() });
    let disagg = count("prefill_workers").is_some();
    let deployment = if disagg {
        let (prefill, decode) = (role("prefill_workers"), role("decode_workers"));
        Deployment { mode: Some(Mode::Disagg), prefill, decode, ..Deployment::default() }
    } else {
        Deployment { workers: count("workers"), ..Deployment::default() }
    };
    let policy = if job["router"] == "kv_router" { PolicyKind::Kv } else { PolicyKind::RoundRobin };
    let first = if disagg { "prefill" } else { "aggregated" };
    let mut cluster = Blueprint {
        engine: engine(file, first, disagg).resolve(disagg).unwrap(),
        decode: disagg.then(|| engine(file, "decode", false).resolve(false).unwrap().scheduler),
        deployment: &deployment,
        router: &RouterSpec { policy, ..RouterSpec::default() },
        timing: Arc::new(Polynomial),
        decode_timing: None,
        faults: &[],
        seed: Seed(1),
    }
    .build()
    .unwrap();
    let load = LoadSpec { arrival: Some(ArrivalKind::Trace), ..LoadSpec::default() };
    let mut pacer = Pacer::alone(&load.resolve().unwrap(), Seed(1), course);
    let mut kept = Kept::default();
    simulate(&mut pacer, requests, &mut cluster, Limits::default(), &mut kept, &|| false).unwrap();
    kept.records
}

/// Every stamp, of which `unit` make a millisecond, within `tolerance` milliseconds; every reuse exactly.
fn compare(file: &Value, trace: &Trace, records: &[Record], unit: f64, tolerance: f64) {
    let rows = file["requests"].as_array().unwrap();
    assert_eq!(rows.len(), records.len());
    let seen: BTreeMap<u64, &Record> = records.iter().map(|record| (record.request, record)).collect();
    let index = |item: u64, turn: u64| trace.numbering().index(Phase::Profiling, item, turn as u32);
    for (n, row) in rows.iter().enumerate() {
        // In a closed loop Dynamo calls the n-th line of a trace without sessions `request_n`.
        let request = match row["session"].as_str() {
            None => n as u64,
            Some(name) => match name.strip_prefix("request_") {
                Some(line) => line.parse::<u64>().unwrap() - 1,
                None => index(name[1..].parse().unwrap(), row["turn"].as_u64().unwrap()),
            },
        };
        let record = seen[&request];
        let near = |what: &str, at: i64| {
            let (at, expected) = (at as f64 / unit, row[what].as_f64().unwrap());
            assert!((at - expected).abs() <= tolerance, "{what} of {request}: {at}, not {expected}");
        };
        let tokens: Vec<i64> = record.reads.content_events().map(|event| event.at.0).collect();
        near("arrival_ms", record.intended_us.or(record.sent_us).unwrap().0);
        near("first_token_ms", tokens[0]);
        near("last_token_ms", *tokens.last().unwrap());
        let usage = record.usage.unwrap();
        assert_eq!(usage.prompt.map(u64::from), row["input_tokens"].as_u64(), "prompt of {request}");
        assert_eq!(usage.completion.map(u64::from), row["output_tokens"].as_u64(), "reply of {request}");
        assert_eq!(usage.cached.map(u64::from), row["reused_tokens"].as_u64(), "reuse of {request}");
    }
}

/// The same in a closed loop, in nanoseconds: what ends, then what starts for it, then the passes.
fn play_closed(golden: &dynamo_vllm::Golden, load: &LoadSpec, trace: &Trace) -> Vec<Record> {
    let course: Arc<dyn Course> = Arc::new(trace.clone());
    let mut pacer = Pacer::alone(&load.resolve().unwrap(), Seed(1), &course);
    let mut workers: Vec<_> = (0..golden.workers).map(|_| (golden.scheduler(), None)).collect();
    let (mut now, mut out, mut records) = (0, Out::default(), Vec::<Record>::new());
    let timing = golden.timing();
    loop {
        for (scheduler, end) in &mut workers {
            if *end == Some(now) {
                scheduler.end(Micros(now), &mut out);
                *end = None;
            }
        }
        for event in out.events.drain(..) {
            heed(&mut records[event.request.0 as usize], event, &mut pacer);
        }
        let due = loop {
            match pacer.poll(Micros(now)) {
                Next::Release(release) => {
                    let id = RequestId(records.len() as u64);
                    let shape = trace.shape(release.request);
                    let length = Length::exactly(shape.osl.unwrap());
                    let arrival = Arrival {
                        id,
                        input: shape.isl,
                        content: shape.content,
                        length,
                        ..Arrival::default()
                    };
                    let asked = Asked { isl: shape.isl, osl: shape.osl };
                    let sent_us = Some(Micros(now));
                    records.push(Record { request: release.request, asked, sent_us, ..Record::default() });
                    let turn = id.0 as usize % workers.len();
                    workers[turn].0.arrive(Micros(now), arrival, &mut out);
                }
                Next::Wait { until } => break until.map(|at| at.0),
                Next::Finished => break None,
            }
        };
        for (scheduler, end) in workers.iter_mut().filter(|(_, end)| end.is_none()) {
            *end = scheduler.begin(Micros(now), &mut out).map(|step| now + timing.nanoseconds(&step));
        }
        match workers.iter().filter_map(|(_, end)| *end).chain(due).min() {
            Some(next) => now = next,
            None => return records,
        }
    }
}

/// Writes down what a record of nanoseconds needs to be compared.
fn heed(record: &mut Record, event: Event, pacer: &mut Pacer) {
    match event.what {
        Lifecycle::FirstToken | Lifecycle::Tokens(1) => {
            let (user, kernel, open) = (event.at, Some(event.at), event.at);
            record.reads.0.push(Read { user, kernel, open, bytes: 0, events: 1, content: 1, tail: true });
        }
        Lifecycle::Admitted { cached } => {
            let cached = record.usage.and_then(|usage| usage.cached).max(cached);
            record.usage = Some(Usage { cached, ..Usage::default() });
        }
        Lifecycle::Finished(_) => {
            let (prompt, completion) = (record.asked.isl, Some(record.reads.0.len() as u32));
            record.usage = record.usage.map(|usage| Usage { prompt, completion, ..usage });
            pacer.completed(record.request, event.at, true);
        }
        _ => {}
    }
}

fn trace(name: &str, ticks: i64) -> (Value, Trace) {
    let (file, rows) = golden::rows(name);
    let mut sessions: Vec<Vec<golden::Row>> = Vec::new();
    let mut names = BTreeMap::new();
    for row in rows {
        let item = match &row.session {
            Some(name) => *names.entry(name.clone()).or_insert(sessions.len()),
            None => sessions.len(),
        };
        if item == sessions.len() {
            sessions.push(Vec::new());
        }
        sessions[item].push(row);
    }
    (file, Trace { sessions, ticks })
}

/// The plan of a golden file's trace: the same rows, read by tokmark.
fn plan(file: &Value) -> Arc<Plan> {
    let name = file["job"]["trace"].as_str().unwrap();
    let spec = serde_json::json!({
        "file": name, "format": "mooncake", "block_size": file["job"]["trace_block_size"],
    });
    let spec: WorkloadSpec = serde_json::from_value(spec).unwrap();
    let bytes = Box::new(Cursor::new(golden::bytes(name)));
    let rows = Dataset::read(FileFormat::Mooncake, name, bytes, &spec, With::default()).unwrap();
    let inputs = Inputs { file: Some(rows), ..Inputs::synthetic(Arc::new(Letters)) };
    Arc::new(Plan::new(&spec, Seed(1), inputs).unwrap())
}

fn agrees(name: &str, tolerance: f64) {
    let (file, trace) = trace(name, 1);
    let course: Arc<dyn Course> = Arc::new(trace.clone());
    let records = play(&file, &trace, &course);
    compare(&file, &trace, &records, 1e3, tolerance);
    let plan = plan(&file);
    let course: Arc<dyn Course> = plan.clone();
    assert!(play(&file, &*plan, &course) == records, "{name}: read by tokmark it is another trace");
}

fn agrees_closed(name: &str) {
    let (file, trace) = trace(name, 1_000);
    let golden = dynamo_vllm::golden(name);
    let n = trace.sessions.len() as u64;
    let mut load = LoadSpec {
        concurrency: file["job"]["concurrency"].as_u64().map(|n| n as u32),
        requests: Some(Count::Exactly(n)),
        ..LoadSpec::default()
    };
    if trace.has_turns() {
        (load.sessions, load.requests) = (Some(n), Some(Count::Exactly(1 << 20)));
    }
    compare(&file, &trace, &play_closed(&golden, &load, &trace), 1e6, 1e-6);
}

#[test]
fn one_worker_at_the_trace_s_times() {
    agrees("vllm-1-queueing", 0.05);
}

#[test]
fn many_workers_at_the_trace_s_times() {
    agrees("vllm-4-round-robin", 0.05);
    agrees("vllm-4-kv-router", 0.05);
    agrees("vllm-2p2d", 0.05);
}

#[test]
fn sessions_with_delays() {
    agrees("vllm-2-sessions", 0.1);
    agrees("trtllm-2-sessions", 0.1);
}

#[test]
fn a_closed_loop_over_a_trace() {
    agrees_closed("vllm-1-closed");
}

#[test]
fn sessions_with_delays_in_a_closed_loop() {
    agrees_closed("vllm-2-sessions-closed");
}
