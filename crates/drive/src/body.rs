//! From a planned request to the bytes that go on the wire: body, head, and what the rest of its session says again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tokmark_base::Micros;
use tokmark_record::{Asked, SessionTurn};
use tokmark_wire::http::{HeaderError, check_header, encode_request};
use tokmark_wire::{Ask, Body, EndpointKind, Exchange, Own};
use tokmark_workload::{Class, PlannedRequest, Prompt};

use crate::error::DriveError;
use crate::job::Shared;

/// One request as it goes on the wire, and what its record and its attempt need to know of it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) request: u64,
    /// The round of asking it belongs to.
    pub(crate) round: u64,
    pub(crate) asked: Asked,
    pub(crate) session: Option<SessionTurn>,
    pub(crate) class: Option<u16>,
    /// Its client goes away so long after its last byte was sent.
    pub(crate) cancel_after: Option<Micros>,
    /// A stream was asked for.
    pub(crate) streaming: bool,
    pub(crate) bytes: Vec<u8>,
    /// What the next turn of its session says again; `None` if there is none or it says nothing again.
    pub(crate) history: Option<Box<History>>,
}

/// What was said and answered in a session so far. It travels with the session's one request in flight, so that it is gone as
/// soon as the session is, however that ends.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// What was said, a turn each.
    said: Vec<Prompt>,
    /// The replies to all but the last of them, or to all.
    replies: Vec<String>,
}

impl History {
    /// The last turn was answered.
    pub(crate) fn answered(&mut self, reply: String) {
        self.replies.push(reply);
    }

    fn exchanges(&self) -> Vec<Exchange<'_>> {
        let exchange = |(said, reply)| Exchange { said: body_of(said), reply };
        self.said.iter().zip(self.replies.iter().map(String::as_str)).map(exchange).collect()
    }
}

fn body_of(prompt: &Prompt) -> Body<'_> {
    match prompt {
        Prompt::Text(text) => Body::Text(text),
        Prompt::System { system, text } => Body::System { system, text },
        Prompt::Messages(messages) => Body::Messages(messages),
        Prompt::Payload(payload) => Body::Payload(payload),
    }
}

/// Makes a request's bytes. `history` is what was said and answered before, every reply there, if that is to be said again.
pub(crate) fn prepare(shared: &Shared, round: u64, request: u64, history: Option<Box<History>>) -> Prepared {
    let mut planned = shared.requests.request(request);
    let class = planned.class.and_then(|class| shared.requests.classes().get(usize::from(class)));
    debug_assert_eq!(planned.history, history.is_some(), "request {request} comes with what it says again");
    let before = history.as_deref().map(History::exchanges).unwrap_or_default();
    let ask =
        Ask { before: &before, body: body_of(&planned.prompt), osl: planned.osl, own: own(&planned, class) };
    let body = shared.endpoint.encode_ask(&shared.body, &ask);
    // Headers were tried before the run; what cannot be encoded now would be a broken request, and an empty one fails loudly.
    let mut bytes = head(shared, &planned, class, body.len()).unwrap_or_default();
    bytes.extend_from_slice(&body);
    drop(before);
    let streaming = match &planned.prompt {
        // There the path says it, which is one for the whole run.
        Prompt::Payload(payload) if shared.endpoint != EndpointKind::Tgi => {
            payload.get("stream").and_then(serde_json::Value::as_bool).unwrap_or(false)
        }
        _ => shared.body.streaming,
    };
    let asked = Asked {
        // Of what is said again only the service knows how many tokens it is.
        isl: planned.isl.filter(|_| !planned.history),
        osl: planned.osl,
    };
    let history = is_said_again(shared, &planned).then(|| {
        let mut history = history.unwrap_or_default();
        history.said.push(std::mem::take(&mut planned.prompt));
        history
    });
    Prepared {
        request,
        round,
        asked,
        session: planned.session.map(|place| SessionTurn {
            id: place.session,
            turn: place.turn,
            of: place.turns,
        }),
        class: planned.class,
        cancel_after: planned.cancel_after,
        streaming,
        bytes,
        history,
    }
}

/// Whether the next turn of the session says this one again. A source either keeps history or does not, so only a first turn has to
/// look at the next one.
fn is_said_again(shared: &Shared, planned: &PlannedRequest) -> bool {
    let Some(place) = planned.session.filter(|place| place.turn + 1 < place.turns) else { return false };
    if place.turn == 0 { shared.requests.shape(planned.index + 1).history } else { planned.history }
}

/// What a request asks for beside what every request of the run does: its own first, then its class's.
fn own<'a>(planned: &'a PlannedRequest, class: Option<&'a Class>) -> Own<'a> {
    Own {
        model: class.and_then(|class| class.model.as_deref()),
        priority: planned.priority.or_else(|| class.and_then(|class| class.priority)),
        extra: [class.map(|class| &class.extra), planned.extra.as_ref()],
    }
}

/// The head: the target's headers, those of the class in their place, the session's and the request's names. A header that the user
/// gave stays as given.
fn head(
    shared: &Shared,
    planned: &PlannedRequest,
    class: Option<&Class>,
    body_len: usize,
) -> Result<Vec<u8>, HeaderError> {
    let target = &shared.targets[shared.target_of(planned.index)];
    let mut headers = Headers::of(&target.headers);
    for (name, value) in class.into_iter().flat_map(|class| &class.headers) {
        headers.set(name, value);
    }
    if let (Some(name), Some(place)) = (&shared.session_header, planned.session) {
        headers.add(name, || format!("{}-{}", shared.run_id, place.session));
    }
    headers.add("X-Request-Id", || format!("{}-{}", shared.run_id, planned.index));
    encode_request("POST", &target.path, &target.host, &headers.0, body_len)
}

/// Headers of one request, each name once whatever its case.
struct Headers<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Headers<'a> {
    fn of(common: &'a [(String, String)]) -> Self {
        Self(common.iter().map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str()))).collect())
    }

    fn find(&mut self, name: &str) -> Option<&mut (&'a str, Cow<'a, str>)> {
        self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    fn set(&mut self, name: &'a str, value: &'a str) {
        match self.find(name) {
            Some(header) => *header = (name, Cow::Borrowed(value)),
            None => self.0.push((name, Cow::Borrowed(value))),
        }
    }

    /// Adds a header of ours, unless there is one of the name.
    fn add(&mut self, name: &'a str, value: impl FnOnce() -> String) {
        if self.find(name).is_none() {
            self.0.push((name, Cow::Owned(value())));
        }
    }
}

/// Whether the headers of a plan's classes and the one that names sessions can be sent as they are.
pub fn check_headers(classes: &[Class], session_header: Option<&str>) -> Result<(), DriveError> {
    let refused = |place: String| {
        move |error: HeaderError| {
            let told = error.to_string();
            let (what, hint) = told.split_once('\n').unwrap_or((&told, "hint: leave it out"));
            DriveError::Header { reason: format!("{place}: {what}\n{hint}") }
        }
    };
    for class in classes {
        let place = || format!("workload.classes `{}`", class.name);
        for (name, value) in &class.headers {
            check_header(name, value).map_err(refused(place()))?;
        }
        let mut seen = BTreeMap::new();
        for name in class.headers.keys() {
            if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
                let reason = format!(
                    "{}: headers `{other}` and `{name}` are one and the same\nhint: the case of a header's name means nothing: leave one out",
                    place()
                );
                return Err(DriveError::Header { reason });
            }
        }
    }
    if let Some(name) = session_header {
        check_header(name, "").map_err(refused("workload.sessions.header".to_owned()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_with_its_place() {
        let class = |name: &str, value: &str| Class {
            name: "gold".to_owned(),
            headers: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..Class::default()
        };
        for (name, value) in [("a b", "c"), ("X-A", "two\nlines"), ("Content-Length", "3"), ("", "x")] {
            let told = check_headers(&[class(name, value)], None).unwrap_err().to_string();
            assert!(told.starts_with("workload.classes `gold`: ") && told.contains("\nhint: "), "{told}");
        }
        let told = check_headers(&[], Some("X Session")).unwrap_err().to_string();
        assert!(told.starts_with("workload.sessions.header: `X Session` is not"), "{told}");
        let mut twice = class("X-A", "1");
        twice.headers.insert("x-a".to_owned(), "2".to_owned());
        assert!(check_headers(&[twice], None).unwrap_err().to_string().contains("one and the same"));
        assert!(check_headers(&[class("X-Tier", "gold")], Some("X-Session-ID")).is_ok());
    }
}
