//! The engine as a child process: started on a free port, known to be ours, gone when dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A running engine.
pub(super) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    /// The model's name, which no other server has.
    pub(super) model: String,
    /// Folder of the model's tokenizer.json.
    pub(super) tokenizer: PathBuf,
    child: Child,
    /// Where it runs; removed last.
    _folder: tempfile::TempDir,
}

/// The engine's counters of tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    /// Prompt tokens read, those found in its cache not counted.
    pub(super) prompt: u64,
    /// Tokens said.
    pub(super) predicted: u64,
}

impl Server {
    /// Starts an engine for `test`. Without one installed the test is left out, and the list of those gets its name.
    pub(super) fn start(test: &str) -> Option<Self> {
        let (Some(engine), Some(tokenizer)) =
            (std::env::var_os("TOKMARK_TEST_ENGINE"), std::env::var_os("TOKMARK_TEST_TOKENIZER"))
        else {
            leave_out(test, "there is no small real engine here; `cargo xtask test` installs it");
            return None;
        };
        let model = format!("tiny-{}-{}", std::process::id(), test.rsplit(':').next().unwrap_or_default());
        let folder = tempfile::tempdir().unwrap();
        let engine = Path::new(&engine);
        let mut child = Command::new(engine.join("venv/bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/engine/serve.py"))
            .arg(engine.join("model.gguf"))
            .arg(&model)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.find_map(|line| line.unwrap().strip_prefix("listening ").map(str::to_owned));
        let server = Self {
            url: told.expect("the engine says where it listens"),
            model,
            tokenizer: tokenizer.into(),
            child,
            _folder: folder,
        };
        let models = server.get("/v1/models");
        assert!(models.contains(&server.model), "another server answers: {models}");
        Some(server)
    }

    /// Its counters now.
    pub(super) fn counters(&self) -> Counters {
        let text = self.get("/metrics");
        let read = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().parse::<f64>().unwrap() as u64
        };
        Counters {
            prompt: read("llamacpp:prompt_tokens_total "),
            predicted: read("llamacpp:tokens_predicted_total "),
        }
    }

    /// What it goes on with after `prompt`.
    pub(super) fn complete(&self, prompt: &str, tokens: u32) -> String {
        let body = json!({"model": self.model, "prompt": prompt, "max_tokens": tokens, "ignore_eos": true});
        let reply = self.post("/v1/completions", &body);
        reply["choices"][0]["text"].as_str().unwrap().to_owned()
    }

    /// How many tokens it splits `text` into.
    pub(super) fn tokenize(&self, text: &str) -> usize {
        self.post("/tokenize", &json!({"content": text}))["tokens"].as_array().unwrap().len()
    }

    fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.0\r\n\r\n"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}",
            body.len()
        );
        serde_json::from_str(&self.exchange(&format!("{head}\r\n\r\n{body}"))).unwrap()
    }

    /// One HTTP/1.0 exchange; the body of a reply of status 200.
    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.lines().next().unwrap().contains(" 200 "), "{head}\n{body}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        body.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // By its own id, and waited for, so that no process is left and no id can be another's by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that a test did not run, to whoever ran the tests.
#[expect(clippy::print_stderr, reason = "it is for the person who runs the tests")]
fn leave_out(test: &str, why: &str) {
    eprintln!("left out: {test}: {why}");
    let Some(list) = std::env::var_os("TOKMARK_LEFT_OUT") else { return };
    let mut list = std::fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
    // One write, so that lines of tests running side by side do not mix.
    list.write_all(format!("{test}\t{why}\n").as_bytes()).unwrap();
}
