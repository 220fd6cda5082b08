//! `tokmark engine`: simulated engines behind real HTTP, until Ctrl-C.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokmark_engine::spec::EngineKind;
use tokmark_perf::{Adjustable, Dial};
use tokmark_play::{Config, Load, Server, StartError, Stats};
use tokmark_record::Server as Names;

use crate::args::{EngineArgs, MetricNames};
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::idle;
use crate::session::interrupt::Interrupts;
use crate::session::target::{self, SIMULATED_MODEL};
use crate::session::twin;
use crate::source::sources;
use crate::spec::Spec;

/// Runs the verb.
pub fn run(args: &EngineArgs, context: &Context) -> Result<Exit, Failure> {
    let screen = context.screen;
    let mut resolved = sources(&args.source, &context.environment)?.resolve()?;
    resolved.points.iter_mut().for_each(twin::settle);
    let [point] = &resolved.points[..] else {
        return Err(Failure::usage(
            "a server has no sweep\nhint: sweep its client: `tokmark bench -c 1,2,4 URL`",
        ));
    };
    let spec = &point.spec;
    if let Some(url) = spec.target.url.first() {
        let url = crate::masked::url(url);
        return Err(Failure::usage(format!(
            "target.url is {url}, but `tokmark engine` is a server\nhint: say where it listens by --host and --port"
        )));
    }
    let config = config(args, spec, context)?;
    let idle = idle::of_a_client(point).into_iter().chain(idle::of_the_cluster(spec));
    idle.for_each(|note| screen.note(&format!("note: {note}")));
    if let Some(times) = config.load.and_then(|load| load.overload(config.threads, config.stream_interval)) {
        screen.note(&format!(
            "note: with every slot taken the workers send {times:.1} times what this machine can; its lateness in /metrics and /admin says when"
        ));
    }
    let interrupts = Interrupts::listen().map_err(|e| Failure::internal(format!("signals: {e}")))?;
    let server = Server::start(config).map_err(refused)?;
    screen.result(&format!("{} listening on {}\n", twin::told(spec), server.url()));
    while !interrupts.sleep(Duration::from_hours(1)) {}
    let stats = server.stop();
    screen.note(&summary(&stats));
    screen.object(&object(&stats));
    Ok(Exit::Good)
}

fn config(args: &EngineArgs, spec: &Spec, context: &Context) -> Result<Config, Failure> {
    let key = target::check(spec, &context.environment)?;
    let timing = twin::timing(spec)?;
    let dial = Dial::new();
    let engine = twin::engine_with(spec, Arc::new(Adjustable::new(Arc::clone(&timing), Arc::clone(&dial))))?;
    let model = spec.target.model.clone().unwrap_or_else(|| SIMULATED_MODEL.to_owned());
    let mut config = Config::new(&model, engine);
    if !args.served_model_name.is_empty() {
        config.models.clone_from(&args.served_model_name);
    }
    config.address = SocketAddr::from((args.host, args.port));
    config.adapters.clone_from(&args.lora);
    config.plays = names(args.metrics, spec.engine.kind.unwrap_or_default());
    config.max_model_len = Some(twin::context(spec));
    config.stream_interval = args.stream_interval;
    config.threads = args.threads.unwrap_or_else(|| (crate::machine::cores() as usize).clamp(1, 4));
    config.dial = Some(dial);
    config.admin = !args.no_admin;
    config.load = Some(Load::of(&timing, twin::workers(spec), twin::batch(spec)));
    config.api_key = key;
    Ok(config)
}

fn names(asked: Option<MetricNames>, kind: EngineKind) -> Names {
    match (asked, kind) {
        (Some(MetricNames::Sglang), _) | (None, EngineKind::Sglang) => Names::Sglang,
        (Some(MetricNames::Trtllm), _) | (None, EngineKind::Trtllm) => Names::Trtllm,
        (Some(MetricNames::Dynamo), _) => Names::Dynamo,
        (Some(MetricNames::Vllm), _) | (None, EngineKind::Vllm | EngineKind::Slots) => Names::Vllm,
    }
}

/// What the machine refuses is not tokmark's fault; everything else is what was asked for.
#[allow(clippy::needless_pass_by_value)] // for map_err
fn refused(error: StartError) -> Failure {
    match error {
        StartError::System(_) => Failure::internal(error.to_string()),
        _ => Failure::usage(error.to_string()),
    }
}

fn summary(stats: &Stats) -> String {
    format!(
        "{} requests on {} connections; sends late by {}",
        stats.requests, stats.connections, stats.lateness
    )
}

fn object(stats: &Stats) -> serde_json::Value {
    let us = |stamp: Option<tokmark_base::Micros>| stamp.map(|stamp| stamp.0);
    let lateness = &stats.lateness;
    json!({
        "requests": stats.requests,
        "connections": stats.connections,
        "finished": stats.census.finished,
        "tokens": stats.census.tokens_emitted,
        "send_lateness_us": {"n": lateness.count, "p50": us(lateness.p50), "p99": us(lateness.p99), "max": us(lateness.max)},
        "exit_code": 0,
    })
}
