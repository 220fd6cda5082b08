//! Where a run lives: names, directories, and the check that they can be written before the first request.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::StoreError;

/// `run.json`: spec, origins, machine, digest.
pub const HEADER: &str = "run.json";
/// One attempt a line.
pub const RECORDS: &str = "records.jsonl.zst";
/// Samples of client health, later of servers and hosts.
pub const SERIES: &str = "series.jsonl.zst";
/// Our own summary. A run without it is unfinished.
pub const SUMMARY: &str = "summary.json";
/// The summary for people.
pub const SUMMARY_MARKDOWN: &str = "summary.md";
/// AIPerf's summary.
pub const AIPERF_JSON: &str = "profile_export_aiperf.json";
/// The same, of a run whose measurement is INVALID: under a name that no script picks up.
pub const AIPERF_INVALID_JSON: &str = "profile_export_aiperf.invalid.json";
/// AIPerf's summary as a table.
pub const AIPERF_CSV: &str = "profile_export_aiperf.csv";
/// The same of an INVALID run.
pub const AIPERF_INVALID_CSV: &str = "profile_export_aiperf.invalid.csv";
/// AIPerf's file of one object per request.
pub const AIPERF_JSONL: &str = "profile_export.jsonl";
/// What ran behind the endpoint.
pub const DEPLOYMENT: &str = "deployment_config.json";

/// What follows from a run's records: with a new header, whatever stands under these names is another run's.
pub(crate) const DERIVED: [&str; 8] = [
    SUMMARY,
    SUMMARY_MARKDOWN,
    AIPERF_JSON,
    AIPERF_INVALID_JSON,
    AIPERF_CSV,
    AIPERF_INVALID_CSV,
    AIPERF_JSONL,
    DEPLOYMENT,
];

/// A run's name, by the field's rule: `^[a-zA-Z0-9_-]+$` after trimming, and not `plots` in any case (plotting scripts
/// keep their output under that name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

impl RunName {
    /// Reads a name as typed.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let name = text.trim();
        let refuse = |why| Err(StoreError::Name { name: text.to_owned(), why });
        if name.is_empty() {
            return refuse("it is empty");
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return refuse("it has a character other than a-z, A-Z, 0-9, `_` and `-`");
        }
        if name.eq_ignore_ascii_case("plots") {
            return refuse("`plots` is where plotting scripts put their pictures");
        }
        // A directory name may have 255 bytes, and the time and the digest need 26 of them.
        if name.len() > 200 {
            return refuse("it has more than 200 characters");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `<UTC time>-<name>-<digest8>`: `20261122T102252Z-nightly-1a2b3c4d`.
pub fn run_id(started_unix_ns: i64, name: &RunName, plan_digest: &str) -> String {
    let seconds = started_unix_ns.div_euclid(1_000_000_000);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let digest: String = plan_digest.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("{}-{}-{digest}", time.strftime("%Y%m%dT%H%M%SZ"), name.as_str())
}

/// A directory that was checked: it exists, files can be made and synced in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes `<out>/<id>/`; if two runs start in one second, the later becomes `<id>-2`.
    pub fn create(out: &Path, id: &str) -> Result<Self, StoreError> {
        make_all(out)?;
        for n in 1..1_000_u32 {
            let path = if n == 1 { out.join(id) } else { out.join(format!("{id}-{n}")) };
            match fs::create_dir(&path) {
                Ok(()) => return Self::checked(path),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(StoreError::writing(&path, e)),
            }
        }
        Err(StoreError::Occupied { path: out.join(id), found: "999 runs of this second" })
    }

    /// Uses `path` as it is, made if it is missing (AIPerf's `--artifact-dir`). An earlier run there stays until this one's
    /// header is written, so that a run that never starts takes nothing away.
    pub fn exact(path: &Path) -> Result<Self, StoreError> {
        make_all(path)?;
        Self::checked(path.to_owned())
    }

    /// The sub-directory of one named target. A name is one plain part of a path.
    pub fn target(&self, name: &RunName) -> Result<Self, StoreError> {
        let path = self.path.join(name.as_str());
        make_all(&path)?;
        Self::checked(path)
    }

    /// The sub-directory of one point of a sweep.
    pub fn point(&self, point: &Point) -> Result<Self, StoreError> {
        let path = self.path.join(point.dir_name());
        make_all(&path)?;
        Self::checked(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn checked(path: PathBuf) -> Result<Self, StoreError> {
        probe(&path)?;
        Ok(Self { path })
    }
}

/// One point of a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Point {
    /// Streams at once. `c8` is what the field's plotting scripts look for.
    Concurrency(u32),
    /// The same as `-concurrency8`, which `perf.sh` makes and `plot_pareto.py` looks for.
    PerfConcurrency(u32),
    /// Requests per second.
    Rate(f64),
    /// Share of each prompt that is its prefix.
    PrefixRatio(f64),
}

impl Point {
    /// `c8`, `-concurrency8`, `rate2.5`.
    pub fn dir_name(&self) -> String {
        match self {
            Self::Concurrency(n) => format!("c{n}"),
            Self::PerfConcurrency(n) => format!("-concurrency{n}"),
            Self::Rate(rate) => format!("rate{rate}"),
            Self::PrefixRatio(ratio) => format!("ratio{ratio}"),
        }
    }
}

/// Makes a directory and those above it.
fn make_all(path: &Path) -> Result<(), StoreError> {
    if let Some(file) = path.ancestors().find(|p| p.is_file()) {
        return Err(StoreError::NotADirectory { path: file.to_owned() });
    }
    fs::create_dir_all(path).map_err(|e| match e.kind() {
        // A device or a socket in the way (`--out /dev/full`).
        io::ErrorKind::AlreadyExists => StoreError::NotADirectory { path: path.to_owned() },
        _ => StoreError::writing(path, e),
    })
}

/// Really writes: permission bits say nothing to root, and only the disk knows whether it is full.
fn probe(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(format!(".probe-{}", std::process::id()));
    let written = File::create(&path).and_then(|file| write_probe(file).and_then(|file| file.sync_data()));
    let removed = match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    written.and(removed).map_err(|e| StoreError::writing(dir, e))
}

/// As much as the files of a small run need.
fn write_probe<W: Write>(mut out: W) -> io::Result<W> {
    out.write_all(&vec![b'.'; 64 << 10])?;
    out.flush()?;
    Ok(out)
}

#[cfg(test)]
mod tests;
