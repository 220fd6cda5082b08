//! Clusters against timelines worked out by hand: hand-over, crashes, start-ups, slow and stalled workers, faults of requests,
//! data-parallel ranks.

use std::sync::Arc;

use tokmark_base::{Content, Micros, Seed};
use tokmark_engine::cluster::build;
use tokmark_engine::fault::ErrorType;
use tokmark_engine::router::RouterSpec;
use tokmark_engine::spec::{ConditionalDisagg, EngineKind, OnCrash};
use tokmark_engine::{Arrival, Cluster, Engine, EngineSpec, FaultSpec, Length, Lifecycle, Out, RequestId};
use tokmark_perf::{Constant, Deployment, Mode, Role};
use tokmark_workload::Duration;

/// Prompts take 100 ms, whatever their length; a token takes 10 ms.
fn cluster(engine: &EngineSpec, deployment: &Deployment, faults: &[FaultSpec]) -> Cluster {
    let timing = Arc::new(Constant::new(Micros(100_000), Micros(10_000)).unwrap());
    build(engine, deployment, &RouterSpec::default(), timing, faults, Seed(1)).unwrap()
}

fn vllm() -> EngineSpec {
    EngineSpec { kind: Some(EngineKind::Vllm), ..EngineSpec::default() }
}

fn workers(workers: u32) -> Deployment {
    Deployment { workers: Some(workers), ..Deployment::default() }
}

fn disagg(prefill: u32, decode: u32) -> Deployment {
    let role = |workers| Some(Role { workers: Some(workers), ..Role::default() });
    Deployment {
        mode: Some(Mode::Disagg),
        prefill: role(prefill),
        decode: role(decode),
        ..Deployment::default()
    }
}

fn ms(ms: i64) -> Duration {
    Duration(Micros(ms * 1_000))
}

fn crash(worker: u32, at: i64, restart: Option<i64>) -> FaultSpec {
    FaultSpec::Crash { pool: None, worker: Some(worker), at: ms(at), restart: restart.map(ms) }
}

/// `(ms, id, tokens of the reply)`, with a prompt of 512 tokens of its own.
fn arrival(&(at, id, output): &(i64, u64, u32)) -> (i64, Arrival) {
    let arrival = Arrival {
        id: RequestId(id),
        input: Some(512),
        content: Content::of(id, 512),
        length: Length::exactly(output),
        ..Arrival::default()
    };
    (at * 1_000, arrival)
}

/// Plays to the end as a driver does, stopping at each due moment.
fn play(cluster: &mut Cluster, arrivals: &[(i64, Arrival)]) -> Out {
    let mut out = Out::default();
    let mut last = Micros(-1);
    for (at, arrival) in arrivals {
        let at = Micros(*at);
        // All that arrives at one moment arrives before anything else happens.
        while let Some(due) = cluster.next_due().filter(|due| *due <= at && at > last) {
            cluster.advance(due, &mut out);
        }
        last = at;
        cluster.arrive(at, arrival.clone(), &mut out);
    }
    while let Some(due) = cluster.next_due() {
        cluster.advance(due, &mut out);
    }
    let census = cluster.census();
    assert_eq!(census.check(), Ok(()));
    assert_eq!(census.in_flight(), 0, "{census:?}");
    assert_eq!(census.blocks_used, 0, "{census:?}");
    out
}

fn told(cluster: &mut Cluster, arrivals: &[(i64, u64, u32)]) -> Vec<String> {
    let arrivals: Vec<_> = arrivals.iter().map(arrival).collect();
    shown(&play(cluster, &arrivals))
}

/// `ms rID what`.
fn shown(out: &Out) -> Vec<String> {
    let line = |event: &tokmark_engine::Event| {
        let what = match event.what {
            Lifecycle::Admitted { cached: Some(0) | None } => "Admitted".to_owned(),
            what => format!("{what:?}"),
        };
        format!("{} r{} {what}", event.at.as_millis_f64(), event.request.0)
    };
    out.events.iter().map(line).collect()
}

/// 512 tokens of 131,072 bytes at 1 GB/s: 67.109 ms on the way.
///
/// ```text
/// prefill  0 |----prompt----| 100 (kept) ........ 167.109 free
/// link                      100 |--67.109--| 167.109
/// decode                                   167.109 |t 177.109|t 187.109|t 197.109
/// ```
#[test]
fn from_prefill_to_decode() {
    let engine = EngineSpec {
        kv_transfer_bandwidth_gb_s: Some(1.0),
        kv_transfer_bytes_per_token: Some(131_072),
        ..vllm()
    };
    assert_eq!(
        told(&mut cluster(&engine, &disagg(1, 1), &[]), &[(0, 0, 3)]),
        [
            "0 r0 Queued",
            "0 r0 Admitted",
            "177.109 r0 FirstToken",
            "187.109 r0 Tokens(1)",
            "197.109 r0 Tokens(1)",
            "197.109 r0 Finished(Length)",
        ]
    );
}

/// A transfer that takes no time: the decode worker's next pass brings the first token.
#[test]
fn an_instant_transfer() {
    assert_eq!(
        told(&mut cluster(&vllm(), &disagg(1, 1), &[]), &[(0, 0, 2)]),
        ["0 r0 Queued", "0 r0 Admitted", "110 r0 FirstToken", "120 r0 Tokens(1)", "120 r0 Finished(Length)"]
    );
}

/// A prompt below the threshold is prefilled where it is decoded: its first token needs no decode step.
#[test]
fn a_short_prompt_stays_with_its_decode_worker() {
    let engine = EngineSpec {
        conditional_disagg_policy: Some(ConditionalDisagg::IslBounding),
        conditional_disagg_eff_isl_threshold: Some(513),
        conditional_disagg_eff_isl_ratio_threshold: Some(2.0),
        ..vllm()
    };
    let mut local = cluster(&engine, &disagg(1, 1), &[]);
    assert_eq!(
        told(&mut local, &[(0, 0, 1)]),
        ["0 r0 Queued", "0 r0 Admitted", "100 r0 FirstToken", "100 r0 Finished(Length)"]
    );
    let engine = EngineSpec { conditional_disagg_eff_isl_threshold: Some(512), ..engine };
    let mut apart = cluster(&engine, &disagg(1, 1), &[]);
    assert_eq!(told(&mut apart, &[(0, 0, 1)])[2], "110 r0 FirstToken");
}

/// With a line of 0 full passes one request in prefill makes the only prefill worker busy.
#[test]
fn a_busy_prefill_worker_sends_prompts_to_decode_workers() {
    let engine = EngineSpec {
        conditional_disagg_policy: Some(ConditionalDisagg::PrefillLoad),
        conditional_disagg_prefill_busy_threshold: Some(0.0),
        ..vllm()
    };
    let lines = told(&mut cluster(&engine, &disagg(1, 1), &[]), &[(0, 0, 1), (50, 1, 1)]);
    assert_eq!(
        lines,
        [
            "0 r0 Queued",
            "0 r0 Admitted",
            "50 r1 Queued",
            "50 r1 Admitted",
            // In one pass with nobody: r0 comes at 100, in the middle of it.
            "150 r1 FirstToken",
            "150 r1 Finished(Length)",
            "160 r0 FirstToken",
            "160 r0 Finished(Length)",
        ]
    );
}

/// Two slot workers, in turn; worker 0 dies at 115 ms with two of five tokens out.
#[test]
fn a_crash_fails_what_was_there() {
    let mut cluster = cluster(&EngineSpec::default(), &workers(2), &[crash(0, 115, None)]);
    let lines = told(&mut cluster, &[(0, 0, 5), (0, 1, 1), (120, 2, 1), (130, 3, 1)]);
    assert_eq!(
        lines,
        [
            "0 r0 Queued",
            "0 r0 Admitted",
            "0 r1 Queued",
            "0 r1 Admitted",
            "100 r0 FirstToken",
            "100 r1 FirstToken",
            "100 r1 Finished(Length)",
            "110 r0 Tokens(1)",
            "115 r0 Failed(WorkerLost)",
            "120 r2 Queued",
            "120 r2 Admitted",
            "130 r3 Queued",
            "130 r3 Admitted",
            "220 r2 FirstToken",
            "220 r2 Finished(Length)",
            "230 r3 FirstToken",
            "230 r3 Finished(Length)",
        ]
    );
    let census = cluster.census();
    assert_eq!((census.arrived, census.finished, census.failed, census.moved), (4, 3, 1, 0));
    assert_eq!((census.tokens_finished, census.tokens_cancelled), (3, 2));
}

#[test]
fn a_migrated_request_goes_on_where_it_was() {
    let engine = EngineSpec { on_crash: Some(OnCrash::Migrate), ..EngineSpec::default() };
    let mut cluster = cluster(&engine, &workers(2), &[crash(0, 115, None)]);
    assert_eq!(
        told(&mut cluster, &[(0, 0, 5)]),
        [
            "0 r0 Queued",
            "0 r0 Admitted",
            "100 r0 FirstToken",
            "110 r0 Tokens(1)",
            "115 r0 Moved",
            // Prompt and two tokens are computed again: 100 ms.
            "115 r0 Admitted",
            "215 r0 Tokens(1)",
            "225 r0 Tokens(1)",
            "235 r0 Tokens(1)",
            "235 r0 Finished(Length)",
        ]
    );
    let census = cluster.census();
    assert_eq!((census.arrived, census.finished, census.moved, census.tokens_emitted), (1, 1, 1, 5));
}

#[test]
fn a_retried_request_starts_anew() {
    let engine = EngineSpec { on_crash: Some(OnCrash::Retry), ..EngineSpec::default() };
    let mut early = cluster(&engine, &workers(2), &[crash(0, 50, None)]);
    assert_eq!(
        told(&mut early, &[(0, 0, 2)])[2..],
        ["50 r0 Moved", "50 r0 Admitted", "150 r0 FirstToken", "160 r0 Tokens(1)", "160 r0 Finished(Length)"]
    );
    let mut late = cluster(&engine, &workers(2), &[crash(0, 115, None)]);
    assert_eq!(told(&mut late, &[(0, 0, 5)])[3..], ["110 r0 Tokens(1)", "115 r0 Failed(WorkerLost)"]);

    // Started anew in spite of its two tokens: nobody gets them twice.
    let engine = EngineSpec { retry_started: Some(true), ..engine };
    let mut again = cluster(&engine, &workers(2), &[crash(0, 115, None)]);
    assert_eq!(
        told(&mut again, &[(0, 0, 5)])[3..],
        [
            "110 r0 Tokens(1)",
            "115 r0 Moved",
            "115 r0 Admitted",
            "235 r0 Tokens(1)",
            "245 r0 Tokens(1)",
            "255 r0 Tokens(1)",
            "255 r0 Finished(Length)",
        ]
    );
    assert_eq!(again.census().tokens_emitted, 5);
}

#[test]
fn a_request_is_moved_so_often_and_no_more() {
    let engine =
        EngineSpec { on_crash: Some(OnCrash::Migrate), migration_limit: Some(1), ..EngineSpec::default() };
    // Of the two that are left, the router's turn is at worker 2.
    let mut cluster = cluster(&engine, &workers(3), &[crash(0, 50, None), crash(2, 60, None)]);
    assert_eq!(
        told(&mut cluster, &[(0, 0, 5)])[2..],
        ["50 r0 Moved", "50 r0 Admitted", "60 r0 Failed(WorkerLost)"]
    );
}

/// Up at 30 ms; dead at 50; started again at 70, up at 100.
#[test]
fn a_worker_takes_its_time_to_start() {
    let engine =
        EngineSpec { on_crash: Some(OnCrash::Migrate), startup_delay: Some(ms(30)), ..EngineSpec::default() };
    let mut cluster = cluster(&engine, &workers(1), &[crash(0, 50, Some(20))]);
    assert_eq!(
        told(&mut cluster, &[(0, 0, 1), (60, 1, 1)]),
        [
            "0 r0 Queued",
            "30 r0 Admitted",
            "50 r0 Moved",
            "60 r1 Queued",
            "100 r0 Admitted",
            "100 r1 Admitted",
            "200 r0 FirstToken",
            "200 r0 Finished(Length)",
            "200 r1 FirstToken",
            "200 r1 Finished(Length)",
        ]
    );
}

#[test]
fn one_worker_comes_late() {
    let late = FaultSpec::ColdStart { pool: None, worker: Some(0), delay: ms(150) };
    let mut cluster = cluster(&EngineSpec { slots: Some(1), ..EngineSpec::default() }, &workers(2), &[late]);
    let lines = told(&mut cluster, &[(0, 0, 1), (0, 1, 1), (160, 2, 1), (160, 3, 1)]);
    // Until 150 all go to worker 1, one after the other; then they go both ways.
    let admitted: Vec<_> = lines.iter().filter(|line| line.contains("Admitted")).collect();
    assert_eq!(admitted, ["0 r0 Admitted", "100 r1 Admitted", "160 r2 Admitted", "200 r3 Admitted"]);
}

#[test]
fn who_arrives_at_one_moment_shares_the_first_pass() {
    for first in [0, 7] {
        let lines =
            told(&mut cluster(&vllm(), &workers(1), &[]), &[(first, 0, 1), (first, 1, 1), (first, 2, 1)]);
        let tokens: Vec<_> = lines.iter().filter(|line| line.contains("FirstToken")).collect();
        assert_eq!(tokens, [0, 1, 2].map(|id| format!("{} r{id} FirstToken", first + 100)).each_ref());
    }
}

#[test]
fn without_a_worker_requests_are_refused() {
    let mut cluster = cluster(&EngineSpec::default(), &workers(1), &[crash(0, 50, None)]);
    assert_eq!(
        told(&mut cluster, &[(0, 0, 1), (60, 1, 1)]),
        ["0 r0 Queued", "0 r0 Admitted", "50 r0 Failed(WorkerLost)", "60 r1 Rejected(NoWorker)"]
    );
}

/// All three have the same prompt of 32 blocks; the last block is computed in any case.
#[test]
fn a_restarted_worker_has_an_empty_cache() {
    let mut cluster = cluster(&vllm(), &workers(1), &[crash(0, 400, Some(10))]);
    let same = |at: i64, id| {
        let (at, arrival) = arrival(&(at, id, 1));
        (at, Arrival { content: Content::of(7, 512), ..arrival })
    };
    let lines = shown(&play(&mut cluster, &[same(0, 0), same(200, 1), same(500, 2)]));
    let admitted: Vec<_> = lines.iter().filter(|line| line.contains("Admitted")).collect();
    assert_eq!(admitted, ["0 r0 Admitted", "200 r1 Admitted { cached: Some(496) }", "500 r2 Admitted"]);
}

/// Steps that begin from 110 ms on and before 130 take twice as long: one of them.
#[test]
fn a_slow_worker() {
    let slow = |worker| FaultSpec::Slow { pool: None, worker, from: ms(110), to: Some(ms(130)), factor: 2.0 };
    for (engine, look_ahead) in [(EngineSpec::default(), false), (vllm(), false), (vllm(), true)] {
        let mut cluster = cluster(&engine, &workers(2), &[slow(Some(0))]);
        cluster.look_ahead(look_ahead);
        let out = play(&mut cluster, &[arrival(&(0, 0, 5)), arrival(&(0, 1, 3))]);
        let tokens =
            |id| tokens(&out).into_iter().filter(move |(request, _)| *request == id).map(|(_, at)| at);
        assert_eq!(tokens(0).collect::<Vec<_>>(), [100, 110, 130, 140, 150], "{engine:?} {look_ahead}");
        assert_eq!(tokens(1).collect::<Vec<_>>(), [100, 110, 120], "{engine:?} {look_ahead}");
    }
}

/// `(id, ms)` of each token.
fn tokens(out: &Out) -> Vec<(u64, i64)> {
    let mut tokens = Vec::new();
    for event in &out.events {
        let id = event.request.0;
        match event.what {
            Lifecycle::FirstToken | Lifecycle::Tokens(1) => tokens.push((id, event.at.0 / 1_000)),
            Lifecycle::Stretch { from, len } => {
                let stamps = &out.stamps[from as usize..(from + len) as usize];
                tokens.extend(stamps.iter().map(|at| (id, at.0 / 1_000)));
            }
            _ => {}
        }
    }
    tokens
}

/// Nothing between 105 and 205 ms: the step in flight, due at 110, ends at 210.
#[test]
fn a_stalled_worker() {
    let stall = FaultSpec::Stall { pool: None, worker: Some(0), from: ms(105), to: ms(205) };
    let mut slots = cluster(&EngineSpec::default(), &workers(1), std::slice::from_ref(&stall));
    assert_eq!(
        told(&mut slots, &[(0, 0, 3), (150, 1, 1)]),
        [
            "0 r0 Queued",
            "0 r0 Admitted",
            "100 r0 FirstToken",
            "150 r1 Queued",
            "205 r1 Admitted",
            "210 r0 Tokens(1)",
            "220 r0 Tokens(1)",
            "220 r0 Finished(Length)",
            "305 r1 FirstToken",
            "305 r1 Finished(Length)",
        ]
    );
    // Passes: prompt to 100, decode to 110 → 210, then both to 320.
    let mut passes = cluster(&vllm(), &workers(1), std::slice::from_ref(&stall));
    assert_eq!(
        told(&mut passes, &[(0, 0, 3), (150, 1, 1)]),
        [
            "0 r0 Queued",
            "0 r0 Admitted",
            "100 r0 FirstToken",
            "150 r1 Queued",
            "210 r0 Tokens(1)",
            "210 r1 Admitted",
            "320 r0 Tokens(1)",
            "320 r0 Finished(Length)",
            "320 r1 FirstToken",
            "320 r1 Finished(Length)",
        ]
    );
    // A worker that has nothing to do begins when the stall is over.
    let mut idle = cluster(&vllm(), &workers(1), &[stall]);
    assert_eq!(told(&mut idle, &[(150, 0, 1)])[1..2], ["205 r0 Admitted"]);
}

#[test]
fn streams_are_cut_behind_their_tokens() {
    let cut = FaultSpec::Cut { rate: 1.0, after_tokens: 2, from: ms(0), to: None };
    let mut cluster = cluster(&EngineSpec::default(), &workers(1), &[cut]);
    assert_eq!(
        told(&mut cluster, &[(0, 0, 5), (200, 1, 2)])[2..],
        [
            "100 r0 FirstToken",
            "110 r0 Tokens(1)",
            "110 r0 Failed(Cut)",
            "200 r1 Queued",
            "200 r1 Admitted",
            // Two tokens were all it wanted.
            "300 r1 FirstToken",
            "310 r1 Tokens(1)",
            "310 r1 Finished(Length)",
        ]
    );
}

#[test]
fn refusals_and_errors_are_injected_at_their_time() {
    let reject = FaultSpec::Reject { rate: None, status: Some(429), from: ms(0), to: Some(ms(50)) };
    let error =
        FaultSpec::Error { rate: 1.0, types: vec![ErrorType::ModelNotFound], from: ms(50), to: Some(ms(60)) };
    let mut cluster = cluster(&EngineSpec::default(), &workers(1), &[reject, error]);
    assert_eq!(
        told(&mut cluster, &[(49, 0, 1), (50, 1, 1), (60, 2, 1)]),
        [
            "49 r0 Rejected(Busy { status: 429 })",
            "50 r1 Queued",
            "50 r1 Failed(Injected { status: 404 })",
            "60 r2 Queued",
            "60 r2 Admitted",
            "160 r2 FirstToken",
            "160 r2 Finished(Length)",
        ]
    );
}

/// 0.3 of 2,000: 600, give or take four standard deviations (20.5 each); every type gets its share.
#[test]
fn a_rate_is_met() {
    let error = FaultSpec::Error { rate: 0.3, types: Vec::new(), from: ms(0), to: None };
    let mut cluster = cluster(&EngineSpec::default(), &workers(1), &[error]);
    let arrivals: Vec<_> = (0..2_000).map(|id| arrival(&(id, id as u64, 1))).collect();
    let out = play(&mut cluster, &arrivals);
    let failed = cluster.census().failed;
    assert!((518..=682).contains(&failed), "{failed}");
    for error in ErrorType::ALL {
        let what = Lifecycle::Failed(tokmark_engine::Breakdown::Injected { status: error.status() });
        assert!(out.events.iter().filter(|event| event.what == what).count() > 50, "{error:?}");
    }
}

/// Two ranks of one slot each: the third request waits for the first.
#[test]
fn ranks_take_turns() {
    let engine = EngineSpec { slots: Some(1), ..EngineSpec::default() };
    let deployment = Deployment { dp: Some(2), ..workers(1) };
    let lines = told(&mut cluster(&engine, &deployment, &[]), &[(0, 0, 2), (0, 1, 1), (0, 2, 1)]);
    let admitted: Vec<_> = lines.iter().filter(|line| line.contains("Admitted")).collect();
    assert_eq!(admitted, ["0 r0 Admitted", "0 r1 Admitted", "110 r2 Admitted"]);
}

fn on_its_way() -> EngineSpec {
    EngineSpec {
        kv_transfer_bandwidth_gb_s: Some(1.0),
        kv_transfer_bytes_per_token: Some(131_072),
        on_crash: Some(OnCrash::Migrate),
        ..vllm()
    }
}

fn crash_of(pool: tokmark_engine::fault::PoolName, at: i64, restart: Option<i64>) -> FaultSpec {
    FaultSpec::Crash { pool: Some(pool), worker: Some(0), at: ms(at), restart: restart.map(ms) }
}

/// The decode worker dies at 120 ms, in the middle of the transfer: back to the prefill worker, which has the prompt in its cache,
/// then to the other decode worker.
#[test]
fn a_transfer_loses_its_target() {
    let dies = crash_of(tokmark_engine::fault::PoolName::Decode, 120, None);
    assert_eq!(
        told(&mut cluster(&on_its_way(), &disagg(1, 2), &[dies]), &[(0, 0, 1)])[2..],
        [
            "120 r0 Moved",
            "120 r0 Admitted { cached: Some(496) }",
            "297.109 r0 FirstToken",
            "297.109 r0 Finished(Length)",
        ]
    );
}

/// The prefill worker dies at 120 ms, in the middle of the transfer, and is back at 150 with an empty cache.
#[test]
fn a_transfer_loses_its_source() {
    let dies = crash_of(tokmark_engine::fault::PoolName::Prefill, 120, Some(30));
    assert_eq!(
        told(&mut cluster(&on_its_way(), &disagg(1, 1), &[dies]), &[(0, 0, 1)])[2..],
        ["120 r0 Moved", "150 r0 Admitted", "327.109 r0 FirstToken", "327.109 r0 Finished(Length)"]
    );
}

/// The decode worker dies at 190 ms with two of four tokens out: the prompt and two tokens are prefilled, sent (514 tokens:
/// 67.371 ms) and decoded on.
#[test]
fn a_decoding_request_migrates_through_prefill() {
    let dies = crash_of(tokmark_engine::fault::PoolName::Decode, 190, None);
    assert_eq!(
        told(&mut cluster(&on_its_way(), &disagg(1, 2), &[dies]), &[(0, 0, 4)])[2..],
        [
            "177.109 r0 FirstToken",
            "187.109 r0 Tokens(1)",
            "190 r0 Moved",
            "190 r0 Admitted { cached: Some(512) }",
            "367.371 r0 Tokens(1)",
            "377.371 r0 Tokens(1)",
            "377.371 r0 Finished(Length)",
        ]
    );
}

#[test]
fn a_client_may_leave_at_any_stage() {
    // At 50 it is with the prefill worker, at 120 on its way, at 180 with the decode worker, where one token is out.
    for (at, tokens) in [(50_000, 0), (120_000, 0), (180_000, 1)] {
        let mut cluster = cluster(&on_its_way(), &disagg(1, 1), &[]);
        let mut out = Out::default();
        cluster.arrive(Micros(0), arrival(&(0, 0, 5)).1, &mut out);
        while let Some(due) = cluster.next_due().filter(|due| due.0 <= at) {
            cluster.advance(due, &mut out);
        }
        cluster.cancel(Micros(at), RequestId(0), &mut out);
        cluster.cancel(Micros(at), RequestId(0), &mut out);
        assert_eq!(shown(&out).last().unwrap(), &format!("{} r0 Cancelled", at / 1_000));
        assert_eq!(cluster.next_due(), None);
        cluster.advance(Micros(1_000_000), &mut out);
        let census = cluster.census();
        assert_eq!(
            (census.cancelled, census.tokens_cancelled, census.blocks_used),
            (1, tokens, 0),
            "at {at}"
        );
    }
}

#[test]
fn faults_are_written_as_a_list() {
    let text = r#"[
        {"kind": "crash", "worker": 1, "at": "10s", "restart": "5s"},
        {"kind": "slow", "factor": 2.5, "to": "1m"},
        {"kind": "error", "rate": 0.1, "types": ["rate_limit", "server_error"]}
    ]"#;
    let faults: Vec<FaultSpec> = serde_json::from_str(text).unwrap();
    assert_eq!(faults[0], crash(1, 10_000, Some(5_000)));
    let again: Vec<FaultSpec> = serde_json::from_str(&serde_json::to_string(&faults).unwrap()).unwrap();
    assert_eq!(again, faults);
    let unknown = serde_json::from_str::<FaultSpec>(r#"{"kind": "crash", "at": "1s", "after": "2s"}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `after`"));
}

#[test]
fn what_cannot_be_built_is_refused_by_name() {
    let refusal = |engine: &EngineSpec, deployment: &Deployment, faults: &[FaultSpec]| {
        let timing = Arc::new(Constant::default());
        let built = build(engine, deployment, &RouterSpec::default(), timing, faults, Seed(1));
        built.map(|_| ()).unwrap_err().to_string()
    };
    let slow = |factor| FaultSpec::Slow { pool: None, worker: None, from: ms(0), to: None, factor };
    let stall = FaultSpec::Stall { pool: None, worker: None, from: ms(2), to: ms(2) };
    let reject = FaultSpec::Reject { rate: Some(1.5), status: None, from: ms(0), to: None };
    let status = FaultSpec::Reject { rate: None, status: Some(200), from: ms(0), to: None };
    let cut = FaultSpec::Cut { rate: 1.0, after_tokens: 0, from: ms(0), to: None };
    let pool = crash_of(tokmark_engine::fault::PoolName::Decode, 1, None);
    let plain = EngineSpec::default();
    for (text, words) in [
        (
            refusal(&plain, &workers(2), &[slow(2.0), crash(2, 1, None)]),
            "faults[1] strikes worker 2|has 2|from 0",
        ),
        (
            refusal(&plain, &workers(2), &[pool]),
            "faults[0] strikes the decode pool|deployment.mode to disagg",
        ),
        (refusal(&plain, &workers(2), &[slow(f64::NAN)]), "faults[0].factor is NaN"),
        (refusal(&plain, &workers(2), &[slow(0.0)]), "faults[0].factor is 0|2 is twice as slow"),
        (refusal(&plain, &workers(2), &[stall]), "faults[0].to is 2ms|later than from"),
        (refusal(&plain, &workers(2), &[reject]), "faults[0].rate is 1.5|0 to 1"),
        (refusal(&plain, &workers(2), &[status]), "faults[0].status is 200|400 to 599"),
        (refusal(&plain, &workers(2), &[cut]), "faults[0].after_tokens is 0|1 or more"),
        (refusal(&plain, &workers(70_000), &[]), "70000 workers and ranks|65536"),
        (refusal(&plain, &workers(0), &[]), "workers is 0"),
        (refusal(&EngineSpec { slots: Some(0), ..plain.clone() }, &workers(1), &[]), "slots is 0"),
        (refusal(&EngineSpec { max_num_seqs: Some(0), ..vllm() }, &workers(1), &[]), "max_num_seqs is 0"),
    ] {
        for word in words.split('|').chain(["\nhint: "]) {
            assert!(text.contains(word), "`{word}` not in: {text}");
        }
    }
}

/// Injected at 50 ms for from there on, taken back at 130.
#[test]
fn faults_come_and_go_while_it_runs() {
    let mut cluster = cluster(&EngineSpec::default(), &workers(1), &[]);
    let mut out = Out::default();
    cluster.arrive(Micros(0), arrival(&(0, 0, 6)).1, &mut out);
    let slow = FaultSpec::Slow { pool: None, worker: None, from: ms(50), to: None, factor: 2.0 };
    cluster.inject(Micros(50_000), &slow).unwrap();
    while let Some(due) = cluster.next_due().filter(|due| due.0 <= 130_000) {
        cluster.advance(due, &mut out);
    }
    cluster.clear_faults();
    while let Some(due) = cluster.next_due() {
        cluster.advance(due, &mut out);
    }
    let at: Vec<_> = tokens(&out).into_iter().map(|(_, at)| at).collect();
    // The step that began at 120 still takes 20 ms.
    assert_eq!(at, [100, 120, 140, 150, 160, 170]);
}
