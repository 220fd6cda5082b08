//! The `target:` part of the spec, and turning it into places to connect to.

use std::collections::BTreeMap;
use std::fs;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::{Micros, Secret};
use tokmark_wire::EndpointKind;
use tokmark_wire::endpoint::{BodyOptions, Nvext};
use tokmark_wire::http::encode_request;
use tokmark_wire::url::{Scheme, Url};
use tokmark_workload::Duration;

use crate::error::DriveError;
use crate::job::Target;
use crate::tls::client_config;

/// Where requests go and how they are said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSpec {
    /// Base URLs (`http://host:8000`) or full endpoint URLs; several are taken in turn. None: a simulated engine is started.
    pub url: Vec<String>,
    /// Model name to send. Left out: the one model that `/v1/models` lists.
    pub model: Option<String>,
    /// The API spoken.
    pub endpoint: Endpoint,
    /// Path of the endpoint, where it differs from the API's own.
    pub path: Option<String>,
    /// Ask for a stream of events.
    pub streaming: bool,
    /// Further request headers.
    pub headers: BTreeMap<String, String>,
    /// Environment variable that holds the API key, sent as `Authorization: Bearer …`.
    pub api_key_env: Option<String>,
    /// File that holds the API key.
    pub api_key_file: Option<PathBuf>,
    /// PEM file of certificate authorities to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Further top-level keys of every request body, merged last.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// Name of the field that limits the output.
    pub max_tokens_field: MaxTokensField,
    /// Send `ignore_eos` and `min_tokens` with every asked output length, so that the length holds.
    pub ignore_eos: bool,
    /// What Dynamo's frontend is told and asked beside the request (`nvext`).
    pub nvext: NvextSpec,
    /// A request that takes longer has failed.
    pub timeout: Option<Duration>,
    /// A connection that takes longer has failed.
    pub connect_timeout: Duration,
    /// Reactor threads. Left out: derived from the load and the cores.
    pub reactors: Option<u32>,
}

/// The API spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/v1/chat/completions`
    #[default]
    Chat,
    /// `/v1/completions`
    Completions,
    /// SGLang's own `/generate`
    Sglang,
    /// Text Generation Inference's `/generate_stream`, or `/generate` without a stream
    Tgi,
}

/// `target.nvext`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NvextSpec {
    /// Tell the router the output length asked for (`nvext.agent_hints.osl`), and a class's priority (`nvext.agent_hints.priority`).
    pub hints: bool,
    /// Ask for the frontend's own times (`nvext.extra_fields: ["timing"]`), which go into the record.
    pub timing: bool,
}

/// The field that limits the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_tokens`
    #[default]
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
}

impl Default for TargetSpec {
    fn default() -> Self {
        Self {
            url: Vec::new(),
            model: None,
            endpoint: Endpoint::Chat,
            path: None,
            streaming: true,
            headers: BTreeMap::new(),
            api_key_env: None,
            api_key_file: None,
            ca_file: None,
            extra: serde_json::Map::new(),
            max_tokens_field: MaxTokensField::MaxTokens,
            ignore_eos: true,
            nvext: NvextSpec::default(),
            timeout: Some(Duration(Micros::from_millis(600_000))),
            connect_timeout: Duration(Micros::from_millis(10_000)),
            reactors: None,
        }
    }
}

impl From<Endpoint> for EndpointKind {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Chat => Self::Chat,
            Endpoint::Completions => Self::Completions,
            Endpoint::Sglang => Self::Sglang,
            Endpoint::Tgi => Self::Tgi,
        }
    }
}

impl TargetSpec {
    /// What every request body has in common.
    pub fn body_options(&self, model: &str) -> BodyOptions {
        BodyOptions {
            model: model.to_owned(),
            streaming: self.streaming,
            max_tokens_field: match self.max_tokens_field {
                MaxTokensField::MaxTokens => "max_tokens",
                MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
            },
            hold_osl: self.ignore_eos,
            nvext: Nvext { hints: self.nvext.hints, timing: self.nvext.timing },
            extra: self.extra.clone(),
        }
    }

    /// The API key, if one is configured. `env` looks up an environment variable.
    pub fn api_key(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<Secret>, DriveError> {
        let key = match (&self.api_key_env, &self.api_key_file) {
            (Some(name), _) => env(name).ok_or_else(|| DriveError::ApiKey {
                source_name: format!("environment variable {name}"),
                reason: "it is not set".to_owned(),
                hint: "export it, or name another with --api-key-env",
            })?,
            (None, Some(path)) => fs::read_to_string(path).map_err(|e| DriveError::ApiKey {
                source_name: path.display().to_string(),
                reason: e.to_string(),
                hint: "--api-key-file takes a readable file that holds the key and nothing else",
            })?,
            (None, None) => return Ok(None),
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_control) {
            return Err(DriveError::ApiKey {
                source_name: self.api_key_env.clone().unwrap_or_else(|| "the key file".to_owned()),
                reason: "it is empty or has a line break or control character inside".to_owned(),
                hint: "the key is one line of printable characters",
            });
        }
        Ok(Some(Secret::new(key)))
    }

    /// The parsed base URLs. `in_cluster` allows a bare `host:port`, as names of in-cluster services are written.
    pub fn urls(&self, in_cluster: bool) -> Result<Vec<Url>, DriveError> {
        if self.url.is_empty() {
            return Err(DriveError::NoTarget);
        }
        let parse = |text: &String| {
            Url::parse(text, in_cluster)
                .map_err(|e| DriveError::Url { url: text.clone(), reason: e.to_string() })
        };
        self.url.iter().map(parse).collect()
    }

    /// Headers common to every request, the API key's among them.
    pub fn request_headers(&self, key: Option<&Secret>) -> Vec<(String, String)> {
        let accept = if self.streaming { "text/event-stream" } else { "application/json" };
        let mut headers = vec![
            ("User-Agent".to_owned(), concat!("tokmark/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("Accept".to_owned(), accept.to_owned()),
            ("Accept-Encoding".to_owned(), "identity".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        if let Some(key) = key {
            headers.push(("Authorization".to_owned(), format!("Bearer {}", key.reveal())));
        }
        for (name, value) in &self.headers {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        headers
    }

    /// What certificates are trusted.
    pub fn trust(&self) -> Trust {
        Trust { ca_file: self.ca_file.clone() }
    }

    /// Resolves every target: addresses, TLS, the head of its requests.
    pub fn resolve(&self, in_cluster: bool, key: Option<&Secret>) -> Result<Vec<Target>, DriveError> {
        let headers = self.request_headers(key);
        let trust = self.trust();
        let path =
            self.path.as_deref().unwrap_or_else(|| EndpointKind::from(self.endpoint).path(self.streaming));
        let resolve = |base: &Url| {
            let target = Target {
                url: base.shown(path),
                address: address_of(base)?,
                path: base.endpoint(path),
                host: base.authority(),
                headers: headers.clone(),
                tls: trust.pair(base)?,
            };
            // A trial, so that a bad header stops the run before it starts.
            encode_request("POST", &target.path, &target.host, &headers, 0)
                .map_err(|e| DriveError::Header { reason: e.to_string() })?;
            Ok(target)
        };
        self.urls(in_cluster)?.iter().map(resolve).collect()
    }
}

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// A PEM file instead of the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// TLS settings and the name that the peer's certificate must carry.
pub(crate) type TlsPair = (Arc<rustls::ClientConfig>, ServerName<'static>);

impl Trust {
    /// What a connection to `url` needs; `None` for plain HTTP.
    pub(crate) fn pair(&self, url: &Url) -> Result<Option<TlsPair>, DriveError> {
        if url.scheme() != Scheme::Https {
            return Ok(None);
        }
        let name = ServerName::try_from(url.host().to_owned())
            .map_err(|e| DriveError::Url { url: url.to_string(), reason: e.to_string() })?;
        Ok(Some((client_config(self.ca_file.as_deref())?, name)))
    }
}

/// How long one of several addresses may take to accept a connection before the next is tried.
const ADDRESS_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// The first address of a URL's host that accepts a connection (`localhost` may name ::1 before 127.0.0.1 while the service
/// listens on one of them only); the first of all if none does, whose refusal is then the answer.
pub(crate) fn address_of(url: &Url) -> Result<std::net::SocketAddr, DriveError> {
    let dns = |reason: String| DriveError::Dns { url: url.to_string(), host: url.host().to_owned(), reason };
    let addresses: Vec<_> =
        (url.host(), url.port()).to_socket_addrs().map_err(|e| dns(e.to_string()))?.collect();
    let accepts =
        |a: &&std::net::SocketAddr| std::net::TcpStream::connect_timeout(a, ADDRESS_PATIENCE).is_ok();
    let answering = if addresses.len() > 1 { addresses.iter().find(accepts) } else { None };
    answering
        .or_else(|| addresses.first())
        .copied()
        .ok_or_else(|| dns("the name exists without an address".to_owned()))
}
