//! The bench itself: binaries, cores, scratch space, and how a client is run on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokmark_metronome::{Child, Config, pin, socket};

use super::Fallible;
use super::system::{self, Used};
use super::words::Words;
use crate::proc;

/// Keys of the command line that take a value.
pub(crate) const KEYS: &[&str] = &["--reps", "--clean", "--scratch"];

/// Everything a row needs.
pub(crate) struct Lab {
    /// The release build of tokmark.
    pub(crate) tokmark: PathBuf,
    /// The release build of this tool: the known-schedule server and the bare reader.
    xtask: PathBuf,
    /// Where runs are written.
    scratch: PathBuf,
    /// Core of the server.
    pub(crate) server_core: usize,
    /// Core of the client.
    pub(crate) client_core: usize,
    /// Repetitions of each measurement.
    pub(crate) reps: usize,
    /// Clean runs of the verdict row.
    pub(crate) clean: usize,
    runs: AtomicU32,
}

/// A client that has been started.
pub(crate) struct Started {
    /// Its process.
    pub(crate) pid: u32,
    /// Wall clock right before it was started, nanoseconds since the epoch.
    pub(crate) at_ns: i64,
    /// Where its output goes.
    out: PathBuf,
}

/// A client that has ended.
pub(crate) struct Ran {
    /// Exit code and CPU time.
    pub(crate) used: Used,
    /// Where its output went: run directory, `stdout`, `stderr`.
    pub(crate) out: PathBuf,
}

impl Lab {
    /// Builds what is measured and takes the last core for the client.
    pub(crate) fn new(words: &Words<'_>) -> Fallible<Self> {
        if !words.has("--no-build") {
            proc::run(&mut proc::cargo(&["build", "--release", "-p", "tokmark", "-p", "xtask"]))?;
        }
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| proc::root().join("target"), PathBuf::from);
        let cores = pin::allowed()?;
        let (Some(first), Some(last)) = (cores.first(), cores.last()) else {
            return Err("this process may run on no core".into());
        };
        if first == last {
            eprintln!("warning: one core only; client and server share it and the figures mean little");
        }
        let scratch = words.text("--scratch").map_or_else(|| target.join("selfbench"), PathBuf::from);
        fs::create_dir_all(&scratch)?;
        Ok(Self {
            tokmark: target.join("release/tokmark"),
            xtask: target.join("release/xtask"),
            scratch,
            server_core: *first,
            client_core: *last,
            reps: words.number_or("--reps", 5)?,
            clean: words.number_or("--clean", 100)?,
            runs: AtomicU32::new(0),
        })
    }

    /// An empty directory for files that a row makes.
    pub(crate) fn scratch_dir(&self, name: &str) -> Fallible<PathBuf> {
        let dir = self.scratch.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// A known-schedule server on its core.
    pub(crate) fn server(&self, config: Config) -> Fallible<Child> {
        let config = Config { core: Some(self.server_core), ..config };
        Ok(Child::spawn(&self.xtask, &["selfbench", "serve"], &config)?)
    }

    /// `tokmark bench` against `server` with `args`, started on the client's core.
    pub(crate) fn start_bench(&self, server: &Child, args: &str) -> Fallible<Started> {
        self.start(&mut self.bench(server, args), &[self.client_core])
    }

    /// `tokmark bench` against `server` with `args`, to its end.
    pub(crate) fn run_bench(&self, server: &Child, args: &str) -> Fallible<Ran> {
        self.start_bench(server, args)?.wait()
    }

    /// The command line of [`Lab::run_bench`].
    pub(crate) fn bench(&self, server: &Child, args: &str) -> Command {
        let mut command = Command::new(&self.tokmark);
        command.args(["bench", &server.url(), "-m", "metronome", "--quiet"]).args(args.split_whitespace());
        command
    }

    /// The bare reader against `server`, to its end, on the client's core.
    pub(crate) fn run_reader(&self, server: &Child, args: &str) -> Fallible<Ran> {
        let mut command = Command::new(&self.xtask);
        command
            .args(["selfbench", "reader", &format!("--port={}", server.port())])
            .args(args.split_whitespace());
        self.start(&mut command, &[self.client_core])?.wait()
    }

    /// Starts `command` on `cores`. A tokmark writes its run where its output goes.
    pub(crate) fn start(&self, command: &mut Command, cores: &[usize]) -> Fallible<Started> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let out = self.scratch.join(format!("{}-{number}", std::process::id()));
        fs::create_dir_all(&out)?;
        if command.get_args().any(|arg| arg == "bench") {
            command.arg("--out").arg(&out);
        }
        command
            .stdin(Stdio::null())
            .stdout(File::create(out.join("stdout"))?)
            .stderr(File::create(out.join("stderr"))?);
        let at_ns = socket::realtime_ns();
        // The child is waited for by `wait4`, which also tells its CPU time.
        let child = pin::spawn_on(cores, command)?;
        Ok(Started { pid: child.id(), at_ns, out })
    }
}

impl Started {
    /// Waits for its end without disturbing it.
    pub(crate) fn wait(self) -> Fallible<Ran> {
        Ok(Ran { used: system::wait(self.pid)?, out: self.out })
    }

    /// Whether it has ended.
    pub(crate) fn ended(&self) -> Fallible<Option<Ran>> {
        Ok(system::try_wait(self.pid)?.map(|used| Ran { used, out: self.out.clone() }))
    }

    /// A figure of `/proc/<pid>/status` in bytes, as long as the process lives.
    pub(crate) fn memory(&self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    /// The thread called `name`.
    pub(crate) fn thread(&self, name: &str) -> Option<u32> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        let named = |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
        let thread = threads.flatten().map(|entry| entry.path()).find(|path| named(path))?;
        thread.file_name()?.to_str()?.parse().ok()
    }
}

impl Ran {
    /// Fails unless it ended well, with what it said.
    pub(crate) fn good(self) -> Fallible<Self> {
        if self.used.code == Some(0) {
            return Ok(self);
        }
        let said = self.said();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        Err(format!("the client ended with {:?}: {}", self.used.code, last.join(" / ")).into())
    }

    /// What it wrote to stderr.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.out.join("stderr")).unwrap_or_default()
    }

    /// The file `name` of its run directory.
    pub(crate) fn file(&self, name: &str) -> Fallible<PathBuf> {
        find(&self.out, name).ok_or_else(|| {
            format!("the run below {} has no {name}: {}", self.out.display(), self.said()).into()
        })
    }

    /// Removes what it wrote.
    pub(crate) fn discard(self) {
        // Left-over files cost disk space and nothing else.
        let _ = fs::remove_dir_all(&self.out);
    }
}

fn find(below: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(below).ok()?.flatten().map(|entry| entry.path()).collect();
    entries
        .iter()
        .find(|path| path.file_name().is_some_and(|n| n == name))
        .cloned()
        .or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
}
