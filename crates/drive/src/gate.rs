//! The health gate: is the service there, does it serve the model, are its workers up? Asked before any load.
//!
//! `/v1/models` decides where it exists: some servers (a Dynamo worker) answer `notready` on `/health` while every endpoint
//! behind it is ready. `/health` decides where there is no `/v1/models`.

mod ask;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokmark_base::Micros;
use tokmark_workload::Duration;

use crate::probe::{ProbeError, ProbeReply};

pub use ask::ask;

/// The `gate:` part of the spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateSpec {
    /// Check health and models before the load.
    pub enabled: bool,
    /// Wait this long for the service to become ready; zero asks once.
    pub wait: Duration,
    /// Ask again this often while waiting.
    pub poll: Duration,
    /// Also send one request of one token and want it to succeed.
    pub check_request: bool,
    /// Wait for this many workers, where the server lists its instances.
    pub expect_workers: Option<u32>,
}

impl Default for GateSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            wait: Duration(Micros::ZERO),
            poll: Duration(Micros::from_millis(5_000)),
            check_request: false,
            expect_workers: None,
        }
    }
}

/// Why the gate did not open.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Nothing answers.
    #[error(
        "target {url} is unreachable: {source}\nhint: is the service up, and is this the right port? --wait 300s waits for it"
    )]
    Unreachable {
        /// The base URL.
        url: String,
        /// What went wrong.
        source: ProbeError,
    },
    /// It answers, but not that it is ready.
    #[error(
        "target {url} is not ready: {detail}\nhint: --wait 300s waits for it, --no-gate goes on without asking"
    )]
    NotReady {
        /// The base URL.
        url: String,
        /// What it said.
        detail: String,
    },
    /// It wants credentials.
    #[error(
        "target {url} refuses the key: HTTP {status}: {detail}\nhint: give the key with --api-key-env or --api-key-file"
    )]
    Unauthorized {
        /// The base URL.
        url: String,
        /// 401 or 403.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// It does not serve the model asked for.
    #[error(
        "target {url} does not serve model `{model}`; it serves {}\nhint: {}",
        list(served),
        suggestion(model, served)
    )]
    ModelMissing {
        /// The base URL.
        url: String,
        /// Asked for.
        model: String,
        /// What it serves.
        served: Vec<String>,
    },
    /// No model was named and the server does not serve exactly one.
    #[error("target {url} serves {}\nhint: {}", list(served), if served.is_empty() { "wait until a model is registered (--wait 300s)" } else { "name the model with -m" })]
    ModelUnclear {
        /// The base URL.
        url: String,
        /// What it serves.
        served: Vec<String>,
    },
    /// No model was named and the server does not say what it serves.
    #[error("target {url} does not list its models ({detail})\nhint: name the model with -m")]
    ModelUnknown {
        /// The base URL.
        url: String,
        /// What it said.
        detail: String,
    },
    /// Fewer workers than expected.
    #[error("target {url} lists {seen} workers, {expected} expected\nhint: --wait 300s waits for them")]
    Workers {
        /// The base URL.
        url: String,
        /// Asked for.
        expected: u32,
        /// Listed; "no" if it lists none.
        seen: String,
    },
    /// The one-request check failed.
    #[error(
        "target {url} failed the check request: {detail}\nhint: the load would fail the same way; --no-check-request skips the check"
    )]
    CheckRequest {
        /// The endpoint's URL.
        url: String,
        /// What happened.
        detail: String,
    },
}

fn list(served: &[String]) -> String {
    match served {
        [] => "no model".to_owned(),
        [one] => format!("`{one}`"),
        many => many.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", "),
    }
}

fn suggestion(model: &str, served: &[String]) -> String {
    let near = tokmark_base::nearest::nearest(model, served.iter().map(String::as_str));
    match near.or_else(|| served.first().map(String::as_str)) {
        Some(name) => format!("-m {name}"),
        None => "wait until a model is registered (--wait 300s)".to_owned(),
    }
}

/// What an open gate knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateReport {
    /// The model to send.
    pub model: Option<String>,
    /// Models served, if listed.
    pub served: Vec<String>,
    /// Workers listed.
    pub workers: Option<u32>,
}

/// What the gate wants to see.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The base URL, for messages.
    pub url: &'a str,
    /// The model asked for.
    pub model: Option<&'a str>,
    /// Workers expected.
    pub workers: Option<u32>,
}

/// Judges one round of answers. Pure: the asking is the caller's.
pub fn judge(
    wanted: &Wanted<'_>,
    health: Result<ProbeReply, ProbeError>,
    models: Result<ProbeReply, ProbeError>,
) -> Result<GateReport, GateError> {
    let url = wanted.url.to_owned();
    let models = match models {
        Ok(reply) => reply,
        Err(source) => return Err(GateError::Unreachable { url, source }),
    };
    if let 401 | 403 = models.status {
        return Err(GateError::Unauthorized { url, status: models.status, detail: models.excerpt() });
    }
    let health = health.ok();
    let workers = health.as_ref().and_then(|h| instances(&h.body));
    let served = if models.status == 200 { served_models(&models.body) } else { None };
    let ready_by_health = health.as_ref().is_some_and(|h| h.status == 200);
    let model = match (&served, wanted.model) {
        (Some(served), Some(model)) if served.iter().any(|m| m == model) => Some(model.to_owned()),
        (Some(served), Some(model)) => {
            return Err(GateError::ModelMissing { url, model: model.to_owned(), served: served.clone() });
        }
        (Some(served), None) if served.len() == 1 => served.first().cloned(),
        (Some(served), None) => return Err(GateError::ModelUnclear { url, served: served.clone() }),
        (None, asked)
            if ready_by_health
                || health.as_ref().is_some_and(|h| h.status == 404) && models.status == 404 =>
        {
            match asked {
                Some(model) => Some(model.to_owned()),
                None => return Err(GateError::ModelUnknown { url, detail: models.describe("/v1/models") }),
            }
        }
        (None, _) => {
            let health = health.as_ref().map(|h| h.describe("/health")).unwrap_or_default();
            return Err(GateError::NotReady {
                url,
                detail: format!("{health} {}", models.describe("/v1/models")),
            });
        }
    };
    if let Some(expected) = wanted.workers
        && workers.is_none_or(|seen| seen < expected)
    {
        let seen = workers.map_or_else(|| "no".to_owned(), |n| n.to_string());
        return Err(GateError::Workers { url, expected, seen });
    }
    Ok(GateReport { model, served: served.unwrap_or_default(), workers })
}

fn served_models(body: &[u8]) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let data = value.get("data")?.as_array()?;
    Some(data.iter().filter_map(|m| m.get("id")?.as_str().map(str::to_owned)).collect())
}

/// Workers that a Dynamo frontend lists under `instances`: distinct instance ids behind a `generate` endpoint (every instance if
/// none says which endpoint it is).
fn instances(body: &[u8]) -> Option<u32> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let listed = value.get("instances")?.as_array()?;
    let id = |i: &Value| i.get("instance_id").or_else(|| i.get("id")).map(ToString::to_string);
    let endpoint = |i: &Value| i.get("endpoint").and_then(Value::as_str).map(str::to_owned);
    let generates: BTreeSet<_> =
        listed.iter().filter(|i| endpoint(i).is_none_or(|e| e == "generate")).filter_map(id).collect();
    Some(generates.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it stands for an answer that could have failed")]
    fn reply(status: u16, body: &str) -> Result<ProbeReply, ProbeError> {
        Ok(ProbeReply { status, body: body.as_bytes().to_vec() })
    }

    fn wanted(model: Option<&str>) -> Wanted<'_> {
        Wanted { url: "http://h:1", model, workers: None }
    }

    const ONE: &str = r#"{"object":"list","data":[{"id":"tiny"}]}"#;

    #[test]
    fn one_served_model_needs_no_name() {
        let report = judge(&wanted(None), reply(200, "{}"), reply(200, ONE)).unwrap();
        assert_eq!(report.model.as_deref(), Some("tiny"));
        let two = r#"{"data":[{"id":"a"},{"id":"b"}]}"#;
        let error = judge(&wanted(None), reply(200, ""), reply(200, two)).unwrap_err();
        assert!(matches!(error, GateError::ModelUnclear { ref served, .. } if served.len() == 2), "{error}");
    }

    #[test]
    fn models_decide_over_a_health_that_says_notready() {
        let report =
            judge(&wanted(Some("tiny")), reply(503, r#"{"status":"notready"}"#), reply(200, ONE)).unwrap();
        assert_eq!(report.model.as_deref(), Some("tiny"));
    }

    #[test]
    fn health_decides_where_models_are_not_listed() {
        assert!(judge(&wanted(Some("x")), reply(200, ""), reply(404, "")).is_ok());
        assert!(judge(&wanted(Some("x")), reply(404, ""), reply(404, "")).is_ok());
        let error = judge(&wanted(Some("x")), reply(503, "loading"), reply(503, "loading")).unwrap_err();
        assert!(matches!(error, GateError::NotReady { .. }), "{error}");
        let error = judge(&wanted(None), reply(200, ""), reply(404, "")).unwrap_err();
        assert!(matches!(error, GateError::ModelUnknown { .. }), "{error}");
    }

    #[test]
    fn a_misspelt_model_gets_a_suggestion() {
        let error = judge(&wanted(Some("tinny")), reply(200, ""), reply(200, ONE)).unwrap_err();
        assert!(error.to_string().ends_with("hint: -m tiny"), "{error}");
    }

    #[test]
    fn workers_are_counted_once_each() {
        let health = r#"{"status":"healthy","instances":[
            {"instance_id":1,"endpoint":"generate"},{"instance_id":1,"endpoint":"clear_kv_blocks"},
            {"instance_id":2,"endpoint":"generate"}]}"#;
        let report = judge(&wanted(None), reply(200, health), reply(200, ONE)).unwrap();
        assert_eq!(report.workers, Some(2));
        let more = Wanted { workers: Some(3), ..wanted(None) };
        let error = judge(&more, reply(200, health), reply(200, ONE)).unwrap_err();
        assert!(error.to_string().contains("lists 2 workers, 3 expected"), "{error}");
        let error = judge(&more, reply(200, "ok"), reply(200, ONE)).unwrap_err();
        assert!(error.to_string().contains("lists no workers"), "{error}");
    }

    #[test]
    fn a_refused_key_is_named() {
        let error = judge(&wanted(None), reply(200, ""), reply(401, r#"{"error":{"message":"no key"}}"#))
            .unwrap_err();
        assert!(matches!(error, GateError::Unauthorized { status: 401, .. }), "{error}");
    }
}
