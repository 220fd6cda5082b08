//! How late are the server's own sends? `cargo run --release -p tokmark-play --example lateness`
//!
//! vLLM workers with passes of 20 ± 2 ms whatever the load, each serving its share of the streams, and a client in this process that
//! reads them all on one thread. One worker makes every stream due at the same instant; several end their passes at times of their
//! own. Prints the server's lateness, and what a token costs it in processor time.

// A measurement that cannot be made ends here, with what it says on the screen.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokmark_base::{Micros, Seed};
use tokmark_engine::router::RouterSpec;
use tokmark_engine::spec::EngineKind;
use tokmark_engine::{EngineSpec, cluster};
use tokmark_perf::{Deployment, TimingModel, TimingSpec};
use tokmark_play::{Config, Server};

/// Streams, workers, threads of the server.
const ROWS: [(usize, usize, usize); 6] =
    [(512, 1, 1), (512, 1, 2), (512, 4, 1), (512, 4, 2), (512, 8, 1), (64, 1, 1)];

fn main() {
    println!("streams workers threads | lateness | tokens, processor time of the server a token");
    for (streams, workers, threads) in ROWS {
        measure(streams, workers, threads);
    }
}

fn measure(streams: usize, workers: usize, threads: usize) {
    let ms = |ms| Some(tokmark_base::Duration(Micros::from_millis(ms)));
    let timing = TimingSpec {
        model: TimingModel::Constant,
        ttft: ms(2),
        itl: ms(20),
        itl_stddev: ms(2),
        ..TimingSpec::default()
    };
    let timing = timing.build(None, Seed(0)).unwrap();
    let spec =
        EngineSpec { kind: Some(EngineKind::Vllm), max_num_seqs: Some(1_024), ..EngineSpec::default() };
    let deployment = Deployment { workers: Some(workers as u32), ..Deployment::default() };
    let engine = cluster::build(&spec, &deployment, &RouterSpec::default(), timing, &[], Seed(0)).unwrap();
    let server = Server::start(Config { threads, ..Config::new("m", engine) }).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let client = {
        let (stop, address) = (Arc::clone(&stop), server.address());
        std::thread::spawn(move || read_all(address, streams, &stop))
    };
    std::thread::sleep(Duration::from_secs(5));
    let (cpu_us, tokens) = (processor_us(), server.stats().census.tokens_emitted);
    stop.store(true, Ordering::Relaxed);
    client.join().unwrap();
    let stats = server.stop();
    println!(
        "{streams} {workers} {threads} | {} | {} tokens, {:.1} µs",
        stats.lateness,
        stats.census.tokens_emitted,
        cpu_us / tokens as f64
    );
}

/// Keeps `streams` streams busy until told to stop.
fn read_all(address: SocketAddr, streams: usize, stop: &Arc<AtomicBool>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    for nth in 0..streams {
        let stop = Arc::clone(stop);
        local.spawn_local(async move {
            // Starts are spread over a pass, so that workers do not begin together.
            tokio::time::sleep(Duration::from_micros(nth as u64 * 157)).await;
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut buffer = vec![0; 1 << 16];
            while !stop.load(Ordering::Relaxed) {
                let body = format!(
                    r#"{{"model":"m","prompt":"stream {nth} asks for words","max_tokens":{},"ignore_eos":true,"stream":true}}"#,
                    // Not all end at once.
                    100 + nth % 57
                );
                let head = format!(
                    "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                loop {
                    stream.readable().await.unwrap();
                    match stream.try_read(&mut buffer) {
                        Ok(0) => return,
                        Ok(read) if buffer[..read].ends_with(b"0\r\n\r\n") => break,
                        _ => {}
                    }
                }
            }
        });
    }
    runtime.block_on(local);
}

/// Processor time of the server's threads so far, microseconds.
fn processor_us() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_server = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "tokmark-play")
    };
    let paths = tasks.map(|task| task.unwrap().path()).filter(of_server);
    let nanos = paths.filter_map(|path| {
        let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1_000.0
}
