//! Generation: checks in the order vLLM makes them, the faults that come before the engine, and the reply that the engine makes.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response, Version};
use tokmark_base::Seed;
use tokmark_engine::{Arrival, Length};
use tokmark_wire::{EndpointKind, ReplyWriter};

use crate::answer::{
    Answer, Desk, GENERATE_STREAM, is_json, refusal, too_large, unauthorized, whole, with_status,
};
use crate::body::{Dropped, Outgoing};
use crate::clock::unix_seconds;
use crate::fault::{Manner, Start, UsagePolicy, manner};
use crate::floor::Seat;
use crate::habits::{Habits, error_type};
use crate::line::Mode;
use crate::metrics::Visit;
use crate::prompt;
use crate::reply::{Recipe, Reply};

/// What is left of a request when its body is read.
struct Asked {
    kind: EndpointKind,
    /// The path asks for a stream.
    streams: bool,
    headers: HeaderMap,
    version: Version,
    body: Bytes,
    nth: u64,
    manner: Manner,
}

impl Desk {
    pub(crate) async fn generate(
        self,
        kind: EndpointKind,
        request: Request<Incoming>,
    ) -> Result<Answer, Dropped> {
        let nth = self.house.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let manner = manner(&self.house.faults(), nth);
        let known = self.knows(&request);
        let is_json = is_json(&request);
        let (headers, version) = (request.headers().clone(), request.version());
        let streams = request.uri().path() == GENERATE_STREAM;
        let Some(body) = whole(request).await else {
            return Ok(too_large());
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
        self.floor.look_up();
        self.serve(Asked { kind, streams, headers, version, body, nth, manner }).await
    }

    /// Reads what is asked and lets the engine answer.
    async fn serve(self, request: Asked) -> Result<Answer, Dropped> {
        let asked = match request.kind.decode_request(&request.body) {
            Ok(asked) => tokmark_wire::Request { streaming: asked.streaming || request.streams, ..asked },
            Err(error) => return Ok(refusal(400, "BadRequestError", &error.to_string())),
        };
        let model = asked.model.as_deref().unwrap_or(&self.house.models[0]).to_owned();
        let adapter = self.house.adapters.contains(&model).then(|| prompt::adapter(&model));
        if adapter.is_none() && !self.house.models.contains(&model) {
            let text = format!("The model `{model}` does not exist.");
            return Ok(refusal(404, "NotFoundError", &text));
        }
        let (content, words) = prompt::tokens(&asked, adapter, &self.house.replies);
        let input = content.tokens() as u32;
        if let Some(text) = self.unmeant(&asked, input) {
            return Ok(refusal(400, "BadRequestError", &text));
        }
        let length = Length {
            max: asked.max_tokens,
            min: asked.min_tokens.unwrap_or(0),
            ignore_eos: asked.ignore_eos,
        };
        let arrival = Arrival {
            input: Some(input),
            content,
            length,
            priority: asked.priority.unwrap_or(0),
            adapter,
            session: prompt::session(&asked, &request.headers),
            ..Arrival::default()
        };
        let visit =
            Visit { endpoint: request.kind, streaming: asked.streaming, input, asked: asked.max_tokens };
        let encoding = request.manner.encoding.clone();
        let chunked = asked.streaming && request.version == Version::HTTP_11;
        // Only a chat says which of its texts are replies.
        let words = words.filter(|_| request.kind == EndpointKind::Chat);
        let mut reply = self.reply(request, &asked, &model, input);
        if let Some(words) = words {
            reply.keep_in(Arc::clone(&self.house.replies), words);
        }
        let seat = match self.floor.arrive(reply, arrival, visit) {
            Ok(seat) => seat,
            Err(why) => return Ok(self.refused(why.status(), &why.to_string())),
        };
        self.begin(seat, asked.streaming, chunked, encoding).await
    }

    /// What is wrong with wishes that are good each by itself.
    fn unmeant(&self, asked: &tokmark_wire::Request, input: u32) -> Option<String> {
        let plays = self.house.plays;
        if asked.has_stream_options && !asked.streaming && !plays.takes_stream_options_alone() {
            let text = "`stream_options` are for streams\nhint: leave them out or send `stream` as true";
            return Some(text.to_owned());
        }
        let max = asked.max_tokens?;
        if let Some(text) = self.house.max_model_len.and_then(|context| plays.too_much(input, max, context)) {
            return Some(text);
        }
        let min = asked.min_tokens.filter(|min| *min > max)?;
        Some(format!("min_tokens is {min}, more than max_tokens, which is {max}"))
    }

    fn reply(&self, request: Asked, asked: &tokmark_wire::Request, model: &str, input: u32) -> Reply {
        let nth = request.nth;
        let mut manner = request.manner;
        let plays = self.house.plays;
        let native = matches!(request.kind, EndpointKind::Sglang | EndpointKind::Tgi);
        if native {
            // Counts and the reason to stop are one event of these APIs: there is no reply without.
            manner.usage = None;
        }
        let id = match request.kind {
            EndpointKind::Chat => format!("chatcmpl-{nth}"),
            EndpointKind::Completions => format!("cmpl-{nth}"),
            EndpointKind::Sglang | EndpointKind::Tgi => format!("{nth:032x}"),
        };
        Reply::new(Recipe {
            writer: ReplyWriter::new(request.kind, &id, model, unix_seconds()),
            usage: usage_asked(asked),
            manner,
            streaming: asked.streaming,
            prompt_tokens: input,
            stream_interval: self.house.stream_interval.load(Ordering::Relaxed),
            // SGLang's own API says it always.
            tell_cached: self.house.prompt_tokens_details || native,
            tell_times: plays.tells_times(request.kind, asked.timing),
            plays,
            lexicon: self.house.lexicon.clone(),
            words: Seed(0).stream("reply", nth),
        })
    }

    /// The head, as soon as it is known, with a body that follows the engine.
    async fn begin(
        self,
        seat: Seat,
        streaming: bool,
        chunked: bool,
        encoding: Option<String>,
    ) -> Result<Answer, Dropped> {
        let made_of = if streaming {
            if self.house.plays.head_waits() {
                poll_fn(|cx| seat.reply().borrow_mut().poll_start(cx)).await;
            }
            None
        } else {
            poll_fn(|cx| seat.reply().borrow_mut().poll_length(cx)).await
        };
        if let Some(refused) = seat.reply().borrow_mut().refused() {
            return Ok(self.refused(refused.status, &refused.message));
        }
        if !streaming && made_of.is_none() {
            return Err(Dropped);
        }
        seat.reply().borrow_mut().commit();
        let mut answer = Response::new(Outgoing::made(seat, self.line, made_of, chunked));
        let content_type = if streaming { "text/event-stream; charset=utf-8" } else { "application/json" };
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let encoding = encoding.and_then(|name| HeaderValue::from_str(&name).ok());
        headers.extend(encoding.map(|name| (CONTENT_ENCODING, name)));
        Ok(answer)
    }

    /// What engine or router refuse.
    fn refused(&self, status: u16, message: &str) -> Answer {
        self.house.stage.lock().ledger.answered(status);
        refusal(status, error_type(status), message)
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

fn refused_on_purpose(code: u16, body: &str, header: Option<&(&'static str, String)>) -> Answer {
    let content_type = if body.starts_with('{') { "application/json" } else { "text/plain; charset=utf-8" };
    let mut answer = with_status(code, body.to_owned(), Some(content_type));
    if let Some((name, value)) = header
        && let Ok(value) = HeaderValue::from_str(value)
    {
        answer.headers_mut().insert(*name, value);
    }
    answer
}
