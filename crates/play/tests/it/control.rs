//! Health, versions, profiler routes and `/admin`.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use serde_json::{Value, json};
use tokmark_base::{Micros, Seed};
use tokmark_engine::router::RouterSpec;
use tokmark_engine::{EngineSpec, Slots, cluster};
use tokmark_perf::{Adjustable, Constant, Deployment, Dial, Timing};
use tokmark_play::{Config, Handle, Profiling, Server};
use tokmark_record::catalogue::Server as Kind;

use crate::client::{Client, Reply, ask, chat, config};

fn get(server: &Handle, path: &str) -> Reply {
    Client::connect(server.address()).get(path)
}

fn post(server: &Handle, path: &str, body: &Value) -> Reply {
    Client::connect(server.address()).post(path, body)
}

/// Two slots, a millisecond for everything, and a dial.
fn adjustable() -> Config {
    let dial = Dial::new();
    let timing = Constant::new(Micros(1_000), Micros(1_000)).unwrap();
    let engine = Slots::new(Adjustable::new(timing, Arc::clone(&dial)), 2).unwrap();
    Config { dial: Some(dial), ..Config::new("m", engine) }
}

#[test]
fn each_server_has_its_own_doors() {
    for (plays, paths) in [
        (Kind::Vllm, [("/health", 200), ("/ping", 200), ("/version", 200), ("/live", 404), ("/ready", 404)]),
        (
            Kind::Sglang,
            [("/health", 200), ("/ping", 200), ("/version", 404), ("/live", 404), ("/ready", 200)],
        ),
        (
            Kind::Dynamo,
            [("/health", 200), ("/ping", 404), ("/version", 404), ("/live", 200), ("/ready", 404)],
        ),
        (
            Kind::Trtllm,
            [("/health", 200), ("/ping", 404), ("/version", 404), ("/live", 404), ("/ready", 404)],
        ),
    ] {
        let server = Server::start(Config { plays, max_model_len: Some(4_096), ..config() }).unwrap();
        for (path, status) in paths {
            assert_eq!(get(&server, path).status, status, "{plays} {path}");
        }
        let card = get(&server, "/v1/models").json()["data"][0].clone();
        let told = matches!(plays, Kind::Vllm | Kind::Sglang).then_some(4_096);
        assert_eq!(card.get("max_model_len").and_then(Value::as_u64), told, "{plays}");
        assert!(get(&server, "/health").body.contains("healthy") == (plays == Kind::Dynamo));
    }
    let version = get(&Server::start(config()).unwrap(), "/version").json();
    assert!(version["version"].as_str().unwrap().contains("+tokmark."), "{version}");
}

#[test]
fn profiles_are_started_and_stopped_on_every_path() {
    let server = Server::start(config()).unwrap();
    let told = |running, started| assert_eq!(server.stats().profiling, Profiling { running, started });
    told(false, 0);
    for (nth, prefix) in ["", "/engine", "/engine/control"].into_iter().enumerate() {
        let started = post(&server, &format!("{prefix}/start_profile"), &json!({"profile_prefix": "a"}));
        assert_eq!(started.status, 200);
        assert!(started.header("x-tokmark-note").is_some_and(|note| note.contains("no trace")));
        told(true, nth as u64 + 1);
        // Once more changes nothing.
        assert_eq!(post(&server, &format!("{prefix}/start_profile"), &json!({})).status, 200);
        told(true, nth as u64 + 1);
        let stopped = post(&server, &format!("{prefix}/stop_profile"), &json!({}));
        told(false, nth as u64 + 1);
        if prefix.is_empty() {
            assert_eq!((started.body.as_str(), stopped.body.as_str()), ("", ""));
        } else {
            assert_eq!(started.json(), json!({"status": "ok", "message": "Profiling started"}));
            assert_eq!(stopped.json(), json!({"status": "ok", "message": "Profiling stopped"}));
        }
    }
    // Without a body, and with the wrong method.
    let mut client = Client::connect(server.address());
    client.send("POST /start_profile HTTP/1.1", "");
    assert_eq!(client.reply().status, 200);
    assert_eq!(get(&server, "/stop_profile").status, 405);

    let sglang = Server::start(Config { plays: Kind::Sglang, ..config() }).unwrap();
    let answers = ["/start_profile", "/start_profile", "/stop_profile"].map(|path| {
        let reply = post(&sglang, path, &json!({"num_steps": 5}));
        (reply.status, reply.body)
    });
    let said = |status, text: &str| (status, text.to_owned());
    let stopped = said(200, "Stop profiling. This will take some time.\n");
    assert_eq!(answers, [said(200, "Start profiling.\n"), said(500, "Internal Server Error"), stopped]);

    let dynamo = Server::start(Config { plays: Kind::Dynamo, ..config() }).unwrap();
    let nowhere = post(&dynamo, "/engine/other", &json!({}));
    assert_eq!((nowhere.status, &nowhere.json()["error"]), (404, &json!("Route not found")));
}

#[test]
fn admin_turns_the_timing() {
    let server = Server::start(adjustable()).unwrap();
    let shown = get(&server, "/admin").json();
    let still = json!({"latency_factor": 1.0, "prefill_factor": 1.0, "decode_factor": 1.0, "load_factor": 1.0, "replaced": false});
    assert_eq!(shown["timing"], still);
    // The engine's own stamps, as its metrics tell them: no clock of the test's.
    let seconds = |server: &Handle| {
        let text = get(server, "/metrics").body;
        ["request_prefill_time_seconds_sum", "inter_token_latency_seconds_sum"].map(|name| {
            let line = text.lines().find(|line| line.starts_with(&format!("vllm:{name}"))).unwrap();
            (line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() * 1e6).round() as u64
        })
    };
    let mut before = seconds(&server);
    let mut grew = || {
        chat(&server, &ask(true, 3));
        let now = seconds(&server);
        let grown = [now[0] - before[0], now[1] - before[1]];
        before = now;
        grown
    };
    assert_eq!(grew(), [1_000, 2_000]);
    let turned = post(&server, "/admin", &json!({"latency_factor": 2.0, "decode_factor": 3}));
    assert_eq!((turned.status, &turned.json()["timing"]["decode_factor"]), (200, &json!(3.0)));
    assert_eq!(grew(), [2_000, 12_000]);
    // Another model, under the same factors; one key keeps the other's default of 8 ms.
    post(&server, "/admin", &json!({"time_to_first_token": "5ms", "decode_factor": 0.5}));
    assert_eq!(grew(), [10_000, 16_000]);
    let polynomial = post(
        &server,
        "/admin",
        &json!({"timing": {"model": "constant", "ttft": "2ms", "itl": "3ms"}, "latency_factor": 1}),
    );
    assert_eq!(polynomial.json()["timing"]["replaced"], true);
    assert_eq!(grew(), [2_000, 3_000]);
    post(&server, "/admin", &json!({"timing": null, "decode_factor": 1}));
    assert_eq!(grew(), [1_000, 2_000]);
    // A slot of two is taken: under load alone it is as fast as before.
    post(&server, "/admin/config", &json!({"load_factor": 4}));
    assert_eq!(grew(), [1_000, 2_000]);
}

#[test]
fn admin_changes_faults_and_the_stream_interval() {
    let server = Server::start(adjustable()).unwrap();
    let rules = json!([
        {"every": 2, "fault": {"kind": "status", "code": 429, "retry_after": 3}},
        {"fault": {"kind": "answer_after", "delay": "1ms"}},
    ]);
    let shown = post(&server, "/admin", &json!({"faults": rules, "stream_interval": 5})).json();
    assert_eq!(
        shown["faults"][0],
        json!({"every": 2, "fault": {"kind": "status", "code": 429, "body": "", "retry_after": 3}})
    );
    assert_eq!(shown["faults"][1], json!({"every": 1, "fault": {"kind": "answer_after", "delay": "1ms"}}));
    assert_eq!(shown["stream_interval"], 5);
    let replies = [0, 1].map(|_| chat(&server, &ask(true, 6)));
    assert_eq!(replies.each_ref().map(|reply| reply.status), [200, 429]);
    assert_eq!((replies[0].content_events(), replies[1].header("retry-after")), (2, Some("3")));
    post(&server, "/admin", &json!({"faults": []}));
    assert_eq!([0, 1].map(|_| chat(&server, &ask(true, 1)).status), [200, 200]);
}

#[test]
fn admin_breaks_the_engine() {
    let timing: Arc<dyn Timing> = Arc::new(Constant::new(Micros(1_000), Micros(1_000)).unwrap());
    let deployment = Deployment { workers: Some(2), ..Deployment::default() };
    let engine =
        cluster::build(&EngineSpec::default(), &deployment, &RouterSpec::default(), timing, &[], Seed(0));
    let server = Server::start(Config::new("m", engine.unwrap())).unwrap();
    let shown = get(&server, "/admin").json();
    assert_eq!(shown["workers"].as_array().unwrap().len(), 2);
    assert_eq!(
        shown["workers"][1],
        json!({
            "pool": null, "worker": 1, "rank": 0, "up": true, "running": 0, "waiting": 0,
            "kv_blocks_total": 0, "kv_blocks_used": 0,
        })
    );
    let broken = post(
        &server,
        "/admin",
        &json!({"engine_faults": [{"kind": "error", "rate": 1.0, "types": ["rate_limit"]}]}),
    );
    assert_eq!(broken.status, 200, "{}", broken.body);
    for stream in [true, false] {
        let reply = chat(&server, &ask(stream, 3));
        assert_eq!((reply.status, &reply.json()["error"]["type"]), (429, &json!("RateLimitError")));
    }
    let cut =
        post(&server, "/admin", &json!({"engine_faults": [{"kind": "cut", "rate": 1.0, "after_tokens": 2}]}));
    assert_eq!(cut.status, 200, "{}", cut.body);
    let reply = chat(&server, &ask(true, 5));
    assert_eq!((reply.status, reply.complete, reply.content_events()), (200, false, 2));
    post(&server, "/admin", &json!({"engine_faults": []}));
    assert!(chat(&server, &ask(true, 5)).complete);
    // A worker that is not there; and what was in force is gone, as the answer says.
    let refused =
        post(&server, "/admin", &json!({"engine_faults": [{"kind": "crash", "worker": 7, "at": "1s"}]}));
    let text = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(refused.status == 400 && text.contains("worker 7") && text.contains("hint:"), "{text}");
}

#[test]
fn what_admin_cannot_do_it_says_and_changes_nothing() {
    let server = Server::start(adjustable()).unwrap();
    let fixed = Server::start(config()).unwrap();
    let before = get(&server, "/admin").json()["timing"].clone();
    for (server, body, said) in [
        (&server, json!({"latency_facter": 2}), "did you mean `latency_factor`?"),
        (&server, json!({"colour": "blue"}), "it is one of latency_factor, "),
        (&server, json!({"latency_factor": 2, "load_factor": 0.5}), "load_factor is 0.5"),
        (&server, json!({"latency_factor": 2, "decode_factor": "fast"}), "decode_factor"),
        (&server, json!({"latency_factor": 2, "stream_interval": 0}), "stream_interval"),
        (
            &server,
            json!({"latency_factor": 2, "faults": [{"every": 0, "fault": {"kind": "no_done"}}]}),
            "every 0th",
        ),
        (&server, json!({"faults": [{"fault": {"kind": "nodone"}}]}), "unknown variant"),
        (&server, json!({"timing": {"model": "table"}}), "timing.table"),
        (&server, json!({"timing": {"model": "table", "table": "/x"}}), "/admin takes no tables"),
        (&server, json!({"timing": {}, "inter_token_latency": "1ms"}), "give one of the two"),
        (&server, json!({"engine_faults": []}), "no cluster"),
        (&server, json!([1]), "not a JSON object"),
        (&fixed, json!({"latency_factor": 2}), "the engine's timing is fixed"),
    ] {
        let reply = post(server, "/admin", &body);
        let text = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(reply.status == 400 && text.contains(said), "{body}: {text}");
        assert!(!text.contains("defect"), "{body}: {text}");
    }
    assert_eq!(get(&server, "/admin").json()["timing"], before);
    assert_eq!(get(&fixed, "/admin").json()["timing"], Value::Null);
    // A browser can be made to post text, not JSON.
    let mut client = Client::connect(server.address());
    client.send("POST /admin HTTP/1.1\r\ncontent-type: text/plain", "{}");
    assert_eq!(client.reply().status, 415);
    let closed = Server::start(Config { admin: false, ..adjustable() }).unwrap();
    assert_eq!(get(&closed, "/admin").status, 404);
}

#[test]
fn admin_is_for_this_machine_only() {
    let Some(outside) = outside() else {
        eprintln!("this machine has no address but the loopback: nobody to refuse");
        return;
    };
    let server = Server::start(Config { address: SocketAddr::new(outside, 0), ..adjustable() }).unwrap();
    for reply in [get(&server, "/admin"), post(&server, "/admin", &json!({"latency_factor": 9}))] {
        assert_eq!(reply.status, 403);
        assert!(reply.json()["error"]["message"].as_str().unwrap().contains("this machine only"));
    }
    assert_eq!(get(&server, "/health").status, 200);
}

/// An address of this machine that is not the loopback: where it would send from. Nothing is sent.
fn outside() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
