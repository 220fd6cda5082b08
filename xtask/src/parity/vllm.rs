//! vLLM on this CPU against its twin: two minutes of profiling make a timing table, then both serve the same loads.
//!
//! The engine is vLLM 0.32 (`xtask/parity/install_vllm.sh`) with a model of two layers and random weights: its scheduler, API
//! server and KV cache are the real ones. On two cores the engine, its API server and the client share the machine, in the
//! profile as in the measurement.

use std::error::Error;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{percent, statistic, tokmark};
use crate::{Outcome, proc};

/// What the server is started with; the twin gets the same.
const MAX_NUM_SEQS: u32 = 32;
const MAX_MODEL_LEN: u32 = 4_096;
const MAX_NUM_BATCHED_TOKENS: u32 = 2_048;

/// Prompt lengths profiled one at a time.
const PREFILL: &[u32] = &[16, 64, 128, 256, 512, 1_024, 1_536];
/// Streams, prompt lengths and reply lengths whose decoding is profiled. Replies are long where prompts are: other streams'
/// prefills fall into the time between tokens, and are to be a small part of it.
const DECODE: &[(u32, u32, u32)] = &[
    (1, 64, 96),
    (2, 64, 96),
    (4, 64, 96),
    (8, 64, 96),
    (12, 64, 96),
    (16, 64, 96),
    (1, 1_024, 192),
    (4, 1_024, 192),
    (8, 1_024, 224),
    (16, 1_024, 224),
];

/// Concurrencies × (ISL, OSL) measured.
const MEASURED: &[(u32, u32, u32)] =
    &[(2, 256, 64), (6, 256, 64), (12, 256, 64), (2, 1_024, 64), (6, 1_024, 64), (12, 1_024, 64)];
/// Requests of a measured point, per stream.
const ROUNDS: u32 = 8;

/// Profiles, simulates, measures, prints a line a point.
pub(super) fn run(folder: &Path, quick: bool) -> Outcome {
    let folder = folder.join("vllm");
    fs::create_dir_all(&folder)?;
    let server = Server::start(&folder)?;
    let table = folder.join("table.json");
    let start = Instant::now();
    let profile = server.profile(if quick { 1 } else { 2 })?;
    fs::write(&table, serde_json::to_string_pretty(&profile)?)?;
    println!("profiled in {:.0} s: {}", start.elapsed().as_secs_f64(), table.display());
    println!("| streams | ISL/OSL | | E2E mean ms | TTFT p50 | p99 | ITL p50 | p99 |");
    println!("|---|---|---|---|---|---|---|---|");
    for (nth, &(streams, isl, osl)) in MEASURED.iter().enumerate() {
        let load = Load { streams, isl, osl, requests: streams * ROUNDS, seed: 1_000 + nth as u32 };
        let real = server.measure(load)?;
        let twin = simulate(load, &table, &folder)?;
        print(load, &real, &twin);
    }
    Ok(())
}

fn print(load: Load, real: &Value, twin: &Value) {
    const SHOWN: [(&str, &str); 5] = [
        ("request_latency", "mean"),
        ("time_to_first_token", "50"),
        ("time_to_first_token", "99"),
        ("inter_token_latency", "50"),
        ("inter_token_latency", "99"),
    ];
    let all = |run: &Value| SHOWN.map(|(tag, which)| statistic(run, tag, which));
    let row = |who: &str, cells: [String; 5]| {
        println!("| {} | {}/{} | {who} | {} |", load.streams, load.isl, load.osl, cells.join(" | "));
    };
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
    let (real, twin) = (all(real), all(twin));
    row("vLLM", real.map(number));
    row("twin", twin.map(number));
    let mut errors = [const { String::new() }; 5];
    for (cell, (real, twin)) in errors.iter_mut().zip(real.into_iter().zip(twin)) {
        *cell = match (real, twin) {
            (Some(real), Some(twin)) => format!("{:+.1} %", percent(twin, real)),
            _ => "–".to_owned(),
        };
    }
    row("error", errors);
}

/// One closed loop.
#[derive(Clone, Copy)]
struct Load {
    streams: u32,
    isl: u32,
    osl: u32,
    requests: u32,
    seed: u32,
}

impl Load {
    /// The same words for `bench` and `simulate`. Every load has its own seed: the server's prefix cache must not know its prompts.
    fn words(self) -> Vec<String> {
        [
            ("--concurrency", self.streams),
            ("--requests", self.requests),
            ("--warmup", self.streams),
            ("--isl", self.isl),
            ("--osl", self.osl),
            ("--seed", self.seed),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value.to_string()])
        .collect()
    }
}

fn simulate(load: Load, table: &Path, folder: &Path) -> Result<Value, Box<dyn Error>> {
    let mut words = vec!["simulate".to_owned()];
    words.extend(load.words());
    for (flag, value) in [
        ("--engine", "vllm".to_owned()),
        ("--max-num-seqs", MAX_NUM_SEQS.to_string()),
        ("--max-model-len", MAX_MODEL_LEN.to_string()),
        ("--max-num-batched-tokens", MAX_NUM_BATCHED_TOKENS.to_string()),
        ("--num-gpu-blocks-override", "65536".to_owned()),
        ("--model-timing", "table".to_owned()),
        ("--timing-table", table.display().to_string()),
        ("--out", folder.join("twin").display().to_string()),
    ] {
        words.extend([flag.to_owned(), value]);
    }
    tokmark(&words)
}

/// A running vLLM; ends when dropped.
struct Server {
    url: String,
    tokenizer: PathBuf,
    runs: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The API server leaves its engine's processes behind when it is killed: the whole group goes.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let engine = crate::engine::installed()?;
        let install = proc::root().join("xtask/parity/install_vllm.sh");
        let said = proc::output(Command::new(install).arg(proc::cache()).arg(&engine.tokenizer))?;
        let mut lines = said.lines();
        let (Some(program), Some(model)) = (lines.next(), lines.next()) else {
            return Err("install_vllm.sh did not say where vLLM and its model are".into());
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let path = folder.join("vllm.log");
        let log = File::create(&path)?;
        let mut command = Command::new(program);
        command.args(["serve", model, "--served-model-name", "tiny", "--host", "127.0.0.1"]);
        command.args(["--port", &port.to_string(), "--dtype", "float32", "--enforce-eager"]);
        for (flag, value) in [
            ("--max-model-len", MAX_MODEL_LEN),
            ("--max-num-seqs", MAX_NUM_SEQS),
            ("--max-num-batched-tokens", MAX_NUM_BATCHED_TOKENS),
        ] {
            command.args([flag, &value.to_string()]);
        }
        for (name, value) in [
            ("HF_HUB_OFFLINE", "1"),
            ("VLLM_CPU_KVCACHE_SPACE", "1"),
            ("VLLM_NO_USAGE_STATS", "1"),
            ("DO_NOT_TRACK", "1"),
            ("VLLM_TARGET_DEVICE", "cpu"),
            ("VLLM_CPU_OMP_THREADS_BIND", "nobind"),
            ("OMP_NUM_THREADS", "1"),
            ("OMP_WAIT_POLICY", "passive"),
            ("KMP_BLOCKTIME", "0"),
        ] {
            command.env(name, value);
        }
        // Without compiled modules it takes minutes to start.
        command.env_remove("PYTHONDONTWRITEBYTECODE");
        let child =
            command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let server = Self { url, tokenizer: engine.tokenizer, runs: folder.join("real"), log: path, child };
        server.wait()?;
        Ok(server)
    }

    /// The first request it answers says that it is up.
    fn wait(&self) -> Outcome {
        let load = Load { streams: 1, isl: 16, osl: 4, requests: 2, seed: 1 };
        let mut last = String::new();
        for _ in 0..40 {
            match self.measure(load) {
                Ok(_) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
            sleep(Duration::from_secs(3));
        }
        Err(format!("vLLM did not come up, see {}: {last}", self.log.display()).into())
    }

    fn measure(&self, load: Load) -> Result<Value, Box<dyn Error>> {
        let mut words = vec!["bench".to_owned(), self.url.clone()];
        words.extend(load.words());
        let tokenizer = self.tokenizer.display().to_string();
        let out = self.runs.display().to_string();
        let more =
            ["--tokenizer", &tokenizer, "--out", &out, "--count-tokens", "server", "--validity", "report"];
        words.extend(more.map(str::to_owned));
        tokmark(&words)
    }

    /// The timing table: prefill from the TTFT of one stream, decoding from the ITL of streams that start together.
    fn profile(&self, rounds: u32) -> Result<Value, Box<dyn Error>> {
        let mut seed = 100;
        let mut ask = |streams, isl, osl, requests| {
            seed += 1;
            self.measure(Load { streams, isl, osl, requests, seed })
        };
        let mut prefill = Vec::new();
        for &tokens in PREFILL {
            let run = ask(1, tokens, 2, 8 * rounds)?;
            let ms = statistic(&run, "time_to_first_token", "mean").ok_or("no TTFT")?;
            prefill.push(json!({"tokens": tokens, "ms": ms}));
        }
        let mut decode = Vec::new();
        for &(sequences, isl, osl) in DECODE {
            let run = ask(sequences, isl, osl, sequences * rounds)?;
            let ms = statistic(&run, "inter_token_latency", "mean").ok_or("no ITL")?;
            let context = sequences * (isl + osl / 2);
            decode.push(json!({"sequences": sequences, "context_tokens": context, "ms": ms}));
        }
        // What the smallest pass of either kind costs is paid once by a pass that does both.
        let least =
            |points: &[Value]| points.iter().filter_map(|p| p["ms"].as_f64()).fold(f64::INFINITY, f64::min);
        let shared = least(&prefill).min(least(&decode));
        Ok(json!({
            "schema": "tokmark.timing/1",
            "about": {"engine": "vllm-cpu 0.32.0", "model": "tiny-qwen3 (2 layers, random weights)", "made by": "cargo xtask parity vllm"},
            "method": "fit", "shared_ms": shared, "prefill": prefill, "decode": decode,
        }))
    }
}
