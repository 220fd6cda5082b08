//! The servers whose metrics are known, and how each of them answers a scrape.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tokmark_base::nearest::nearest;

/// A kind of server, by whose names metrics are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// vLLM, V1 engine.
    Vllm,
    /// SGLang.
    Sglang,
    /// TensorRT-LLM behind `trtllm-serve`.
    Trtllm,
    /// NVIDIA Dynamo: frontend, router and workers.
    Dynamo,
}

impl Server {
    /// All of them, in the order they are told.
    pub const ALL: [Server; 4] = [Server::Vllm, Server::Sglang, Server::Trtllm, Server::Dynamo];

    /// Its name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Server::Vllm => "vllm",
            Server::Sglang => "sglang",
            Server::Trtllm => "trtllm",
            Server::Dynamo => "dynamo",
        }
    }

    /// Where it answers a scrape. `/metrics` of `trtllm-serve` is a JSON of iteration statistics; Prometheus text is elsewhere.
    pub const fn path(self) -> &'static str {
        match self {
            Server::Trtllm => "/prometheus/metrics",
            Server::Vllm | Server::Sglang | Server::Dynamo => "/metrics",
        }
    }

    /// The `Content-Type` of its answer: seen on vLLM 0.32 and Dynamo 1.6.1; SGLang and TensorRT-LLM mount the same Python client,
    /// whose release there was not seen.
    pub const fn content_type(self) -> &'static str {
        match self {
            Server::Vllm => "text/plain; version=1.0.0; charset=utf-8",
            Server::Sglang | Server::Trtllm => "text/plain; version=0.0.4; charset=utf-8",
            Server::Dynamo => "text/plain; charset=utf-8",
        }
    }

    /// Labels a deployment may add to every metric of this server beyond those of [`super::Metric::labels`].
    pub const fn optional_labels(self) -> &'static [&'static str] {
        match self {
            Server::Sglang => &["dp_rank", "priority"],
            Server::Vllm | Server::Trtllm | Server::Dynamo => &[],
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A server nobody has a catalogue of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` is not a server whose metrics are known\nhint: {hint}")]
pub struct UnknownServer {
    /// What was asked for.
    pub typed: String,
    hint: String,
}

impl FromStr for Server {
    type Err = UnknownServer;

    fn from_str(typed: &str) -> Result<Server, UnknownServer> {
        let known = Server::ALL.map(Server::name);
        Server::ALL.into_iter().find(|server| server.name() == typed).ok_or_else(|| UnknownServer {
            typed: typed.to_owned(),
            hint: nearest(typed, known).map_or_else(
                || format!("it is one of {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            ),
        })
    }
}
