//! Engines that give up a request: what its client gets, by how far it was and whose ways the server has.

use std::sync::Arc;

use serde_json::json;
use tokmark_base::{Micros, Seed};
use tokmark_engine::router::RouterSpec;
use tokmark_engine::{EngineSpec, cluster};
use tokmark_perf::{Constant, Deployment, Timing};
use tokmark_play::{Config, Handle, Server};
use tokmark_record::catalogue::Server as Kind;

use crate::client::{Client, Reply, ask, until};

/// One worker whose first token takes `first`.
fn worker(plays: Kind, first: Micros) -> Handle {
    let timing: Arc<dyn Timing> = Arc::new(Constant::new(first, Micros(1_000)).unwrap());
    let (engine, deployment) = (EngineSpec::default(), Deployment::default());
    let engine = cluster::build(&engine, &deployment, &RouterSpec::default(), timing, &[], Seed(0)).unwrap();
    Server::start(Config { plays, ..Config::new("m", engine) }).unwrap()
}

fn crash(server: &Handle) {
    let body = json!({"engine_faults": [{"kind": "crash", "at": "0s"}]});
    assert_eq!(Client::connect(server.address()).post("/admin", &body).status, 200);
}

/// What a client gets whose worker dies while it prefills.
fn before_the_first_token(plays: Kind, stream: bool) -> Reply {
    let server = worker(plays, Micros::from_millis(3_600_000));
    let mut client = Client::connect(server.address());
    client.send_post("/v1/chat/completions", &ask(stream, 4));
    until("the request is in", || server.stats().census.running == 1);
    crash(&server);
    client.reply()
}

#[test]
fn a_status_as_long_as_one_can_be_sent() {
    for (plays, stream, status) in [
        (Kind::Vllm, false, 500),
        (Kind::Sglang, true, 500),
        (Kind::Sglang, false, 500),
        (Kind::Dynamo, true, 503),
        (Kind::Dynamo, false, 503),
    ] {
        let reply = before_the_first_token(plays, stream);
        assert_eq!(reply.status, status, "{plays} {stream}");
        assert!(reply.complete && reply.json()["error"]["message"].as_str().unwrap().contains("crashed"));
    }
}

#[test]
fn vllm_has_said_200_already() {
    let reply = before_the_first_token(Kind::Vllm, true);
    assert_eq!((reply.status, reply.complete), (200, true));
    let events = reply.events();
    assert_eq!(events[1], "[DONE]");
    assert!(
        events[0].contains(r#""code":500"#) && events[0].contains("InternalServerError"),
        "{}",
        events[0]
    );
}

#[test]
fn in_the_middle_of_a_stream() {
    for (plays, complete, end) in [
        (Kind::Vllm, true, "data: [DONE]\n\n"),
        (Kind::Trtllm, true, "data: [DONE]\n\n"),
        (Kind::Dynamo, true, "event: error\n: its worker crashed\n\n"),
        (Kind::Sglang, false, "}\n\n"),
    ] {
        let server = worker(plays, Micros(1_000));
        let mut client = Client::connect(server.address());
        client.send_post("/v1/chat/completions", &ask(true, 100_000));
        let mut reply = client.head();
        assert_eq!(reply.status, 200);
        let first = client.chunk().unwrap();
        assert!(!first.is_empty());
        crash(&server);
        let mut body = first;
        while let Some(chunk) = client.chunk() {
            reply.complete = chunk.is_empty();
            if reply.complete {
                break;
            }
            body.extend(chunk);
        }
        let body = String::from_utf8(body).unwrap();
        assert_eq!(reply.complete, complete, "{plays}");
        assert!(body.ends_with(end), "{plays}: {}", &body[body.len().saturating_sub(300)..]);
        let stats = server.stop();
        assert_eq!((stats.census.failed, stats.census.in_flight()), (1, 0));
        assert_eq!(stats.census.check(), Ok(()));
    }
}
