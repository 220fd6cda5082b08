//! What a server is made of, and why it may not start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokmark_base::{Lexicon, Secret};
use tokmark_engine::Engine;
use tokmark_perf::Dial;
use tokmark_record::catalogue::Server as Kind;

use crate::fault::{FaultError, FaultRule, check};
use crate::load::{Load, TooFast};

/// What a server is made of.
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// Names of the models served, the first for requests that name none. Metrics name the first.
    pub models: Vec<String>,
    /// Names of adapters (LoRA): models of their own to a client, requests of the first model with an adapter to the engine.
    pub adapters: Vec<String>,
    /// What answers.
    pub engine: Box<dyn Engine>,
    /// Whose names its metrics have and whose ways it follows where servers differ (see the crate's page).
    pub plays: Kind,
    /// What the replies say. One token a word under its tokenizer.
    pub lexicon: Arc<dyn Lexicon>,
    /// The model's context, as `/v1/models` and the buckets of vLLM's metrics tell it, and as the output asked for is held
    /// against. The engine has its own.
    pub max_model_len: Option<u32>,
    /// So many tokens an event, the first one at once and the last ones with the end (vLLM's `--stream-interval`).
    pub stream_interval: u32,
    /// Whether the usage tells `prompt_tokens_details.cached_tokens` (vLLM's `--enable-prompt-tokens-details`, SGLang's
    /// `--enable-cache-report`), if the engine has a cache.
    pub prompt_tokens_details: bool,
    /// Threads that serve connections. One keeps a machine free for others; with more, tokens that are due at one moment leave
    /// sooner.
    pub threads: usize,
    /// Turned by `/admin`: the handle of the [`tokmark_perf::Adjustable`] in the engine. Without one timing cannot be changed.
    pub dial: Option<Arc<Dial>>,
    /// Whether `/admin` is there, for peers on the loopback.
    pub admin: bool,
    /// How fast the workers talk, to refuse more of them than this machine can serve; `None` starts whatever is asked for.
    pub load: Option<Load>,
    /// Asked for as `Authorization: Bearer …`, except by health checks and scrapes.
    pub api_key: Option<Secret>,
    /// How it behaves before it is ready.
    pub health: Health,
    /// What goes wrong.
    pub faults: Vec<FaultRule>,
}

/// What `/health` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// So many checks are answered 503 before the first 200.
    pub refuse_first: u32,
    /// JSON to answer with; what the server played answers unless given.
    pub body: Option<String>,
}

impl Config {
    /// A server in vLLM's ways of one model on a free port of the loopback, answered by `engine`, without faults, on one thread.
    pub fn new(model: &str, engine: impl Engine + 'static) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            models: vec![model.to_owned()],
            adapters: Vec::new(),
            engine: Box::new(engine),
            plays: Kind::Vllm,
            lexicon: Arc::new(tokmark_tokens::o200k::words()),
            max_model_len: None,
            stream_interval: 1,
            prompt_tokens_details: true,
            threads: 1,
            dial: None,
            admin: true,
            load: None,
            api_key: None,
            health: Health::default(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        check(&self.faults)?;
        if self.models.is_empty() {
            return Err(StartError::NoModel);
        }
        for (name, value) in [("stream_interval", self.stream_interval as usize), ("threads", self.threads)] {
            if value == 0 {
                return Err(StartError::Zero { name });
            }
        }
        if let Some(load) = &self.load {
            load.check(self.threads.min(cores()), self.stream_interval)?;
        }
        Ok(())
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error(
        "cannot listen on {address}: {source}\nhint: another process may hold the port; port 0 takes a free one"
    )]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No thread, timer or poll set.
    #[error(
        "cannot start the server: {0}\nhint: the limit of threads or open files may be reached (ulimit -u, ulimit -n)"
    )]
    System(#[from] io::Error),
    /// Nothing to serve.
    #[error("the server has no model\nhint: give at least one model name")]
    NoModel,
    /// A count that cannot be.
    #[error("{name} is 0\nhint: give {name} as 1 or more")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// A fault that cannot happen.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// More than the machine can serve.
    #[error(transparent)]
    TooFast(#[from] TooFast),
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
