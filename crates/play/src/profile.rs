//! The profiler routes: they answer as the real ones and keep count, but there is nothing to profile and no trace is written.
//!
//! All paths are there whichever server is played: a client that looks for the right one by trying finds it. Native paths answer
//! as vLLM does or, if that is played, as SGLang; the paths under `/engine` answer as a Dynamo worker's system port.

use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokmark_record::catalogue::Server as Kind;

use crate::answer::{Answer, json_answer, with_status};

/// What the profiler routes were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profiling {
    /// Between a start and a stop.
    pub running: bool,
    /// Starts that began a session, not counting those while one was running.
    pub started: u64,
}

/// The one session there can be.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Profiling);

/// A profiler route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    start: bool,
    /// Under `/engine`.
    dynamo: bool,
}

impl Route {
    /// The route of a path.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let (start, dynamo) = match path {
            "/start_profile" => (true, false),
            "/stop_profile" => (false, false),
            "/engine/start_profile" | "/engine/control/start_profile" => (true, true),
            "/engine/stop_profile" | "/engine/control/stop_profile" => (false, true),
            _ => return None,
        };
        Some(Self { start, dynamo })
    }

    /// Whether it takes this method: SGLang's take GET too, and Dynamo's whatever comes.
    pub(crate) fn takes(self, method: &Method, plays: Kind) -> bool {
        self.dynamo || method == Method::POST || (plays == Kind::Sglang && method == Method::GET)
    }
}

impl Sessions {
    /// What they were told.
    pub(crate) fn told(&self) -> Profiling {
        self.0
    }

    /// Does what `route` says and answers as the real one.
    pub(crate) fn answer(&mut self, route: Route, plays: Kind, body: &[u8]) -> Answer {
        let parsed = match body {
            [] => Ok(json!({})),
            body => serde_json::from_slice::<Value>(body),
        };
        let mut answer = match parsed {
            Err(_) if route.dynamo => json_answer(400, json!({"error": "Invalid JSON"}).to_string()),
            // FastAPI's answer to a body it cannot read.
            Err(error) => json_answer(422, unreadable(&error).to_string()),
            Ok(_) if route.dynamo => self.dynamo(route),
            Ok(_) if plays == Kind::Sglang => self.sglang(route),
            Ok(_) => {
                self.turn(route);
                with_status(200, "", None)
            }
        };
        if answer.status() == StatusCode::OK {
            let note = HeaderValue::from_static("simulated engine; no trace is written");
            answer.headers_mut().insert("x-tokmark-note", note);
        }
        answer
    }

    /// True if it changed anything. vLLM ignores a start while it profiles and a stop while it does not.
    fn turn(&mut self, route: Route) -> bool {
        let changes = self.0.running != route.start;
        self.0.running = route.start;
        self.0.started += u64::from(changes && route.start);
        changes
    }

    fn dynamo(&mut self, route: Route) -> Answer {
        self.turn(route);
        let message = if route.start { "Profiling started" } else { "Profiling stopped" };
        json_answer(200, json!({"status": "ok", "message": message}).to_string())
    }

    /// SGLang's scheduler refuses a second start and a stop without one; its server makes a plain 500 of that.
    fn sglang(&mut self, route: Route) -> Answer {
        let (status, text) = match (self.turn(route), route.start) {
            (true, true) => (200, "Start profiling.\n"),
            (true, false) => (200, "Stop profiling. This will take some time.\n"),
            (false, _) => (500, "Internal Server Error"),
        };
        with_status(status, text, Some("text/plain; charset=utf-8"))
    }
}

fn unreadable(error: &serde_json::Error) -> Value {
    let at = json!(["body", error.column()]);
    let what = json!({"type": "json_invalid", "loc": at, "msg": "JSON decode error", "input": {}});
    json!({ "detail": [what] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(sessions: &mut Sessions, path: &str, plays: Kind, body: &str) -> u16 {
        sessions.answer(Route::of(path).unwrap(), plays, body.as_bytes()).status().as_u16()
    }

    #[test]
    fn vllm_ignores_what_is_already_so() {
        let mut sessions = Sessions::default();
        for (path, running, started) in [
            ("/stop_profile", false, 0),
            ("/start_profile", true, 1),
            ("/start_profile", true, 1),
            ("/stop_profile", false, 1),
            ("/start_profile", true, 2),
        ] {
            assert_eq!(status(&mut sessions, path, Kind::Vllm, ""), 200);
            assert_eq!(sessions.told(), Profiling { running, started }, "{path}");
        }
        assert_eq!(status(&mut sessions, "/start_profile", Kind::Vllm, "{oops"), 422);
        assert_eq!(status(&mut sessions, "/stop_profile", Kind::Vllm, r#"{"profile_prefix": "a"}"#), 200);
    }

    #[test]
    fn sglang_refuses_it() {
        let mut sessions = Sessions::default();
        let statuses = ["/stop_profile", "/start_profile", "/start_profile", "/stop_profile"]
            .map(|path| status(&mut sessions, path, Kind::Sglang, ""));
        assert_eq!(statuses, [500, 200, 500, 200]);
        assert_eq!(sessions.told(), Profiling { running: false, started: 1 });
    }

    #[test]
    fn methods_are_those_of_the_real_ones() {
        let native = Route::of("/start_profile").unwrap();
        assert!(native.takes(&Method::POST, Kind::Vllm) && !native.takes(&Method::GET, Kind::Vllm));
        assert!(native.takes(&Method::GET, Kind::Sglang));
        assert!(Route::of("/engine/control/stop_profile").unwrap().takes(&Method::GET, Kind::Dynamo));
        assert_eq!(Route::of("/engine/profile"), None);
    }
}
