//! `tokmark aiperf profile` takes what existing scripts pass and does the same job.

use clap::Parser;
use tokmark::aiperf::translate;
use tokmark::args::aiperf::AiperfVerb;
use tokmark::args::{Cli, Verb};
use tokmark::environment::Environment;

use crate::target::{MODEL, serve};
use crate::tool::{Said, command, run};

#[test]
fn a_dynamo_scripts_command_line_runs_unchanged() {
    let server = serve(Vec::new());
    let dir = tempfile::tempdir().unwrap();
    let artifacts = dir.path().join("artifacts");
    // reference/aiperf.md §4.6; the tokenizer is the only thing that must exist on the machine.
    let args = [
        "aiperf",
        "profile",
        "--model",
        MODEL,
        "--tokenizer",
        "builtin",
        "--endpoint-type",
        "chat",
        "--endpoint",
        "v1/chat/completions",
        "--streaming",
        "--url",
        &server.url().replace("http://", ""),
        "--synthetic-input-tokens-mean",
        "32",
        "--synthetic-input-tokens-stddev",
        "4",
        "--output-tokens-mean",
        "8",
        "--output-tokens-stddev",
        "0",
        "--extra-inputs",
        "max_tokens:8",
        "--extra-inputs",
        "min_tokens:8",
        "--extra-inputs",
        "ignore_eos:true",
        "--extra-inputs",
        r#"{"nvext":{"ignore_eos":true}}"#,
        "--concurrency",
        "2",
        "--request-count",
        "12",
        "--warmup-request-count",
        "2",
        "--num-dataset-entries",
        "12",
        "--random-seed",
        "100",
        "--prefix-prompt-length",
        "8",
        "--num-prefix-prompts",
        "2",
        "--request-timeout-seconds",
        "60",
        "-v",
        "-H",
        "Authorization: Bearer NOT USED",
        "-H",
        "Accept: text/event-stream",
    ];
    let output = command(args).arg("--artifact-dir").arg(&artifacts).output().unwrap();
    let said = Said::of(&output);
    // How well a shared machine measures is not asked here.
    assert!(matches!(said.code, Some(0 | 4)), "{}", said.stderr);
    let found = ["profile_export_aiperf.json", "profile_export_aiperf.invalid.json"]
        .iter()
        .find_map(|name| std::fs::read_to_string(artifacts.join(name)).ok());
    let summary: serde_json::Value = serde_json::from_str(&found.unwrap()).unwrap();
    assert_eq!(summary["request_count"]["avg"], 12.0);
    for key in ["time_to_first_token", "inter_token_latency", "output_token_throughput", "request_latency"] {
        assert!(summary[key]["avg"].is_number(), "{key}");
    }
    assert!(artifacts.join("profile_export.jsonl").is_file());
}

#[test]
fn the_same_seed_sends_the_same_prompts_in_two_invocations() {
    let plan = |seed: &str| {
        let said = run(&["bench", "http://h", "--dry-run", "--json", "--seed", seed]);
        said.json()["plan"][0]["plan_digest"].clone()
    };
    assert_eq!(plan("7"), plan("7"));
    assert_ne!(plan("7"), plan("8"));
}

#[test]
fn aiperfs_defaults_hold_under_its_verb() {
    let points = |args: &str| {
        let words =
            "tokmark aiperf profile -m x --tokenizer builtin".split(' ').chain(args.split_whitespace());
        let Verb::Aiperf(args) = Cli::try_parse_from(words).unwrap().verb else { panic!("not aiperf") };
        let AiperfVerb::Profile(args) = &args.verb;
        translate(args, &Environment::default()).unwrap().sources.resolve().unwrap().points
    };
    let requests = |args: &str| {
        points(args).iter().map(|p| p.spec.load.requests.unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(requests(""), ["10"]);
    assert_eq!(requests("--concurrency 20"), ["40"]);
    assert_eq!(requests("--concurrency 1,20"), ["10", "40"]);
    assert_eq!(requests("--num-requests 7"), ["7"]);
    let spec = points("--request-rate 5 --concurrency 4 --benchmark-grace-period inf").remove(0).spec;
    assert_eq!(
        (spec.load.rate, spec.load.max_concurrency, spec.load.concurrency),
        (Some(5.0), Some(4), None)
    );
    assert!(!spec.target.streaming && !spec.target.ignore_eos && !spec.gate.enabled);
    assert_eq!((spec.workload.isl, spec.workload.osl, spec.workload.entries), (550, None, Some(100)));
    assert_eq!(spec.target.url, ["http://localhost:8000"]);
    assert_eq!(spec.target.body_options("x").max_tokens_field, "max_completion_tokens");
    // AIPerf's grace period is what comes after a duration; a number of requests is waited for.
    let grace = |args: &str| {
        let point = points(args).remove(0);
        (point.layers.origin("load.grace").is_some(), point.spec.load.grace.to_string())
    };
    assert_eq!(grace("--request-count 5 --benchmark-grace-period 7"), (false, "30s".to_owned()));
    assert_eq!(grace("--benchmark-duration 5 --benchmark-grace-period 7"), (true, "7s".to_owned()));
    let spec = points("--endpoint-type completions --endpoint v1/completions --api-key k --streaming")
        .remove(0)
        .spec;
    assert_eq!(spec.target.path.as_deref(), Some("/v1/completions"));
    assert_eq!(spec.target.body_options("x").max_tokens_field, "max_tokens");
    assert_eq!(spec.target.headers["Authorization"], "Bearer k");
}

#[test]
fn what_is_not_supported_says_so_by_name() {
    for (args, words) in [
        (&["--goodput", "request_latency:100"][..], "not supported|--goodput"),
        (&["--cache-bust", "x"], "not supported|--cache-bust prefix, suffix or run|tokmark bench"),
        (&["--request-rate-series", "x"], "not supported|--rate-series"),
        (&["--replay-speedup", "2"], "not supported|--replay-speed "),
        (&["--trace-idle-gap-cap-seconds", "2"], "not supported|--idle-cap"),
        (&["--model-selection-strategy", "random"], "not supported|--class"),
        (&["--fixed-schedule", "--no-fixed-schedule"], "contradict"),
        (&["--num-users", "4"], "--num-users|--user-centric-rate"),
        (&["--scenario", "x", "--tokenizer-revision", "y"], "--scenario|--tokenizer-revision"),
        (&["--custom-dataset-type", "weka_trace"], "--custom-dataset-type weka_trace|not supported"),
        (&["--endpoint-type", "embeddings"], "--endpoint-type embeddings|not supported"),
        (&["--arrival-pattern", "poison"], "did you mean `poisson`"),
        (&["--request-count", "10,20"], "--request-count|sweep"),
        (&["--isl", "1,2"], "sweep"),
        (&["--tokenizer", "no/such-model"], "no/such-model|nothing is downloaded|builtin"),
        (&["--concurency", "4"], "--concurrency"),
    ] {
        let said = run(&[&["aiperf", "profile", "-m", "x"], args].concat());
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        for word in words.split('|') {
            assert!(said.stderr.contains(word), "{args:?}: `{word}` not in: {}", said.stderr);
        }
    }
}

#[test]
fn sessions_traces_and_users_become_ours() {
    let spec = |args: &[&str]| {
        let words = ["tokmark", "aiperf", "profile", "-m", "x"].iter().chain(args);
        let Verb::Aiperf(args) = Cli::try_parse_from(words).unwrap().verb else { panic!("not aiperf") };
        let AiperfVerb::Profile(args) = &args.verb;
        translate(args, &Environment::default()).unwrap().sources.resolve().unwrap().points.remove(0).spec
    };
    let turns = spec(&[
        "--num-sessions",
        "7",
        "--conversation-turn-mean",
        "4",
        "--conversation-turn-delay-mean",
        "1500",
        "--request-cancellation-rate",
        "12.5",
        "--request-cancellation-delay",
        "0.5",
    ]);
    assert_eq!((turns.load.sessions, turns.workload.sessions.turns), (Some(7), 4));
    assert_eq!(turns.workload.sessions.delay.0.0, 1_500_000);
    assert_eq!(turns.workload.sessions.header.as_deref(), Some("X-Correlation-ID"));
    assert_eq!((turns.workload.cancel.share, turns.workload.cancel.after.0.0), (0.125, 500_000));
    let users = spec(&["--user-centric-rate", "2", "--num-users", "10"]);
    assert_eq!((users.load.rate, users.load.users, users.load.concurrency), (Some(2.0), Some(10), None));
    let trace = spec(&[
        "--fixed-schedule",
        "--input-file",
        "t.jsonl",
        "--custom-dataset-type",
        "mooncake_trace",
        "--fixed-schedule-start-offset",
        "1000",
        "--isl-block-size",
        "16",
    ]);
    assert_eq!(trace.load.arrival, Some(tokmark_workload::ArrivalKind::Trace));
    assert_eq!(trace.workload.format, Some(tokmark_workload::FileFormat::Mooncake));
    assert_eq!(trace.workload.from.unwrap().0.0, 1_000_000);
    assert_eq!(trace.workload.block_size, Some(16));
    let point = |args: &[&str]| {
        let spec = spec(&[&["--input-file", "t.jsonl"], args].concat());
        (spec.load.concurrency, spec.load.rate, spec.load.arrival)
    };
    // Asked for, so that a trace's own times do not come first.
    assert_eq!(point(&["--no-fixed-schedule"]), (Some(1), None, None));
    assert_eq!(point(&["--no-fixed-schedule", "--concurrency", "4"]), (Some(4), None, None));
    assert_eq!(point(&["--no-fixed-schedule", "--request-rate", "4"]).1, Some(4.0));
    let mix = spec(&["--seq-dist", "256,128:40;512,256:60"]);
    assert_eq!(mix.workload.lengths.as_deref(), Some("256,128:40;512,256:60"));
}
