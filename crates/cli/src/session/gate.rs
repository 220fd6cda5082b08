//! Asks every target until it is ready, or until `gate.wait` is over. What the answers mean is `tokmark_drive::gate`'s.

use std::time::Duration;

use tokmark_base::{Clock, Micros, Secret};
use tokmark_drive::gate::{self, GateError, GateReport, Wanted};
use tokmark_drive::{DriveError, TargetSpec, WallClock, probe};
use tokmark_wire::{Body, EndpointKind, Url};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::session::interrupt::Interrupts;
use crate::spec::Spec;

/// What asking needs.
pub struct Gate<'a> {
    /// The spec.
    pub spec: &'a Spec,
    /// Parsed base URLs.
    pub urls: &'a [Url],
    /// The API key.
    pub key: Option<&'a Secret>,
    /// Where progress goes.
    pub screen: Screen,
    /// Ends the waiting.
    pub interrupts: &'a Interrupts,
}

/// One answer may take this long.
const PATIENCE: Micros = Micros(10_000_000);

impl Gate<'_> {
    /// The model to send. Without a gate, the one asked for; or the one `/v1/models` lists, asked once.
    pub fn open(&self) -> Result<String, Failure> {
        let target = &self.spec.target;
        if !self.spec.gate.enabled
            && let Some(model) = &target.model
        {
            return Ok(model.clone());
        }
        let mut model = target.model.clone();
        for url in self.urls {
            let report = self.wait_for(url, model.as_deref())?;
            model = report.model.or(model);
            if self.spec.gate.enabled && self.spec.gate.check_request {
                self.check_request(url, model.as_deref().unwrap_or_default())?;
            }
        }
        model.ok_or_else(|| DriveError::NoTarget.into())
    }

    fn wait_for(&self, url: &Url, model: Option<&str>) -> Result<GateReport, Failure> {
        let gate = &self.spec.gate;
        let clock = WallClock::start();
        let mut told = false;
        loop {
            let error = match self.ask(url, model) {
                Ok(report) => return Ok(report),
                Err(error) => error,
            };
            let left = gate.wait.0 - clock.now();
            if !gate.enabled || left.0 <= 0 || !may_pass(&error) {
                return Err(DriveError::from(error).into());
            }
            if !told {
                let first = error.to_string();
                let line = first.lines().next().unwrap_or_default();
                self.screen.note(&format!("waiting up to {} for {url}: {line}", gate.wait.0));
                told = true;
            }
            let pause = gate.poll.0.max(Micros::from_millis(50)).min(left);
            if self.interrupts.sleep(Duration::from_micros(pause.0.max(0) as u64)) {
                return Err(Failure::Other {
                    exit: Exit::Interrupted,
                    message: "interrupted while waiting for the target; nothing was sent".to_owned(),
                });
            }
        }
    }

    fn ask(&self, url: &Url, model: Option<&str>) -> Result<GateReport, GateError> {
        let target = &self.spec.target;
        let headers = target.request_headers(self.key);
        let trust = target.trust();
        let get = |path: &str| probe::request("GET", url, path, &headers, b"", &trust, PATIENCE);
        let shown = url.to_string();
        let wanted = Wanted { url: &shown, model, workers: self.spec.gate.expect_workers };
        gate::judge(&wanted, get("/health"), get("/v1/models"))
    }

    fn check_request(&self, base: &Url, model: &str) -> Result<(), Failure> {
        let target = &self.spec.target;
        let kind = EndpointKind::from(target.endpoint);
        let path = endpoint_path(target);
        let body = kind.encode(&target.body_options(model), &Body::Text("Hello"), Some(1));
        let patience = target.timeout.map_or(PATIENCE, |t| t.0);
        let headers = target.request_headers(self.key);
        let detail = match probe::request("POST", base, path, &headers, &body, &target.trust(), patience) {
            Ok(reply) if (200..300).contains(&reply.status) => return Ok(()),
            Ok(reply) => format!("HTTP {}: {}", reply.status, reply.excerpt()),
            Err(error) => error.to_string(),
        };
        let url = base.shown(path);
        Err(DriveError::from(GateError::CheckRequest { url, detail }).into())
    }
}

/// The path requests go to.
pub fn endpoint_path(target: &TargetSpec) -> &str {
    target.path.as_deref().unwrap_or_else(|| EndpointKind::from(target.endpoint).path(target.streaming))
}

/// Whether waiting can help: a missing service or model may come, a refused key will not change.
fn may_pass(error: &GateError) -> bool {
    !matches!(error, GateError::Unauthorized { .. } | GateError::ModelUnclear { .. })
}
