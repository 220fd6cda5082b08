//! `tokmark engine` as a process: what it prints, what it answers over real HTTP, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::target::bench;
use crate::tool::{process, run};

/// The page whose examples have to work.
const PAGE: &str = include_str!("../../../../docs/engine.md");

/// A running server; ends when dropped.
struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// `127.0.0.1:port`, as it printed it.
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts one on a free port, and returns when it says where it listens.
    fn start(args: &[&str]) -> Self {
        let mut child = process(["engine", "--port", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").map(|(_, address)| address.to_owned());
        let address = address.unwrap_or_else(|| {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("no address in `{line}`: {said}")
        });
        Self { child, stdout, address }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Status line and body of an answer. Without chunks and without keep-alive: HTTP/1.0.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (String, String) {
        let body = body.map_or_else(String::new, Value::to_string);
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> String {
        let (status, body) = self.ask("GET", path, None);
        assert!(status.contains(" 200 "), "{path}: {status} {body}");
        body
    }

    fn post(&self, path: &str, body: &Value) -> String {
        let (status, answer) = self.ask("POST", path, Some(body));
        assert!(status.contains(" 200 "), "{path}: {status} {answer}");
        answer
    }

    /// Sends it a signal and waits for its end: exit code, the rest of stdout, stderr.
    fn stop(mut self, signal: &str) -> (Option<i32>, String, String) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (status.code(), out, err)
    }
}

#[test]
fn help_of_engine() {
    let said = run(&["engine", "--help"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    insta::assert_snapshot!(said.stdout);
}

#[test]
fn it_serves_until_a_signal_and_exits_0() {
    let server = Served::start(&["--workers", "2", "--router", "kv", "--speedup-ratio", "10", "-m", "tiny"]);
    let models: Value = serde_json::from_str(&server.get("/v1/models")).unwrap();
    assert_eq!(models["data"][0]["id"], "tiny");
    server.get("/health");
    let asked = json!({"model": "tiny", "prompt": "one two three four", "max_tokens": 5, "ignore_eos": true});
    let reply: Value = serde_json::from_str(&server.post("/v1/completions", &asked)).unwrap();
    assert_eq!(reply["usage"]["prompt_tokens"], 4);
    assert_eq!(reply["usage"]["completion_tokens"], 5);
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    let asked = json!({
        "model": "tiny", "messages": [{"role": "user", "content": "one two"}], "max_tokens": 3, "stream": true,
        "stream_options": {"include_usage": true},
    });
    let stream = server.post("/v1/chat/completions", &asked);
    assert!(stream.ends_with("data: [DONE]\n\n") && stream.contains("\"prompt_tokens\":2"), "{stream}");
    let scrape = server.get("/metrics");
    for line in
        ["vllm:generation_tokens_total{engine=\"0\",model_name=\"tiny\"} 8", "tokmark_engine_send_lateness"]
    {
        assert!(scrape.contains(line), "`{line}` not in: {scrape}");
    }
    let (code, _, said) = server.stop("-INT");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 requests"), "{said}");
}

#[test]
fn a_scrape_has_the_names_of_the_server_played() {
    for (args, path, name) in [
        (&["--engine", "sglang"][..], "/metrics", "sglang:num_running_reqs"),
        (&["--engine", "trtllm"], "/prometheus/metrics", "trtllm_kv_cache_free_blocks"),
        (&["--metrics", "dynamo"], "/metrics", "dynamo_frontend_model_ready"),
        (&["--engine", "slots", "--metrics", "vllm"], "/metrics", "vllm:num_requests_running"),
    ] {
        let server = Served::start(args);
        let scrape = server.get(path);
        assert!(scrape.contains(name), "{args:?}: {scrape}");
    }
}

#[test]
fn admin_changes_it_while_it_runs() {
    let server = Served::start(&["--speedup-ratio", "10"]);
    let turned: Value = serde_json::from_str(&server.post(
        "/admin",
        &json!({"latency_factor": 2, "stream_interval": 4, "faults": [{"every": 1, "fault": {"kind": "status", "code": 503}}]}),
    ))
    .unwrap();
    assert_eq!((&turned["timing"]["latency_factor"], &turned["stream_interval"]), (&2.0.into(), &4.into()));
    let asked = json!({"prompt": "one", "max_tokens": 2});
    let (status, _) = server.ask("POST", "/v1/completions", Some(&asked));
    assert!(status.contains(" 503 "), "{status}");
    server.post("/admin", &json!({"faults": []}));
    server.post("/v1/completions", &asked);
    let (status, said) = server.ask("POST", "/admin", Some(&json!({"latency_factr": 2})));
    assert!(status.contains(" 400 ") && said.contains("did you mean `latency_factor`"), "{status} {said}");
    let without = Served::start(&["--no-admin"]);
    let (status, _) = without.ask("GET", "/admin", None);
    assert!(status.contains(" 404 "), "{status}");
}

#[test]
fn the_examples_of_the_page_work() {
    let server = Served::start(&["--workers", "2"]);
    let bodies: Vec<&str> = PAGE.split("-d '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    for body in &bodies {
        server.post("/admin", &serde_json::from_str(body).unwrap());
    }
    assert!(bodies.len() >= 5, "{bodies:?}");
    let shown: Value = serde_json::from_str(&server.get("/admin")).unwrap();
    assert_eq!((&shown["timing"]["replaced"], &shown["faults"]), (&false.into(), &json!([])), "{shown:#}");
}

#[test]
fn bench_measures_it_like_any_other() {
    let out = tempfile::tempdir().unwrap();
    let server = Served::start(&["--workers", "2", "--speedup-ratio", "10"]);
    let said = bench(&server.url(), out.path(), &["--prefix-length", "32"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(said.json()["summary"]["counts"]["succeeded"], 12);
    let stats: Value = serde_json::from_str(&server.get("/admin")).unwrap();
    assert_eq!(stats["census"]["finished"], 12, "{stats:#}");
    let (code, out, said) = server.stop("-TERM");
    assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, words) in [
        (&["--port", &port][..], "cannot listen|hint:"),
        (&["--port", "0", "http://h:1"], "http://h:1|is a server|hint:"),
        (&["--port", "0", "-c", "1,2"], "no sweep|hint:"),
        // Fifty thousand workers of a thousand tokens a second each: more than any machine.
        (
            &[
                "--port",
                "0",
                "--engine",
                "slots",
                "--workers",
                "50000",
                "--model-timing",
                "constant",
                "--itl",
                "1ms",
            ],
            "50000 workers|at most|hint:",
        ),
        (&["--port", "0", "--stream-interval", "0"], "stream_interval is 0|hint:"),
        (&["--port", "0", "--threads", "0"], "threads is 0|hint:"),
        (&["--port", "0", "--max-num-seqs", "0"], "max_num_seqs is 0|hint:"),
        (&["--port", "0", "--engine", "sglang", "--max-num-seqs", "8"], "max_running_requests"),
        (&["--port", "70000"], "70000"),
    ] {
        let said = run(&[&["engine"], args].concat());
        assert_eq!(said.code, Some(2), "{args:?}: {}{}", said.stdout, said.stderr);
        for word in words.split('|') {
            assert!(said.stderr.contains(word), "{args:?}: `{word}` not in: {}", said.stderr);
        }
    }
}

#[test]
fn what_only_a_client_has_is_noted() {
    let keys = ["-c", "3", "--set", "workload.isl=9", "--set", "workload.seed=4", "--router-seed", "1"];
    let (code, _, said) = Served::start(&keys).stop("-INT");
    assert_eq!(code, Some(0), "{said}");
    let client =
        "note: load.concurrency, workload.isl changes nothing here: load and workload belong to a client";
    for words in [client, "note: router.seed changes nothing here"] {
        assert!(said.contains(words), "`{words}` not in: {said}");
    }
}

#[test]
fn its_end_is_one_object_with_json() {
    // With --json the address is for people, and they read stderr.
    let mut child = process(["engine", "--port", "0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("listening on http://127.0.0.1:"), "{line}");
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["requests"], &object["exit_code"]), (&0.into(), &0.into()));
}
