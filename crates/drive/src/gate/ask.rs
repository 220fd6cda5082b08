//! Asking a service whether it is ready, again and again while there is time.

use std::time::Duration;

use tokmark_base::secret::mask;
use tokmark_base::{Clock, Micros, Secret};
use tokmark_wire::url::Url;
use tokmark_wire::{Body, EndpointKind};

use super::{GateError, GateReport, GateSpec, Wanted, judge};
use crate::clock::WallClock;
use crate::probe::{self, ProbeReply};
use crate::target::TargetSpec;

/// Longest wait for one answer.
const ANSWER: Micros = Micros::from_millis(10_000);

/// Longest wait for the check request, which makes the model work.
const CHECK: Micros = Micros::from_millis(120_000);

/// Asks `url` until the gate opens or `gate.wait` is over. `waiting` is told why each time it has to ask again.
pub fn ask(
    url: &Url,
    target: &TargetSpec,
    gate: &GateSpec,
    key: Option<&Secret>,
    mut waiting: impl FnMut(&GateError),
) -> Result<GateReport, GateError> {
    let clock = WallClock::start();
    loop {
        let error = match ask_once(url, target, gate, key) {
            Ok(report) => return Ok(report),
            Err(error) => error,
        };
        // A server that is still starting may list no model yet; one that lists several will not come to one.
        let lasting = match &error {
            GateError::Unauthorized { .. } => true,
            GateError::ModelUnclear { served, .. } => !served.is_empty(),
            _ => false,
        };
        if lasting || clock.now() + gate.poll.0 > gate.wait.0 {
            return Err(error);
        }
        waiting(&error);
        std::thread::sleep(Duration::from_micros(gate.poll.0.0.max(1_000) as u64));
    }
}

fn ask_once(
    url: &Url,
    target: &TargetSpec,
    gate: &GateSpec,
    key: Option<&Secret>,
) -> Result<GateReport, GateError> {
    let trust = target.trust();
    let headers = TargetSpec { streaming: false, ..target.clone() }.request_headers(key);
    // A server may repeat the key it refuses.
    let masked = |reply: ProbeReply| match key {
        Some(key) => {
            let text = String::from_utf8_lossy(&reply.body);
            ProbeReply { body: mask(&text, std::slice::from_ref(key)).into_bytes(), ..reply }
        }
        None => reply,
    };
    let get = |path: &str| probe::request("GET", url, path, &headers, b"", &trust, ANSWER).map(masked);
    let shown = url.to_string();
    let wanted = Wanted { url: &shown, model: target.model.as_deref(), workers: gate.expect_workers };
    let report = judge(&wanted, get("/health"), get("/v1/models"))?;
    if gate.check_request {
        let kind = EndpointKind::from(target.endpoint);
        let path = target.path.as_deref().unwrap_or_else(|| kind.path(false));
        let model = report.model.as_deref().unwrap_or_default();
        let options = tokmark_wire::BodyOptions { streaming: false, ..target.body_options(model) };
        let body = kind.encode(&options, &Body::Text("Hello"), Some(1));
        let failed = |detail: String| GateError::CheckRequest { url: url.shown(path), detail };
        let reply = probe::request("POST", url, path, &headers, &body, &trust, CHECK)
            .map(masked)
            .map_err(|e| failed(e.to_string()))?;
        if !(200..300).contains(&reply.status) {
            return Err(failed(format!("HTTP {}: {}", reply.status, reply.excerpt())));
        }
    }
    Ok(report)
}
