//! Where a session's requests go: the service named, or a simulated engine started inside this process.

use tokmark_base::{Micros, Secret};
use tokmark_drive::target::{Endpoint, NvextSpec};
use tokmark_drive::{DriveError, Target};
use tokmark_engine::Slots;
use tokmark_perf::Constant;
use tokmark_play::{Config, Handle, Server};
use tokmark_record::catalogue::Server as Kind;
use tokmark_wire::Url;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::session::gate::endpoint_path;
use crate::session::twin;
use crate::spec::Spec;

/// Name of the simulated engine's model.
pub const SIMULATED_MODEL: &str = "tokmark-simulated";

/// The simulated engine: 20 ms to the first token and 4 ms a token, whatever the load, so that the quick start's true answer is
/// known and its 200 requests take a quarter of a minute.
const SIMULATED_TTFT: Micros = Micros(20_000);
const SIMULATED_ITL: Micros = Micros(4_000);
/// More than any load it is meant for.
const SIMULATED_SLOTS: usize = 1 << 16;

/// Where requests go.
pub struct Place {
    /// Base URLs.
    pub urls: Vec<Url>,
    /// The API key.
    pub key: Option<Secret>,
    /// Everything that must not appear in a file.
    pub secrets: Vec<Secret>,
    /// The simulated engine, if it was started here; it stops when this is dropped.
    pub simulated: Option<Handle>,
}

impl Place {
    /// The service the spec names; without one, a simulated engine, whose URL is written into `spec`.
    pub fn open(spec: &mut Spec, environment: &Environment) -> Result<Self, Failure> {
        let simulated = if spec.target.url.is_empty() {
            let handle = simulate(spec)?;
            spec.target.url = vec![handle.url()];
            // It may serve more than one, for classes.
            spec.target.model.get_or_insert_with(|| SIMULATED_MODEL.to_owned());
            Some(handle)
        } else {
            None
        };
        let key = check(spec, environment)?;
        Ok(Self {
            urls: spec.target.urls(environment.in_cluster)?,
            secrets: secrets(spec, key.as_ref()),
            key,
            simulated,
        })
    }

    /// No place at all: in virtual time nothing is sent.
    pub fn nowhere() -> Self {
        Self { urls: Vec::new(), key: None, secrets: Vec::new(), simulated: None }
    }

    /// Addresses, TLS and request heads.
    pub fn targets(&self, spec: &Spec, environment: &Environment) -> Result<Vec<Target>, Failure> {
        Ok(spec.target.resolve(environment.in_cluster, self.key.as_ref())?)
    }

    /// The targets as the run header has them.
    pub fn headers(&self, spec: &Spec, targets: &[Target]) -> Vec<tokmark_record::header::Target> {
        let path = endpoint_path(&spec.target);
        self.urls
            .iter()
            .zip(targets)
            .map(|(url, target)| tokmark_record::header::Target {
                url: url.shown(path),
                address: Some(target.address.to_string()),
            })
            .collect()
    }
}

/// Everything about the target that can be wrong without asking it: the file of certificate authorities, and where the API
/// key comes from. The key, if there is one.
pub fn check(spec: &Spec, environment: &Environment) -> Result<Option<Secret>, Failure> {
    if let Some(path) = &spec.target.ca_file {
        let refused = |reason: String| DriveError::CaFile { path: path.clone(), reason };
        let pem = std::fs::read(path).map_err(|e| refused(e.to_string()))?;
        if !pem.windows(CERTIFICATE.len()).any(|at| at == CERTIFICATE) {
            return Err(refused("there is no certificate in it".to_owned()).into());
        }
    }
    Ok(spec.target.api_key(|name| environment.get(name).map(str::to_owned))?)
}

/// How a certificate in a PEM file begins.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The engine that the spec describes; if it describes none, the one whose true answer is known.
fn simulate(spec: &Spec) -> Result<Handle, Failure> {
    let mut config = if spec.describes_an_engine() {
        Config::new(SIMULATED_MODEL, twin::engine(spec)?)
    } else {
        let timing =
            Constant::new(SIMULATED_TTFT, SIMULATED_ITL).map_err(|e| Failure::internal(e.to_string()))?;
        let engine = Slots::new(timing, SIMULATED_SLOTS).map_err(|e| Failure::internal(e.to_string()))?;
        Config::new(SIMULATED_MODEL, engine)
    };
    // What the classes ask for is there.
    for class in &spec.workload.classes {
        let names = if class.adapter { &mut config.adapters } else { &mut config.models };
        names.extend(class.model.clone());
    }
    // It speaks what it is spoken to in.
    config.plays = match spec.target.endpoint {
        Endpoint::Sglang => Kind::Sglang,
        Endpoint::Chat | Endpoint::Completions if spec.target.nvext != NvextSpec::default() => Kind::Dynamo,
        Endpoint::Chat | Endpoint::Completions | Endpoint::Tgi => config.plays,
    };
    Server::start(config).map_err(|e| Failure::internal(e.to_string()))
}

/// The key, the values of headers that carry one (of `Bearer x`, `x` too), and what URLs hold of the kind.
fn secrets(spec: &Spec, key: Option<&Secret>) -> Vec<Secret> {
    let headers = spec.target.headers.iter().filter(|(name, _)| crate::masked::is_secret_header(name));
    let values = headers.flat_map(|(_, value)| {
        let bare = value.split_once(' ').map(|(_, bare)| Secret::new(bare.trim()));
        [Some(Secret::new(value.clone())), bare].into_iter().flatten()
    });
    let urls = spec.target.url.iter().flat_map(|url| crate::masked::url_secrets(url));
    let fields = crate::secret_fields::secrets(&spec.target.extra);
    key.cloned().into_iter().chain(values).chain(urls).chain(fields).collect()
}
