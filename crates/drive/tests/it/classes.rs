//! Classes on the wire: models, headers, priorities and further keys, as the plan drew them; and bodies sent as they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use tokmark_base::{Lexicon, Seed, Stream};
use tokmark_drive::DriveError;
use tokmark_workload::spec::ClassSpec;
use tokmark_workload::{Course, Inputs, Plan, PlannedRequest, Prompt, Requests, WorkloadSpec};

use crate::Run;
use crate::peer::{Peer, body_of, content, header, stream_of};

struct Letters;

impl Lexicon for Letters {
    fn id(&self) -> String {
        "letters".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
        (0..tokens).for_each(|_| text.push(char::from(b'a' + stream.below(26) as u8)));
        tokens
    }
}

/// Requests as they came, by id.
type Seen = Arc<Mutex<BTreeMap<u64, String>>>;

fn peer() -> (Peer, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let peer = Peer::start(move |_, stream, request| {
        let id = header(request, "x-request-id").unwrap().strip_prefix("test-").unwrap().parse().unwrap();
        kept.lock().unwrap().insert(id, request.to_owned());
        stream.write_all(&stream_of(&[content("a")])).unwrap();
        true
    });
    (peer, seen)
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value}") };
    map
}

#[test]
fn each_request_goes_as_its_class() {
    let gold = ClassSpec {
        name: "gold".to_owned(),
        weight: Some(30.0),
        model: Some("gold-lora".to_owned()),
        adapter: true,
        priority: Some(-1),
        headers: BTreeMap::from([
            ("X-Tier".to_owned(), "gold".to_owned()),
            ("user-agent".to_owned(), "g".to_owned()),
        ]),
        extra: object(json!({"top_k": 1, "temperature": 0.5})),
    };
    let rest = ClassSpec { name: "rest".to_owned(), weight: Some(70.0), ..ClassSpec::default() };
    let spec = WorkloadSpec { isl: 4, osl: None, classes: vec![gold, rest], ..WorkloadSpec::default() };
    let plan = Arc::new(Plan::new(&spec, Seed(3), Inputs::synthetic(Arc::new(Letters))).unwrap());
    let (peer, seen) = peer();
    let mut run = Run::new(peer.url(), 8, 400);
    run.requests = plan.clone();
    run.course = plan.clone();
    run.target.extra = object(json!({"temperature": 0.1, "min_p": 0.2}));
    let (_, records, _) = run.go();
    let seen = seen.lock().unwrap();
    assert_eq!((records.len(), seen.len()), (400, 400));
    let mut golden = 0;
    for record in &records {
        let request = &seen[&record.request];
        let body: Value = serde_json::from_str(body_of(request)).unwrap();
        assert_eq!(record.class, plan.request(record.request).class);
        let is_gold = record.class == Some(0);
        golden += u32::from(is_gold);
        let told = [&body["model"], &body["priority"], &body["top_k"], &body["temperature"], &body["min_p"]];
        let want = if is_gold {
            [json!("gold-lora"), json!(-1), json!(1), json!(0.5), json!(0.2)]
        } else {
            [json!("m"), Value::Null, Value::Null, json!(0.1), json!(0.2)]
        };
        assert_eq!(told, want.each_ref(), "{request}");
        assert_eq!(header(request, "X-Tier"), is_gold.then_some("gold"));
        assert_eq!(header(request, "User-Agent").unwrap() == "g", is_gold);
        assert_eq!(header(request, "x-session-id"), None, "there are no sessions");
    }
    // 120 ± 9 of 400.
    assert!((84..156).contains(&golden), "{golden}");
}

/// Rows that say things of their own.
#[derive(Debug)]
struct Rows;

impl Requests for Rows {
    fn request(&self, index: u64) -> PlannedRequest {
        let (prompt, extra) = match index {
            0 => (Prompt::Payload(payload()), Some(object(json!({"never": "sent"})))),
            _ => (Prompt::Text("a".to_owned()), Some(object(json!({"temperature": 0.9, "max_tokens": 4})))),
        };
        let osl = Some(7);
        PlannedRequest { index, prompt, extra, osl, priority: Some(2), ..PlannedRequest::default() }
    }
}

impl Course for Rows {}

fn payload() -> Value {
    json!({"stream": false, "model": "theirs", "messages": [{"role": "user", "content": "as it is"}], "max_tokens": 1})
}

#[test]
fn a_row_is_stronger_than_its_target_and_a_payload_goes_as_it_is() {
    let (peer, seen) = peer();
    let mut run = Run::new(peer.url(), 1, 2).of(Rows);
    run.target.extra = object(json!({"temperature": 0.1, "top_p": 0.3}));
    let (_, records, _) = run.go();
    assert!(records.iter().all(|r| r.outcome.is_success()), "{records:?}");
    let seen = seen.lock().unwrap();
    assert_eq!(body_of(&seen[&0]), payload().to_string());
    assert_eq!(
        body_of(&seen[&1]),
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"min_tokens":7,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true},"priority":2,"temperature":0.9,"top_p":0.3,"max_tokens":4}"#
    );
}

#[test]
fn a_header_that_cannot_be_sent_stops_the_run_before_it_starts() {
    let class = ClassSpec {
        name: "gold".to_owned(),
        headers: BTreeMap::from([("X-Tier".to_owned(), "go\nld".to_owned())]),
        ..ClassSpec::default()
    };
    let spec = WorkloadSpec { isl: 4, classes: vec![class], ..WorkloadSpec::default() };
    let plan = Plan::new(&spec, Seed(3), Inputs::synthetic(Arc::new(Letters))).unwrap();
    let (peer, seen) = peer();
    let error = Run::new(peer.url(), 1, 1).of(plan).try_go().err().unwrap();
    assert!(matches!(&error, DriveError::Header { reason } if reason.contains("`gold`")), "{error}");
    assert!(seen.lock().unwrap().is_empty());
}
