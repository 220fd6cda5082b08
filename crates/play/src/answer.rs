//! From a request to a response: the routes, and everything but generation (`generate.rs`).

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokmark_record::catalogue::Server as Kind;
use tokmark_wire::EndpointKind;
use tokmark_wire::endpoint::error_body;

use crate::admin;
use crate::body::{Dropped, Outgoing};
use crate::floor::Floor;
use crate::line::Line;
use crate::profile::Route as Profiler;
use crate::server::House;

/// Who answers on one connection.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) house: Arc<House>,
    pub(crate) floor: Rc<Floor>,
    pub(crate) line: Rc<Line>,
    /// Who asks.
    pub(crate) peer: IpAddr,
}

pub(crate) type Answer = Response<Outgoing>;

/// Larger than any prompt; a body beyond it is a mistake.
const BODY_LIMIT: usize = 64 << 20;

/// The release of vLLM whose ways are played; ours follows it as a local version.
const VLLM_VERSION: &str = concat!("0.32.0+tokmark.", env!("CARGO_PKG_VERSION"));

/// Text Generation Inference's path for streams: the body does not say it.
pub(crate) const GENERATE_STREAM: &str = "/generate_stream";

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Generate(EndpointKind),
    Models,
    Health,
    /// Ready to take requests, which it is as soon as it is healthy.
    Ready,
    Live,
    Version,
    Metrics,
    Profiler(Profiler),
    Admin,
}

impl Route {
    /// The route of a path on a server that plays `plays`.
    fn of(path: &str, plays: Kind, admin: bool) -> Option<Self> {
        let kinds = [EndpointKind::Chat, EndpointKind::Completions];
        if let Some(kind) = kinds.into_iter().find(|kind| kind.path(true) == path) {
            return Some(Self::Generate(kind));
        }
        if path == plays.path() {
            return Some(Self::Metrics);
        }
        match path {
            "/v1/models" => Some(Self::Models),
            "/health" => Some(Self::Health),
            "/ping" if matches!(plays, Kind::Vllm | Kind::Sglang) => Some(Self::Health),
            "/health_generate" if plays == Kind::Sglang => Some(Self::Health),
            // SGLang's own API; elsewhere the path is that of Text Generation Inference.
            "/generate" if plays == Kind::Sglang => Some(Self::Generate(EndpointKind::Sglang)),
            "/generate" | GENERATE_STREAM => Some(Self::Generate(EndpointKind::Tgi)),
            "/ready" if plays == Kind::Sglang => Some(Self::Ready),
            "/live" if plays == Kind::Dynamo => Some(Self::Live),
            "/version" if plays == Kind::Vllm => Some(Self::Version),
            // The second is llm-d-inference-sim's name for the same thing.
            "/admin" | "/admin/config" if admin => Some(Self::Admin),
            path => Profiler::of(path).map(Self::Profiler),
        }
    }

    fn takes(self, method: &Method, plays: Kind) -> bool {
        match self {
            Self::Generate(_) => method == Method::POST,
            Self::Admin => method == Method::GET || method == Method::POST,
            Self::Profiler(profiler) => profiler.takes(method, plays),
            _ => method == Method::GET,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Generate(_) | Self::Profiler(_) => "POST",
            Self::Admin => "GET, POST",
            _ => "GET",
        }
    }

    /// Whether it asks for the key, if there is one.
    fn is_guarded(self) -> bool {
        // Generation looks at it later, as vLLM does, and vLLM guards `/v1` alone.
        matches!(self, Self::Models | Self::Admin)
    }
}

impl Desk {
    /// Answers one request; `Err` drops the connection.
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Result<Answer, Dropped> {
        self.floor.look_up();
        let path = request.uri().path();
        let plays = self.house.plays;
        let Some(route) = Route::of(path, plays, self.house.admin) else {
            return Ok(self.nowhere(path));
        };
        if !route.takes(request.method(), plays) {
            let methods = route.methods();
            let mut answer = refusal(
                405,
                "MethodNotAllowed",
                &format!("{path} takes {methods}, not {}", request.method()),
            );
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            return Ok(answer);
        }
        if route.is_guarded() && !self.knows(&request) {
            return Ok(unauthorized());
        }
        match route {
            Route::Generate(kind) => self.generate(kind, request).await,
            Route::Models => Ok(self.models()),
            Route::Health => Ok(self.health()),
            Route::Ready => Ok(with_status(200, "", None)),
            Route::Live => {
                Ok(json_answer(200, json!({"status": "live", "message": "Service is live"}).to_string()))
            }
            Route::Version => Ok(json_answer(200, json!({"version": VLLM_VERSION}).to_string())),
            Route::Metrics => Ok(self.metrics().await),
            Route::Profiler(route) => {
                let Some(body) = whole(request).await else {
                    return Ok(too_large());
                };
                let mut sessions = self.house.sessions.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(sessions.answer(route, plays, &body))
            }
            Route::Admin => Ok(self.administer(request).await),
        }
    }

    fn nowhere(&self, path: &str) -> Answer {
        // A worker's system port says it in its own words.
        if self.house.plays == Kind::Dynamo && path.starts_with("/engine/") {
            let message = format!("Route '{path}' not found");
            return json_answer(404, json!({"error": "Route not found", "message": message}).to_string());
        }
        refusal(404, "NotFoundError", &format!("there is no {path} here"))
    }

    fn health(&self) -> Answer {
        let asked = self.house.health_checks.fetch_add(1, Ordering::Relaxed);
        if asked < u64::from(self.house.health.refuse_first) {
            return refusal(503, "ServiceUnavailable", "not ready yet");
        }
        match (&self.house.health.body, self.house.plays) {
            (Some(body), _) => json_answer(200, body.clone()),
            (None, Kind::Dynamo) => {
                let endpoints = ["dyn://dynamo.backend.generate"];
                json_answer(
                    200,
                    json!({"status": "healthy", "endpoints": endpoints, "instances": []}).to_string(),
                )
            }
            (None, _) => Response::new(Outgoing::whole(Bytes::new())),
        }
    }

    fn models(&self) -> Answer {
        let house = &self.house;
        let tells_context = matches!(house.plays, Kind::Vllm | Kind::Sglang);
        let card = |id: &String, parent: Option<&String>| {
            let mut card =
                json!({"id": id, "object": "model", "created": house.started, "owned_by": "tokmark"});
            if let Some(tokens) = house.max_model_len.filter(|_| tells_context && parent.is_none()) {
                card["max_model_len"] = tokens.into();
            }
            if let Some(parent) = parent {
                card["parent"] = parent.as_str().into();
            }
            card
        };
        let models = house.models.iter().map(|id| card(id, None));
        let adapters = house.adapters.iter().map(|id| card(id, house.models.first()));
        let data: Vec<Value> = models.chain(adapters).collect();
        json_answer(200, json!({"object": "list", "data": data}).to_string())
    }

    async fn metrics(&self) -> Answer {
        let house = Arc::clone(&self.house);
        let (books, gauges) = {
            let core = house.stage.lock();
            (core.ledger.books(), core.engine.gauges())
        };
        // A thousand lines take as long to write as a hundred tokens to send: not on the thread that sends them.
        let text = tokio::task::spawn_blocking(move || {
            let lateness = house.lateness.exposed();
            house.scrape.text(&books, &gauges, &lateness).map_err(|error| error.to_string())
        });
        match text.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(text) => with_status(200, text, Some(self.house.plays.content_type())),
            Err(error) => refusal(500, "InternalServerError", &error),
        }
    }

    async fn administer(&self, request: Request<Incoming>) -> Answer {
        if !self.peer.to_canonical().is_loopback() {
            let text = format!("/admin is for this machine only, not for {}", self.peer);
            return refusal(403, "PermissionDeniedError", &text);
        }
        if request.method() == Method::POST {
            // Without this a web page could have a browser post here.
            if !is_json(&request) {
                let text = "Unsupported Media Type: Only 'application/json' is allowed";
                return refusal(415, "UnsupportedMediaType", text);
            }
            let Some(body) = whole(request).await else {
                return too_large();
            };
            if let Err(error) = admin::change(&self.house, &body) {
                return refusal(400, "BadRequestError", &error.to_string());
            }
        }
        json_answer(200, admin::shown(&self.house).to_string())
    }

    /// Whether the client has the key, if one is needed.
    pub(crate) fn knows(&self, request: &Request<Incoming>) -> bool {
        let Some(key) = &self.house.api_key else {
            return true;
        };
        let given = request.headers().get(AUTHORIZATION);
        let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given == Some(key.reveal().as_bytes())
    }
}

/// The body, unless it is too large or the client went away.
pub(crate) async fn whole(request: Request<Incoming>) -> Option<Bytes> {
    let body = Limited::new(request.into_body(), BODY_LIMIT).collect().await;
    body.ok().map(http_body_util::Collected::to_bytes)
}

/// `application/json`, with or without parameters.
pub(crate) fn is_json(request: &Request<Incoming>) -> bool {
    request.headers().get(CONTENT_TYPE).is_some_and(|value| {
        let media_type = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
    })
}

pub(crate) fn too_large() -> Answer {
    refusal(413, "PayloadTooLarge", "the body is larger than 64 MiB")
}

pub(crate) fn refusal(code: u16, kind: &str, message: &str) -> Answer {
    json_answer(code, error_body(kind, message, code))
}

pub(crate) fn unauthorized() -> Answer {
    refusal(401, "AuthenticationError", "Unauthorized")
}

pub(crate) fn json_answer(code: u16, body: impl Into<Bytes>) -> Answer {
    with_status(code, body, Some("application/json"))
}

pub(crate) fn with_status(code: u16, body: impl Into<Bytes>, content_type: Option<&'static str>) -> Answer {
    let mut answer = Response::new(Outgoing::whole(body));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    answer
}
