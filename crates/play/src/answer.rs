//! From a request to a response: routes, checks in the order vLLM makes them, and the faults that come before the engine.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokmark_base::Seed;
use tokmark_engine::Length;
use tokmark_wire::endpoint::error_body;
use tokmark_wire::{EndpointKind, ReplyWriter};

use crate::body::{Dropped, Outgoing};
use crate::clock::unix_seconds;
use crate::fault::{Manner, Start, UsagePolicy, manner};
use crate::floor::Floor;
use crate::line::{Line, Mode};
use crate::reply::{Recipe, Reply};
use crate::server::House;

/// Who answers on one connection.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) house: Rc<House>,
    pub(crate) floor: Rc<Floor>,
    pub(crate) line: Rc<Line>,
}

type Answer = Response<Outgoing>;

/// Larger than any prompt; a body beyond it is a mistake.
const BODY_LIMIT: usize = 64 << 20;

impl Desk {
    /// Answers one request; `Err` drops the connection.
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Result<Answer, Dropped> {
        let path = request.uri().path();
        let (wanted, endpoint) = match path {
            "/health" | "/v1/models" => (Method::GET, None),
            path => match [EndpointKind::Chat, EndpointKind::Completions]
                .into_iter()
                .find(|kind| kind.path() == path)
            {
                Some(kind) => (Method::POST, Some(kind)),
                None => return Ok(refusal(404, "NotFoundError", &format!("there is no {path} here"))),
            },
        };
        if request.method() != wanted {
            let text = format!("{path} takes {wanted}, not {}", request.method());
            let mut answer = refusal(405, "MethodNotAllowed", &text);
            let allowed = HeaderValue::from_str(wanted.as_str());
            answer.headers_mut().extend(allowed.ok().map(|wanted| (ALLOW, wanted)));
            return Ok(answer);
        }
        match endpoint {
            Some(kind) => self.generate(kind, request).await,
            None if path == "/health" => Ok(self.health()),
            None if !self.known(&request) => Ok(unauthorized()),
            None => Ok(self.models()),
        }
    }

    fn health(&self) -> Answer {
        let asked = self.house.health_checks.get();
        self.house.health_checks.set(asked + 1);
        if asked < u64::from(self.house.health.refuse_first) {
            return refusal(503, "ServiceUnavailable", "not ready yet");
        }
        match &self.house.health.body {
            Some(body) => json_answer(200, body.clone()),
            None => Response::new(Outgoing::whole(Bytes::new())),
        }
    }

    fn models(&self) -> Answer {
        let models: Vec<_> = self
            .house
            .models
            .iter()
            .map(|id| json!({"id": id, "object": "model", "created": self.house.started, "owned_by": "tokmark"}))
            .collect();
        json_answer(200, json!({"object": "list", "data": models}).to_string())
    }

    /// Whether the client has the key, if one is needed.
    fn known(&self, request: &Request<Incoming>) -> bool {
        let Some(key) = &self.house.api_key else {
            return true;
        };
        let given = request.headers().get(AUTHORIZATION);
        let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given == Some(key.reveal().as_bytes())
    }

    async fn generate(self, kind: EndpointKind, request: Request<Incoming>) -> Result<Answer, Dropped> {
        let nth = self.house.shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let manner = manner(&self.house.faults, nth);
        let known = self.known(&request);
        let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|value| names_json(value.as_bytes()));
        let Ok(body) = Limited::new(request.into_body(), BODY_LIMIT).collect().await else {
            return Ok(refusal(413, "PayloadTooLarge", "the body is larger than 64 MiB"));
        };
        if let Some(delay) = manner.delay {
            tokio::time::sleep(Duration::from_micros(delay.0.max(0) as u64)).await;
        }
        if let Some(bytes_per_sec) = manner.drip {
            self.line.set(Mode::Drip { bytes_per_sec });
        }
        match &manner.start {
            Start::Answer => {}
            Start::Never => std::future::pending().await,
            Start::Close => return Err(Dropped),
            Start::BadHttp => {
                self.line.set(Mode::Garbage);
                let mut answer = Response::new(Outgoing::whole(Bytes::new()));
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                return Ok(answer);
            }
            Start::Refuse { code, body, header } => {
                return Ok(refused_on_purpose(*code, body, header.as_ref()));
            }
        }
        if !known {
            return Ok(unauthorized());
        }
        if !is_json {
            let text = "Unsupported Media Type: Only 'application/json' is allowed";
            return Ok(refusal(415, "UnsupportedMediaType", text));
        }
        self.serve(kind, &body.to_bytes(), manner, nth).await
    }

    /// Reads what is asked and lets the engine answer.
    async fn serve(
        self,
        kind: EndpointKind,
        body: &[u8],
        manner: Manner,
        nth: u64,
    ) -> Result<Answer, Dropped> {
        let asked = match kind.decode_request(body) {
            Ok(asked) => asked,
            Err(error) => return Ok(refusal(400, "BadRequestError", &error.to_string())),
        };
        let model = asked.model.as_deref().unwrap_or(&self.house.models[0]);
        if !self.house.models.iter().any(|known| known == model) {
            let text = format!("The model `{model}` does not exist.");
            return Ok(refusal(404, "NotFoundError", &text));
        }
        let length = Length {
            max: asked.max_tokens,
            min: asked.min_tokens.unwrap_or(0),
            ignore_eos: asked.ignore_eos,
        };
        if let Some(max) = length.max.filter(|max| length.min > *max) {
            let text = format!("min_tokens is {}, more than max_tokens, which is {max}", length.min);
            return Ok(refusal(400, "BadRequestError", &text));
        }
        let words = asked.texts.iter().map(|text| text.split_ascii_whitespace().count());
        let prompt_tokens = asked.token_ids.unwrap_or_else(|| words.sum::<usize>() as u32);
        let id = match kind {
            EndpointKind::Chat => format!("chatcmpl-{nth}"),
            EndpointKind::Completions => format!("cmpl-{nth}"),
        };
        let encoding = manner.encoding.clone();
        let reply = Reply::new(Recipe {
            writer: ReplyWriter::new(kind, &id, model, unix_seconds()),
            usage: usage_asked(&asked),
            manner,
            streaming: asked.streaming,
            prompt_tokens,
            lexicon: self.house.lexicon.clone(),
            words: Seed(0).stream("reply", nth),
        });
        let seat = match self.floor.arrive(reply, prompt_tokens, length) {
            Ok(seat) => seat,
            Err(why) => {
                let kind = if why.status() < 500 { "BadRequestError" } else { "ServiceUnavailable" };
                return Ok(refusal(why.status(), kind, &why.to_string()));
            }
        };
        let made_of = if asked.streaming {
            None
        } else {
            let length = poll_fn(|cx| seat.reply().borrow_mut().poll_length(cx)).await;
            Some(length.ok_or(Dropped)?)
        };
        let mut answer = Response::new(Outgoing::made(seat, self.line, made_of));
        let content_type =
            if asked.streaming { "text/event-stream; charset=utf-8" } else { "application/json" };
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let encoding = encoding.and_then(|name| HeaderValue::from_str(&name).ok());
        headers.extend(encoding.map(|name| (CONTENT_ENCODING, name)));
        Ok(answer)
    }
}

fn usage_asked(asked: &tokmark_wire::Request) -> UsagePolicy {
    if !asked.streaming {
        UsagePolicy::AtEnd
    } else if asked.continuous_usage {
        UsagePolicy::Always
    } else if asked.include_usage {
        UsagePolicy::AtEnd
    } else {
        UsagePolicy::Never
    }
}

/// `application/json`, with or without parameters.
fn names_json(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|b| *b == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn refusal(code: u16, kind: &str, message: &str) -> Answer {
    json_answer(code, error_body(kind, message, code))
}

fn unauthorized() -> Answer {
    refusal(401, "AuthenticationError", "Unauthorized")
}

fn json_answer(code: u16, body: impl Into<Bytes>) -> Answer {
    with_status(code, body, "application/json")
}

fn refused_on_purpose(code: u16, body: &str, header: Option<&(&'static str, String)>) -> Answer {
    let content_type = if body.starts_with('{') { "application/json" } else { "text/plain; charset=utf-8" };
    let mut answer = with_status(code, body.to_owned(), content_type);
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::from_str(value)
    {
        answer.headers_mut().insert(*name, value);
    }
    answer
}

fn with_status(code: u16, body: impl Into<Bytes>, content_type: &'static str) -> Answer {
    let mut answer = Response::new(Outgoing::whole(body));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
