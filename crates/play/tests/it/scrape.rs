//! Metrics, as a scraper reads them.

// Counts are whole numbers, which an f64 holds exactly.
#![allow(clippy::float_cmp)]

use std::collections::BTreeMap;

use serde_json::json;
use tokmark_base::{Micros, Seed};
use tokmark_engine::{Vllm, VllmParams, Worker};
use tokmark_perf::Constant;
use tokmark_play::{Config, Handle, Server};
use tokmark_record::catalogue::Server as Kind;

use crate::client::{Client, ask, chat, until};

/// Samples of a scrape by name with labels, and the type of each family. No more of the format than the server writes.
struct Scraped {
    samples: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
}

fn scrape(server: &Handle, path: &str) -> Scraped {
    let reply = Client::connect(server.address()).get(path);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut scraped = Scraped { samples: BTreeMap::new(), types: BTreeMap::new() };
    for line in reply.body.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert_eq!(scraped.types.insert(name.to_owned(), kind.to_owned()), None, "{name} stands twice");
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let twice = scraped.samples.insert(series.to_owned(), value.parse().unwrap());
            assert_eq!(twice, None, "{series} stands twice");
        }
    }
    assert!(reply.body.ends_with('\n'));
    scraped
}

impl Scraped {
    fn of(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.samples))
    }

    /// The one sample of a name and suffix, whatever its labels.
    fn only(&self, name: &str) -> f64 {
        let is_of = |series: &&String| series.split('{').next() == Some(name);
        let found: Vec<_> = self.samples.keys().filter(is_of).collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        self.of(found[0])
    }
}

fn vllm(plays: Kind) -> Config {
    let params = VllmParams { block_size: 4, num_gpu_blocks: 100, ..VllmParams::default() };
    let timing = Constant::new(Micros(2_000), Micros(1_000)).unwrap();
    let engine = Worker::new(Vllm::new(&params).unwrap(), timing, Seed(0).stream("noise", 0));
    Config { plays, max_model_len: Some(1_000), ..Config::new("m", engine) }
}

/// Three streams of 3 tokens one after the other and a body of 1, all of the same five words.
fn serve(server: &Handle) {
    for _ in 0..3 {
        assert!(chat(server, &ask(true, 3)).complete);
    }
    let body = json!({"model": "m", "prompt": "say something nice to me", "max_tokens": 1});
    assert_eq!(Client::connect(server.address()).post("/v1/completions", &body).status, 200);
}

#[test]
fn vllm_counts_what_was_sent() {
    let server = Server::start(vllm(Kind::Vllm)).unwrap();
    let labels = r#"{engine="0",model_name="m"}"#;
    let before = scrape(&server, "/metrics");
    assert_eq!(before.of(&format!("vllm:generation_tokens_total{labels}")), 0.0);
    assert_eq!(before.of(&format!("vllm:time_to_first_token_seconds_count{labels}")), 0.0);
    serve(&server);
    let after = scrape(&server, "/metrics");
    let of = |name: &str| after.of(&format!("vllm:{name}{labels}"));
    for (name, value) in [
        ("num_requests_running", 0.0),
        ("num_requests_waiting", 0.0),
        ("kv_cache_usage_perc", 0.0),
        ("prompt_tokens_total", 20.0),
        ("generation_tokens_total", 10.0),
        // A block of four is found from the second prompt on.
        ("prompt_tokens_cached_total", 12.0),
        ("prefix_cache_queries_total", 20.0),
        ("prefix_cache_hits_total", 12.0),
        ("num_preemptions_total", 0.0),
        ("time_to_first_token_seconds_count", 4.0),
        // Two in each stream of three.
        ("inter_token_latency_seconds_count", 6.0),
        ("inter_token_latency_seconds_sum", 6.0 * 0.001),
        ("e2e_request_latency_seconds_count", 4.0),
        ("request_queue_time_seconds_count", 4.0),
        ("request_prefill_time_seconds_sum", 4.0 * 0.002),
        ("request_decode_time_seconds_sum", 3.0 * 0.002),
        ("request_inference_time_seconds_sum", 4.0 * 0.002 + 3.0 * 0.002),
        // A reply of one token counts as 0, as in vLLM.
        ("request_time_per_output_token_seconds_count", 4.0),
        ("request_time_per_output_token_seconds_sum", 3.0 * 0.001),
        ("request_prompt_tokens_sum", 20.0),
        ("request_generation_tokens_sum", 10.0),
        ("request_params_max_tokens_sum", 10.0),
        ("request_prefill_kv_computed_tokens_sum", 8.0),
    ] {
        assert!((of(name) - value).abs() < 1e-9, "{name} is {}, not {value}", of(name));
    }
    let success = |reason: &str| {
        after.of(&format!(
            r#"vllm:request_success_total{{engine="0",finished_reason="{reason}",model_name="m"}}"#
        ))
    };
    assert_eq!(["length", "stop", "abort", "error"].map(success), [4.0, 0.0, 0.0, 0.0]);
    // Bounds of lengths end at the model's.
    assert!(
        after
            .samples
            .contains_key(r#"vllm:request_prompt_tokens_bucket{engine="0",le="1000.0",model_name="m"}"#)
    );
    assert!(
        !after
            .samples
            .keys()
            .any(|series| series.contains(r#"le="2000.0""#) && series.contains("request_prompt_tokens"))
    );
    // Nobody simulates these.
    assert!(
        !after.types.contains_key("vllm:iteration_tokens_total")
            && !after.types.contains_key("vllm:mm_cache_hits_total")
    );
}

#[test]
fn gauges_show_what_is_going_on() {
    let server = Server::start(vllm(Kind::Vllm)).unwrap();
    let mut client = Client::connect(server.address());
    client.send_post("/v1/chat/completions", &ask(true, 300));
    let labels = r#"{engine="0",model_name="m"}"#;
    until("the request runs", || {
        scrape(&server, "/metrics").of(&format!("vllm:num_requests_running{labels}")) == 1.0
    });
    until("it holds blocks", || {
        scrape(&server, "/metrics").of(&format!("vllm:kv_cache_usage_perc{labels}")) > 0.0
    });
    drop(client);
    until("it is gone", || {
        scrape(&server, "/metrics").of(&format!("vllm:num_requests_running{labels}")) == 0.0
    });
}

#[test]
fn our_own_lateness_stands_beside_them() {
    let server = Server::start(vllm(Kind::Vllm)).unwrap();
    serve(&server);
    let scraped = scrape(&server, "/metrics");
    let name = "tokmark_engine_send_lateness_seconds";
    assert_eq!(scraped.types[name], "histogram");
    assert_eq!(scraped.of(&format!("{name}_count")) as u64, server.stats().lateness.count);
}

#[test]
fn sglang_trtllm_and_dynamo_have_their_own_names() {
    let server = Server::start(vllm(Kind::Sglang)).unwrap();
    serve(&server);
    let scraped = scrape(&server, "/metrics");
    let streams = r#"{engine_type="unified",is_streaming="true",model_name="m"}"#;
    assert_eq!(scraped.of(&format!("sglang:num_requests_total{streams}")), 3.0);
    assert_eq!(scraped.of(&format!("sglang:generation_tokens_total{streams}")), 9.0);
    assert_eq!(scraped.of(&format!("sglang:time_to_first_token_seconds_count{streams}")), 3.0);
    assert_eq!(scraped.only("sglang:num_running_reqs"), 0.0);
    assert_eq!(scraped.only("sglang:cached_tokens_total"), 12.0);
    assert_eq!(scraped.only("sglang:inter_token_latency_seconds_count"), 6.0);

    let server = Server::start(vllm(Kind::Trtllm)).unwrap();
    serve(&server);
    assert_eq!(Client::connect(server.address()).get("/metrics").status, 404);
    let scraped = scrape(&server, "/prometheus/metrics");
    assert_eq!(scraped.only("trtllm_request_success_total"), 4.0);
    assert_eq!(scraped.only("trtllm_generation_tokens_total"), 10.0);
    assert_eq!(scraped.only("trtllm_kv_cache_max_blocks"), 100.0);
    // A reply of one token has no time per token.
    assert_eq!(scraped.only("trtllm_time_per_output_token_seconds_count"), 3.0);

    let server = Server::start(vllm(Kind::Dynamo)).unwrap();
    serve(&server);
    let scraped = scrape(&server, "/metrics");
    let ended = |endpoint: &str, kind: &str| {
        scraped.of(&format!(
            r#"dynamo_frontend_requests_total{{endpoint="{endpoint}",error_type="",model="m",request_type="{kind}",status="success"}}"#
        ))
    };
    assert_eq!((ended("chat_completions", "stream"), ended("completions", "unary")), (3.0, 1.0));
    assert_eq!(scraped.only("dynamo_frontend_output_tokens_total"), 10.0);
    assert_eq!(scraped.only("dynamo_frontend_active_requests"), 0.0);
    assert_eq!(scraped.only("dynamo_frontend_cached_tokens_sum"), 12.0);
}

#[test]
fn ends_that_are_not_good_are_told_apart() {
    let server = Server::start(vllm(Kind::Dynamo)).unwrap();
    // More than the model's whole cache.
    let long = json!({"model": "m", "prompt": vec![1; 500], "max_tokens": 1});
    assert_eq!(Client::connect(server.address()).post("/v1/completions", &long).status, 400);
    let mut client = Client::connect(server.address());
    client.send_post("/v1/chat/completions", &ask(true, 300));
    client.head();
    drop(client);
    until("the client is gone", || server.stats().census.cancelled == 1);
    let scraped = scrape(&server, "/metrics");
    let ended = |endpoint: &str, kind: &str, error: &str| {
        scraped.of(&format!(
            r#"dynamo_frontend_requests_total{{endpoint="{endpoint}",error_type="{error}",model="m",request_type="{kind}",status="error"}}"#
        ))
    };
    assert_eq!(ended("completions", "unary", "validation"), 1.0);
    assert_eq!(ended("chat_completions", "stream", "cancelled"), 1.0);
}
