//! The router benchmarks: presets over named targets, with and without KV routing, in virtual time and over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;

use crate::target::run_dir;
use crate::tool::{Said, run_in};

/// Round robin against KV routing over eight workers.
const ROUTERS: [&str; 4] = [
    "--target",
    "rr:router.policy=round_robin,deployment.workers=8",
    "--target",
    "kv:router.policy=kv,deployment.workers=8",
];

fn made(out: &Path, args: &[&str]) -> (Said, Value) {
    let said = run_in(out, args);
    let results = std::fs::read_to_string(run_dir(out).join("results_summary.json"))
        .unwrap_or_else(|e| panic!("{e}\n{}", said.stderr));
    (said, serde_json::from_str(&results).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap_or_else(|| panic!("{value}"))).collect()
}

#[test]
fn more_sharing_gives_lower_ttft_with_kv_routing() {
    let out = tempfile::tempdir().unwrap();
    let args = ["simulate", "--preset", "prefix-ratio", "--validity", "report"];
    let (said, results) = made(out.path(), &[&args[..], &ROUTERS[..]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let of = |target: &str, key: &str| numbers(&results["targets"][target][key]);
    assert_eq!(of("kv", "prefix_ratios"), [0.1, 0.3, 0.5, 0.7, 0.9]);
    let (kv, rr) = (of("kv", "ttft_p50_values"), of("rr", "ttft_p50_values"));
    assert!(kv.is_sorted_by(|a, b| a > b), "TTFT falls as the shared part grows: {kv:?}");
    assert!(kv.iter().zip(&rr).skip(1).all(|(kv, rr)| kv < rr), "KV routing {kv:?}, round robin {rr:?}");
    let gain = |n: usize| rr[n] / kv[n];
    assert!(gain(4) > gain(0), "{kv:?} {rr:?}");
    assert_eq!(results["targets"]["kv"]["config"]["num_prefix_prompts"], 20);
    assert_eq!(results["targets"]["kv"]["config"]["requests"], 200);
    for target in ["rr", "kv"] {
        for ratio in ["ratio0.1", "ratio0.9"] {
            assert!(run_dir(out.path()).join(target).join(ratio).join("summary.json").is_file());
        }
    }
    let picture = std::fs::read_to_string(run_dir(out.path()).join("prefix_ratio_performance.svg")).unwrap();
    assert!(picture.contains("TTFT vs Prefix Ratio") && picture.contains("ITL vs Prefix Ratio"));
    assert!(run_dir(out.path()).join("prefix_ratio_performance.png").is_file());
}

#[test]
fn the_same_preset_measures_real_http() {
    let out = tempfile::tempdir().unwrap();
    let args = [
        "bench",
        "--preset",
        "prefix-ratio",
        "--prefix-ratio",
        "0.5",
        "--isl",
        "600",
        "--osl",
        "4",
        "--requests",
        "10x",
        "-c",
        "4",
        "--engine",
        "vllm",
        "--validity",
        "report",
    ];
    let (said, results) = made(out.path(), &[&args[..], &ROUTERS[..]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for target in ["rr", "kv"] {
        assert_eq!(numbers(&results["targets"][target]["ttft_p50_values"]).len(), 1, "{results}");
        assert_eq!(numbers(&results["targets"][target]["prefix_ratios"]), [0.5]);
        assert_eq!(results["targets"][target]["config"]["requests"], 40, "10x");
        let records = run_dir(out.path()).join(target).join("records.jsonl.zst");
        assert!(records.is_file());
    }
}

#[test]
fn sessions_keep_their_cache_where_the_router_knows_it() {
    let out = tempfile::tempdir().unwrap();
    let (said, results) = made(
        out.path(),
        &[&["simulate", "--preset", "multi-turn", "--validity", "report"][..], &ROUTERS[..]].concat(),
    );
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let p50 = |target: &str| results["targets"][target]["runs"][0]["ttft_ms"]["p50"].as_f64().unwrap();
    assert!(p50("kv") < p50("rr"), "{results}");
    let told = said.stdout + &said.stderr;
    assert!(told.contains("kv") && told.contains("rr"), "{told}");
}

#[test]
fn priorities_are_served_in_their_order() {
    let out = tempfile::tempdir().unwrap();
    let args = [
        "simulate",
        "--preset",
        "priority-tiers",
        "--scheduling-policy",
        "priority",
        "--rate",
        "8",
        "--max-num-seqs",
        "8",
        "--validity",
        "report",
    ];
    let (said, results) = made(out.path(), &args);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let ttft = |target: &str, tier: &str| {
        let tiers = results["targets"][target]["runs"][0]["tiers"].as_array().unwrap();
        tiers.iter().find(|t| t["name"] == tier).unwrap()["ttft_ms"]["p50"].as_f64().unwrap()
    };
    assert!(ttft("tagged", "high") < ttft("tagged", "medium"), "{results}");
    assert!(ttft("tagged", "medium") < ttft("tagged", "low"), "{results}");
    assert!(ttft("tagged", "high") < ttft("baseline", "high"), "{results}");
}

/// A trace of `n` rows with times, a tenth of a second apart.
fn trace(dir: &Path, n: u32) -> String {
    let row = |i: u32| {
        format!("{{\"timestamp\": {}, \"input_length\": {}, \"output_length\": 2}}\n", i * 100, 20 + i)
    };
    let path = dir.join("trace.jsonl");
    std::fs::write(&path, (0..n).map(row).collect::<String>()).unwrap();
    path.display().to_string()
}

fn planned(args: &[&str]) -> Value {
    let said = crate::tool::run(&[args, &["--dry-run", "--json"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.json()["plan"].clone()
}

#[test]
fn presets_replay_a_file_as_the_fields_scripts_do() {
    let dir = tempfile::tempdir().unwrap();
    let trace = trace(dir.path(), 12);
    let tiers = planned(&["simulate", "--preset", "priority-tiers", "--input", &trace]);
    assert_eq!(tiers.as_array().unwrap().len(), 2, "{tiers}");
    for plan in tiers.as_array().unwrap() {
        assert_eq!(plan["requests"], 12, "{tiers}");
        assert!((plan["duration_s"].as_f64().unwrap() - 1.1).abs() < 0.2, "{tiers}");
    }
    let turns = planned(&["simulate", "--preset", "multi-turn", "--input", &trace]);
    assert_eq!(turns.as_array().unwrap().len(), 1, "{turns}");
    let twice = planned(&["simulate", "--input", &trace, "--replay-speed", "2"]);
    assert!((twice[0]["duration_s"].as_f64().unwrap() - 0.55).abs() < 0.1, "{twice}");
}

#[test]
fn what_has_no_times_cannot_be_replayed_at_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prompts.jsonl");
    std::fs::write(&path, "{\"input_length\": 9, \"output_length\": 2}\n").unwrap();
    let said = crate::tool::run(&["simulate", "--input", path.to_str().unwrap(), "--replay-speed", "2"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("no times") && said.stderr.contains("--rate"), "{}", said.stderr);
}

/// A service that answers every request with one token and hands the bodies out.
fn recorder() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (bodies, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let bodies = bodies.clone();
            std::thread::spawn(move || answer(&stream, &bodies));
        }
    });
    (url, seen)
}

/// Answers the requests of one connection.
fn answer(stream: &TcpStream, bodies: &Sender<Value>) -> Option<()> {
    const REPLY: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let mut input = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        while input.read_line(&mut line).ok()? > 2 {
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().ok()?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).ok()?;
        bodies.send(serde_json::from_slice(&body).ok()?).ok()?;
        let mut output = stream;
        write!(
            output,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{REPLY}",
            REPLY.len()
        )
        .ok()?;
    }
}

#[test]
fn each_named_target_hears_words_of_its_own_where_that_is_asked() {
    let heard = |bust: &str| {
        let (url, seen) = recorder();
        let out = tempfile::tempdir().unwrap();
        let targets = [format!("a:{url}"), format!("b:{url}")];
        let args = ["bench", "--no-gate", "--no-stream", "-m", "m", "--isl", "30", "--prefix-length", "20"];
        let load = ["-c", "1", "-n", "4", "--osl", "1", "--cache-bust", bust, "--validity", "report"];
        let named = ["--target", &targets[0], "--target", &targets[1]];
        let said = run_in(out.path(), &[&args[..], &load[..], &named[..]].concat());
        let texts: Vec<String> =
            seen.try_iter().map(|body| body["messages"][0]["content"].as_str().unwrap().to_owned()).collect();
        assert_eq!(texts.len(), 8, "{}", said.stderr);
        let (a, b) = texts.split_at(4);
        (a.to_vec(), b.to_vec())
    };
    let (a, b) = heard("none");
    assert_eq!(a, b);
    let (a, b) = heard("run");
    // Ten words or so: what two prompts of one run have in common, and two of different runs have not.
    let begin = |text: &String| text.split_whitespace().take(10).collect::<Vec<_>>().join(" ");
    assert!(a.iter().all(|text| begin(text) == begin(&a[0])), "{a:?}");
    assert!(b.iter().all(|text| begin(text) == begin(&b[0]) && begin(text) != begin(&a[0])), "{b:?}");
}
