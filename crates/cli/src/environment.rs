//! The one place that looks at the process's surroundings: variables, the cluster, where state is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What surrounds this process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Every variable that is text.
    pub vars: BTreeMap<String, String>,
    /// Whether the process runs inside a Kubernetes cluster.
    pub in_cluster: bool,
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the environment's home")]
    pub fn of_this_process() -> Self {
        let vars: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let in_cluster = vars.contains_key("KUBERNETES_SERVICE_HOST") || Path::new(SERVICE_ACCOUNT).exists();
        Self { vars, in_cluster }
    }

    /// A variable, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// Records that may wait for the writer, if a test of the verdict asks for an unusual number (`TOKMARK_TEST_QUEUE`).
    pub fn queue_capacity(&self) -> Option<usize> {
        self.get("TOKMARK_TEST_QUEUE")?.parse().ok()
    }

    /// Where short-lived files go.
    pub fn temporary(&self) -> PathBuf {
        PathBuf::from(self.get("TMPDIR").unwrap_or("/tmp"))
    }

    /// Where things are kept that can be made again: `$XDG_CACHE_HOME/tokmark`, by default `~/.cache/tokmark`. `None` if neither is
    /// known.
    pub fn cache(&self) -> Option<PathBuf> {
        let cache = match self.get("XDG_CACHE_HOME") {
            Some(dir) => PathBuf::from(dir),
            None => Path::new(self.get("HOME")?).join(".cache"),
        };
        Some(cache.join("tokmark"))
    }

    /// Where this machine's calibration is kept: `$XDG_STATE_HOME/tokmark/calibration.json`, by default below
    /// `~/.local/state`. `None` if neither is known.
    pub fn calibration_file(&self) -> Option<PathBuf> {
        let state = match self.get("XDG_STATE_HOME") {
            Some(dir) => PathBuf::from(dir),
            None => Path::new(self.get("HOME")?).join(".local/state"),
        };
        Some(state.join("tokmark/calibration.json"))
    }
}

/// The token file Kubernetes mounts into every pod that has a service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
