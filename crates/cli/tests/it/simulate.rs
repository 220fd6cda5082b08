//! `tokmark simulate`: the same seed gives the same lines, times are the models' own, and what cannot be simulated is refused
//! before anything is written.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokmark_record::file::LineReader;

use crate::target::run_dir;
use crate::tool::{Said, command, run, run_in};

/// Where `store` keeps its timing tables, good ones and broken ones.
const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/tests/golden/timing");
/// The page whose examples have to work.
const PAGE: &str = include_str!("../../../../docs/simulating.md");

fn simulate(out: &Path, args: &[&str]) -> Said {
    let output = command(["simulate", "--json"]).args(args).arg("--out").arg(out).output().unwrap();
    Said::of(&output)
}

/// The lines of a run's records, decompressed.
fn lines(dir: &Path) -> Vec<String> {
    let mut reader = LineReader::new(File::open(dir.join("records.jsonl.zst")).unwrap()).unwrap();
    // Keys keep their order: equal values are equal lines.
    std::iter::from_fn(|| reader.next_value::<Value>()).map(|line| line.unwrap().to_string()).collect()
}

fn header(dir: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(dir.join("run.json")).unwrap()).unwrap()
}

/// One statistic of a metric of a run.
fn statistic(said: &Said, tag: &str, name: &str) -> f64 {
    let object = said.json();
    let metrics = object["summary"]["metrics"].as_array().unwrap();
    let metric = metrics.iter().find(|metric| metric["tag"] == tag).unwrap();
    metric["values"][name].as_f64().unwrap()
}

fn counts(said: &Said) -> (u64, u64) {
    let object = said.json();
    let count = |name: &str| object["summary"]["counts"][name].as_u64().unwrap();
    (count("succeeded"), count("failed"))
}

#[test]
fn help_of_simulate() {
    let said = run(&["simulate", "--help"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    insta::assert_snapshot!(said.stdout);
}

#[test]
fn one_seed_gives_the_same_lines_and_another_seed_others() {
    let load =
        "--rate 30 --requests 120 --isl 200 --isl-stddev 80 --osl 24 --prefix-length 100 --prefix-pool 4";
    for engine in [
        "--engine vllm --workers 4 --router kv --router-temperature 0.5",
        "--engine sglang --schedule-policy lpm --workers 2 --router random",
        "--engine trtllm --capacity-scheduler-policy max_utilization --kv-cache-max-tokens 2048",
        "--engine vllm --mode disagg --prefill-workers 2 --decode-workers 2 --kv-transfer-latency 2ms",
        "--engine slots --model-timing constant --ttft-stddev 5ms --itl-stddev 1ms --slots 4",
    ] {
        let played = |seed: &str| {
            let out = tempfile::tempdir().unwrap();
            let words = format!("{load} {engine} --seed {seed}");
            let words: Vec<&str> = words.split_whitespace().collect();
            let fault = r#"{"kind":"error","rate":0.05,"types":["rate_limit"]}"#;
            let said = simulate(out.path(), &[&words[..], &["--fault", fault]].concat());
            assert_eq!(said.code, Some(0), "{engine}: {}", said.stderr);
            lines(&run_dir(out.path()))
        };
        let (first, again, other) = (played("7"), played("7"), played("8"));
        assert_eq!(first.len(), 120, "{engine}");
        assert!(first == again, "{engine}: two runs of one seed differ");
        assert!(first != other, "{engine}: the seed does not matter");
    }
}

#[test]
fn the_plan_is_that_of_bench() {
    let out = tempfile::tempdir().unwrap();
    let args = ["--rate", "20", "--requests", "30", "--isl-stddev", "50", "--seed", "3"];
    let said = simulate(out.path(), &args);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let header = header(&run_dir(out.path()));
    for verb in [&["bench", "http://h"][..], &["simulate"]] {
        let planned = run(&[verb, &["--dry-run", "--json"], &args].concat());
        assert_eq!(planned.code, Some(0), "{}", planned.stderr);
        assert_eq!(planned.json()["plan"][0]["plan_digest"], header["plan_digest"], "{verb:?}");
    }
}

#[test]
fn a_run_says_what_was_simulated() {
    let out = tempfile::tempdir().unwrap();
    let said = simulate(out.path(), &["--workers", "2", "--requests", "20", "--osl", "4"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("SIMULATED TARGET"), "{}", said.stderr);
    let dir = run_dir(out.path());
    let header = header(&dir);
    assert_eq!(header["simulated"], true);
    assert_eq!(header["origins"]["engine.kind"], "derived");
    assert_eq!(header["virtual_time"], true);
    let target = &header["targets"][0];
    assert_eq!(target["url"], "simulated in virtual time: vllm, 2 workers, round_robin");
    assert!(target["address"].is_null(), "{target}");
    for line in lines(&dir) {
        let record: Value = serde_json::from_str(&line).unwrap();
        // An ideal client: no byte was sent, nothing was late.
        assert_eq!((&record["bytes_sent"], &record["bytes_received"]), (&0.into(), &0.into()));
        assert_eq!(record["sent_us"], record["released_us"]);
        assert_eq!(record["usage"]["cached"], 0);
    }
    let again = run(&["report", &dir.display().to_string(), "--json"]);
    assert_eq!(again.json()["summary"], said.json()["summary"], "{}", again.stderr);
}

#[test]
#[expect(clippy::float_cmp, reason = "the values are those of one and the same division")]
fn times_are_those_of_the_model() {
    let out = tempfile::tempdir().unwrap();
    let alone = ["-c", "1", "--requests", "2", "--isl", "512", "--osl", "3"];
    // Dynamo's curve for 512 tokens, as its own replay has it: 24.385704 ms.
    let said = simulate(out.path(), &alone);
    assert_eq!(statistic(&said, "time_to_first_token", "mean"), 24.386);
    // 40 ms and two tokens of 8 ms.
    let out = tempfile::tempdir().unwrap();
    let said =
        simulate(out.path(), &[&alone[..], &["--engine", "slots", "--model-timing", "constant"]].concat());
    assert_eq!(statistic(&said, "time_to_first_token", "mean"), 40.0);
    assert_eq!(statistic(&said, "request_latency", "mean"), 56.0);
    // A worker that is up after 5 s: the first request waits for it, the second does not.
    let out = tempfile::tempdir().unwrap();
    let late = ["--engine", "slots", "--model-timing", "constant", "--startup-delay", "5s"];
    let said = simulate(out.path(), &[&alone[..], &late].concat());
    assert_eq!(statistic(&said, "time_to_first_token", "max"), 5_040.0);
    assert_eq!(statistic(&said, "time_to_first_token", "min"), 40.0);
}

#[test]
fn a_sweep_is_one_directory_a_point_and_one_table() {
    for (axis, levels, points) in
        [("--concurrency", "1,4", ["c1", "c4"]), ("--rate", "5,20", ["rate5", "rate20"])]
    {
        let out = tempfile::tempdir().unwrap();
        let said = simulate(out.path(), &[axis, levels, "--requests", "12", "--osl", "4"]);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert_eq!(said.json()["points"].as_array().unwrap().len(), 2);
        for point in points {
            assert_eq!(lines(&run_dir(out.path()).join(point)).len(), 12, "{point}");
        }
    }
}

#[test]
fn a_prompt_beyond_the_context_is_a_counted_refusal() {
    let out = tempfile::tempdir().unwrap();
    let all = ["--requests", "20", "--isl", "4000", "--osl", "8"];
    for (engine, limit, words) in [
        ("vllm", "--max-model-len", "no room in the context of 4000 tokens"),
        ("sglang", "--context-length", "no room in the context of 4000 tokens"),
        ("trtllm", "--max-seq-len", "no room in the context of 4000 tokens"),
        ("vllm", "--num-gpu-blocks-override", "more than the whole KV cache of 1600 tokens"),
    ] {
        let limit = [limit, if words.contains("KV cache") { "100" } else { "4000" }];
        let said = simulate(out.path(), &[&all[..], &["--engine", engine], &limit].concat());
        assert_eq!(said.code, Some(6), "{engine}: {}", said.stderr);
        assert_eq!(counts(&said), (0, 20), "{engine}");
        let row = &said.json()["summary"]["failures"][0];
        assert_eq!((&row["kind"], &row["status"]), (&"http_client_error".into(), &400.into()), "{row:#}");
        assert!(row.to_string().contains(words), "{row:#}");
    }
    let some = [
        "--requests",
        "100",
        "--isl",
        "3000",
        "--isl-stddev",
        "1500",
        "--osl",
        "8",
        "--max-model-len",
        "4096",
    ];
    let said = simulate(out.path(), &some);
    let (succeeded, failed) = counts(&said);
    assert_eq!((said.code, succeeded + failed), (Some(0), 100), "{}", said.stderr);
    assert!(failed > 0 && succeeded > 0);
    let said = simulate(out.path(), &[&some[..], &["--max-error-rate", "0.01"]].concat());
    assert_eq!(said.code, Some(3), "{}", said.stderr);
}

#[test]
fn a_prompt_beyond_a_pass_is_refused_by_the_name_of_the_limit() {
    for (engine, limit) in [
        ("--engine trtllm --max-num-tokens 100", "max_num_tokens"),
        ("--max-num-batched-tokens 256 --no-enable-chunked-prefill", "max_num_batched_tokens"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let args = format!("{engine} -c 1 --requests 2 --isl 300 --osl 4 --quiet");
        let said = simulate(out.path(), &args.split_whitespace().collect::<Vec<_>>());
        let lines = lines(&run_dir(out.path())).join("\n");
        let words = format!("({limit} without enable_chunked_prefill)");
        assert!(lines.contains(&words), "`{words}` not in: {lines}{}", said.stderr);
    }
}

#[test]
fn what_changes_nothing_is_noted() {
    let out = tempfile::tempdir().unwrap();
    let said =
        simulate(out.path(), &["--requests", "2", "--router-seed", "3", "--router-busy-status", "503"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for key in ["router.seed", "router.busy_status"] {
        assert!(said.stderr.contains(&format!("note: {key} changes nothing here")), "{}", said.stderr);
    }
}

#[test]
fn a_loop_that_time_does_not_pass_in_is_stopped_with_the_reason() {
    let out = tempfile::tempdir().unwrap();
    let said = simulate(
        out.path(),
        &["-c", "1", "--duration", "10s", "--isl", "200", "--max-model-len", "100", "--quiet"],
    );
    assert!(!matches!(said.code, None | Some(0 | 124)), "{:?}", said.code);
    assert!(said.stderr.contains("cannot go on") && said.stderr.contains("hint:"), "{}", said.stderr);
}

#[test]
fn what_cannot_be_simulated_is_refused_before_anything_is_written() {
    let out = tempfile::tempdir().unwrap();
    let timing = |name: &str| format!("--model-timing table --timing-table {TABLES}/{name}");
    let cases: Vec<(String, &str)> = [
        ("http://h:1", "http://h:1|asks no service|hint:"),
        ("--engine vllm --max-running-requests 8", "engine.max_running_requests|sglang's|max_num_seqs"),
        ("--engine sglang --max-num-seqs 8", "engine.max_num_seqs|vllm's|max_running_requests"),
        ("--engine trtllm --block-size 8", "engine.block_size|tokens_per_block"),
        ("--max-num-seq 8", "--max-num-seq|--max-num-seqs"),
        ("--set engine.max_num_seq=8", "engine.max_num_seq|did you mean `max_num_seqs`"),
        ("--set router.polcy=kv", "router.polcy|did you mean `policy`"),
        ("--engine vlm", "vlm|vllm"),
        ("--max-num-seqs 0", "max_num_seqs is 0|hint:"),
        ("--num-gpu-blocks-override 0", "num_gpu_blocks_override is 0|hint:"),
        ("--engine slots --slots 0", "slots is 0|hint:"),
        ("--engine sglang --max-total-tokens 0", "max_total_tokens is 0|hint:"),
        ("--engine trtllm --max-batch-size 0", "max_batch_size is 0|hint:"),
        ("--workers 0", "deployment.workers is 0|hint:"),
        ("--workers 100000", "100000 workers|65536"),
        ("--model-timing constant --ttft=-5ms", "timing.ttft|-5ms|hint:"),
        ("--model-timing constant --ttft -5ms", "timing.ttft|-5ms|negative|hint:"),
        ("--startup-delay -1s", "engine.startup_delay|-1s|negative|hint:"),
        ("--set engine.startup_delay=-1s", "engine.startup_delay|-1s|negative|hint:"),
        ("--model-timing constant --ttft --itl 3ms", "--ttft|a value is missing before --itl"),
        ("--kv-bytes-per-token 0 --host-tier-blocks 8", "engine.tiers.bytes_per_token is 0|at least 1"),
        ("--kv-bytes-per-token 1024", "engine.tiers.bytes_per_token needs a tier|hint:"),
        ("--no-disk-filter", "engine.tiers.disk_filter|hint:"),
        ("--model-timing constant --ttft NaN", "timing.ttft|NaN|hint:"),
        ("--timing-step-overhead=-1ms", "timing.step_overhead|-1ms|hint:"),
        ("--speedup-ratio NaN", "--speedup-ratio|NaN"),
        ("--speedup-ratio=-1", "timing.speedup_ratio is -1|hint:"),
        ("--model-timing constant --timing-load-factor 0.5", "timing.load_factor|0.5|hint:"),
        ("--model-timing table", "timing.table is not given|hint:"),
        ("--timing-table x.npz", "x.npz|hint:"),
        ("--ttft 5ms", "timing.ttft|polynomial|hint:"),
        ("--model-timing table --timing-table /nonexistent.npz", "/nonexistent.npz|hint:"),
        ("--router-temperature 0.5", "router.temperature|round_robin|hint:"),
        ("--kv-transfer-latency 1ms", "kv_transfer_latency|deployment.mode|hint:"),
        ("--num-speculative-tokens 3", "num_speculative_tokens|acceptance|hint:"),
        (r#"--fault {"kind":"crash","worker":3,"at":"1s"}"#, "faults[0]|worker 3|hint:"),
        (r#"--fault {"kind":"slow","factor":0}"#, "faults[0].factor is 0|hint:"),
        (r#"--fault {"kind":"crsh","at":"1s"}"#, "crsh|crash"),
        ("--fault {kind", "{kind|not JSON"),
        ("--mode disagg", "disagg|prefill"),
    ]
    .map(|(args, words)| (args.to_owned(), words))
    .into_iter()
    .chain([
        (timing("missing-key.npz"), "missing-key.npz|decode_itl|hint:"),
        (timing("wrong-shape.npz"), "wrong-shape.npz|(3, 2)|(3, 3)|hint:"),
        (timing("nan.npz"), "nan.npz|NaN|hint:"),
        (timing("negative.npz"), "negative.npz|-25|hint:"),
        (timing("text.npz"), "text.npz|hint:"),
    ])
    .collect();
    for (args, words) in cases {
        let said = simulate(out.path(), &args.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, Some(2), "{args}: {}{}", said.stdout, said.stderr);
        let text = format!("{}{}", said.stdout, said.stderr).replace("\\\"", "\"");
        for word in words.split('|') {
            assert!(text.contains(word), "{args}: `{word}` not in: {text}");
        }
    }
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}

/// The blocks of this language on the page.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let marked = PAGE.split("\n```").skip(1).step_by(2);
    marked.filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
}

#[test]
fn the_examples_of_the_page_work() {
    let out = tempfile::tempdir().unwrap();
    let pools = ["--mode", "disagg", "--prefill-workers", "2", "--decode-workers", "2"];
    let load = ["--requests", "40", "--rate", "20", "--isl", "64", "--osl", "32", "--validity", "report"];
    let mut seen = (0, 0, 0);
    for line in blocks("json").flat_map(str::lines).filter(|line| line.starts_with("{\"kind\"")) {
        let said = simulate(out.path(), &[&load[..], &pools, &["--fault", line]].concat());
        assert!(matches!(said.code, Some(0 | 6)), "{line}: {}", said.stderr);
        assert_eq!(said.json()["summary"]["counts"]["recorded"], 40, "{line}");
        seen.0 += 1;
    }
    for table in blocks("json").filter(|block| block.contains("tokmark.timing/1")) {
        let path = out.path().join("table.json");
        std::fs::write(&path, table).unwrap();
        let path = path.display().to_string();
        let said = simulate(
            out.path(),
            &[&load[..], &["--model-timing", "table", "--timing-table", &path]].concat(),
        );
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        seen.1 += 1;
    }
    for spec in blocks("yaml") {
        let path: PathBuf = out.path().join("spec.yaml");
        std::fs::write(&path, spec).unwrap();
        let said = run_in(out.path(), &["simulate", "--dry-run", "-f", &path.display().to_string()]);
        assert_eq!(said.code, Some(0), "{spec}: {}", said.stderr);
        seen.2 += 1;
    }
    assert!(seen.0 >= 7 && seen.1 == 1 && seen.2 >= 1, "{seen:?}");
}

#[test]
fn the_points_of_a_sweep_say_nothing_twice_unless_told_to() {
    let digests = |args: &[&str]| -> Vec<String> {
        let said = run(&[&["simulate", "--dry-run", "--json", "--requests", "20"], args].concat());
        let object = said.json();
        let plans = object["plan"].as_array().unwrap().iter();
        plans.map(|plan| plan["plan_digest"].as_str().unwrap().to_owned()).collect()
    };
    let alone = [digests(&["-c", "2"]).remove(0), digests(&["-c", "4"]).remove(0)];
    let sweep = digests(&["-c", "2,4"]);
    assert_eq!(sweep[0], alone[0]);
    assert_ne!(sweep[1], alone[1]);
    assert_eq!(sweep[1], digests(&["-c", "4", "--offset", "20"])[0]);
    assert_eq!(digests(&["-c", "2,4", "--set", "workload.never_repeat=false"]), alone);
    // What there is a number of comes again.
    assert_eq!(digests(&["-c", "2,4", "--entries", "5"])[1], digests(&["-c", "4", "--entries", "5"])[0]);
}
