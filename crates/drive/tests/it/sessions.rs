//! Sessions on the wire: what later turns say, when, where to, and what becomes of them when one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokmark_base::Micros;
use tokmark_drive::Control;
use tokmark_record::{Outcome, Phase, Record, SessionTurn};
use tokmark_workload::{
    Address, Count, Course, LoadSpec, Numbering, Place, PlannedRequest, Prompt, Requests,
};

use crate::Run;
use crate::peer::{Peer, Stream, body_of, content, header, stream_of};

/// Sessions of so many turns: turn `t` of session `s` says "s.t".
#[derive(Clone, Debug)]
struct Talk {
    turns: u32,
    history: bool,
    delay: Micros,
    system: bool,
}

impl Default for Talk {
    fn default() -> Self {
        Self { turns: 3, history: true, delay: Micros::ZERO, system: false }
    }
}

impl Requests for Talk {
    fn request(&self, index: u64) -> PlannedRequest {
        let Address { item, turn, phase } = Numbering::Turns.address(index);
        let text = format!("{item}.{turn}");
        let prompt = match (self.system, turn) {
            (true, 0) => Prompt::System { system: "be \"brief\"".to_owned(), text },
            _ => Prompt::Text(text),
        };
        PlannedRequest {
            index,
            isl: Some(2),
            prompt,
            history: self.history && turn > 0,
            session: Some(Place {
                session: Numbering::Single.index(phase, item, 0),
                turn,
                turns: self.turns,
            }),
            ..PlannedRequest::default()
        }
    }

    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }
}

impl Course for Talk {
    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }

    fn turns(&self, _request: u64) -> u32 {
        self.turns
    }

    fn delay(&self, _request: u64) -> Micros {
        self.delay
    }

    fn keeps_history(&self) -> bool {
        self.history
    }
}

fn load(streams: u32, sessions: u64) -> LoadSpec {
    LoadSpec { concurrency: Some(streams), sessions: Some(sessions), ..LoadSpec::default() }
}

fn run(url: String, talk: Talk, load: LoadSpec) -> Run {
    Run { load, ..Run::new(url, 1, 1) }.of(talk)
}

/// What the last of a request's messages says.
fn last_said(request: &str) -> String {
    let body: Value = serde_json::from_str(body_of(request)).unwrap();
    body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
}

/// A service that repeats what it was told last, between quotes and on two lines, and keeps what it was sent.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<String>>>);

impl Echo {
    fn answer(&self, stream: &mut dyn Stream, request: &str) -> bool {
        self.0.lock().unwrap().push(request.to_owned());
        let said = last_said(request);
        let events = [content(r#"\"you said"#), content(&format!(r#"\n{said}\""#))];
        stream.write_all(&stream_of(&events)).unwrap();
        true
    }

    fn start(&self) -> Peer {
        let echo = self.clone();
        Peer::start(move |_, stream, request| echo.answer(stream, request))
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Bodies, in the order of their request ids.
    fn bodies(&self) -> BTreeMap<String, String> {
        let name = |request: &String| header(request, "x-request-id").unwrap().to_owned();
        self.requests().iter().map(|request| (name(request), body_of(request).to_owned())).collect()
    }
}

fn index(item: u64, turn: u32) -> u64 {
    Numbering::Turns.index(Phase::Profiling, item, turn)
}

#[test]
fn each_turn_says_again_what_was_said_and_really_answered() {
    let echo = Echo::default();
    let peer = echo.start();
    let (end, records, _) = run(peer.url(), Talk { system: true, ..Talk::default() }, load(2, 2)).go();
    assert_eq!((end.issued, end.lost, end.broken_sessions), (6, 0, 0));
    assert!(records.iter().all(|r| r.outcome.is_success()), "{records:?}");
    let bodies = echo.bodies();
    let system = r#"{"role":"system","content":"be \"brief\""}"#;
    let user = |turn: u32, item: u64| format!(r#"{{"role":"user","content":"{item}.{turn}"}}"#);
    let reply =
        |turn: u32, item: u64| format!(r#"{{"role":"assistant","content":"\"you said\n{item}.{turn}\""}}"#);
    for item in 0..2 {
        let mut messages = system.to_owned();
        for turn in 0..3 {
            messages = format!("{messages},{}", user(turn, item));
            let want = format!(
                r#"{{"model":"m","messages":[{messages}],"stream":true,"stream_options":{{"include_usage":true}}}}"#
            );
            assert_eq!(bodies[&format!("test-{}", index(item, turn))], want);
            messages = format!("{messages},{}", reply(turn, item));
        }
    }
    for record in &records {
        let Address { item, turn, .. } = Numbering::Turns.address(record.request);
        assert_eq!(record.session, Some(SessionTurn { id: item, turn, of: 3 }));
        // Of what is said again only the service knows how many tokens it is.
        assert_eq!(record.asked.isl, (turn == 0).then_some(2));
        assert_eq!(record.text.as_ref().unwrap().output, format!("\"you said\n{item}.{turn}\""));
    }
}

#[test]
fn a_session_names_itself_in_its_header_unless_the_user_does() {
    let echo = Echo::default();
    let peer = echo.start();
    let named = |echo: &Echo| -> BTreeSet<String> {
        echo.requests().iter().map(|r| header(r, "x-session-id").unwrap().to_owned()).collect()
    };
    run(peer.url(), Talk::default(), load(1, 2)).go();
    assert_eq!(named(&echo), BTreeSet::from(["test-0".to_owned(), "test-1".to_owned()]));
    let mut own = run(peer.url(), Talk::default(), load(1, 2));
    own.target.headers.insert("x-session-id".to_owned(), "mine".to_owned());
    own.go();
    assert_eq!(named(&echo), BTreeSet::from(["mine".to_owned()]));
}

#[test]
fn a_completion_joins_its_turns_with_nothing_in_between() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let peer = Peer::start(move |_, stream, request| {
        let body: Value = serde_json::from_str(body_of(request)).unwrap();
        kept.lock().unwrap().push(body["prompt"].as_str().unwrap().to_owned());
        let events = [
            json!({"choices": [{"index": 0, "text": " yes"}]}),
            json!({"choices": [{"index": 0, "text": " sir"}]}),
        ];
        let events: Vec<String> = events.iter().map(|e| format!("data: {e}\n\n")).collect();
        stream.write_all(&stream_of(&events)).unwrap();
        true
    });
    let mut run = run(peer.url(), Talk { system: true, ..Talk::default() }, load(1, 1));
    run.target.endpoint = tokmark_drive::target::Endpoint::Completions;
    run.go();
    let first = "be \"brief\"0.0";
    let want = [first.to_owned(), format!("{first} yes sir0.1"), format!("{first} yes sir0.1 yes sir0.2")];
    assert_eq!(*seen.lock().unwrap(), want);
}

#[test]
fn reasoning_and_tool_calls_are_not_said_again() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let peer = Peer::start(move |_, stream, request| {
        kept.lock().unwrap().push(body_of(request).to_owned());
        let deltas = [
            json!({"reasoning_content": "hm"}),
            json!({"content": "let me look"}),
            json!({"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": "{}"}}]}),
        ];
        let event =
            |delta: &Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
        stream.write_all(&stream_of(&deltas.iter().map(event).collect::<Vec<_>>())).unwrap();
        true
    });
    let talk = Talk { turns: 2, ..Talk::default() };
    let (_, records, _) = Run { keep_text: false, ..run(peer.url(), talk, load(1, 1)) }.go();
    let body: Value = serde_json::from_str(&seen.lock().unwrap()[1]).unwrap();
    assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "let me look"}));
    assert!(records.iter().all(|r| r.text.is_none() && r.reads.content_count() == 3));
}

fn of_session(records: &[Record], item: u64) -> Vec<&Record> {
    records.iter().filter(|r| Numbering::Turns.address(r.request).item == item).collect()
}

#[test]
fn a_turn_waits_for_the_one_before_and_its_delay() {
    let echo = Echo::default();
    let peer = echo.start();
    let delay = Micros::from_millis(20);
    for load in [load(2, 4), LoadSpec { rate: Some(200.0), sessions: Some(4), ..LoadSpec::default() }] {
        let open = load.rate.is_some();
        let (end, records, _) = run(peer.url(), Talk { delay, ..Talk::default() }, load).go();
        assert_eq!((end.issued, end.lost), (12, 0));
        for item in 0..4 {
            for pair in of_session(&records, item).windows(2) {
                assert_eq!(pair[0].request + 1, pair[1].request);
                let wanted = pair[0].ended_us.unwrap() + delay;
                assert!(pair[1].released_us.unwrap() >= wanted && pair[1].sent_us >= pair[1].released_us);
                // An open loop wants it then; a closed one lets it go when it can.
                assert_eq!(pair[1].intended_us.is_some(), open);
                assert!(pair[1].intended_us.is_none_or(|at| at >= wanted), "{pair:?}");
            }
        }
    }
}

#[test]
fn a_failed_turn_ends_a_session_with_history_and_no_other() {
    let start = |echo: &Echo| {
        let echo = echo.clone();
        Peer::start(move |_, stream, request| {
            if last_said(request) != "1.0" {
                return echo.answer(stream, request);
            }
            echo.0.lock().unwrap().push(request.to_owned());
            stream.write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").unwrap();
            true
        })
    };
    let echo = Echo::default();
    let peer = start(&echo);
    let (end, records, _) = run(peer.url(), Talk::default(), load(2, 4)).go();
    assert_eq!((end.broken_sessions, end.issued, echo.requests().len()), (1, 10, 10));
    assert_eq!(of_session(&records, 1).len(), 1);
    assert!((0..4).filter(|item| *item != 1).all(|item| of_session(&records, item).len() == 3));

    // Turns that say nothing again go on whatever happened.
    let (end, records, _) = run(peer.url(), Talk { history: false, ..Talk::default() }, load(2, 4)).go();
    assert_eq!((end.broken_sessions, records.len()), (0, 12));
    assert_eq!(records.iter().filter(|r| !r.outcome.is_success()).count(), 1);
    let alone = |body: &String| {
        serde_json::from_str::<Value>(body).unwrap()["messages"].as_array().unwrap().len() == 1
    };
    assert!(echo.bodies().values().all(alone));
}

#[test]
fn a_session_stays_at_its_target() {
    let echoes = [Echo::default(), Echo::default()];
    let peers = echoes.each_ref().map(Echo::start);
    let mut run = run(peers[0].url(), Talk::default(), load(3, 8));
    run.target.url.push(peers[1].url());
    let (_, records, _) = run.go();
    assert_eq!(records.len(), 24);
    for record in &records {
        let item = Numbering::Turns.address(record.request).item;
        assert_eq!(u64::from(record.target), item % 2);
    }
    for (target, echo) in (0..2_u64).zip(&echoes) {
        let bodies = echo.bodies();
        assert_eq!(bodies.len(), 12);
        let own = |name: &String| {
            let request: u64 = name.strip_prefix("test-").unwrap().parse().unwrap();
            Numbering::Turns.address(request).item % 2 == target
        };
        assert!(bodies.keys().all(own));
    }
}

#[test]
fn any_number_of_reactors_says_the_same() {
    let all = |reactors: u32| {
        let echo = Echo::default();
        let peer = echo.start();
        let (end, records, _) = Run { reactors, ..run(peer.url(), Talk::default(), load(5, 17)) }.go();
        assert_eq!((end.issued, end.lost, end.broken_sessions), (51, 0, 0));
        assert!(records.iter().all(|r| r.outcome.is_success()));
        echo.bodies()
    };
    let one = all(1);
    assert_eq!(one.len(), 51);
    assert_eq!(all(3), one);
}

#[test]
fn a_count_of_requests_and_a_phase_that_ends_by_time_cut_sessions_off() {
    let echo = Echo::default();
    let peer = echo.start();
    let mut counted = run(peer.url(), Talk::default(), load(2, 1));
    counted.load.sessions = None;
    counted.load.requests = Some(Count::Exactly(7));
    let (end, records, _) = counted.go();
    assert_eq!((end.issued, records.len(), end.broken_sessions), (7, 7, 0));

    let mut warmed = run(peer.url(), Talk { turns: 40, delay: Micros(500), ..Talk::default() }, load(2, 2));
    warmed.load.warmup = Some("30ms".parse().unwrap());
    let (end, records, _) = warmed.go();
    assert!(records.iter().all(|r| r.outcome.is_success()), "{records:?}");
    assert_eq!(records.iter().filter(|r| r.phase == Phase::Profiling).count(), 80);
    assert_eq!((end.lost, end.broken_sessions), (0, 0));
}

#[test]
fn an_interrupt_between_two_turns_leaves_no_turn_behind() {
    let control = Control::default();
    let interrupt = control.clone();
    let echo = Echo::default();
    let answering = echo.clone();
    let peer = Peer::start(move |_, stream, request| {
        interrupt.interrupt();
        answering.answer(stream, request)
    });
    let talk = Talk { delay: Micros::from_millis(5), ..Talk::default() };
    let (end, records, _) = Run { control, ..run(peer.url(), talk, load(1, 3)) }.go();
    assert!(end.interrupted && end.broken_sessions == 0);
    assert_eq!((records.len(), echo.requests().len()), (1, 1));
    assert!(matches!(records[0].outcome, Outcome::Success | Outcome::Cut { .. }), "{records:?}");
}
