//! Dynamo 1.6.1's offline replay against `tokmark simulate`: the same requests at the same moments, by our plan, exported once as a
//! Mooncake trace for Dynamo; and traces that both read, at their own times and in a closed loop.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tokmark_base::{Content, Lexicon, Seed, Stream};
use tokmark_record::file::LineReader;
use tokmark_workload::{Inputs, LoadSpec, Next, Pacer, Plan, Requests, WorkloadSpec};

use super::{percent, run_dir, tokmark};
use crate::{Outcome, proc};

/// Tokens of a block, in the trace and in both engines (Dynamo's default for vLLM).
const BLOCK: u32 = 64;
/// KV blocks of a worker (Dynamo's default).
const BLOCKS: u32 = 16_384;

/// One comparison.
struct Case {
    name: &'static str,
    requests: u64,
    rate: f64,
    /// Prompt tokens of each one's own, behind 512 shared ones of 32 prefixes.
    own: u32,
    /// Standard deviations of own tokens and of output tokens.
    spread: (f64, f64),
    workers: Workers,
    router: &'static str,
    plays: Plays,
}

/// Where the requests come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plays {
    /// Our spec; Dynamo gets it as a trace.
    Spec,
    /// The same trace, which both read.
    Trace,
    /// A trace of sessions with delays, which both read.
    Sessions,
    /// The same in a closed loop of so many sessions.
    Closed(u32),
}

#[derive(Clone, Copy)]
enum Workers {
    Agg(u32),
    Disagg(u32, u32),
}

const CASES: &[Case] = &[
    Case {
        name: "1 worker",
        requests: 20_000,
        rate: 5.0,
        own: 512,
        spread: (0.0, 0.0),
        workers: Workers::Agg(1),
        router: "round_robin",
        plays: Plays::Spec,
    },
    Case {
        name: "1 worker, mixed lengths",
        requests: 20_000,
        rate: 8.0,
        own: 1_024,
        spread: (400.0, 60.0),
        workers: Workers::Agg(1),
        router: "round_robin",
        plays: Plays::Spec,
    },
    Case {
        name: "4 workers",
        requests: 20_000,
        rate: 20.0,
        own: 512,
        spread: (0.0, 0.0),
        workers: Workers::Agg(4),
        router: "round_robin",
        plays: Plays::Spec,
    },
    Case {
        name: "4 workers, mixed lengths",
        requests: 20_000,
        rate: 40.0,
        own: 1_024,
        spread: (400.0, 60.0),
        workers: Workers::Agg(4),
        router: "round_robin",
        plays: Plays::Spec,
    },
    Case {
        name: "2 prefill + 2 decode",
        requests: 20_000,
        rate: 20.0,
        own: 512,
        spread: (0.0, 0.0),
        workers: Workers::Disagg(2, 2),
        router: "round_robin",
        plays: Plays::Spec,
    },
    Case {
        name: "2 prefill + 2 decode, mixed lengths",
        requests: 20_000,
        rate: 20.0,
        own: 1_024,
        spread: (400.0, 60.0),
        workers: Workers::Disagg(2, 2),
        router: "round_robin",
        plays: Plays::Spec,
    },
    Case {
        name: "4 workers, KV router",
        requests: 100_000,
        rate: 20.0,
        own: 512,
        spread: (0.0, 0.0),
        workers: Workers::Agg(4),
        router: "kv",
        plays: Plays::Spec,
    },
    Case { name: "4 workers, from the trace", plays: Plays::Trace, ..PLAYED },
    Case { name: "4 workers, sessions from a trace", plays: Plays::Sessions, ..PLAYED },
    Case { name: "4 workers, 16 sessions at a time", plays: Plays::Closed(16), ..PLAYED },
];

/// What the cases of files have in common.
const PLAYED: Case = Case {
    name: "",
    requests: 20_000,
    rate: 20.0,
    own: 512,
    spread: (0.0, 0.0),
    workers: Workers::Agg(4),
    router: "round_robin",
    plays: Plays::Trace,
};

/// What both say.
#[derive(Clone, Copy)]
struct Said {
    ttft: f64,
    tpot: f64,
    e2e: f64,
    reuse: f64,
    wall_s: f64,
}

/// Every case, a line each.
pub(super) fn run(folder: &Path, quick: bool) -> Outcome {
    let cache = proc::cache();
    let install = proc::root().join("xtask/parity/install.sh");
    let python = PathBuf::from(proc::output(Command::new(install).arg(cache))?.trim());
    println!("| case | requests | | TTFT ms | TPOT ms | E2E ms | reuse | wall s |");
    println!("|---|---|---|---|---|---|---|---|");
    for case in CASES {
        let requests = if quick { case.requests / 10 } else { case.requests };
        let dir = folder.join(case.name.replace([' ', '+', ','], "-"));
        fs::create_dir_all(&dir)?;
        let theirs = ask_dynamo(case, requests, &python, &dir)?;
        let ours = ask_tokmark(case, requests, &dir)?;
        print(case, requests, theirs, ours);
    }
    Ok(())
}

fn print(case: &Case, requests: u64, theirs: Said, ours: Said) {
    let row = |who: &str, s: Said| {
        println!(
            "| {} | {requests} | {who} | {:.3} | {:.4} | {:.2} | {:.4} | {:.2} |",
            case.name, s.ttft, s.tpot, s.e2e, s.reuse, s.wall_s
        );
    };
    row("Dynamo", theirs);
    row("tokmark", ours);
    println!(
        "| {} | | difference | {:+.2} % | {:+.2} % | {:+.2} % | {:+.2} points | {:.1} × faster |",
        case.name,
        percent(ours.ttft, theirs.ttft),
        percent(ours.tpot, theirs.tpot),
        percent(ours.e2e, theirs.e2e),
        (ours.reuse - theirs.reuse) * 100.0,
        theirs.wall_s / ours.wall_s,
    );
}

impl Case {
    fn workload(&self) -> Value {
        json!({
            "isl": self.own, "isl_stddev": self.spread.0, "osl": 128, "osl_stddev": self.spread.1,
            "prefix": {"length": 512, "pool": 32},
        })
    }

    fn load(&self, requests: u64) -> Value {
        json!({"rate": self.rate, "requests": requests})
    }

    /// Workload and load as tokmark is asked for them.
    fn asked(&self, requests: u64, trace: &Path) -> (Value, Value) {
        let file = json!({"file": trace, "format": "mooncake", "block_size": BLOCK});
        match self.plays {
            Plays::Spec => (self.workload(), self.load(requests)),
            Plays::Trace | Plays::Sessions => (file, json!({"arrival": "trace"})),
            Plays::Closed(sessions) => (file, json!({"concurrency": sessions, "requests": requests})),
        }
    }
}

/// Words of one letter: lengths and shared prefixes do not depend on them.
struct Letters;

impl Lexicon for Letters {
    fn id(&self) -> String {
        "letters".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, _stream: &mut Stream) -> u32 {
        (0..tokens).for_each(|_| text.push('a'));
        tokens
    }
}

/// The plan as a Mooncake trace: a hash id for every block of 64 tokens of a segment.
fn export(case: &Case, requests: u64, path: &Path) -> Outcome {
    let workload: WorkloadSpec = serde_json::from_value(case.workload())?;
    let load = serde_json::from_value::<LoadSpec>(case.load(requests))?.resolve()?;
    let plan = Plan::new(&workload, Seed(workload.seed), Inputs::synthetic(Arc::new(Letters)))?;
    let mut pacer = Pacer::new(&load, plan.seed(), 0, 1);
    let mut out = BufWriter::new(File::create(path)?);
    let mut ids = std::collections::HashMap::new();
    let mut now = tokmark_base::Micros::ZERO;
    loop {
        match pacer.poll(now) {
            Next::Release(release) => {
                let shape = plan.shape(release.request);
                let Content::Segments(segments) = &shape.content else { return Err("not segments".into()) };
                let hash_ids: Vec<usize> = segments
                    .iter()
                    .flat_map(|s| (0..s.tokens.div_ceil(BLOCK)).map(|block| (s.id, block)))
                    .map(|block| {
                        let next = ids.len();
                        *ids.entry(block).or_insert(next)
                    })
                    .collect();
                let at = release.intended.ok_or("an open loop has intended starts")?;
                let row = json!({
                    "timestamp": at.0 as f64 / 1_000.0, "input_length": shape.isl, "output_length": shape.osl,
                    "hash_ids": hash_ids,
                });
                writeln!(out, "{row}")?;
            }
            Next::Wait { until: Some(until) } => now = until,
            Next::Wait { until: None } | Next::Finished => break,
        }
    }
    Ok(out.flush()?)
}

fn ask_dynamo(case: &Case, requests: u64, python: &Path, dir: &Path) -> Result<Said, Box<dyn Error>> {
    let trace = dir.join("trace.jsonl");
    match case.plays {
        Plays::Spec | Plays::Trace => export(case, requests, &trace)?,
        Plays::Sessions | Plays::Closed(_) => {
            let script = proc::root().join("xtask/parity/workload.py");
            let mut command = Command::new(python);
            proc::run(command.arg(script).args(["sessions", &requests.to_string()]).arg(&trace))?;
        }
    }
    let mut job = json!({"trace": "trace.jsonl", "trace_block_size": BLOCK});
    if let Plays::Closed(sessions) = case.plays {
        job["concurrency"] = sessions.into();
    }
    job["router"] = if case.router == "kv" { "kv_router" } else { case.router }.into();
    let engine = json!({"num_gpu_blocks": BLOCKS, "block_size": BLOCK});
    match case.workers {
        Workers::Agg(n) => {
            job["workers"] = n.into();
            job["engine"] = engine;
        }
        Workers::Disagg(prefill, decode) => {
            job["prefill_workers"] = prefill.into();
            job["decode_workers"] = decode.into();
            job["prefill_engine"] = engine.clone();
            job["decode_engine"] = engine;
        }
    }
    let path = dir.join("job.json");
    fs::write(&path, job.to_string())?;
    let script = proc::root().join("xtask/parity/dynamo_replay.py");
    let said: Value = serde_json::from_str(&proc::output(Command::new(python).arg(script).arg(path))?)?;
    let of =
        |key: &str| said["summary"][key].as_f64().ok_or_else(|| format!("Dynamo's summary has no {key}"));
    Ok(Said {
        ttft: of("mean_ttft_ms")?,
        tpot: of("mean_tpot_ms")?,
        e2e: of("mean_e2e_latency_ms")?,
        reuse: of("prefix_cache_reused_ratio")?,
        wall_s: of("wall_time_ms")? / 1_000.0,
    })
}

fn ask_tokmark(case: &Case, requests: u64, dir: &Path) -> Result<Said, Box<dyn Error>> {
    let (workload, load) = case.asked(requests, &dir.join("trace.jsonl"));
    let mut spec = json!({
        "workload": workload, "load": load,
        "engine": {"kind": "vllm", "block_size": BLOCK, "num_gpu_blocks_override": BLOCKS, "max_num_batched_tokens": 8_192, "max_num_seqs": 256},
        "timing": {"model": "polynomial"}, "router": {"policy": case.router},
        "output": {"dir": dir},
    });
    spec["deployment"] = match case.workers {
        Workers::Agg(n) => json!({"workers": n}),
        Workers::Disagg(p, d) => {
            json!({"mode": "disagg", "prefill": {"tp": 1, "workers": p}, "decode": {"tp": 1, "workers": d}})
        }
    };
    let path = dir.join("spec.json");
    fs::write(&path, spec.to_string())?;
    let run = tokmark(&["simulate".to_owned(), "-f".to_owned(), path.display().to_string()])?;
    // The simulation with its records written; Dynamo's own clock leaves out reading the trace and writing anything.
    let wall_s = run["simulation"]["wall_s"].as_f64().ok_or("tokmark does not say how long it took")?;
    let dir = run_dir(&run)?;
    let said = read(&dir, wall_s);
    fs::remove_dir_all(dir)?;
    said
}

/// Means over every request, from the records: Dynamo's own population.
fn read(dir: &Path, wall_s: f64) -> Result<Said, Box<dyn Error>> {
    let (mut n, mut with_gaps) = (0.0, 0.0);
    let (mut ttft, mut tpot, mut e2e) = (0.0, 0.0, 0.0);
    let (mut cached, mut prompt) = (0_u64, 0_u64);
    let mut records = LineReader::new(File::open(dir.join("records.jsonl.zst"))?)?;
    while let Some(record) = records.next_record() {
        let record = record?;
        let (Some(sent), Some(usage)) = (record.sent_us, record.usage) else { continue };
        let stamps: Vec<i64> = record.reads.content_events().map(|event| event.at.0).collect();
        let (Some(first), Some(last)) = (stamps.first(), stamps.last()) else { continue };
        let tokens = f64::from(usage.completion.unwrap_or(0));
        n += 1.0;
        ttft += (first - sent.0) as f64 / 1e3;
        e2e += (last - sent.0) as f64 / 1e3;
        if tokens > 1.0 {
            with_gaps += 1.0;
            tpot += (last - first) as f64 / 1e3 / (tokens - 1.0);
        }
        cached += u64::from(usage.cached.unwrap_or(0));
        prompt += u64::from(usage.prompt.unwrap_or(0));
    }
    let reuse = cached as f64 / prompt as f64;
    Ok(Said { ttft: ttft / n, tpot: tpot / with_gaps, e2e: e2e / n, reuse, wall_s })
}
