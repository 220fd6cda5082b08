//! The run header: what every file of a run refers to, known before the first request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of `run.json`, `records.jsonl.zst` and `series.jsonl.zst`.
pub const SCHEMA_VERSION: u32 = 1;

/// `run.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunHeader {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Version of tokmark.
    pub tool_version: String,
    /// Name and UTC time of the run, the directory's own name.
    pub run_id: String,
    /// Wall clock at t = 0, nanoseconds since the Unix epoch: the one anchor of every stamp.
    pub anchor_unix_ns: i64,
    /// The same moment in RFC 3339, for people.
    pub started_at: String,
    /// The command line, secrets masked.
    pub command: Vec<String>,
    /// The resolved spec.
    pub spec: Value,
    /// For each path of the spec, where its value came from (`flag`, `env`, `file`, `default`, `derived`).
    pub origins: Value,
    /// Where requests go; [`crate::Record::target`] indexes it.
    pub targets: Vec<Target>,
    /// Names of the workload's classes; [`crate::Record::class`] indexes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// What was measured against: true if the engine behind the targets is simulated by tokmark.
    pub simulated: bool,
    /// Whether it was played in virtual time: no request was sent, no clock was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub virtual_time: bool,
    /// Model name sent.
    pub model: Option<String>,
    /// BLAKE3 over the canonical workload spec, generator version, seeds and input-file hashes.
    pub plan_digest: String,
    /// The seed.
    pub seed: u64,
    /// Deployment facts, as given.
    pub deployment: Option<Value>,
    /// GPUs behind the targets; per-GPU metrics exist only if it is known.
    pub gpus: Option<u32>,
    /// This machine.
    pub machine: Machine,
}

/// One place requests go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Full URL of the endpoint, user info removed.
    pub url: String,
    /// Resolved socket address, if it was resolved.
    pub address: Option<String>,
}

/// The machine the client runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: u32,
    /// Total memory, bytes.
    pub memory_bytes: u64,
    /// Soft limit of open files.
    pub open_files: u64,
}
